//! Requests from the point of view of a target that forwards connections.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use runbook_core::kind::Target;
use runbook_core::local::LocalConnector;
use runbook_core::port::{
    ActionContext, ConnectError, Connection, Connections, Connector, ExecJob, ExecReport, Executor as _,
    FileFacts, Forward, ForwardTo, OutputSink, Recovered,
};
use runbook_core::run::Ending;
use runbook_http::HttpExecutor;
use serde_json::json;
use tokio::net::{TcpStream, UnixListener};
use tokio_util::sync::CancellationToken;

use crate::support::{Say, Server, answer, context, ok, reason};

/// A place in which `app.internal` is the server at `port`, and everything else is not there.
struct Elsewhere {
    local: Arc<dyn Connection>,
    port: u16,
    directory: PathBuf,
    forwarded: Mutex<Vec<String>>,
}

#[async_trait]
impl Connection for Elsewhere {
    async fn exec(&self, job: &ExecJob, output: Arc<dyn OutputSink>, stop: CancellationToken) -> ExecReport {
        self.local.exec(job, output, stop).await
    }

    async fn recover(
        &self,
        job: &ExecJob,
        started: jiff::Timestamp,
        output: Arc<dyn OutputSink>,
        stop: CancellationToken,
    ) -> Recovered {
        self.local.recover(job, started, output, stop).await
    }

    async fn file_facts(&self, path: &str) -> Result<Option<FileFacts>, String> {
        self.local.file_facts(path).await
    }

    async fn tcp(&self, host: &str, port: u16) -> Result<(), String> {
        match (host, port) {
            ("app.internal", 8080) => Ok(()),
            _ => Err(format!("no connection to {host}:{port}: refused")),
        }
    }

    async fn forward(&self, to: &ForwardTo) -> Result<Forward, ConnectError> {
        let mut forwarded = self.forwarded.lock().unwrap();
        forwarded.push(to.to_string());
        let path = self.directory.join(format!("forward-{}", forwarded.len()));
        let listener = UnixListener::bind(&path).unwrap();
        let port = self.port;
        let task = tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut there = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                });
            }
        });
        Ok(Forward::new(path, Ended(task)))
    }
}

struct Ended(tokio::task::JoinHandle<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct One(Arc<Elsewhere>);

#[async_trait]
impl Connections for One {
    async fn get(&self, _target: &Target) -> Result<Arc<dyn Connection>, ConnectError> {
        Ok(self.0.clone())
    }
}

async fn elsewhere(server: &Server, directory: &tempfile::TempDir) -> Arc<Elsewhere> {
    let local = LocalConnector::inherit().connect(&Target::local()).await.unwrap();
    let (port, directory) = (server.address.port(), directory.path().to_owned());
    Arc::new(Elsewhere { local, port, directory, forwarded: Mutex::default() })
}

fn from(place: &Arc<Elsewhere>, params: serde_json::Value) -> ActionContext {
    let mut context = context(params);
    context.target = Target { name: "app".into(), kind: "elsewhere".into(), ..Target::local() };
    context.connections = Arc::new(One(Arc::clone(place)));
    context
}

#[tokio::test]
async fn the_target_looks_names_up_and_connects() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::always(ok("from inside")).await;
    let place = elsewhere(&server, &directory).await;
    let result = HttpExecutor.execute(&from(&place, json!({"get": "http://app.internal:8080/health"}))).await;
    assert_eq!(result.fields.get("body"), Some(&json!("from inside")), "{}", reason(&result));
    assert_eq!(result.fields["url"], "http://app.internal:8080/health");
    assert_eq!(server.last().header("host"), Some("app.internal:8080"));
    assert_eq!(*place.forwarded.lock().unwrap(), ["app.internal:8080"]);
}

#[tokio::test]
async fn a_closed_port_of_the_target_is_no_beginning() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::always(ok("")).await;
    let place = elsewhere(&server, &directory).await;
    for params in [json!({"post": "http://app.internal:9/"}), json!({"post": "http://other.internal/"})] {
        let result = HttpExecutor.execute(&from(&place, params)).await;
        assert_eq!(result.ending, Ending::NotStarted);
        assert!(reason(&result).contains("refused"), "{}", reason(&result));
    }
    let params = json!({"get": "http://app.internal:8080/", "proxy": "http://127.0.0.1:1"});
    let result = HttpExecutor.execute(&from(&place, params)).await;
    assert_eq!(result.ending, Ending::NotStarted);
    assert!(reason(&result).contains("takes no `proxy`"), "{}", reason(&result));
}

#[tokio::test]
async fn a_redirect_stays_at_the_target() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(|seen| match seen.path() {
        "/a" => answer("302 Found", "Location: http://app.internal:8080/b\r\n", ""),
        "/c" => answer("302 Found", "Location: http://127.0.0.1:1/\r\n", ""),
        "/lost" => vec![Say::Reset],
        path => ok(path),
    })
    .await;
    let place = elsewhere(&server, &directory).await;
    let ask = |params| HttpExecutor.execute_owned(from(&place, params));
    assert_eq!(ask(json!({"get": "http://app.internal:8080/a"})).await.fields["body"], "/b");
    let result = ask(json!({"get": "http://app.internal:8080/c"})).await;
    assert!(!result.ok && reason(&result).contains("127.0.0.1:1"), "{}", reason(&result));
    let result = ask(json!({"post": "http://app.internal:8080/lost"})).await;
    assert_eq!(result.ending, Ending::Unknown);
}

/// Takes what it is called with, so that it can be awaited at once.
trait Owned {
    async fn execute_owned(&self, context: ActionContext) -> runbook_core::run::StepResult;
}

impl Owned for HttpExecutor {
    async fn execute_owned(&self, context: ActionContext) -> runbook_core::run::StepResult {
        self.execute(&context).await
    }
}

#[tokio::test]
async fn a_target_that_cannot_forward_says_so() {
    struct Plain;
    #[async_trait]
    impl Connections for Plain {
        async fn get(&self, target: &Target) -> Result<Arc<dyn Connection>, ConnectError> {
            LocalConnector::inherit().connect(target).await
        }
    }
    let server = Server::always(ok("")).await;
    let mut context = context(json!({"post": server.url("/")}));
    context.target = Target { name: "odd".into(), kind: "odd".into(), ..Target::local() };
    context.connections = Arc::new(Plain);
    let result = HttpExecutor.execute(&context).await;
    assert_eq!(result.ending, Ending::NotStarted);
    assert!(reason(&result).contains("is on this machine already"), "{}", reason(&result));
}

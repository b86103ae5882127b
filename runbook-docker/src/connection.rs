//! Connections to containers: commands run in them.

use std::sync::Arc;

use async_trait::async_trait;
use bollard::Docker;
use jiff::Timestamp;
use runbook_core::kind::Target;
use runbook_core::local::not_started;
use runbook_core::port::{
    ConnectError, Connection, Connector, ExecJob, ExecReport, FileFacts, Forward, OutputSink, Recovered,
};
use runbook_core::value::{Value, display};
use tokio_util::sync::CancellationToken;

use crate::container::Which;
use crate::engine::EngineAddress;
use crate::exec;

/// Opens connections to containers of this machine's engine: those that a target names, or those of Compose services.
#[derive(Clone, Debug)]
pub struct ContainerConnector {
    kind: &'static str,
    engine: EngineAddress,
    which: fn(&Value) -> Result<Which, String>,
}

impl ContainerConnector {
    /// For targets of kind `container`.
    pub fn containers(engine: EngineAddress) -> Self {
        ContainerConnector { kind: "container", engine, which: Which::container }
    }

    /// For targets of kind `service`.
    pub fn services(engine: EngineAddress) -> Self {
        ContainerConnector { kind: "service", engine, which: Which::service }
    }
}

#[async_trait]
impl Connector for ContainerConnector {
    fn kind(&self) -> &str {
        self.kind
    }

    async fn connect(&self, target: &Target) -> Result<Arc<dyn Connection>, ConnectError> {
        let docker = self.engine.connect().await.map_err(|error| named(target, error))?;
        self.open(target, docker, None)
    }

    fn through(&self, target: &Target) -> Option<String> {
        text(target, "on").filter(|on| on != "local")
    }

    async fn connect_through(
        &self,
        target: &Target,
        host: Arc<dyn Connection>,
    ) -> Result<Arc<dyn Connection>, ConnectError> {
        let (docker, way) =
            EngineAddress::connect_through(&*host).await.map_err(|error| named(target, error))?;
        self.open(target, docker, Some(way))
    }
}

impl ContainerConnector {
    fn open(
        &self,
        target: &Target,
        docker: Docker,
        way: Option<Forward>,
    ) -> Result<Arc<dyn Connection>, ConnectError> {
        let refused = |message| ConnectError { kind: "bad_target", message, help: None };
        let which = (self.which)(&target.params).map_err(|why| named(target, refused(why)))?;
        let user = text(target, "user");
        Ok(Arc::new(ContainerConnection { docker, _way: way, which, user, places: exec::Places::default() }))
    }
}

fn text(target: &Target, name: &str) -> Option<String> {
    target.params.get(name).filter(|value| !value.is_null()).map(display)
}

/// `error`, with the target that it is about.
fn named(target: &Target, error: ConnectError) -> ConnectError {
    ConnectError { message: format!("target `{}`: {}", target.name, error.message), ..error }
}

/// The way into a container. Which one that is is asked each time: it may be made anew while a run goes on.
pub(crate) struct ContainerConnection {
    pub(crate) docker: Docker,
    _way: Option<Forward>,
    pub(crate) which: Which,
    pub(crate) user: Option<String>,
    pub(crate) places: exec::Places,
}

#[async_trait]
impl Connection for ContainerConnection {
    async fn exec(&self, job: &ExecJob, output: Arc<dyn OutputSink>, stop: CancellationToken) -> ExecReport {
        if let Some(other) = &job.run_as {
            let reason = format!(
                "`become` does not work in containers, so nothing was run as `{}`; give the target `user` instead",
                other.user
            );
            return not_started(reason);
        }
        exec::run(&self.docker, &self.which, self.user.as_deref(), &self.places, job, output, stop).await
    }

    async fn recover(
        &self,
        job: &ExecJob,
        started: Timestamp,
        output: Arc<dyn OutputSink>,
        stop: CancellationToken,
    ) -> Recovered {
        exec::recover(&self.docker, self.user.as_deref(), job, started, output, stop).await
    }

    async fn file_facts(&self, path: &str) -> Result<Option<FileFacts>, String> {
        let ran = self.small(&["stat", "-L", "-c", "%s %Y %F", "--", path]).await?;
        if ran.code == 0 {
            return facts(&String::from_utf8_lossy(&ran.stdout)).map(Some).ok_or_else(|| {
                format!("cannot look at `{path}`: `stat` says {:?}", String::from_utf8_lossy(&ran.stdout))
            });
        }
        let absent = ["No such file or directory", "Not a directory"];
        if absent.iter().any(|text| ran.stderr.contains(text)) {
            return Ok(None);
        }
        Err(format!("cannot look at `{path}`: {}", ran.stderr.trim()))
    }

    async fn tcp(&self, host: &str, port: u16) -> Result<(), String> {
        let ran = self.small(&["sh", "-c", TCP, "sh", host, &port.to_string()]).await?;
        match ran.code {
            0 => Ok(()),
            UNABLE => {
                Err("nothing in the container can open a connection: it has no bash, python3, nc or perl"
                    .to_owned())
            }
            _ => Err(format!("no connection to {host}:{port}{}", because(&ran.stderr))),
        }
    }
}

/// The exit code of [`TCP`] when there is no program for it.
const UNABLE: i32 = 99;

/// Connects to port `$2` of host `$1` with what there is.
const TCP: &str = r#"
if command -v python3 >/dev/null; then
    exec python3 -c 'import socket, sys
try: socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
except OSError as error: sys.exit(str(error))' "$1" "$2"
elif command -v nc >/dev/null; then
    exec nc -z -w 5 "$1" "$2"
elif command -v bash >/dev/null; then
    exec timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$1" "$2"
elif command -v perl >/dev/null; then
    exec perl -MIO::Socket::INET -e 'IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1], Timeout => 5) or die "$@\n"' "$1" "$2"
fi
exit 99
"#;

impl ContainerConnection {
    /// Runs a command of this crate's own.
    async fn small(&self, argv: &[&str]) -> Result<exec::Ran, String> {
        let container = self.which.running(&self.docker).await?;
        exec::small(&self.docker, &container, self.user.as_deref(), argv, None).await
    }
}

/// Reads `size seconds kind` as `stat` writes it.
fn facts(text: &str) -> Option<FileFacts> {
    let mut words = text.trim().splitn(3, ' ');
    let size = words.next()?.parse().ok()?;
    let modified = Timestamp::from_second(words.next()?.parse().ok()?).ok()?;
    Some(FileFacts { size, modified, is_directory: words.next()? == "directory" })
}

fn because(complaint: &str) -> String {
    let complaint = complaint.trim();
    if complaint.is_empty() { String::new() } else { format!(": {complaint}") }
}

//! Real containers for tests: of the image that `scripts/systems/start` makes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(dead_code, reason = "not every suite needs everything")]

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use runbook_core::kind::Target;
use runbook_core::port::{Connection, ExecCommand, ExecJob, ExecReport, OutputSink, Stream};
use runbook_core::value::{Duration, Object, Value};
use runbook_docker::EngineAddress;
use tokio_util::sync::CancellationToken;

/// The image of every container here.
pub(crate) const IMAGE: &str = "runbook-test-host";

/// Whether there is an engine with the image. Without one the suite is skipped, loudly, or fails where it is required.
pub(crate) fn engine_is_there() -> bool {
    let found = Command::new("docker").args(["image", "inspect", IMAGE]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return true;
    }
    let required = std::env::var("RUNBOOK_REQUIRE_E2E").is_ok_and(|value| value == "1");
    assert!(!required, "no container engine with the image {IMAGE} answers: run scripts/systems/start");
    eprintln!(
        "SKIPPED: no container engine with the image {IMAGE} answers; scripts/systems/start provides one"
    );
    false
}

/// Runs the program `docker`.
pub(crate) fn docker(args: &[&str]) -> Output {
    Command::new("docker").args(args).output().unwrap()
}

/// What the program `docker` prints.
pub(crate) fn docker_says(args: &[&str]) -> String {
    let output = docker(args);
    assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A name that no other test has.
pub(crate) fn unique(what: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("rbtest-{what}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A container that is removed with its volumes in the end.
pub(crate) struct Container {
    pub(crate) name: String,
}

impl Container {
    /// One that does nothing.
    pub(crate) fn idle(what: &str) -> Self {
        Self::with(what, &["--init"], &["sleep", "infinity"])
    }

    /// One with these options and this command.
    pub(crate) fn with(what: &str, options: &[&str], command: &[&str]) -> Self {
        let container = Container { name: unique(what) };
        let mut args = vec!["run", "--detach", "--name", &container.name, "--stop-timeout", "1"];
        args.extend(options);
        args.push(IMAGE);
        args.extend(command);
        docker_says(&args);
        container
    }

    /// It as a target.
    pub(crate) fn target(&self) -> Target {
        target("container", serde_json::json!({"name": self.name}))
    }

    /// What the shell command `script` prints in it.
    pub(crate) fn says(&self, script: &str) -> String {
        docker_says(&["exec", &self.name, "sh", "-c", script])
    }

    /// A connection into it.
    pub(crate) async fn connect(&self) -> Arc<dyn Connection> {
        connect(&self.target()).await
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        docker(&["rm", "--force", "--volumes", &self.name]);
    }
}

/// A target called `there`.
pub(crate) fn target(kind: &str, params: Value) -> Target {
    Target { name: "there".into(), kind: kind.into(), params, cwd: None, vars: Object::new() }
}

/// Where the engine is.
pub(crate) fn address() -> EngineAddress {
    EngineAddress::of_docker_host(std::env::var("DOCKER_HOST").ok().as_deref())
}

/// A connection to `target`.
pub(crate) async fn connect(target: &Target) -> Arc<dyn Connection> {
    let connectors = runbook_docker::connectors(&address());
    let connector = connectors.into_iter().find(|connector| connector.kind() == target.kind).unwrap();
    connector.connect(target).await.unwrap()
}

/// Jobs with a directory for their attempts.
pub(crate) struct Jobs {
    pub(crate) directory: tempfile::TempDir,
}

impl Jobs {
    pub(crate) fn new() -> Self {
        Jobs { directory: tempfile::tempdir().unwrap() }
    }

    /// A job that nobody has begun, whose outcome must not get lost.
    pub(crate) fn job(&self, command: ExecCommand) -> ExecJob {
        let token = unique("job");
        ExecJob {
            run_as: None,
            command,
            env: Vec::new(),
            stdin: None,
            cwd: None,
            timeout: Some(Duration::from_secs(60)),
            grace: Duration::from_secs(2),
            durable: true,
            directory: self.path(&token),
            token,
        }
    }

    pub(crate) fn path(&self, token: &str) -> PathBuf {
        self.directory.path().join(token)
    }

    pub(crate) fn argv(&self, argv: &[&str]) -> ExecJob {
        self.job(ExecCommand::Argv(argv.iter().map(|word| (*word).to_owned()).collect()))
    }

    pub(crate) fn script(&self, text: &str) -> ExecJob {
        self.job(ExecCommand::Script { shell: runbook_core::model::Shell::Sh, text: text.to_owned() })
    }
}

/// Runs `job` to its end.
pub(crate) async fn run(connection: &dyn Connection, job: &ExecJob) -> ExecReport {
    connection.exec(job, Arc::new(()), CancellationToken::new()).await
}

/// Remembers what it was shown, and tells when a text has come.
#[derive(Default)]
pub(crate) struct Shown {
    seen: Mutex<[Vec<u8>; 2]>,
    more: tokio::sync::Notify,
}

impl Shown {
    pub(crate) fn text(&self, stream: Stream) -> String {
        let seen = self.seen.lock().unwrap();
        String::from_utf8_lossy(&seen[usize::from(stream == Stream::Stderr)]).into_owned()
    }

    /// Returns when standard output holds `text`.
    pub(crate) async fn until(&self, text: &str) {
        let wait = async {
            loop {
                let more = self.more.notified();
                if self.text(Stream::Stdout).contains(text) {
                    return;
                }
                more.await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), wait).await.expect("the text never came");
    }
}

impl OutputSink for Shown {
    fn chunk(&self, stream: Stream, bytes: &[u8]) {
        self.seen.lock().unwrap()[usize::from(stream == Stream::Stderr)].extend_from_slice(bytes);
        self.more.notify_waiters();
    }
}

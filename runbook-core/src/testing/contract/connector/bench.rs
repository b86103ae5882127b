//! What the clauses about connectors work with.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration as StdDuration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::{Kept, ensure};
use crate::kind::Target;
use crate::model::Shell;
use crate::port::{Connection, Connector, ExecCommand, ExecEnd, ExecJob, ExecReport, OutputSink, Stream};
use crate::value::Duration;

/// How long anything may take that takes no time when it works.
pub(super) const PATIENCE: StdDuration = StdDuration::from_secs(60);

/// A connector, and where it is tried.
pub(super) struct Bench {
    connector: Arc<dyn Connector>,
    target: Target,
    scratch: String,
    directory: PathBuf,
    number: AtomicU64,
}

impl Bench {
    pub(super) fn new(
        connector: Arc<dyn Connector>,
        target: Target,
        scratch: String,
        directory: PathBuf,
    ) -> Self {
        Bench { connector, target, scratch, directory, number: AtomicU64::new(0) }
    }

    pub(super) fn who(&self) -> String {
        format!("the connector `{}` at target `{}`", self.connector.kind(), self.target.name)
    }

    pub(super) async fn connect(&self) -> Result<Arc<dyn Connection>, String> {
        self.connector.connect(&self.target).await.map_err(|error| format!("cannot connect: {error}"))
    }

    fn next(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed)
    }

    /// A path on the target that nothing has used yet.
    pub(super) fn path(&self, name: &str) -> String {
        let (id, number) = (std::process::id(), self.next());
        format!("{}/{name}-{id}-{number}", self.scratch.trim_end_matches('/'))
    }

    /// A directory on this machine that nothing has used yet.
    pub(super) fn directory(&self) -> PathBuf {
        self.directory.join(format!("attempt-{}-{}", std::process::id(), self.next()))
    }

    fn job(&self, command: ExecCommand) -> ExecJob {
        let directory = self.directory();
        ExecJob {
            run_as: None,
            command,
            env: Vec::new(),
            stdin: None,
            cwd: None,
            timeout: Some(Duration::from_secs(120)),
            grace: Duration::from_secs(5),
            durable: false,
            token: format!("contract/{}", directory.display()),
            directory,
        }
    }

    pub(super) fn argv(&self, argv: &[&str]) -> ExecJob {
        self.job(ExecCommand::Argv(argv.iter().map(|word| (*word).to_owned()).collect()))
    }

    pub(super) fn script(&self, text: &str) -> ExecJob {
        self.job(ExecCommand::Script { shell: Shell::Sh, text: text.to_owned() })
    }

    /// The same job in both ways in which an engine runs one.
    pub(super) fn both(&self, job: ExecJob) -> [ExecJob; 2] {
        let directory = self.directory();
        let token = format!("contract/{}", directory.display());
        let durable = ExecJob { durable: true, directory, token, ..job.clone() };
        [job, durable]
    }

    pub(super) async fn run(&self, job: &ExecJob) -> Result<ExecReport, String> {
        let connection = self.connect().await?;
        let report = connection.exec(job, Arc::new(()), CancellationToken::new()).await;
        connection.close().await;
        Ok(report)
    }

    /// What a short script prints; an error when it fails.
    pub(super) async fn ask(&self, text: &str) -> Result<String, String> {
        let report = self.run(&self.script(text)).await?;
        match report.end {
            ExecEnd::Exited(0) => Ok(report.stdout.whole().unwrap_or_default().trim().to_owned()),
            end => Err(format!("`{text}` ends with {end:?}: {}", report.stderr.head.trim())),
        }
    }

    /// Waits until the file at `path` has something in it; what that is.
    pub(super) async fn written(&self, path: &str) -> Result<String, String> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            let text = self.ask(&format!("cat '{path}' 2>/dev/null || true")).await?;
            if !text.is_empty() {
                return Ok(text);
            }
            tokio::time::sleep(StdDuration::from_millis(20)).await;
        }
        Err(format!("`{path}` was never written"))
    }

    /// Waits until none of the processes in `pids` lives.
    pub(super) async fn gone(&self, pids: &str) -> Kept {
        let living = format!(
            "for p in {pids}; do if [ -d /proc/$p ] && ! grep -q '^State:[[:space:]]*[ZX]' /proc/$p/status 2>/dev/null; then echo $p; fi; done"
        );
        let (begin, mut left) = (Instant::now(), String::new());
        // What was killed may take a moment to go.
        while begin.elapsed() < StdDuration::from_secs(10) {
            left = self.ask(&living).await?;
            if left.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(StdDuration::from_millis(20)).await;
        }
        let _ = self.ask(&format!("kill -9 {left} 2>/dev/null || true")).await;
        Err(format!("processes {} still live", left.replace('\n', " ")))
    }
}

/// The command ended with `code`.
pub(super) fn exited(report: &ExecReport, code: i32) -> Kept {
    ensure(report.end == ExecEnd::Exited(code), || {
        let said = report.stderr.head.trim();
        format!("expected exit code {code}, got {:?} ({said})", report.end)
    })
}

/// The command ended well and printed `text`.
pub(super) fn printed(report: &ExecReport, text: &str) -> Kept {
    exited(report, 0)?;
    let found = report.stdout.whole();
    ensure(found == Some(text), || format!("expected {text:?} on standard output, got {found:?}"))
}

/// Passes what is shown on.
pub(super) struct Shown(pub(super) mpsc::UnboundedSender<(Stream, Vec<u8>)>);

impl OutputSink for Shown {
    fn chunk(&self, stream: Stream, bytes: &[u8]) {
        // Nobody may be listening any more.
        let _ = self.0.send((stream, bytes.to_vec()));
    }
}

//! Connections to `ssh` targets, as the engine sees them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use runbook_core::kind::Target;
use runbook_core::local::not_started;
use runbook_core::port::{
    ConnectError, Connection, Connector, ExecJob, ExecReport, FileFacts, Forward, ForwardTo, OutputSink,
    Recovered, Stream, TargetFiles,
};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::KEY;
use crate::host::Host;
use crate::link::{Lane, Link, Seat};
use crate::master::Master;
use crate::session::Said;
use crate::text::Program;

/// Connections that are being opened at once, to all hosts together: each costs a key exchange, and hosts behind
/// one address share a limit.
const OPENING: usize = 8;
/// How long removing fetched capsules may hold up the end of a run.
const TIDYING: Duration = Duration::from_secs(10);
/// Most of what a program of the engine's own may answer.
const MOST_ANSWER: usize = 1 << 20;

/// Opens connections to `ssh` targets.
#[derive(Clone, Debug)]
pub struct SshConnector {
    opening: Arc<Semaphore>,
}

impl Default for SshConnector {
    fn default() -> Self {
        SshConnector { opening: Arc::new(Semaphore::new(OPENING)) }
    }
}

#[async_trait]
impl Connector for SshConnector {
    fn kind(&self) -> &str {
        KEY
    }

    async fn connect(&self, target: &Target) -> Result<Arc<dyn Connection>, ConnectError> {
        let host = Host::of(target).map_err(|why| ConnectError {
            kind: "config",
            message: format!("target `{}`: {why}", target.name),
            help: None,
        })?;
        let link = Link::new(host, Arc::clone(&self.opening));
        link.master().await?;
        Ok(Arc::new(SshConnection { link, place: Mutex::default(), tidying: TaskTracker::new() }))
    }
}

/// Where capsules are on a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The target's boot, as its kernel names it.
    pub(crate) boot: String,
    /// The directory that holds them; empty when there is none that can be written to.
    pub(crate) base: String,
}

/// A target.
pub(crate) struct SshConnection {
    pub(crate) link: Link,
    pub(crate) place: Mutex<Option<Place>>,
    /// Capsules that are being removed.
    pub(crate) tidying: TaskTracker,
}

impl SshConnection {
    /// Runs one of the engine's own programs; its last word, and what it printed.
    pub(crate) async fn ask(
        &self,
        program: &Program,
        limit: Instant,
    ) -> Result<(String, String), ConnectError> {
        let mut seat = self.link.seat(program, Lane::Care).await?;
        let mut said = Vec::new();
        let word = self.listen(&mut seat, limit, |stream, bytes| {
            if stream == Stream::Stdout && said.len() < MOST_ANSWER {
                said.extend_from_slice(bytes);
            }
        });
        let word = word.await?;
        seat.leave();
        Ok((word, String::from_utf8_lossy(&said).into_owned()))
    }

    /// Waits for the last word of one of the engine's own programs; what it prints goes to `take`.
    pub(crate) async fn listen(
        &self,
        seat: &mut Seat,
        limit: Instant,
        mut take: impl FnMut(Stream, &[u8]),
    ) -> Result<String, ConnectError> {
        loop {
            match tokio::time::timeout_at(limit, seat.talk.next(&mut take)).await {
                Ok(Said::Output | Said::Tick) => {}
                Ok(Said::Word(word)) => return Ok(word),
                Ok(Said::Gone) if !seat.talk.has_begun() && !self.link.check(&seat.master).await => {
                    return Err(self.error("no_shell", self.not_a_shell(&seat.talk.noise())));
                }
                Ok(Said::Gone) => return Err(self.error("lost", self.lost(&seat.master).await)),
                Err(_) => return Err(self.error("timeout", "the target does not answer".to_owned())),
            }
        }
    }

    fn error(&self, kind: &'static str, what: String) -> ConnectError {
        ConnectError { kind, message: format!("target `{}`: {what}", self.link.host.target), help: None }
    }

    /// What to say of a session that was lost, after looking whether its connection is gone.
    pub(crate) async fn lost(&self, master: &Arc<Master>) -> String {
        let gone = self.link.check(master).await;
        let said = master.said();
        let shown = self.link.host.shown();
        match (gone, said.is_empty()) {
            (true, true) => format!("the connection to {shown} was lost"),
            (true, false) => format!("the connection to {shown} was lost: {said}"),
            (false, _) => format!("the session on {shown} was cut off"),
        }
    }

    /// What to say of a host that did not run what it was sent.
    pub(crate) fn not_a_shell(&self, noise: &str) -> String {
        let said = if noise.is_empty() { String::new() } else { format!("; it says: {noise}") };
        format!(
            "{} does not run commands for this user: it needs `sh`, `head` and `cat`{said}",
            self.link.host.shown()
        )
    }
}

/// A connection error on one line.
pub(crate) fn told(error: &ConnectError) -> String {
    let help = error.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    format!("{}{help}", error.message)
}

/// The report of a command that had no way to its target.
pub(crate) fn unreachable(error: &ConnectError) -> ExecReport {
    not_started(told(error))
}

#[async_trait]
impl Connection for SshConnection {
    async fn exec(&self, job: &ExecJob, output: Arc<dyn OutputSink>, stop: CancellationToken) -> ExecReport {
        if stop.is_cancelled() {
            return not_started("the run was stopped before it began");
        }
        match job.durable {
            true => self.durable(job, output, &stop).await,
            false => self.leased(job, output, &stop, None).await,
        }
    }

    async fn recover(
        &self,
        job: &ExecJob,
        started: Timestamp,
        output: Arc<dyn OutputSink>,
        stop: CancellationToken,
    ) -> Recovered {
        if !job.durable {
            // It has ended with its connection, and has changed nothing.
            return Recovered::NotStarted;
        }
        self.recovered(job, started, output, &stop).await
    }

    async fn file_facts(&self, path: &str) -> Result<Option<FileFacts>, String> {
        self.facts(path).await
    }

    async fn tcp(&self, host: &str, port: u16) -> Result<(), String> {
        self.knock(host, port).await
    }

    fn files(&self) -> Option<&dyn TargetFiles> {
        Some(self)
    }

    async fn forward(&self, to: &ForwardTo) -> Result<Forward, ConnectError> {
        self.bring(to).await
    }

    async fn close(&self) {
        self.tidying.close();
        let _ = tokio::time::timeout(TIDYING, self.tidying.wait()).await;
        self.tidying.reopen();
        self.link.close().await;
    }
}

//! How commands get to where they run.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Forward, ForwardTo, TargetFiles};
use crate::kind::Target;
use crate::model::Shell;
use crate::run::Captured;
use crate::value::Duration;

/// Opens connections to one kind of target.
#[async_trait]
pub trait Connector: Send + Sync {
    /// The key of the target kind, for example `local` or `ssh`.
    fn kind(&self) -> &str;

    /// Opens a connection. The engine keeps one a target and run, and opens it when it is first needed.
    async fn connect(&self, target: &Target) -> Result<Arc<dyn Connection>, ConnectError>;

    /// The name of the target that `target` is on; `None` when it is reached from here.
    fn through(&self, target: &Target) -> Option<String> {
        let _ = target;
        None
    }

    /// Opens a connection to `target`, which is on the host at the other end of `host`. Asked when
    /// [`through`](Self::through) names a target; that one is not on another itself.
    async fn connect_through(
        &self,
        target: &Target,
        host: Arc<dyn Connection>,
    ) -> Result<Arc<dyn Connection>, ConnectError> {
        let _ = host;
        self.connect(target).await
    }
}

/// Why a target could not be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConnectError {
    /// The kind of failure: `connect_failed`, `host_key`, `not_available`, ….
    pub kind: &'static str,
    /// What happened, for people.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// An open connection to a target.
#[async_trait]
pub trait Connection: Send + Sync {
    /// Runs one command to its end and says how that was.
    ///
    /// When `job.timeout` passes or `stop` is cancelled, everything the command has started is ended:
    /// TERM, after `job.grace` KILL. A process that outlives the command does not delay the return.
    async fn exec(&self, job: &ExecJob, output: Arc<dyn OutputSink>, stop: CancellationToken) -> ExecReport;

    /// Finds out what became of a durable job whose engine was lost; waits for it when it still runs.
    ///
    /// `job` is as it was when it was started, at `started`.
    async fn recover(
        &self,
        job: &ExecJob,
        started: Timestamp,
        output: Arc<dyn OutputSink>,
        stop: CancellationToken,
    ) -> Recovered;

    /// What is known of the file at `path`; `None` when there is none.
    async fn file_facts(&self, path: &str) -> Result<Option<FileFacts>, String>;

    /// Whether `host:port`, as the target sees it, accepts a TCP connection.
    async fn tcp(&self, host: &str, port: u16) -> Result<(), String>;

    /// The target's files; none when it gives no access to them.
    fn files(&self) -> Option<&dyn TargetFiles> {
        None
    }

    /// Opens a way from the engine's machine to a socket as the target sees it.
    ///
    /// Whether somebody listens there shows only when it is used: who connects to a closed one is disconnected.
    async fn forward(&self, to: &ForwardTo) -> Result<Forward, ConnectError> {
        Err(ConnectError {
            kind: "not_offered",
            message: format!("this kind of target cannot forward a connection to {to}"),
            help: None,
        })
    }

    /// Ends the connection.
    async fn close(&self) {}
}

/// One command, with everything rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecJob {
    /// What to run.
    pub command: ExecCommand,
    /// Environment variables on top of the target's own.
    pub env: Vec<(String, String)>,
    /// Data on standard input; without it, standard input is empty.
    pub stdin: Option<Vec<u8>>,
    /// Working directory; without it, the target's own.
    pub cwd: Option<String>,
    /// As which user it runs, when not as the one that the connection has.
    pub run_as: Option<RunAs>,
    /// Hard limit.
    pub timeout: Option<Duration>,
    /// Time between TERM and KILL.
    pub grace: Duration,
    /// Whether its outcome must survive the loss of the engine or the connection.
    pub durable: bool,
    /// A directory on the engine's machine for this attempt alone; the connection creates it when it
    /// needs it, and puts output there that is too large for the log.
    pub directory: PathBuf,
    /// Identifies this attempt among all: a durable job with the same token is never run twice.
    pub token: String,
}

/// Another user, through `sudo`.
#[derive(Clone, PartialEq, Eq)]
pub struct RunAs {
    /// The user's name.
    pub user: String,
    /// What `sudo` is told when it asks for a password.
    pub password: Option<String>,
}

impl std::fmt::Debug for RunAs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunAs").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecCommand {
    /// A program and its arguments.
    Argv(Vec<String>),
    /// A script and the shell that reads it, with fail-fast on.
    Script {
        /// The shell.
        shell: Shell,
        /// Assignments of values, then the script.
        text: String,
    },
}

/// How a command ended and what it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecReport {
    /// How it ended.
    pub end: ExecEnd,
    /// Standard output. `Captured::file` is relative to the job's directory.
    pub stdout: Captured,
    /// Standard error. `Captured::file` is relative to the job's directory.
    pub stderr: Captured,
    /// Something the operator should know (processes that could not be ended, no place for a capsule, …).
    pub note: Option<String>,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecEnd {
    /// With this exit code; death by signal N is 128 + N, as shells say it.
    Exited(i32),
    /// It was ended at its time limit.
    TimedOut,
    /// It was ended on request.
    Cancelled,
    /// It did not begin, and why.
    NotStarted(String),
    /// It began or may have; what became of it is not known, and why.
    Lost(String),
}

/// What became of a job whose engine was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// It ended like this.
    Ended(Box<ExecReport>),
    /// It never began, and never will.
    NotStarted,
    /// That cannot be found out, and why.
    Unknown(String),
}

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: Timestamp,
    /// Whether it is a directory.
    pub is_directory: bool,
}

/// Which output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Is shown output while it is written; may drop some of it.
pub trait OutputSink: Send + Sync {
    /// More output has come.
    fn chunk(&self, stream: Stream, bytes: &[u8]);
}

/// Shows nothing.
impl OutputSink for () {
    fn chunk(&self, _stream: Stream, _bytes: &[u8]) {}
}

//! Commands on this machine.
//!
//! Output goes to files, not through pipes: a child that outlives its command cannot hold up the step, large
//! output needs no memory, and an engine that is killed takes nothing with it. The price is that a command
//! that opens `/dev/stdout` or `/dev/stderr` anew with `>` empties what it wrote before, as with any
//! redirection to a file; `>&2` and `>>/dev/stderr` do not.
//!
//! A durable job is run by a *keeper*, one process for all jobs of an engine, or in a *capsule*, a small shell
//! program for this job alone. Either claims the attempt, so that it is run once at most, and leaves the exit
//! code in the attempt's directory, where a later engine finds it.

mod append;
mod attempt;
mod capture;
mod claim;
mod command;
mod durable;
mod exec;
mod files;
mod keeper;
mod nameless;
mod process;
mod recover;
mod secrets;
mod table;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::kind::Target;
use crate::port::{
    ConnectError, Connection, Connector, ExecJob, ExecReport, FileFacts, Forward, ForwardTo, OutputSink,
    Recovered, TargetFiles,
};

use self::keeper::Keepers;
pub(crate) use append::append_line;
pub use attempt::forget;
pub use capture::{Live, sum_up};
pub use exec::{not_started, report};
pub use keeper::{KeeperProgram, keep};
pub use secrets::LocalSecrets;

/// How long another machine may take to accept a connection.
const TCP_LIMIT: Duration = Duration::from_secs(5);

/// Opens connections to this machine.
#[derive(Debug)]
pub struct LocalConnector {
    connection: Arc<LocalConnection>,
}

impl LocalConnector {
    /// Commands get the environment `env`, and what their jobs add.
    pub fn new(env: Vec<(String, String)>) -> Self {
        Self::with(env.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// Commands get the environment of this process as it is now, and what their jobs add.
    pub fn inherit() -> Self {
        Self::with(std::env::vars_os().collect())
    }

    /// Durable commands are held by a process of `program`, which is started when the first one comes.
    ///
    /// That costs less than the shell beside each command that is used otherwise: when the program cannot be
    /// started, and on systems other than Linux. It gets the environment of the commands, and the working directory and the umask
    /// that this process has at that time.
    pub fn with_keeper(self, program: KeeperProgram) -> Self {
        let env = self.connection.env.clone();
        let keepers = Some(Keepers::new(program, env.clone()));
        LocalConnector {
            connection: Arc::new(LocalConnection { env, keepers, ..LocalConnection::default() }),
        }
    }

    fn with(env: Vec<(OsString, OsString)>) -> Self {
        LocalConnector { connection: Arc::new(LocalConnection { env, ..LocalConnection::default() }) }
    }
}

#[async_trait]
impl Connector for LocalConnector {
    fn kind(&self) -> &str {
        "local"
    }

    async fn connect(&self, _target: &Target) -> Result<Arc<dyn Connection>, ConnectError> {
        Ok(self.connection.clone())
    }
}

/// This machine. It needs no connecting, so all runs share one.
#[derive(Debug, Default)]
struct LocalConnection {
    /// What commands get before their jobs add to it.
    env: Vec<(OsString, OsString)>,
    /// What holds durable commands; a capsule each without it.
    keepers: Option<Keepers>,
    /// Beside which directories of attempts spare ones may be.
    places: Mutex<BTreeSet<PathBuf>>,
    /// Whether `sh` knows `pipefail`; asked when the first script needs it.
    pipefail: OnceCell<bool>,
}

impl LocalConnection {
    /// Remembers where `directory` is, for tidying up.
    fn remember(&self, directory: &Path) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parent) = directory.parent()
            && !places.contains(parent)
        {
            places.insert(parent.to_owned());
        }
    }

    /// Whether `sh` knows `pipefail`.
    async fn pipefail(&self) -> bool {
        let ask = || async {
            let mut command = tokio::process::Command::new(command::SH);
            command.args(["-c", "set -o pipefail"]).env_clear();
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().await.is_ok_and(|status| status.success())
        };
        *self.pipefail.get_or_init(ask).await
    }
}

#[async_trait]
impl Connection for LocalConnection {
    async fn exec(&self, job: &ExecJob, output: Arc<dyn OutputSink>, stop: CancellationToken) -> ExecReport {
        self.run(job, output, stop).await
    }

    async fn recover(
        &self,
        job: &ExecJob,
        started: Timestamp,
        output: Arc<dyn OutputSink>,
        stop: CancellationToken,
    ) -> Recovered {
        recover::recover(job, started, output, stop).await
    }

    fn files(&self) -> Option<&dyn TargetFiles> {
        Some(self)
    }

    async fn forward(&self, to: &ForwardTo) -> Result<Forward, ConnectError> {
        match to {
            ForwardTo::Unix(path) => Ok(Forward::new(path.into(), ())),
            ForwardTo::Tcp { .. } => Err(ConnectError {
                kind: "not_offered",
                message: format!("{to} is on this machine already"),
                help: None,
            }),
        }
    }

    async fn close(&self) {
        let places = std::mem::take(&mut *self.places.lock().unwrap_or_else(PoisonError::into_inner));
        for place in places {
            attempt::remove_spare(&place);
        }
    }

    async fn file_facts(&self, path: &str) -> Result<Option<FileFacts>, String> {
        let meta = match tokio::fs::metadata(path).await {
            Ok(meta) => meta,
            Err(error) => {
                use io::ErrorKind::{NotADirectory, NotFound};
                let absent = matches!(error.kind(), NotFound | NotADirectory);
                return if absent { Ok(None) } else { Err(format!("cannot look at `{path}`: {error}")) };
            }
        };
        let modified = meta.modified().map_err(|error| format!("cannot look at `{path}`: {error}"))?;
        let modified = Timestamp::try_from(modified)
            .map_err(|error| format!("`{path}` was modified at an impossible time: {error}"))?;
        Ok(Some(FileFacts { size: meta.len(), modified, is_directory: meta.is_dir() }))
    }

    async fn tcp(&self, host: &str, port: u16) -> Result<(), String> {
        let place = (host.to_owned(), port);
        // Looking the name up has no limit of its own.
        let connecting = tokio::task::spawn_blocking(move || connect(&place));
        let refused = |why: String| format!("no connection to {host}:{port}: {why}");
        match tokio::time::timeout(TCP_LIMIT, connecting).await {
            Ok(Ok(result)) => result.map_err(|error| refused(error.to_string())),
            Ok(Err(error)) => Err(refused(error.to_string())),
            Err(_) => Err(refused(format!("no answer within {} s", TCP_LIMIT.as_secs()))),
        }
    }
}

/// Connects to the first of a name's addresses that accepts.
fn connect(place: &(String, u16)) -> io::Result<()> {
    let end = Instant::now() + TCP_LIMIT;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (place.0.as_str(), place.1).to_socket_addrs()? {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

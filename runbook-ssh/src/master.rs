//! One connection to a host: a master process of ssh that many sessions share. Reads no runbook.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use openssh::Session;
use runbook_core::port::ConnectError;
use tokio::process::Command;

use crate::fault;
use crate::host::Host;

/// How the directories of control sockets begin.
const PREFIX: &str = "runbook-ssh.";
/// The longest path of a directory under which ssh can still make its control socket.
const LONGEST: usize = 60;

/// An open connection. The master ends when this is dropped, and by itself when its engine is gone.
pub(crate) struct Master {
    session: Arc<Session>,
    directory: tempfile::TempDir,
}

impl Master {
    /// Connects and logs in; fails with what ssh said.
    pub(crate) async fn open(host: &Host) -> Result<Self, Failure> {
        let directory = control_directory().map_err(|error| {
            Failure::Setup(format!("no directory for the connection's socket can be made: {error}"))
        })?;
        let socket = socket(directory.path());
        let (log, errors) = (directory.path().join("log"), directory.path().join("errors"));
        let errors_file =
            std::fs::File::create(&errors).map_err(|error| Failure::Setup(error.to_string()))?;
        let mut ssh = Command::new("ssh");
        ssh.arg("-E").arg(&log).args(["-M", "-N", "-f", "-S"]).arg(&socket).args(host.arguments());
        // Nobody is asked: questions would go to the terminal, past the engine.
        ssh.env("SSH_ASKPASS", "/bin/false").env("SSH_ASKPASS_REQUIRE", "force").env("LC_ALL", "C");
        ssh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors_file).kill_on_drop(true);
        // It goes to the background once it is logged in.
        let status = tokio::time::timeout(host.patience(), ssh.status()).await;
        let said = || {
            let read =
                |path: &Path| std::fs::read(path).map(|text| String::from_utf8_lossy(&text).into_owned());
            format!("{}\n{}", read(&errors).unwrap_or_default(), read(&log).unwrap_or_default())
        };
        match status {
            Ok(Ok(status)) if status.success() => {
                let session = Session::resume_mux(socket.into_boxed_path(), None);
                Ok(Master { session: Arc::new(session), directory })
            }
            Ok(Ok(_)) => Err(Failure::Ssh(said())),
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                Err(Failure::Setup("the program `ssh` is not installed on the engine's machine".to_owned()))
            }
            Ok(Err(error)) => Err(Failure::Setup(format!("`ssh` cannot be started: {error}"))),
            Err(_) => Err(Failure::Ssh(format!("took too long\n{}", said()))),
        }
    }

    /// What sessions are opened on.
    pub(crate) fn session(&self) -> Arc<Session> {
        Arc::clone(&self.session)
    }

    /// Whether its process is there and answers.
    pub(crate) async fn is_alive(&self) -> bool {
        self.session.check().await.is_ok()
    }

    /// What ssh has said since it logged in, on one line.
    pub(crate) fn said(&self) -> String {
        let text = std::fs::read(self.directory.path().join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
    }

    /// A path for a socket that is gone with the connection.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        // Asks over the socket and does not wait; one that is gone already is as good.
        let mut exit = std::process::Command::new("ssh");
        exit.args(["-F", "none", "-O", "exit", "-S"])
            .arg(socket(self.directory.path()))
            .arg("--")
            .arg("host");
        let _ = exit.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// Why there is no connection.
pub(crate) enum Failure {
    /// Something on the engine's machine.
    Setup(String),
    /// What ssh said.
    Ssh(String),
}

impl Failure {
    /// Whether trying again at once is right.
    pub(crate) fn is_crowded(&self) -> bool {
        matches!(self, Failure::Ssh(said) if fault::is_crowded(said))
    }

    /// For people.
    pub(crate) fn told(&self, host: &Host) -> ConnectError {
        match self {
            Failure::Ssh(said) => fault::classify(host, said),
            Failure::Setup(why) => ConnectError {
                kind: "setup",
                message: format!("target `{}`: {why}", host.target),
                help: None,
            },
        }
    }
}

fn socket(directory: &Path) -> PathBuf {
    directory.join("m")
}

/// A directory for this user alone, with a path short enough for a socket in it.
fn control_directory() -> io::Result<tempfile::TempDir> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let fits = |path: &PathBuf| path.is_absolute() && path.is_dir() && path.as_os_str().len() < LONGEST;
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for parent in runtime.into_iter().chain([std::env::temp_dir(), PathBuf::from("/tmp")]).filter(fits) {
        // Made with mode 0700.
        match tempfile::Builder::new().prefix(PREFIX).rand_bytes(8).tempdir_in(parent) {
            Ok(directory) => return Ok(directory),
            Err(error) => last = error,
        }
    }
    Err(last)
}

//! Where runs are kept.

use std::env;
use std::path::PathBuf;

use runbook_core::port::StoreError;
use runbook_core::store::SqliteStore;

use crate::fault::Fault;
use crate::text::shell_word;

/// The state directory, and whether the user named it.
#[derive(Clone, Debug)]
pub(crate) struct StateDir {
    path: PathBuf,
    named: bool,
}

impl StateDir {
    /// The directory the user named, or the usual one.
    pub(crate) fn new(named: Option<PathBuf>) -> Result<Self, Fault> {
        if let Some(path) = named {
            return Ok(StateDir { path, named: true });
        }
        let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base =
            absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
        match base {
            Some(base) => Ok(StateDir { path: base.join("runbook"), named: false }),
            None => Err(Fault::usage("no place to keep runs: neither `XDG_STATE_HOME` nor `HOME` is set")
                .help("name a directory with `--state DIR`")),
        }
    }

    /// The store, made when it is not there.
    pub(crate) fn open(&self) -> Result<SqliteStore, Fault> {
        Ok(SqliteStore::open(&self.path)?)
    }

    /// The store, if there is one; looking does not make one.
    pub(crate) fn open_existing(&self) -> Result<Option<SqliteStore>, Fault> {
        Ok(SqliteStore::open_existing(&self.path)?)
    }

    /// The store that must hold `run`.
    pub(crate) fn open_for(&self, run: &str) -> Result<SqliteStore, Fault> {
        match self.open_existing()? {
            Some(store) => Ok(store),
            None => Err(Fault::from(StoreError::NoSuchRun(run.to_owned()))
                .note(format!("`{}` holds no runs yet", self.path.display()))),
        }
    }

    /// A command that the user can type to go on: `runbook ARGUMENTS`, for this directory.
    pub(crate) fn command(&self, arguments: &str) -> String {
        if self.named {
            format!("runbook {arguments} --state {}", shell_word(&self.path.to_string_lossy()))
        } else {
            format!("runbook {arguments}")
        }
    }
}

//! What the engine's machine knows of an attempt on a target: where its capsule is, and how it ended.
//!
//! Both are files in the directory of the attempt, and outlast the machine before anything relies on them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use runbook_core::port::ExecEnd;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const CAPSULE: &str = "capsule.json";
const OUTCOME: &str = "outcome.json";

/// Where the capsule of an attempt is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The capsule's name, which no other has.
    pub(crate) name: String,
    /// The directory on the target that it is in; empty when it could not be written to, so that there is none.
    pub(crate) base: String,
    /// The target's boot.
    pub(crate) boot: String,
}

impl Record {
    /// The record in `directory`; `None` when nothing was ever sent.
    pub(crate) fn read(directory: &Path) -> io::Result<Option<Self>> {
        read(&directory.join(CAPSULE))
    }

    /// Keeps it. After this, the capsule may be started.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        write(directory, CAPSULE, self)
    }

    /// Forgets it: the capsule has never begun, and never will.
    pub(crate) fn remove(directory: &Path) {
        // With it, an engine that comes later asks the target, which says the same.
        let _ = fs::remove_file(directory.join(CAPSULE));
    }
}

/// How an attempt has ended whose output is in the same directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Exited(i32),
    TimedOut,
    Cancelled,
}

impl Outcome {
    /// The outcome that `end` is; `None` when it says nothing for certain.
    pub(crate) fn of(end: &ExecEnd) -> Option<Self> {
        match end {
            ExecEnd::Exited(code) => Some(Outcome::Exited(*code)),
            ExecEnd::TimedOut => Some(Outcome::TimedOut),
            ExecEnd::Cancelled => Some(Outcome::Cancelled),
            ExecEnd::NotStarted(_) | ExecEnd::Lost(_) => None,
        }
    }

    /// The outcome kept in `directory`.
    pub(crate) fn read(directory: &Path) -> io::Result<Option<Self>> {
        read(&directory.join(OUTCOME))
    }

    /// Keeps it and the output; the capsule may go then.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        for output in ["stdout", "stderr"] {
            File::open(directory.join(output))?.sync_all()?;
        }
        write(directory, OUTCOME, self)
    }
}

impl From<Outcome> for ExecEnd {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Exited(code) => ExecEnd::Exited(code),
            Outcome::TimedOut => ExecEnd::TimedOut,
            Outcome::Cancelled => ExecEnd::Cancelled,
        }
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(directory: &Path, name: &str, value: &impl Serialize) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    file.as_file().sync_all()?;
    file.persist(directory.join(name))?;
    File::open(directory)?.sync_all()
}

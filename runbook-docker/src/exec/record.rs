//! Which exec an attempt is: written down before it is started, once and for ever.

use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::container::Found;

/// Name of the file in the attempt's directory.
const RECORD: &str = "exec";

/// What is written down of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// This exec of this incarnation of a container.
    Exec {
        /// The exec.
        id: String,
        /// The container.
        container: Found,
        /// The file in it that gets the exit code.
        code: Option<String>,
    },
    /// An engine that came later has found nothing, so nobody may begin it any more.
    GivenUp,
}

impl Record {
    /// Writes it down in `directory` so that it outlasts the machine; `false` when there is one already.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<bool> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(self.to_json().to_string().as_bytes())?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(directory.join(RECORD)) {
            Ok(_) => {}
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(error.error),
        }
        File::open(directory)?.sync_all()?;
        if let Some(parent) = directory.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(true)
    }

    /// What is written down in `directory`.
    pub(crate) fn read(directory: &Path) -> io::Result<Option<Self>> {
        let text = match std::fs::read_to_string(directory.join(RECORD)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let record = serde_json::from_str(&text).ok().and_then(|value| Self::from_json(&value));
        let invalid =
            || io::Error::new(io::ErrorKind::InvalidData, format!("`{RECORD}` cannot be understood"));
        record.map(Some).ok_or_else(invalid)
    }

    fn to_json(&self) -> Value {
        match self {
            Record::Exec { id, container, code } => {
                json!({"exec": id, "container": container.id, "started": container.started, "code": code})
            }
            Record::GivenUp => json!({"given_up": true}),
        }
    }

    fn from_json(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        if value.get("given_up").is_some() {
            return Some(Record::GivenUp);
        }
        let container = Found { id: text("container")?, started: text("started")? };
        Some(Record::Exec { id: text("exec")?, container, code: text("code") })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn the_first_record_stays() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("step.1");
        assert_eq!(Record::read(&place).unwrap(), None);
        let container = Found { id: "c".into(), started: "2026-01-01T00:00:00Z".into() };
        let record = Record::Exec { id: "e".into(), container, code: Some("/tmp/c".into()) };
        assert!(record.write(&place).unwrap());
        assert!(!Record::GivenUp.write(&place).unwrap());
        assert_eq!(Record::read(&place).unwrap(), Some(record));
    }

    #[test]
    fn a_damaged_record_is_not_taken_for_none() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(RECORD), "{\"exec\": 5}").unwrap();
        assert!(Record::read(directory.path()).is_err());
    }
}

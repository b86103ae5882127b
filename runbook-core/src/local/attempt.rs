//! The directory of one attempt: what is in it, and who may run what it is for.
//!
//! | file | is |
//! |---|---|
//! | `script` | the script, until the attempt has ended |
//! | `stdout`, `stderr` | what the command wrote |
//! | `claim` | made once and never changed: the capsule (process id and boot), or `engine` when nobody may run it any more |
//! | `code` | the exit code; complete with its newline |
//! | `stopped` | why the engine began to end it, when it did |

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::port::ExecEnd;
use crate::run::Captured;

/// Name of the file of standard output.
pub(super) const STDOUT: &str = "stdout";
/// Name of the file of standard error.
pub(super) const STDERR: &str = "stderr";
const SCRIPT: &str = "script";
const CLAIM: &str = "claim";
const CODE: &str = "code";
const STOPPED: &str = "stopped";
const ENGINE: &str = "engine";

/// The directory of one attempt.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    directory: PathBuf,
}

/// Who has claimed an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// Nobody yet.
    Open,
    /// A capsule that has not said its name yet; it has not started the command.
    Nameless,
    /// The capsule with this process id, on this boot.
    Capsule {
        /// Its process id, and that of its group.
        pid: i32,
        /// The boot it was started on.
        boot: String,
    },
    /// The engine: no capsule will run it.
    Engine,
}

impl Attempt {
    /// The attempt of `directory`, which need not exist yet.
    pub(super) fn at(directory: &Path) -> io::Result<Self> {
        Ok(Attempt { directory: std::path::absolute(directory)? })
    }

    /// Its directory, from the root.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where its script is.
    pub(super) fn script(&self) -> PathBuf {
        self.directory.join(SCRIPT)
    }

    /// Creates its directory, for this user alone, when it is not there.
    pub(super) fn create(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)
    }

    /// Writes its script. Who reads an earlier one meanwhile reads that to its end.
    pub(super) fn write_script(&self, text: &str) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        file.write_all(text.as_bytes())?;
        file.persist(self.script())?;
        Ok(())
    }

    /// The file of one output. What it holds is kept; whoever writes to it appends.
    pub(super) fn output(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(self.directory.join(name))
    }

    /// Who has claimed it.
    pub(super) fn claim(&self) -> io::Result<Claim> {
        let Some(text) = self.read(CLAIM)? else { return Ok(Claim::Open) };
        let Some(line) = text.strip_suffix('\n') else { return Ok(Claim::Nameless) };
        if line == ENGINE {
            return Ok(Claim::Engine);
        }
        let named = line.split_once(' ').and_then(|(pid, boot)| Some((pid.parse().ok()?, boot)));
        let (pid, boot) = named.ok_or_else(|| {
            let path = self.directory.join(CLAIM);
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("`{}` was not written by a capsule", path.display()),
            )
        })?;
        Ok(Claim::Capsule { pid, boot: boot.to_owned() })
    }

    /// Claims it for the engine, so that no capsule runs it; `false` when somebody was faster.
    pub(super) fn claim_for_engine(&self) -> io::Result<bool> {
        self.create()?;
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        writeln!(file, "{ENGINE}")?;
        // A link appears with its content, where a file made with O_EXCL is empty at first.
        match fs::hard_link(file.path(), self.directory.join(CLAIM)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The exit code that its capsule has left.
    pub(super) fn code(&self) -> io::Result<Option<i32>> {
        let text = self.read(CODE)?;
        Ok(text.and_then(|text| text.strip_suffix('\n')?.parse().ok()))
    }

    /// Notes why it is being ended, for an engine that comes later.
    pub(super) fn note_stop(&self, end: &ExecEnd) -> io::Result<()> {
        let word = if *end == ExecEnd::TimedOut { "timed_out\n" } else { "cancelled\n" };
        fs::write(self.directory.join(STOPPED), word)
    }

    /// Why an engine began to end it.
    pub(super) fn stopped(&self) -> io::Result<Option<ExecEnd>> {
        Ok(match self.read(STOPPED)?.as_deref() {
            Some("timed_out\n") => Some(ExecEnd::TimedOut),
            Some("cancelled\n") => Some(ExecEnd::Cancelled),
            _ => None,
        })
    }

    fn read(&self, name: &str) -> io::Result<Option<String>> {
        match fs::read_to_string(self.directory.join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes the script, which may hold values that should not lie about.
    pub(super) fn remove_script(&self) {
        // One that is not there is as good as removed.
        let _ = fs::remove_file(self.script());
    }
}

/// Removes the directory of an attempt whose end is recorded. Output that was too large for the log stays.
///
/// Call it when the record is durable: afterwards the attempt can no longer be recovered.
pub fn forget(directory: &Path) -> io::Result<()> {
    let large =
        |name: &str| fs::metadata(directory.join(name)).is_ok_and(|meta| meta.len() > Captured::WHOLE as u64);
    if large(STDOUT) || large(STDERR) {
        // The claim stays too: nobody may run the command here again.
        for name in [SCRIPT, CODE, STOPPED] {
            remove(&directory.join(name))?;
        }
        for name in [STDOUT, STDERR] {
            if !large(name) {
                remove(&directory.join(name))?;
            }
        }
        return Ok(());
    }
    // A capsule that comes late must find either its claim taken or no directory, never an open claim.
    let mut gone = directory.as_os_str().to_owned();
    gone.push(".gone");
    match fs::rename(directory, &gone) {
        Ok(()) => fs::remove_dir_all(&gone),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

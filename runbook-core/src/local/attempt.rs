//! The directory of one attempt: what is in it, and who may run what it is for.
//!
//! | file | is |
//! |---|---|
//! | `script` | the script, until the attempt has ended |
//! | `stdout`, `stderr` | what the command wrote; without a name while nobody but its engine needs them |
//! | `claim` | who may run it, made once and never changed; a keeper adds how it went on |
//! | `code` | the exit code that a capsule leaves; complete with its newline |
//! | `stopped` | why the engine began to end it, when it did |

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::claim::{Claim, ENGINE};
use super::nameless;
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

/// Beside the attempts: an empty directory for the next one.
const SPARE: &str = ".spare";

/// The directory of one attempt.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    directory: PathBuf,
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
        match spare(&self.directory) {
            Some(spare) if fs::rename(&spare, &self.directory).is_ok() => Ok(()),
            _ => create(&self.directory),
        }
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

    /// Files for both outputs that are gone with the command, and need no directory of the attempt.
    /// `None` where there are no such files.
    pub(super) fn nameless_outputs(&self) -> io::Result<Option<(File, File)>> {
        let Some(parent) = self.directory.parent() else { return Ok(None) };
        let stdout = match nameless::create(parent) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create(parent)?;
                nameless::create(parent)
            }
            other => other,
        };
        Ok(stdout.and_then(|stdout| Ok((stdout, nameless::create(parent)?))).ok())
    }

    /// Keeps an output that had no name.
    pub(super) fn keep_output(&self, file: &File, name: &str) -> io::Result<()> {
        create(&self.directory)?;
        let path = self.directory.join(name);
        // An engine that was lost may have left one.
        remove(&path)?;
        nameless::name(file, &path)
    }

    /// Who has claimed it, and what a keeper has added.
    pub(super) fn claim(&self) -> io::Result<Claim> {
        let Some(text) = self.read(CLAIM)? else { return Ok(Claim::Open) };
        Claim::parse(&text).ok_or_else(|| {
            let path = self.directory.join(CLAIM);
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("`{}` is no claim of a capsule or a keeper", path.display()),
            )
        })
    }

    /// Claims it for the engine, so that nobody else runs it; `false` when somebody was faster.
    pub(super) fn claim_for_engine(&self) -> io::Result<bool> {
        self.create()?;
        Ok(self.claim_as(&format!("{ENGINE}\n"))?.is_some())
    }

    /// Makes the claim `text` and says where to add to it; `None` when somebody was faster.
    ///
    /// The claim appears whole, where a file made with O_EXCL would be empty at first.
    pub(super) fn claim_as(&self, text: &str) -> io::Result<Option<File>> {
        let path = self.directory.join(CLAIM);
        let nameless = || {
            let mut file = nameless::create(&self.directory)?;
            file.write_all(text.as_bytes())?;
            nameless::name(&file, &path)?;
            Ok(file)
        };
        let named = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
            file.write_all(text.as_bytes())?;
            fs::hard_link(file.path(), &path)?;
            Ok(file.into_file())
        };
        let taken = |error: &io::Error| error.kind() == io::ErrorKind::AlreadyExists;
        let made = nameless().or_else(|error| if taken(&error) { Err(error) } else { named() });
        match made {
            // The directory may have been taken away in between, and be on its way to another attempt.
            Ok(file) => Ok(is_named(&file, &path).then_some(file)),
            Err(error) if taken(&error) => Ok(None),
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

    /// Removes what is left of an attempt that nobody was to claim.
    pub(super) fn forget_unclaimed(&self) -> io::Result<()> {
        forget_with(&self.directory, true)
    }
}

/// Removes the directory of an attempt whose end is recorded. Output that was too large for the log stays.
///
/// Call it when the record is durable: afterwards the attempt can no longer be recovered.
pub fn forget(directory: &Path) -> io::Result<()> {
    forget_with(directory, false)
}

/// `unclaimed`: nobody was ever to claim it.
fn forget_with(directory: &Path, unclaimed: bool) -> io::Result<()> {
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
    // Whoever comes late to claim it must find either a claim or no directory, never an open claim.
    let mut gone = directory.as_os_str().to_owned();
    gone.push(".gone");
    let gone = PathBuf::from(gone);
    match fs::rename(directory, &gone) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    }
    // Making and removing directories is dear. One that a keeper has claimed and finished with is free for
    // another attempt: nobody is left who may be about to claim it.
    let finished =
        || Attempt { directory: gone.clone() }.claim().is_ok_and(|claim| claim.is_finished_by_keeper());
    if (unclaimed || finished()) && recycle(&gone).is_ok() { Ok(()) } else { fs::remove_dir_all(&gone) }
}

/// Empties `gone` and makes it the spare directory.
fn recycle(gone: &Path) -> io::Result<()> {
    for name in [CLAIM, STDOUT, STDERR, SCRIPT, STOPPED] {
        remove(&gone.join(name))?;
    }
    // Takes the place of a spare that is there already, which is empty.
    match spare(gone) {
        Some(spare) => fs::rename(gone, spare),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Removes the directory that was kept for another attempt in `parent`.
pub(super) fn remove_spare(parent: &Path) {
    // It is empty, or somebody else has just taken it.
    let _ = fs::remove_dir(parent.join(SPARE));
}

fn spare(directory: &Path) -> Option<PathBuf> {
    Some(directory.parent()?.join(SPARE))
}

fn create(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

fn is_named(file: &File, path: &Path) -> bool {
    let identity = |meta: fs::Metadata| (meta.dev(), meta.ino());
    let (file, named) = (file.metadata().map(identity), fs::symlink_metadata(path).map(identity));
    matches!((file, named), (Ok(file), Ok(named)) if file == named)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

//! From a job to a command line: which program, with what environment, on what input. Starts nothing.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::fs::Access;
use tokio::process::Command;

use super::process::MARK;
use crate::model::Shell;
use crate::port::{ExecCommand, ExecJob};

/// The shell of capsules and of `sh` scripts.
pub(super) const SH: &str = "/bin/sh";

/// Where programs are looked for when the environment does not say.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program that cannot be run: what a shell would say and exit with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CannotRun {
    /// 127 when there is none, 126 when it cannot be executed.
    pub(super) code: i32,
    /// What a shell would say.
    pub(super) message: String,
}

impl CannotRun {
    /// What the system says about an attempt to start `name`; `None` when the program is not the reason.
    pub(super) fn from_error(name: &str, error: &io::Error) -> Option<Self> {
        use rustix::io::Errno;
        let (code, why) = match Errno::from_io_error(error)? {
            // It was there a moment ago: its interpreter is what is missing.
            Errno::NOENT => (127, "not found, or the interpreter in its first line is not".to_owned()),
            Errno::ACCESS | Errno::PERM => (126, "permission denied".to_owned()),
            Errno::TOOBIG => (126, "argument list too long".to_owned()),
            Errno::TXTBSY => (126, "text file busy".to_owned()),
            Errno::NOEXEC | Errno::LOOP | Errno::ISDIR | Errno::NAMETOOLONG => (126, error.to_string()),
            _ => return None,
        };
        Some(CannotRun { code, message: format!("{name}: {why}\n") })
    }
}

/// What is executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// As the job names it; the program sees it as its argument 0.
    pub(super) name: OsString,
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its arguments.
    pub(super) arguments: Vec<OsString>,
}

impl Program {
    /// What `job` runs. `pipefail` is whether `sh` knows that option; `script` is where the script is written.
    pub(super) fn of(
        job: &ExecJob,
        base: &[(OsString, OsString)],
        pipefail: bool,
        script: &Path,
    ) -> Result<Self, CannotRun> {
        let (name, arguments): (&str, Vec<OsString>) = match &job.command {
            ExecCommand::Argv(argv) => {
                let (name, arguments) = argv.split_first().map_or(("", &[][..]), |(n, a)| (n, a));
                (name, arguments.iter().map(Into::into).collect())
            }
            ExecCommand::Script { shell, .. } => {
                let strict =
                    if *shell == Shell::Bash || pipefail { &["-eu", "-o", "pipefail"][..] } else { &["-eu"] };
                let name = if *shell == Shell::Sh { SH } else { shell.program() };
                (name, strict.iter().map(Into::into).chain([script.as_os_str().to_owned()]).collect())
            }
        };
        let path = job
            .env
            .iter()
            .rev()
            .find(|(name, _)| name == "PATH")
            .map(|(_, value)| OsStr::new(value))
            .or_else(|| {
                base.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_os_str())
            });
        let found = find(name, path.unwrap_or(OsStr::new(DEFAULT_PATH)), job.cwd.as_deref())?;
        Ok(Program { name: name.into(), path: found, arguments })
    }

    /// A command that runs it directly.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.arg0(&self.name).args(&self.arguments);
        command
    }

    /// A command that has `sh` read it: what shells do with a script that has no first line for the system.
    pub(super) fn command_through_shell(&self) -> Command {
        let mut command = Command::new(SH);
        command.arg(&self.path).args(&self.arguments);
        command
    }
}

/// Where the program `name` is, as `execvp` in `cwd` would look for it.
fn find(name: &str, path: &OsStr, cwd: Option<&str>) -> Result<PathBuf, CannotRun> {
    let base = PathBuf::from(cwd.unwrap_or("."));
    let refused = |code, why: &str| Err(CannotRun { code, message: format!("{name}: {why}\n") });
    if name.contains('/') {
        let full = base.join(name);
        return match fs::metadata(&full) {
            Ok(meta) if meta.is_dir() => refused(126, "is a directory"),
            Ok(_) if executable(&full) => Ok(absolute(full)),
            Ok(_) => refused(126, "permission denied"),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                refused(126, "permission denied")
            }
            Err(_) => refused(127, "no such file or directory"),
        };
    }
    let mut forbidden = false;
    if !name.is_empty() {
        for directory in path.as_bytes().split(|byte| *byte == b':') {
            let full = base.join(OsStr::from_bytes(directory)).join(name);
            if fs::metadata(&full).is_ok_and(|meta| meta.is_file()) {
                if executable(&full) {
                    return Ok(absolute(full));
                }
                forbidden = true;
            }
        }
    }
    if forbidden { refused(126, "permission denied") } else { refused(127, "command not found") }
}

fn executable(path: &Path) -> bool {
    rustix::fs::access(path, Access::EXEC_OK).is_ok()
}

/// The command is started in another directory than the one it was found from.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// Gives `command` its environment, its place and its input, and a group of its own.
pub(super) fn dress(command: &mut Command, job: &ExecJob, base: &[(OsString, OsString)]) -> io::Result<()> {
    command.env_clear().envs(base.iter().map(|(name, value)| (name, value)));
    command.envs(job.env.iter().map(|(name, value)| (name, value))).env(MARK, &job.token);
    if let Some(cwd) = &job.cwd {
        command.current_dir(cwd);
    }
    let input = input(job.stdin.as_deref())?;
    command.stdin(input.map_or_else(Stdio::null, Stdio::from)).process_group(0);
    Ok(())
}

/// Standard input: `data` in a file that has no name, so that it is gone with its last reader.
pub(super) fn input(data: Option<&[u8]>) -> io::Result<Option<File>> {
    let Some(data) = data else { return Ok(None) };
    let mut file = nameless()?;
    file.write_all(data)?;
    file.rewind()?;
    Ok(Some(file))
}

#[cfg(target_os = "linux")]
fn nameless() -> io::Result<File> {
    // In memory: it may be a secret.
    Ok(rustix::fs::memfd_create("runbook-stdin", rustix::fs::MemfdFlags::CLOEXEC)?.into())
}

#[cfg(not(target_os = "linux"))]
fn nameless() -> io::Result<File> {
    tempfile::tempfile()
}

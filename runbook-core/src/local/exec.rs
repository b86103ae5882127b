//! Running one command to its end.

use std::future::Future;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::LocalConnection;
use super::attempt::{Attempt, STDERR, STDOUT};
use super::capture::Live;
use super::claim::Claim;
use super::command::{self, CannotRun, Program};
use super::process::Tree;
use super::{recover, table};
use crate::port::{ExecCommand, ExecEnd, ExecJob, ExecReport, OutputSink};
use crate::run::Captured;

/// Time between two looks at growing output.
const TICK: Duration = Duration::from_millis(100);

/// How long the system may take to say how a process ended that is gone.
pub(super) const REAP: Duration = Duration::from_secs(2);

/// A job that did not begin.
pub fn not_started(why: impl Into<String>) -> ExecReport {
    ended(ExecEnd::NotStarted(why.into()), Captured::default())
}

fn ended(end: ExecEnd, stderr: Captured) -> ExecReport {
    ExecReport { end, stdout: Captured::default(), stderr, note: None }
}

impl LocalConnection {
    /// Runs `job` to its end.
    pub(super) async fn run(
        &self,
        job: &ExecJob,
        output: Arc<dyn OutputSink>,
        stop: CancellationToken,
    ) -> ExecReport {
        match self.try_run(job, output, stop).await {
            Ok(report) => report,
            Err(error) => not_started(format!("cannot prepare `{}`: {error}", job.directory.display())),
        }
    }

    /// Fails only before the command begins.
    async fn try_run(
        &self,
        job: &ExecJob,
        output: Arc<dyn OutputSink>,
        stop: CancellationToken,
    ) -> io::Result<ExecReport> {
        if stop.is_cancelled() {
            return Ok(not_started("the run was stopped before it began"));
        }
        if let Some(other) = &job.run_as {
            return Ok(not_started(format!(
                "`become` is not for commands on this machine: run the engine as `{0}`, or write `sudo -n -u {0}` in front of the command",
                other.user
            )));
        }
        let attempt = Attempt::at(&job.directory)?;
        if job.durable && attempt.claim()? != Claim::Open {
            return Ok(recover::join(job, output, stop).await);
        }
        if let Some(cwd) = &job.cwd
            && let Err(why) = usable_directory(cwd)
        {
            return Ok(not_started(format!("working directory `{cwd}`: {why}")));
        }
        let script = match &job.command {
            ExecCommand::Script { text, .. } => Some(text),
            ExecCommand::Argv(_) => None,
        };
        let pipefail = script.is_some() && self.pipefail().await;
        let program = match Program::of(job, &self.env, pipefail, &attempt.script()) {
            Ok(program) => program,
            Err(CannotRun { code, message }) => {
                return Ok(ended(ExecEnd::Exited(code), Captured::of_text(message)));
            }
        };
        if job.durable {
            self.remember(attempt.directory());
            attempt.create()?;
            if let Some(text) = script {
                attempt.write_script(text)?;
            }
            let live = Live::new(output.clone(), attempt.output(STDOUT)?, attempt.output(STDERR)?);
            let report = self.durable(job, &attempt, &program, live, output, stop).await;
            if script.is_some() {
                attempt.remove_script();
            }
            return Ok(report);
        }
        let mut unfinished = Unfinished { group: None, attempt: &attempt, left: false };
        if let Some(text) = script {
            self.remember(attempt.directory());
            unfinished.left = true;
            attempt.create()?;
            attempt.write_script(text)?;
        }
        let live = match attempt.nameless_outputs()? {
            Some((stdout, stderr)) => Live::nameless(output, stdout, stderr, &attempt),
            None => {
                unfinished.left = true;
                attempt.create()?;
                let files = (attempt.output(STDOUT)?, attempt.output(STDERR)?);
                for file in [&files.0, &files.1] {
                    // An engine that was lost may have left some.
                    file.set_len(0)?;
                }
                Live::new(output, files.0, files.1)
            }
        };
        Ok(self.direct(job, &program, live, stop, &mut unfinished).await)
    }

    /// Starts `command` for `job`, which writes where `live` looks.
    pub(super) fn spawn(&self, mut command: Command, job: &ExecJob, live: &Live) -> io::Result<Child> {
        command::dress(&mut command, job, &self.env)?;
        let [stdout, stderr] = live.files();
        command.stdout(stdout.try_clone()?).stderr(stderr.try_clone()?).spawn()
    }

    /// Runs a command whose outcome need not survive this engine.
    async fn direct(
        &self,
        job: &ExecJob,
        program: &Program,
        mut live: Live,
        stop: CancellationToken,
        unfinished: &mut Unfinished<'_>,
    ) -> ExecReport {
        let mut spawned = self.spawn(program.command(), job, &live);
        if spawned.as_ref().is_err_and(needs_shell) {
            spawned = self.spawn(program.command_through_shell(), job, &live);
        }
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => return refused(program, &error),
        };
        let deadline = deadline(job, Duration::ZERO);
        unfinished.group = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let (end, note) = match watch(child.wait(), deadline, &stop, &mut live).await {
            Ok(status) => (how(status), None),
            Err(end) => {
                let note = match started_as(&child) {
                    Some(root) => Tree::new(root, &job.token, false).end(job.grace.to_std()).await,
                    None => None,
                };
                // A process that cannot be killed is in the note; it is reaped whenever it goes.
                let _ = tokio::time::timeout(REAP, child.wait()).await;
                (end, note)
            }
        };
        unfinished.group = None;
        report(end, note, live).await
    }
}

fn usable_directory(path: &str) -> Result<(), String> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Ok(()),
        Ok(_) => Err("it is not a directory".into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err("it does not exist".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// A command that the system would not start.
pub(super) fn refused(program: &Program, error: &io::Error) -> ExecReport {
    let name = program.name.to_string_lossy();
    match CannotRun::from_error(&name, error) {
        Some(CannotRun { code, message }) => ended(ExecEnd::Exited(code), Captured::of_text(message)),
        None => not_started(format!("cannot start `{name}`: {error}")),
    }
}

/// Whether the system knows no way to execute the program, and a shell would try to read it.
pub(super) fn needs_shell(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error())
}

fn how(status: io::Result<ExitStatus>) -> ExecEnd {
    match code_of(&status) {
        Some(code) => ExecEnd::Exited(code),
        None => match status {
            Ok(status) => ExecEnd::Lost(format!("the system says: {status}")),
            Err(error) => ExecEnd::Lost(format!("cannot wait for the command: {error}")),
        },
    }
}

/// The exit code as a shell says it.
pub(super) fn code_of(status: &io::Result<ExitStatus>) -> Option<i32> {
    let status = status.as_ref().ok()?;
    status.code().or_else(|| Some(128 + status.signal()?))
}

/// When `job`, which has run for `since`, is ended.
pub(super) fn deadline(job: &ExecJob, since: Duration) -> Option<Instant> {
    Instant::now().checked_add(job.timeout?.to_std().saturating_sub(since))
}

/// Waits for `ending` and shows output meanwhile; says why not to wait longer when there is a reason.
pub(super) async fn watch<T>(
    ending: impl Future<Output = T>,
    deadline: Option<Instant>,
    stop: &CancellationToken,
    live: &mut Live,
) -> Result<T, ExecEnd> {
    let mut ending = pin!(ending);
    let late = async {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    let mut late = pin!(late);
    loop {
        tokio::select! {
            biased;
            value = &mut ending => return Ok(value),
            () = &mut late => return Err(ExecEnd::TimedOut),
            () = stop.cancelled() => return Err(ExecEnd::Cancelled),
            () = tokio::time::sleep(TICK) => live.tick(),
        }
    }
}

/// The report of a command that ended like `end`.
pub async fn report(end: ExecEnd, note: Option<String>, live: Live) -> ExecReport {
    match live.finish().await {
        Ok((stdout, stderr)) => ExecReport { end, stdout, stderr, note },
        Err(error) => {
            let unread = format!("its output cannot be read: {error}");
            let note = Some(note.map_or(unread.clone(), |note| format!("{note}; {unread}")));
            ExecReport { end, stdout: Captured::default(), stderr: Captured::default(), note }
        }
    }
}

/// The process of `child`: as long as nobody has waited for it, the system keeps its entry.
pub(super) fn started_as(child: &Child) -> Option<table::Process> {
    table::find(child.id()?.cast_signed())
}

/// A command whose outcome need not survive: leaves nothing behind, even when the engine drops its future.
struct Unfinished<'a> {
    /// Its group, until it has ended.
    group: Option<Pid>,
    attempt: &'a Attempt,
    /// Whether its directory was needed.
    left: bool,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // Not reaped yet, so the id is still its own.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        if self.left {
            // Nothing depends on what may be left.
            let _ = self.attempt.forget_unclaimed();
        }
    }
}

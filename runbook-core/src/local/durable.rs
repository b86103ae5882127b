//! Running one command so that its outcome is known when this engine is gone: by a keeper, or in a capsule.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::LocalConnection;
use super::attempt::Attempt;
use super::capture::Live;
use super::claim::{Claim, Kept};
use super::command::{self, Program};
use super::exec::{REAP, deadline, not_started, refused, report, started_as, watch};
use super::keeper::{self, Reply};
use super::process::{LOOK, Tree};
use super::{recover, table};
use crate::port::{ExecEnd, ExecJob, ExecReport, OutputSink};

/// What a capsule does.
const CAPSULE: &str = include_str!("capsule.sh");

impl LocalConnection {
    /// Runs a command that nobody has claimed yet.
    pub(super) async fn durable(
        &self,
        job: &ExecJob,
        attempt: &Attempt,
        program: &Program,
        mut live: Live,
        output: Arc<dyn OutputSink>,
        stop: CancellationToken,
    ) -> ExecReport {
        let deadline = deadline(job, Duration::ZERO);
        match self.kept(job, attempt, program, &mut live, deadline, &stop).await {
            Answer::Ended(end, note) => report(end, note, live).await,
            Answer::NotStarted(why) => not_started(why),
            Answer::Look => recover::join(job, output, stop).await,
            Answer::None => self.in_capsule(job, attempt, program, live, deadline, output, stop).await,
        }
    }

    /// Has a keeper run it.
    async fn kept(
        &self,
        job: &ExecJob,
        attempt: &Attempt,
        program: &Program,
        live: &mut Live,
        deadline: Option<Instant>,
        stop: &CancellationToken,
    ) -> Answer {
        let Some(keepers) = &self.keepers else { return Answer::None };
        let keeper = match watch(keepers.get(job), deadline, stop, live).await {
            Ok(Some(keeper)) => keeper,
            Ok(None) => return Answer::None,
            // Nobody was asked yet.
            Err(end) => return Answer::Ended(end, None),
        };
        let request = keeper::request(job, attempt, program);
        let sent = keeper.send(job, &request, live.files());
        let ending = async { keeper.answer(sent?).await };
        match watch(ending, deadline, stop, live).await {
            Ok(Ok(Reply::Ended(code))) => Answer::Ended(ExecEnd::Exited(code), None),
            Ok(Ok(Reply::NotStarted(error))) => {
                let name = program.name.to_string_lossy();
                Answer::NotStarted(format!("cannot start `{name}`: {}", io::Error::from_raw_os_error(error)))
            }
            Ok(reply) => {
                if reply.is_err() {
                    keepers.give_up(&keeper).await;
                }
                // When nobody has claimed it, a capsule may: should this keeper come after all, it is too late.
                if matches!(attempt.claim(), Ok(Claim::Open)) { Answer::None } else { Answer::Look }
            }
            Err(end) => {
                let note = stop_kept(job, attempt, &end).await;
                Answer::Ended(end, note)
            }
        }
    }

    /// Runs it in a capsule.
    #[allow(clippy::too_many_arguments, reason = "one step of `durable`")]
    async fn in_capsule(
        &self,
        job: &ExecJob,
        attempt: &Attempt,
        program: &Program,
        mut live: Live,
        deadline: Option<Instant>,
        output: Arc<dyn OutputSink>,
        stop: CancellationToken,
    ) -> ExecReport {
        let mut capsule = Command::new(command::SH);
        capsule.args(["-c", CAPSULE, "runbook-capsule"]).arg(attempt.directory()).arg(table::boot());
        capsule.arg(&job.token);
        // By its name, so that it sees the same argument 0 as when it is run directly. A name that the
        // shell would take for an option, or not find in the same place, goes by its path.
        let plain = !program.name.as_encoded_bytes().starts_with(b"-") && self.has_path(job);
        capsule.arg(if plain { program.name.as_os_str() } else { program.path.as_os_str() });
        capsule.args(&program.arguments);
        let mut child = match self.spawn(capsule, job, &live) {
            Ok(child) => child,
            Err(error) => return refused(program, &error),
        };
        let Some(pid) = child.id().map(u32::cast_signed) else { return not_started("it has no process id") };
        let (end, note) = match watch(child.wait(), deadline, &stop, &mut live).await {
            Ok(status) => {
                let ours =
                    matches!(attempt.claim(), Ok(Claim::Capsule { pid: claimed, .. }) if claimed == pid);
                match status.ok().and_then(|status| status.code()) {
                    Some(code) if ours => (ExecEnd::Exited(code), None),
                    // It was killed, or another capsule has the attempt: what is recorded counts.
                    _ => return recover::join(job, output, stop).await,
                }
            }
            Err(end) => {
                let note = stop_capsule(job, attempt, started_as(&child), &end).await;
                let _ = tokio::time::timeout(REAP, child.wait()).await;
                (end, note)
            }
        };
        report(end, note, live).await
    }

    fn has_path(&self, job: &ExecJob) -> bool {
        job.env.iter().any(|(name, _)| name == "PATH") || self.env.iter().any(|(name, _)| name == "PATH")
    }
}

/// What came of asking a keeper.
enum Answer {
    /// It ended like this, with a note for people.
    Ended(ExecEnd, Option<String>),
    /// It did not begin and never will.
    NotStarted(String),
    /// What is recorded of the attempt counts.
    Look,
    /// No keeper has it.
    None,
}

/// Ends everything that a capsule has started, and itself.
pub(super) async fn stop_capsule(
    job: &ExecJob,
    attempt: &Attempt,
    root: Option<table::Process>,
    end: &ExecEnd,
) -> Option<String> {
    // Without the mark a later engine would take the killed command's exit code for its own end: less exact, not wrong.
    let _ = attempt.note_stop(end);
    Tree::new(root?, &job.token, true).end(job.grace.to_std()).await
}

/// Ends everything that a keeper has started for `job`, and waits until it has recorded that.
pub(super) async fn stop_kept(job: &ExecJob, attempt: &Attempt, end: &ExecEnd) -> Option<String> {
    // As above.
    let _ = attempt.note_stop(end);
    let mut limit = Instant::now() + REAP;
    let mut note = None;
    let mut ended = false;
    loop {
        match attempt.claim() {
            // It comes too late now.
            Ok(Claim::Open) if attempt.claim_for_engine().is_ok_and(|ours| ours) => return None,
            Ok(Claim::Keeper(kept)) => match command_of(&kept, attempt) {
                _ if kept.end.is_some() => return note,
                Some(root) if !ended => {
                    note = Tree::new(root, &job.token, false).end(job.grace.to_std()).await;
                    ended = true;
                    limit = Instant::now() + REAP;
                    continue;
                }
                // It has ended this moment, or is about to start.
                _ if keeper_of(&kept).is_none() => return note,
                _ => {}
            },
            // It has just been claimed, or cannot be read.
            Ok(Claim::Open) | Err(_) => {}
            Ok(_) => return note,
        }
        if Instant::now() >= limit {
            return note;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The keeper that has claimed an attempt, if it lives.
pub(super) fn keeper_of(kept: &Kept) -> Option<table::Process> {
    let keeper = &kept.keeper;
    let here = keeper.boot == table::boot();
    let found = here.then(|| table::find(keeper.pid)).flatten()?;
    (!found.dead && found.start == keeper.start).then_some(found)
}

/// The command of a living keeper, if it has not ended.
fn command_of(kept: &Kept, attempt: &Attempt) -> Option<table::Process> {
    let keeper = keeper_of(kept)?;
    let found = table::find(kept.command?).filter(|process| process.parent == keeper.pid)?;
    // The keeper records an end before it starts another command, which might have got the same id.
    match attempt.claim() {
        Ok(Claim::Keeper(Kept { end: None, .. })) => Some(found),
        _ => None,
    }
}

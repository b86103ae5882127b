//! What became of a durable job: read from its directory, waited for when it still runs.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::attempt::{Attempt, STDERR, STDOUT};
use super::capture::Live;
use super::claim::{Claim, Kept, KeptEnd};
use super::durable::{keeper_of, stop_capsule, stop_kept};
use super::exec::{deadline, not_started, report, watch};
use super::process::{LOOK, remains};
use super::table::{self, Process};
use crate::port::{ExecEnd, ExecJob, ExecReport, OutputSink, Recovered};

/// What becomes of `job`, started at `started` by an engine that was lost.
pub(super) async fn recover(
    job: &ExecJob,
    started: Timestamp,
    output: Arc<dyn OutputSink>,
    stop: CancellationToken,
) -> Recovered {
    let found = match Attempt::at(&job.directory) {
        Ok(attempt) => settle(job, &attempt, started, output, &stop).await,
        Err(error) => Err(error),
    };
    found.unwrap_or_else(|error| {
        Recovered::Unknown(format!("`{}` cannot be read: {error}", job.directory.display()))
    })
}

/// Follows `job`, which somebody else has claimed.
pub(super) async fn join(job: &ExecJob, output: Arc<dyn OutputSink>, stop: CancellationToken) -> ExecReport {
    match recover(job, Timestamp::now(), output, stop).await {
        Recovered::Ended(report) => *report,
        Recovered::NotStarted => not_started("the attempt was given up before it began"),
        Recovered::Unknown(why) => ExecReport { end: ExecEnd::Lost(why), ..not_started("") },
    }
}

async fn settle(
    job: &ExecJob,
    attempt: &Attempt,
    started: Timestamp,
    output: Arc<dyn OutputSink>,
    stop: &CancellationToken,
) -> io::Result<Recovered> {
    let restarted = || table::boot_time().is_some_and(|boot| started < boot);
    loop {
        // The claim is read before the code: a capsule that was seen claimed and is gone has left all it will leave.
        let claim = attempt.claim()?;
        let living = match &claim {
            Claim::Capsule { pid, boot } if *boot == table::boot() => capsule(*pid, job, attempt),
            _ => None,
        };
        if let Some(code) = attempt.code()? {
            let end = attempt.stopped()?.unwrap_or(ExecEnd::Exited(code));
            return ended(end, None, attempt, output).await;
        }
        match claim {
            Claim::Keeper(kept) => return with_keeper(job, attempt, kept, started, output, stop).await,
            Claim::Engine => {
                attempt.remove_script();
                return Ok(Recovered::NotStarted);
            }
            Claim::Open | Claim::Nameless if restarted() => {
                return unknown(
                    attempt,
                    "the machine was restarted, and whether the command began before is not recorded",
                );
            }
            // When this is not the first, somebody has just claimed it: look again.
            Claim::Open => {
                attempt.claim_for_engine()?;
            }
            Claim::Nameless => {
                let here = |process: &Process| !process.dead && is_capsule(process.pid, job, attempt);
                if table::all().iter().any(here) {
                    tokio::time::sleep(LOOK).await;
                } else if attempt.claim()? == Claim::Nameless {
                    // Its claim is taken for ever, and it never came to run what it had claimed.
                    attempt.remove_script();
                    return Ok(Recovered::NotStarted);
                }
            }
            Claim::Capsule { boot, .. } if boot != table::boot() => {
                return unknown(attempt, "the machine was restarted while the command ran");
            }
            Claim::Capsule { .. } => match living {
                Some(living) => return attach(job, attempt, living, started, output, stop).await,
                None => return orphaned("capsule", job, attempt, output).await,
            },
        }
    }
}

/// What becomes of an attempt that a keeper has claimed.
async fn with_keeper(
    job: &ExecJob,
    attempt: &Attempt,
    kept: Kept,
    started: Timestamp,
    output: Arc<dyn OutputSink>,
    stop: &CancellationToken,
) -> io::Result<Recovered> {
    if kept.keeper.boot != table::boot() && kept.end.is_none() {
        return unknown(attempt, "the machine was restarted while the command ran");
    }
    let mut live = Live::new(output.clone(), attempt.output(STDOUT)?, attempt.output(STDERR)?);
    let since = Duration::try_from(Timestamp::now().duration_since(started)).unwrap_or_default();
    let ending = async {
        loop {
            // Before the record is read: a keeper that is gone has left all it will leave.
            let living = keeper_of(&kept);
            match attempt.claim()? {
                Claim::Keeper(Kept { end: Some(end), .. }) => return Ok(Some(end)),
                Claim::Keeper(_) if living.is_some() => tokio::time::sleep(LOOK).await,
                _ => return Ok(None),
            }
        }
    };
    match watch(ending, deadline(job, since), stop, &mut live).await {
        Ok(Ok(Some(KeptEnd::Code(code)))) => {
            let end = attempt.stopped()?.unwrap_or(ExecEnd::Exited(code));
            finish(report(end, None, live).await, attempt)
        }
        Ok(Ok(Some(KeptEnd::NotStarted))) => {
            attempt.remove_script();
            Ok(Recovered::NotStarted)
        }
        Ok(Ok(Some(KeptEnd::Lost))) => unknown(attempt, "the system did not say how the command ended"),
        Ok(Ok(None)) => orphaned("keeper", job, attempt, output).await,
        Ok(Err(error)) => Err(error),
        Err(end) => {
            let note = stop_kept(job, attempt, &end).await;
            finish(report(end, note, live).await, attempt)
        }
    }
}

/// The answer for an attempt whose capsule or keeper (`who`) was killed.
async fn orphaned(
    who: &str,
    job: &ExecJob,
    attempt: &Attempt,
    output: Arc<dyn OutputSink>,
) -> io::Result<Recovered> {
    let left = still_running(job);
    if let Some(end) = attempt.stopped()? {
        let note = left.map(|left| format!("could not be ended: {left}"));
        return ended(end, note, attempt, output).await;
    }
    let left = left.map_or(String::new(), |left| format!("; still running: {left}"));
    unknown(attempt, &format!("the command's {who} was killed{left}"))
}

fn unknown(attempt: &Attempt, why: &str) -> io::Result<Recovered> {
    attempt.remove_script();
    Ok(Recovered::Unknown(why.to_owned()))
}

fn still_running(job: &ExecJob) -> Option<String> {
    let left = remains(&job.token);
    (!left.is_empty()).then(|| format!("process {}", left.join(", process ")))
}

/// The process `pid` when it is the living capsule of this attempt, and not one that got its id since.
fn capsule(pid: i32, job: &ExecJob, attempt: &Attempt) -> Option<Process> {
    let found = table::find(pid).filter(|process| !process.dead)?;
    is_capsule(pid, job, attempt).then_some(found)
}

fn is_capsule(pid: i32, job: &ExecJob, attempt: &Attempt) -> bool {
    table::has_argument(pid, attempt.directory().as_os_str().as_bytes())
        && table::has_argument(pid, job.token.as_bytes())
}

/// Waits for a capsule that another engine has started.
async fn attach(
    job: &ExecJob,
    attempt: &Attempt,
    living: Process,
    started: Timestamp,
    output: Arc<dyn OutputSink>,
    stop: &CancellationToken,
) -> io::Result<Recovered> {
    let mut live = Live::new(output.clone(), attempt.output(STDOUT)?, attempt.output(STDERR)?);
    let since = Duration::try_from(Timestamp::now().duration_since(started)).unwrap_or_default();
    let gone = async {
        while table::find(living.pid).is_some_and(|now| now == living && !now.dead) {
            tokio::time::sleep(LOOK).await;
        }
    };
    match watch(gone, deadline(job, since), stop, &mut live).await {
        Ok(()) => match attempt.code()? {
            Some(code) => {
                let end = attempt.stopped()?.unwrap_or(ExecEnd::Exited(code));
                finish(report(end, None, live).await, attempt)
            }
            None => unknown(attempt, "the command's capsule was killed"),
        },
        Err(end) => {
            let note = stop_capsule(job, attempt, Some(living), &end).await;
            finish(report(end, note, live).await, attempt)
        }
    }
}

/// The report of an attempt that has ended.
async fn ended(
    end: ExecEnd,
    note: Option<String>,
    attempt: &Attempt,
    output: Arc<dyn OutputSink>,
) -> io::Result<Recovered> {
    let live = Live::new(output, attempt.output(STDOUT)?, attempt.output(STDERR)?);
    finish(report(end, note, live).await, attempt)
}

fn finish(report: ExecReport, attempt: &Attempt) -> io::Result<Recovered> {
    attempt.remove_script();
    Ok(Recovered::Ended(Box::new(report)))
}

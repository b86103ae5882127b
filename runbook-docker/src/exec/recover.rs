//! What became of a durable job: asked of the engine, which keeps that for some minutes; waited for when it still runs.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use jiff::Timestamp;
use runbook_core::port::{ExecEnd, ExecJob, ExecReport, OutputSink, Recovered};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::record::Record;
use super::start::{not_started, report};
use super::watch::{Watched, watch};
use crate::capture::Capture;
use crate::engine::{is_missing, said};

/// How long a request to start that a lost engine has sent may be on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// What goes with a result whose output is not whole.
const NOT_WHOLE: &str = "what it wrote after its engine was lost is not known";

/// What becomes of `job`, started at `started` by an engine that was lost.
pub(crate) async fn recover(
    docker: &Docker,
    user: Option<&str>,
    job: &ExecJob,
    started: Timestamp,
    output: Arc<dyn OutputSink>,
    stop: CancellationToken,
) -> Recovered {
    let found = settle(docker, user, job, started, output, &stop).await;
    found.unwrap_or_else(|error| {
        Recovered::Unknown(format!("`{}` cannot be read: {error}", job.directory.display()))
    })
}

/// Follows `job`, which somebody else has begun.
pub(super) async fn join(
    docker: &Docker,
    user: Option<&str>,
    job: &ExecJob,
    output: Arc<dyn OutputSink>,
    stop: CancellationToken,
) -> ExecReport {
    match recover(docker, user, job, Timestamp::now(), output, stop).await {
        Recovered::Ended(report) => *report,
        Recovered::NotStarted => not_started("the attempt was given up before it began"),
        Recovered::Unknown(why) => ExecReport { end: ExecEnd::Lost(why), ..not_started("") },
    }
}

async fn settle(
    docker: &Docker,
    user: Option<&str>,
    job: &ExecJob,
    started: Timestamp,
    output: Arc<dyn OutputSink>,
    stop: &CancellationToken,
) -> io::Result<Recovered> {
    let mut record = Record::read(&job.directory)?;
    if record.is_none() && !Record::GivenUp.write(&job.directory)? {
        // Somebody has just begun it.
        record = Record::read(&job.directory)?;
    }
    let Some(Record::Exec { id, container, code }) = record else { return Ok(Recovered::NotStarted) };
    match standing(docker, &id).await {
        Standing::Begun => {}
        Standing::NotBegun => return Ok(Recovered::NotStarted),
        Standing::Unknown(why) => return Ok(Recovered::Unknown(why)),
    }
    let capture = Capture::found(output, &job.directory)?;
    let left = job.timeout.map(|limit| {
        let since = Duration::try_from(Timestamp::now().duration_since(started)).unwrap_or_default();
        let left = limit.to_std().saturating_sub(since);
        runbook_core::value::Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    });
    let mut watched =
        Watched { docker, id: &id, container: &container, code: code.as_deref(), user, job, capture };
    let outcome = watch(&mut watched, None, left, stop).await;
    if let ExecEnd::Lost(why) = outcome.end {
        return Ok(Recovered::Unknown(why));
    }
    let note = outcome.note.map_or_else(|| NOT_WHOLE.to_owned(), |note| format!("{note}; {NOT_WHOLE}"));
    let report = report(outcome.end, Some(note), watched.capture, outcome.refused).await;
    Ok(Recovered::Ended(Box::new(report)))
}

/// What the engine says of an exec.
enum Standing {
    Begun,
    NotBegun,
    Unknown(String),
}

async fn standing(docker: &Docker, id: &str) -> Standing {
    for last in [false, true] {
        match docker.inspect_exec(id).await {
            Ok(found) if found.running == Some(true) || found.exit_code.is_some() => return Standing::Begun,
            Ok(_) if last => return Standing::NotBegun,
            Ok(_) => sleep(ON_ITS_WAY).await,
            Err(error) if is_missing(&error) => {
                let why = "the container engine no longer knows the command: it ended some minutes ago, or the container or the engine was restarted";
                return Standing::Unknown(why.to_owned());
            }
            Err(error) => return Standing::Unknown(said(&error)),
        }
    }
    Standing::NotBegun
}

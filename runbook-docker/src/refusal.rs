//! Why an operation did not do what it should, and how results are made of it.

use bollard::errors::Error;
use runbook_core::port::{ConnectError, ExecEnd, ExecReport};
use runbook_core::run::{Ending, StepResult};
use runbook_core::value::Value;

use crate::engine::{said, status};

/// Why an operation did not do what it should.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) ending: Ending,
    pub(crate) why: String,
}

impl From<Refusal> for StepResult {
    fn from(refusal: Refusal) -> Self {
        StepResult::failure(refusal.ending, refusal.why)
    }
}

impl From<Error> for Refusal {
    /// A refusal of the engine is its answer; without an answer nobody knows what it has done.
    fn from(error: Error) -> Self {
        match status(&error) {
            Some(_) => failed(said(&error)),
            None => unknown(format!("the container engine did not answer: {}", said(&error))),
        }
    }
}

impl From<ConnectError> for Refusal {
    fn from(error: ConnectError) -> Self {
        let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
        not_started(format!("{}{help}", error.message))
    }
}

/// Nothing has begun, and why.
pub(crate) fn not_started(why: impl Into<String>) -> Refusal {
    Refusal { ending: Ending::NotStarted, why: why.into() }
}

/// It did not work.
pub(crate) fn failed(why: impl Into<String>) -> Refusal {
    Refusal { ending: Ending::Completed, why: why.into() }
}

/// What became of it is not known, and why.
pub(crate) fn unknown(why: impl Into<String>) -> Refusal {
    Refusal { ending: Ending::Unknown, why: why.into() }
}

/// A good result with `json`.
pub(crate) fn answer(json: Value) -> StepResult {
    let mut result = StepResult::success();
    result.fields.insert("json".into(), json);
    result
}

/// The result of a command.
pub(crate) fn of_report(report: ExecReport) -> StepResult {
    let mut result = match report.end {
        ExecEnd::Exited(code) => {
            let mut result = StepResult::success();
            result.exit_code = Some(code);
            result
        }
        ExecEnd::TimedOut => {
            StepResult::failure(Ending::TimedOut, "took longer than its timeout and was stopped")
        }
        ExecEnd::Cancelled => StepResult::failure(Ending::Cancelled, "was stopped"),
        ExecEnd::NotStarted(why) => not_started(why).into(),
        ExecEnd::Lost(why) => unknown(why).into(),
    };
    if let Some(note) = report.note {
        result.reason = result.reason.map(|reason| format!("{reason}; {note}"));
        result.fields.insert("note".into(), note.into());
    }
    (result.stdout, result.stderr) = (report.stdout, report.stderr);
    result
}

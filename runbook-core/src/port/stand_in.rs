//! What takes the place of the world when a run is tested.

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::FileFacts;
use crate::model::{Action, Check, Expect};
use crate::run::{Ending, StepResult};
use crate::value::Duration;

/// Takes the place of every executor and every connection of an engine.
///
/// Everything around the world stays real: rendering, `expect`, outputs, retries, verification, gates, rollback.
/// What is never asked: expressions, `set`, `assert`, `wait`, and people, who have the
/// [`Approver`](super::Approver).
#[async_trait]
pub trait StandIn: Send + Sync {
    /// Carries an attempt out: comes back with what an executor would say, before `expect` judges it. A result
    /// that completed and is not `ok` is a failure whatever `expect` says.
    async fn act(&self, attempt: &Attempted<'_>) -> StepResult;

    /// Finds out what became of an attempt whose engine was lost. The default says that it cannot.
    async fn recover(&self, attempt: &Attempted<'_>, started: Timestamp) -> StepResult {
        let _ = (attempt, started);
        StepResult::failure(Ending::Unknown, "nobody can be asked what became of it")
    }

    /// Answers one try of a check. `None` for an expression leaves it to be evaluated.
    async fn check(&self, asked: &Asked<'_>) -> Option<CheckAnswer>;
}

/// An attempt to be carried out.
#[derive(Debug)]
#[non_exhaustive]
pub struct Attempted<'a> {
    /// The step's name in logs.
    pub key: &'a str,
    /// Which attempt, from 1.
    pub number: u32,
    /// The action as it was written.
    pub action: &'a Action,
    /// What counts as success.
    pub expect: Option<&'a Expect>,
    /// The rendered action for people: of a command the command alone, without environment and directory.
    pub command: String,
    /// The name of the target on which it acts.
    pub target: &'a str,
    /// Hard limit.
    pub timeout: Option<Duration>,
    /// Cancelled when it must end.
    pub stop: &'a CancellationToken,
}

/// One try of a check.
#[derive(Debug)]
#[non_exhaustive]
pub struct Asked<'a> {
    /// The key of the step it belongs to; empty for the runbook's own.
    pub step: &'a str,
    /// Which of its lists: `preconditions`, `done_when`, `verify`, `goal`, `for`.
    pub stage: &'a str,
    /// Its place in the list, from 1.
    pub number: usize,
    /// The check as it was written.
    pub check: &'a Check,
    /// The rendered question for people.
    pub question: String,
    /// Hard limit for this try.
    pub timeout: Duration,
}

/// The answer to one try of a check.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CheckAnswer {
    /// It passes.
    Passes,
    /// It does not, and why.
    Refuses(String),
    /// What a command or an executor says, still to be judged.
    Result(Box<StepResult>),
    /// What is known of a file, still to be judged; `None` when there is none.
    File(Option<FileFacts>),
}

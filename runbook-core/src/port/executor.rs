//! How actions are carried out.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{ConnectError, Connection, OutputSink};
use crate::kind::{ActionKind, Target};
use crate::run::StepResult;
use crate::value::{Duration, Value};

/// Carries out one kind of action.
///
/// An executor does one thing once and says how it ended, "I do not know" included. It never decides
/// about retries, order, gates or undo.
#[async_trait]
pub trait Executor: Send + Sync {
    /// The static half: parameters, effect, what to show.
    fn kind(&self) -> Arc<dyn ActionKind>;

    /// Does it once.
    ///
    /// An end that is not known is [`Ending::Unknown`](crate::run::Ending::Unknown), a bad one is a result that is
    /// not `ok`; neither is an error of the engine.
    async fn execute(&self, context: &ActionContext) -> StepResult;

    /// What doing it would change, for people: shown at a gate and in a rehearsal. Changes nothing itself.
    async fn preview(&self, context: &ActionContext) -> Option<String> {
        let _ = context;
        None
    }

    /// Finds out what became of an attempt whose engine was lost. The default says that it cannot.
    async fn recover(&self, context: &ActionContext, started: Timestamp) -> StepResult {
        let _ = (context, started);
        StepResult::failure(
            crate::run::Ending::Unknown,
            "this kind of action cannot be asked what became of it",
        )
    }
}

/// What an executor gets to work with.
#[derive(Clone)]
#[non_exhaustive]
pub struct ActionContext {
    /// The rendered parameters.
    pub params: Value,
    /// Where to act.
    pub target: Target,
    /// The step's name in logs.
    pub key: String,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Hard limit; the executor keeps it.
    pub timeout: Option<Duration>,
    /// Cancelled when the action must end.
    pub stop: CancellationToken,
    /// Where output goes while it is written.
    pub output: Arc<dyn OutputSink>,
    /// A directory on the engine's machine for this attempt alone; created when needed.
    pub directory: PathBuf,
    /// Identifies this attempt among all.
    pub token: String,
    /// Opens connections to targets.
    pub connections: Arc<dyn Connections>,
}

/// The connections of a run.
#[async_trait]
pub trait Connections: Send + Sync {
    /// The connection to `target`; opened when it is first asked for.
    async fn get(&self, target: &Target) -> Result<Arc<dyn Connection>, ConnectError>;
}

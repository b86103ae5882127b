//! Stand-ins that must never be reached: proof that something has no effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;

use super::actions::ScriptedKind;
use crate::kind::{ActionKind, Target};
use crate::model::Effect;
use crate::port::{ActionContext, ConnectError, Connection, Connector, Executor};
use crate::run::{Ending, StepResult};

/// An executor that must not be called. When it is, it does nothing, says so, and counts.
#[derive(Debug)]
pub struct ForbiddenExecutor {
    kind: Arc<ScriptedKind>,
    calls: AtomicUsize,
}

impl ForbiddenExecutor {
    /// Stands in for the executor of the action `key`.
    pub fn new(key: impl Into<String>, effect: Effect) -> Self {
        ForbiddenExecutor {
            kind: Arc::new(ScriptedKind { key: key.into(), effect }),
            calls: AtomicUsize::new(0),
        }
    }

    /// How often it was called.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn refuse(&self) -> StepResult {
        self.calls.fetch_add(1, Ordering::SeqCst);
        StepResult::failure(Ending::NotStarted, format!("`{}` must not be carried out here", self.kind.key))
    }
}

#[async_trait]
impl Executor for ForbiddenExecutor {
    fn kind(&self) -> Arc<dyn ActionKind> {
        Arc::clone(&self.kind) as Arc<dyn ActionKind>
    }

    async fn execute(&self, _context: &ActionContext) -> StepResult {
        self.refuse()
    }

    async fn recover(&self, _context: &ActionContext, _started: Timestamp) -> StepResult {
        self.refuse()
    }
}

/// A connector that must not be used. When it is, it reaches nothing, says so, and counts.
///
/// For the kind `local` it takes the place of the engine's own, so that no command can run.
#[derive(Debug)]
pub struct ForbiddenConnector {
    kind: String,
    calls: AtomicUsize,
}

impl ForbiddenConnector {
    /// Stands in for the connector of targets of `kind`.
    pub fn new(kind: impl Into<String>) -> Self {
        ForbiddenConnector { kind: kind.into(), calls: AtomicUsize::new(0) }
    }

    /// How often it was used.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Connector for ForbiddenConnector {
    fn kind(&self) -> &str {
        &self.kind
    }

    async fn connect(&self, target: &Target) -> Result<Arc<dyn Connection>, ConnectError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let message = format!("target `{}` must not be reached here", target.name);
        Err(ConnectError { kind: "forbidden", message, help: None })
    }
}

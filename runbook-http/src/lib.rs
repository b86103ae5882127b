//! The action `http`.
//!
//! This version knows the action, checks its parameters and says what it may do to the world, but cannot
//! carry it out yet: [`HttpKind::available`](ActionKind::available) is `false`, so that a runbook that uses it
//! is refused when it is read, and an executor that is called all the same says that nothing has begun.

mod kind;

use std::sync::Arc;

use async_trait::async_trait;
use runbook_core::drive::EngineBuilder;
use runbook_core::kind::{ActionKind, Kinds};
use runbook_core::port::{ActionContext, Executor};
use runbook_core::run::{Ending, StepResult};

pub use kind::HttpKind;

/// Adds the static half to `kinds`, for reading and checking runbooks.
pub fn register(kinds: &mut Kinds) {
    kinds.add_action(Arc::new(HttpKind));
}

/// Adds the run-time half to an engine.
pub fn plug_in(engine: EngineBuilder) -> EngineBuilder {
    executors().into_iter().fold(engine, EngineBuilder::executor)
}

/// The run-time half of every action in this crate.
pub fn executors() -> Vec<Arc<dyn Executor>> {
    vec![Arc::new(HttpExecutor)]
}

/// Carries out `http` actions; not in this version.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpExecutor;

impl HttpExecutor {
    fn not_yet() -> StepResult {
        StepResult::failure(Ending::NotStarted, "`http` is not available yet in this version")
    }
}

#[async_trait]
impl Executor for HttpExecutor {
    fn kind(&self) -> Arc<dyn ActionKind> {
        Arc::new(HttpKind)
    }

    async fn execute(&self, _context: &ActionContext) -> StepResult {
        Self::not_yet()
    }

    async fn recover(&self, _context: &ActionContext, _started: jiff::Timestamp) -> StepResult {
        Self::not_yet()
    }
}

//! The actions `docker` and `compose`, and the target kinds `container` and `service`.
//!
//! This version knows them, checks their parameters and says what they may do to the world, but cannot carry
//! them out yet: `available()` is `false`, so that a runbook that uses them is refused when it is read, and what
//! is called all the same says that nothing has begun.

mod compose;
mod docker;
mod operation;
mod target;

use std::sync::Arc;

use async_trait::async_trait;
use runbook_core::drive::EngineBuilder;
use runbook_core::kind::{ActionKind, Kinds, Target, TargetKind as _};
use runbook_core::port::{ActionContext, ConnectError, Connection, Connector, Executor};
use runbook_core::run::{Ending, StepResult};

pub use compose::ComposeKind;
pub use docker::DockerKind;
pub use target::{ContainerKind, ServiceKind};

/// Adds the static halves to `kinds`, for reading and checking runbooks.
pub fn register(kinds: &mut Kinds) {
    kinds.add_action(Arc::new(DockerKind));
    kinds.add_action(Arc::new(ComposeKind));
    kinds.add_target(Arc::new(ContainerKind));
    kinds.add_target(Arc::new(ServiceKind));
}

/// Adds the run-time halves to an engine.
pub fn plug_in(engine: EngineBuilder) -> EngineBuilder {
    let engine = executors().into_iter().fold(engine, EngineBuilder::executor);
    connectors().into_iter().fold(engine, EngineBuilder::connector)
}

/// The run-time half of every action in this crate.
pub fn executors() -> Vec<Arc<dyn Executor>> {
    vec![Arc::new(NotYet { kind: Arc::new(DockerKind) }), Arc::new(NotYet { kind: Arc::new(ComposeKind) })]
}

/// What would reach the targets of this crate's kinds.
pub fn connectors() -> Vec<Arc<dyn Connector>> {
    let kinds = [ContainerKind.key().to_owned(), ServiceKind.key().to_owned()];
    kinds.into_iter().map(|kind| Arc::new(NoConnection { kind }) as Arc<dyn Connector>).collect()
}

/// Would carry out the actions of `kind`.
struct NotYet {
    kind: Arc<dyn ActionKind>,
}

impl NotYet {
    fn answer(&self) -> StepResult {
        let reason = format!("`{}` is not available yet in this version", self.kind.key());
        StepResult::failure(Ending::NotStarted, reason)
    }
}

#[async_trait]
impl Executor for NotYet {
    fn kind(&self) -> Arc<dyn ActionKind> {
        Arc::clone(&self.kind)
    }

    async fn execute(&self, _context: &ActionContext) -> StepResult {
        self.answer()
    }

    async fn recover(&self, _context: &ActionContext, _started: jiff::Timestamp) -> StepResult {
        self.answer()
    }
}

/// Would reach targets of `kind`.
struct NoConnection {
    kind: String,
}

#[async_trait]
impl Connector for NoConnection {
    fn kind(&self) -> &str {
        &self.kind
    }

    async fn connect(&self, target: &Target) -> Result<Arc<dyn Connection>, ConnectError> {
        let message =
            format!("target `{}`: `{}` is not available yet in this version", target.name, self.kind);
        Err(ConnectError { kind: "not_available", message, help: None })
    }
}

//! The actions `docker` and `compose`, and the target kinds `container` and `service`.
//!
//! Everything goes over the API of the container engine, except for Compose, which is a program of its own.

mod act;
mod capture;
mod compose;
mod connection;
mod container;
mod docker;
mod engine;
mod exec;
mod operation;
mod target;

use std::sync::Arc;

use async_trait::async_trait;
use runbook_core::drive::EngineBuilder;
use runbook_core::kind::{ActionKind, Kinds};
use runbook_core::port::{ActionContext, Connector, Executor};
use runbook_core::run::{Ending, StepResult};

pub use act::DockerExecutor;
pub use compose::ComposeKind;
pub use connection::ContainerConnector;
pub use docker::DockerKind;
pub use engine::EngineAddress;
pub use target::{ContainerKind, ServiceKind};

/// Adds the static halves to `kinds`, for reading and checking runbooks.
pub fn register(kinds: &mut Kinds) {
    kinds.add_action(Arc::new(DockerKind));
    kinds.add_action(Arc::new(ComposeKind));
    kinds.add_target(Arc::new(ContainerKind));
    kinds.add_target(Arc::new(ServiceKind));
}

/// Adds the run-time halves to an engine; `address` is where this machine's container engine is.
pub fn plug_in(engine: EngineBuilder, address: &EngineAddress) -> EngineBuilder {
    let engine = executors(address).into_iter().fold(engine, EngineBuilder::executor);
    connectors(address).into_iter().fold(engine, EngineBuilder::connector)
}

/// The run-time half of every action in this crate.
pub fn executors(address: &EngineAddress) -> Vec<Arc<dyn Executor>> {
    vec![Arc::new(DockerExecutor::new(address.clone())), Arc::new(NotYet { kind: Arc::new(ComposeKind) })]
}

/// What reaches the targets of this crate's kinds.
pub fn connectors(address: &EngineAddress) -> Vec<Arc<dyn Connector>> {
    vec![
        Arc::new(ContainerConnector::containers(address.clone())),
        Arc::new(ContainerConnector::services(address.clone())),
    ]
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

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
mod params;
mod refusal;
mod stack;
mod target;

use std::sync::Arc;

use runbook_core::drive::EngineBuilder;
use runbook_core::kind::Kinds;
use runbook_core::port::{Connector, Executor};

pub use act::DockerExecutor;
pub use compose::ComposeKind;
pub use connection::ContainerConnector;
pub use docker::DockerKind;
pub use engine::EngineAddress;
pub use stack::ComposeExecutor;
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
    vec![Arc::new(DockerExecutor::new(address.clone())), Arc::new(ComposeExecutor::new(address.clone()))]
}

/// What reaches the targets of this crate's kinds.
pub fn connectors(address: &EngineAddress) -> Vec<Arc<dyn Connector>> {
    vec![
        Arc::new(ContainerConnector::containers(address.clone())),
        Arc::new(ContainerConnector::services(address.clone())),
    ]
}

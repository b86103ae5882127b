//! The action and the check `http`: requests to web servers.
//!
//! A request is sent once. What was refused before anything was sent has not happened; what broke off afterwards is in
//! doubt, unless its method is idempotent. Redirects never bring a header or a body of the author to another server, the
//! environment decides nothing about proxies, and of a large body only the beginning is fetched.

mod answer;
mod client;
mod execute;
mod expect;
mod fault;
mod kind;
mod request;
mod written;

use std::sync::Arc;

use runbook_core::drive::EngineBuilder;
use runbook_core::kind::Kinds;
use runbook_core::port::Executor;

pub use execute::HttpExecutor;
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

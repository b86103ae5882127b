//! The target kind `ssh`: commands and files of other machines, over the user's own OpenSSH.
//!
//! One multiplexed connection a target and run. Commands that only read hold a *lease*: they end with their
//! connection. Commands with an effect run in a *capsule* on the target, which outlives connection and engine,
//! runs an attempt at most once, and keeps its outcome until it has been fetched.

mod command;
mod connection;
mod durable;
mod fault;
mod files;
mod forward;
mod host;
mod kind;
mod lease;
mod link;
mod master;
mod record;
mod session;
mod text;
mod transfer;
mod tree;

use std::sync::Arc;

use runbook_core::drive::EngineBuilder;
use runbook_core::kind::Kinds;

pub use connection::SshConnector;
pub use kind::SshKind;

/// The key of the kind.
const KEY: &str = "ssh";

/// Adds the static half to `kinds`, for reading and checking runbooks.
pub fn register(kinds: &mut Kinds) {
    kinds.add_target(Arc::new(SshKind));
}

/// Adds the connector to an engine.
pub fn plug_in(engine: EngineBuilder) -> EngineBuilder {
    engine.connector(Arc::new(SshConnector::default()))
}

//! What commands are found to do: two tables of labelled commands, laws, and texts nobody thought of.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod corpus;
mod labelled;
mod random;
mod wrappings;

use runbook_core::command::{Analysis, Context, Effect, Script, classify};
use runbook_core::shell::Dialect;

/// What is found out about `text`.
pub fn look(text: &str, dialect: Dialect) -> Analysis {
    classify(&Script::new(text, dialect), &Context::default())
}

/// What `text` does, to bash.
pub fn effect(text: &str) -> Effect {
    look(text, Dialect::Bash).effect
}

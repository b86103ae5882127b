//! What commands are found to do: two tables of labelled commands, laws, and texts nobody thought of.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod corpus;
mod labelled;
mod random;
mod second;
mod wrappings;

use runbook_core::command::{Analysis, Context, Script, classify};
use runbook_core::shell::Dialect;

/// What is found out about `text`.
pub(crate) fn look(text: &str, dialect: Dialect) -> Analysis {
    classify(&Script::new(text, dialect), &Context::default())
}

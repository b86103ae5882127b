//! `runbook schema`.

use runbook_core::language;

use crate::exit::Exit;
use crate::{output, registry};

/// Prints the language as a JSON Schema.
pub(crate) fn execute() -> Exit {
    // The alternate form puts each key on a line of its own.
    output::data(&format!("{:#}\n", language::schema(&registry::kinds())));
    Exit::Succeeded
}

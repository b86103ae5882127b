//! Rules over a whole runbook: every name resolved, every wait possible, nothing that cannot work.
//!
//! Looks at the model only; knows neither the text it was read from nor the values of a run.

mod env;
mod graph;
mod names;
mod order;
mod rules;
mod scripts;
mod suggest;
mod uses;

pub use env::{ALLOWED_ENV, ALLOWED_ENV_PREFIXES, is_allowed_env};
pub use graph::{Graph, Placed, Role};
pub use rules::overdue;
pub(crate) use scripts::dialect as script_dialect;
pub(crate) use suggest::Suggest;
pub(crate) use uses::{of_checks, of_step};

use crate::diag::Diagnostics;
use crate::model::Runbook;

/// Checks everything about `runbook` that can be known before a run; problems are added to `found`.
pub fn check(runbook: &Runbook, found: &mut Diagnostics) {
    let graph = Graph::new(runbook, found);
    names::check(runbook, &graph, found);
    rules::check(runbook, &graph, found);
    scripts::check(runbook, &graph, found);
}

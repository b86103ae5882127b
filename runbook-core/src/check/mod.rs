//! Rules over a whole runbook: every name resolved, every wait possible, nothing that cannot work.
//!
//! Looks at the model only; knows neither the text it was read from nor the values of a run.

mod calls;
mod contacts;
mod env;
mod graph;
mod items;
mod names;
mod order;
mod rules;
mod scripts;
mod suggest;
mod unit;
mod unread;
mod uses;

pub use env::{ALLOWED_ENV, ALLOWED_ENV_PREFIXES, is_allowed_env};
pub use graph::{Graph, Placed, Role};
pub use rules::overdue;
pub(crate) use scripts::check as script;
pub(crate) use scripts::dialect as script_dialect;
pub(crate) use suggest::Suggest;
pub use unread::{Names, Unread};
pub(crate) use uses::{When, of_checks, of_step};

use crate::diag::Diagnostics;
use crate::model::Runbook;
use graph::Lists;

/// Checks everything about `runbook` that can be known before a run; problems are added to `found`.
/// Nothing is said of what is `unread`.
pub fn check(runbook: &Runbook, unread: &Unread, found: &mut Diagnostics) {
    let graph = Graph::without(unread, Lists::of_book(runbook), found);
    names::check(unit::Unit::of_book(runbook), &graph, unread, found);
    rules::check(runbook, &graph, found);
    contacts::check(runbook, unread, found);
    contacts::steps(runbook, &graph, unread, found);
    for procedure in &runbook.procedures {
        let graph = Graph::without(unread, Lists::of_procedure(procedure), found);
        names::check(unit::Unit::of_procedure(runbook, procedure), &graph, unread, found);
        rules::steps(runbook, &graph, found);
        contacts::steps(runbook, &graph, unread, found);
    }
    calls::check(runbook, unread, found);
}

//! Names of what steps are repeated for, which repetition a name means, and which it cannot mean.

use super::graph::{Apart, Graph, Placed};
use crate::diag::{Code, Diagnostic};
use crate::ids::NodeId;
use crate::model::{Action, Each, Over};
use crate::source::Span;

/// What expressions call the items of `placed`, when it is repeated for some.
fn names<'g>(placed: &'g Placed<'_>) -> Option<impl Iterator<Item = &'g str> + use<'g>> {
    match &placed.step.spec.action {
        Action::Each(Each { over: Over::Items(_), name, .. }) => {
            Some(std::iter::once("item").chain(name.as_deref()))
        }
        _ => None,
    }
}

/// The names of what the steps around `id` are repeated for.
pub(super) fn around<'g>(graph: &'g Graph<'_>, id: NodeId) -> Vec<&'g str> {
    let mut found: Vec<&str> = Vec::new();
    for name in graph.around(id).filter_map(|group| names(graph.step(group))).flatten() {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// Whether `root` names what a step around `id` is repeated for.
pub(super) fn is_item(graph: &Graph<'_>, id: NodeId, root: &str) -> bool {
    graph.around(id).filter_map(|group| names(graph.step(group))).flatten().any(|name| name == root)
}

/// What to say of `root` at `span` when it is what a step elsewhere is repeated for.
pub(super) fn of_another(graph: &Graph<'_>, root: &str, span: Span) -> Option<Diagnostic> {
    let holder = graph.steps().iter().find(
        |placed| matches!(&placed.step.spec.action, Action::Each(each) if each.name.as_deref() == Some(root)),
    );
    if root != "item" && holder.is_none() {
        return None;
    }
    let problem = Diagnostic::error(Code::UNKNOWN_REFERENCE, span, format!("there is no `{root}` here"));
    Some(match holder {
        Some(holder) => problem
            .also(holder.span(), format!("only this step, and what is in it, has `{root}`"))
            .help("refer to it in that step"),
        None => problem
            .note("`item` is what a step with `for_each`, or a step inside of it, is repeated for")
            .help("add `for_each: {in: …}` to this step or to a group around it"),
    })
}

/// What `step` means at `here`: inside of a step that is repeated, its name means the same repetition.
pub(super) fn own_repetition(graph: &Graph<'_>, here: NodeId, step: NodeId) -> NodeId {
    let placed = graph.step(step);
    let (Action::Each(_), Some(template)) = (&placed.step.spec.action, placed.children.first()) else {
        return step;
    };
    let mut around = std::iter::once(here).chain(graph.around(here));
    if around.any(|id| id == *template) { *template } else { step }
}

/// Why `step` cannot be referred to at `span`.
pub(super) fn apart(graph: &Graph<'_>, apart: Apart, step: NodeId, span: Span) -> Diagnostic {
    let key = &graph.step(step).key;
    let (other, message, help) = match apart {
        Apart::OtherCase(choice) => {
            let help = "only one case of a choice runs; do what both need before it".to_owned();
            (choice, format!("step `{key}` belongs to another case"), help)
        }
        Apart::Repeated(holder) => {
            let holder_key = &graph.step(holder).key;
            let help =
                format!("outside of it there is `steps.{holder_key}.items`, a list with one entry each");
            (holder, format!("step `{key}` is repeated, so it has no single result here"), help)
        }
    };
    let there = graph.step(other).span();
    Diagnostic::error(Code::NOT_AN_ANCESTOR, span, message).also(there, "by this step").help(help)
}

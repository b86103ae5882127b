//! Restores that keep nothing of what they overwrite.

use super::commands::{COPYING, RESTORING};
use super::view::View;
use crate::check::Role;
use crate::diag::{Code, Diagnostic};
use crate::ids::NodeId;
use crate::model::{Action, Check, CheckKind, Effect};

pub(super) fn lint(view: &View<'_>, found: &mut Vec<Diagnostic>) {
    for (id, placed) in view.acting() {
        if view.effect(id) == Effect::Read || !restores(view, id) || is_elsewhere(view, id) {
            continue;
        }
        let kept = view.steps().any(|(other, one)| {
            other != id && one.role == Role::Body && comes_before(view, other, id) && keeps(view, other)
        });
        if kept || copies(view, id) {
            continue;
        }
        let message = format!("`{}` keeps nothing of what it overwrites", placed.key);
        found.push(
            Diagnostic::warning(Code::RESTORE_WITHOUT_COPY, view.place(id), message)
                .note("if the copy turns out to be bad, what was there before is gone as well")
                .help("copy what is there in a step before it, and put that back in `rollback`"),
        );
    }
}

fn comes_before(view: &View<'_>, before: NodeId, after: NodeId) -> bool {
    view.graph.following(before).is_some_and(|following| following.get(after.index()) == Some(&true))
}

/// Whether a step puts a copy back in place of what is there.
fn restores(view: &View<'_>, id: NodeId) -> bool {
    let Some(command) = view.action(id) else { return false };
    command.analysis.commands.iter().any(|one| RESTORING.fits(one)) || named(view, id, RESTORE)
}

/// Whether what is restored goes to a place of its own, where nothing was before.
fn is_elsewhere(view: &View<'_>, id: NodeId) -> bool {
    let text = view.action(id).map_or("", |command| command.text.as_str());
    let is_free = |check: &Check| matches!(&check.kind, CheckKind::File(file) if !file.exists);
    let asked = view.around(id).flat_map(|step| &step.spec.preconditions);
    ["mktemp", "/tmp/"].iter().any(|word| text.contains(word))
        || view.around(id).any(|step| !step.cleanup.is_empty())
        || asked.chain(&view.runbook.preconditions).any(is_free)
}

/// Whether a step copies what is there.
fn keeps(view: &View<'_>, id: NodeId) -> bool {
    let spec = &view.graph.step(id).step.spec;
    spec.effect != Effect::Read && (copies(view, id) || speaks_of_a_copy(view, id))
        || matches!(spec.action, Action::Manual(_)) && speaks_of_a_copy(view, id)
}

fn copies(view: &View<'_>, id: NodeId) -> bool {
    view.action(id).is_some_and(|command| command.analysis.commands.iter().any(|one| COPYING.fits(one)))
}

/// Whether a step says of itself that it makes a copy.
pub(super) fn speaks_of_a_copy(view: &View<'_>, id: NodeId) -> bool {
    named(view, id, COPY) && !restores(view, id)
}

const RESTORE: &[&str] = &["restore", "восстан"];
const COPY: &[&str] =
    &["backup", "back_up", "copy", "keep", "snapshot", "dump", "бэкап", "копи", "сохран", "резерв", "снимок"];

/// Whether a word of the step's id or title begins with one of `beginnings`.
fn named(view: &View<'_>, id: NodeId, beginnings: &[&str]) -> bool {
    let spec = &view.graph.step(id).step.spec;
    let own = spec.id.iter().map(|id| id.value.to_lowercase());
    let title = spec.title.iter().map(|title| title.source_text().to_lowercase());
    own.chain(title).any(|text| {
        let mut words = text.split(|c: char| !c.is_alphanumeric());
        words.any(|word| beginnings.iter().any(|beginning| word.starts_with(beginning)))
    })
}

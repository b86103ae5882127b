//! What a node of a picture says.

use crate::plan::{Node, Plan, Preview};

/// The lines of a node's label.
pub(super) fn label(plan: &Plan, preview: &mut Preview, node: &Node) -> Vec<String> {
    let spec = &node.spec;
    preview.stand_at(plan, node);
    let mut lines = vec![node.key.clone()];
    // A label is one line a fact, whatever is in the title.
    let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    lines.extend(spec.title.as_ref().map(|title| one_line(preview.text(title))));
    let mut facts = Vec::new();
    if !spec.action.is_group() {
        facts.push(spec.effect.name());
    }
    if spec.confirm.is_some() {
        facts.push("gate");
    }
    if spec.irreversible {
        facts.push("point of no return");
    }
    if !node.selected {
        facts.push("not selected");
    }
    lines.extend(Some(facts.join(" · ")).filter(|facts| !facts.is_empty()));
    lines
}

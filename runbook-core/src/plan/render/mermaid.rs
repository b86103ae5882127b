//! A plan as a Mermaid flowchart.

use super::label::label;
use crate::ids::NodeId;
use crate::model::Effect;
use crate::plan::{Plan, Preview, Role};

pub(super) fn render(plan: &Plan) -> String {
    let mut chart =
        Chart { plan, preview: plan.preview(), text: String::from("flowchart TD\n"), edges: String::new() };
    chart.members(&plan.roots(Role::Body).collect::<Vec<_>>(), 1);
    for (role, name, title) in
        [(Role::OnFailure, "on_failure", "on failure"), (Role::Finally, "finally", "finally")]
    {
        let roots: Vec<NodeId> = plan.roots(role).collect();
        if !roots.is_empty() {
            chart.text += &format!("  subgraph {name}[\"{title}\"]\n");
            chart.members(&roots, 2);
            chart.text += "  end\n";
        }
    }
    chart.text + &chart.edges
}

struct Chart<'p> {
    plan: &'p Plan,
    preview: Preview,
    text: String,
    edges: String,
}

impl Chart<'_> {
    fn members(&mut self, members: &[NodeId], depth: usize) {
        for id in members {
            self.node(*id, depth);
        }
    }

    fn node(&mut self, id: NodeId, depth: usize) {
        let plan = self.plan;
        let node = plan.node(id);
        let indent = "  ".repeat(depth);
        let name = id.index();
        let lines: Vec<String> =
            label(self.plan, &mut self.preview, node).iter().map(|line| escape(line)).collect();
        let label = lines.join("<br/>");
        if node.spec.action.is_group() {
            self.text += &format!("{indent}subgraph n{name}[\"{label}\"]\n");
            self.members(&node.children, depth + 1);
            self.members(node.template.as_slice(), depth + 1);
            self.text += &format!("{indent}end\n");
        } else {
            let (open, close) = match node.spec.effect {
                Effect::Read => ("(", ")"),
                Effect::Change => ("[", "]"),
                Effect::Destroy => ("{{", "}}"),
            };
            self.text += &format!("{indent}n{name}{open}\"{label}\"{close}\n");
        }
        for need in &node.needs {
            self.edges += &format!("  n{} --> n{name}\n", need.index());
        }
        for (list, word) in [(&node.rollback, "rollback"), (&node.cleanup, "cleanup")] {
            self.members(list, depth);
            if let Some(first) = list.first() {
                self.edges += &format!("  n{name} -. {word} .-> n{}\n", first.index());
            }
        }
    }
}

/// `text` inside a quoted label: Mermaid knows entities, not backslashes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '#' => escaped += "#35;",
            '"' => escaped += "#quot;",
            '<' => escaped += "#lt;",
            '>' => escaped += "#gt;",
            '&' => escaped += "#amp;",
            '`' => escaped += "#96;",
            '\n' | '\r' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

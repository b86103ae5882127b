//! A plan as a Graphviz graph.

use super::label::label;
use crate::ids::NodeId;
use crate::model::Effect;
use crate::plan::{Plan, Preview, Role};

pub(super) fn render(plan: &Plan) -> String {
    let mut graph = Dot { plan, preview: plan.preview(), text: String::new(), edges: String::new() };
    graph.text += &format!("digraph {} {{\n", quoted(&plan.runbook.name));
    graph.text += "  compound=true\n  node [shape=box, fontname=\"sans-serif\"]\n";
    graph.members(&plan.roots(Role::Body).collect::<Vec<_>>(), 1);
    for (role, name, title) in
        [(Role::OnFailure, "on_failure", "on failure"), (Role::Finally, "finally", "finally")]
    {
        let roots: Vec<NodeId> = plan.roots(role).collect();
        if !roots.is_empty() {
            graph.text += &format!("  subgraph cluster_{name} {{\n    label={}\n", quoted(title));
            graph.members(&roots, 2);
            graph.text += "  }\n";
        }
    }
    graph.text + &graph.edges + "}\n"
}

struct Dot<'p> {
    plan: &'p Plan,
    preview: Preview,
    text: String,
    edges: String,
}

impl Dot<'_> {
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
        let label = quoted(&label(self.plan, &mut self.preview, node).join("\n"));
        if node.spec.action.is_group() {
            self.text += &format!("{indent}subgraph cluster_{name} {{\n{indent}  label={label}\n");
            // Edges join nodes, not clusters: every group has one that is not seen.
            self.text += &format!("{indent}  n{name} [shape=point, style=invis]\n");
            self.members(&node.children, depth + 1);
            self.members(node.template.as_slice(), depth + 1);
            self.text += &format!("{indent}}}\n");
        } else {
            let shape = match node.spec.effect {
                Effect::Read => ", style=rounded",
                Effect::Change => "",
                Effect::Destroy => ", shape=octagon",
            };
            self.text += &format!("{indent}n{name} [label={label}{shape}]\n");
        }
        for need in &node.needs {
            self.edge(*need, id, &[]);
        }
        for (list, word) in [(&node.rollback, "rollback"), (&node.cleanup, "cleanup")] {
            self.members(list, depth);
            if let Some(first) = list.first() {
                self.edge(id, *first, &["style=dashed".to_owned(), format!("label={word}")]);
            }
        }
    }

    fn edge(&mut self, from: NodeId, to: NodeId, attributes: &[String]) {
        let mut attributes = attributes.to_vec();
        let is_group = |id: NodeId| self.plan.node(id).spec.action.is_group();
        if is_group(from) {
            attributes.push(format!("ltail=cluster_{}", from.index()));
        }
        if is_group(to) {
            attributes.push(format!("lhead=cluster_{}", to.index()));
        }
        let list =
            if attributes.is_empty() { String::new() } else { format!(" [{}]", attributes.join(", ")) };
        self.edges += &format!("  n{} -> n{}{list}\n", from.index(), to.index());
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\r', "").replace('\n', "\\n"))
}

//! The steps as a picture: boxes for SVG, and a Mermaid chart.

use std::fmt::Write as _;

use super::fill::{Fill, plain};
use crate::check::{Graph, Role};
use crate::diag::Diagnostics;
use crate::ids::NodeId;
use crate::model::{Action, Effect, Runbook};
use crate::page::{Shape, Tone};
use crate::plan::mermaid_label;

/// More boxes than this are no picture any more.
const MOST: usize = 250;

/// The steps of the body and of `finally`.
pub(super) fn shapes(runbook: &Runbook, fill: &Fill<'_>) -> Vec<Shape> {
    // What is wrong with the graph was reported when the runbook was read.
    let graph = Graph::new(runbook, &mut Diagnostics::default());
    if graph.steps().len() > MOST {
        return Vec::new();
    }
    let roots = |role: Role| {
        let ids: Vec<NodeId> = graph
            .iter()
            .filter(|(_, one)| one.role == role && one.parent.is_none())
            .map(|(id, _)| id)
            .collect();
        ids
    };
    let mut shapes: Vec<Shape> = roots(Role::Body).into_iter().map(|id| shape(&graph, fill, id)).collect();
    let finally: Vec<Shape> = roots(Role::Finally).into_iter().map(|id| shape(&graph, fill, id)).collect();
    if !finally.is_empty() {
        let needed: Vec<usize> = shapes.iter().flat_map(|shape| shape.needs.iter().copied()).collect();
        shapes.push(Shape {
            id: graph.steps().len(),
            key: "at the end".to_owned(),
            title: "whatever happened".to_owned(),
            mark: String::new(),
            tone: Tone::Quiet,
            needs: shapes.iter().map(|shape| shape.id).filter(|id| !needed.contains(id)).collect(),
            members: finally,
        });
    }
    shapes
}

fn shape(graph: &Graph<'_>, fill: &Fill<'_>, id: NodeId) -> Shape {
    let placed = graph.step(id);
    let spec = &placed.step.spec;
    let effect = match (&spec.action, spec.effect) {
        (Action::Manual(_), _) => ("by hand", Tone::People),
        (action, _) if !action.is_external() => ("", Tone::Quiet),
        (_, Effect::Read) => ("reads", Tone::Busy),
        (_, Effect::Change) => ("changes", Tone::Warn),
        (_, Effect::Destroy) => ("destroys", Tone::Bad),
    };
    let gate = spec.confirm.as_ref().map(|_| "asks");
    let marks: Vec<&str> = gate.into_iter().chain(Some(effect.0).filter(|mark| !mark.is_empty())).collect();
    Shape {
        id: id.index(),
        key: placed.key.clone(),
        title: spec.title.as_ref().map(|title| plain(&fill.text(title))).unwrap_or_default(),
        mark: marks.join(" · "),
        tone: effect.1,
        needs: placed.needs.iter().map(|need| need.index()).collect(),
        members: placed.children.iter().map(|child| shape(graph, fill, *child)).collect(),
    }
}

/// `shapes` as a Mermaid flowchart.
pub(super) fn mermaid(shapes: &[Shape]) -> String {
    let mut text = "flowchart TD\n".to_owned();
    let mut edges = String::new();
    shapes.iter().for_each(|shape| boxes(shape, 1, &mut text, &mut edges));
    text + &edges
}

fn boxes(shape: &Shape, depth: usize, text: &mut String, edges: &mut String) {
    let indent = "  ".repeat(depth);
    let lines = [&shape.key, &shape.title, &shape.mark].into_iter().filter(|line| !line.is_empty());
    let label = lines.map(|line| mermaid_label(line)).collect::<Vec<_>>().join("<br/>");
    // Writing into a text cannot fail.
    if shape.members.is_empty() {
        let (open, close) = if shape.tone == Tone::People { ("([", "])") } else { ("[", "]") };
        let _ = writeln!(text, "{indent}n{}{open}\"{label}\"{close}", shape.id);
    } else {
        let _ = writeln!(text, "{indent}subgraph n{}[\"{label}\"]", shape.id);
        shape.members.iter().for_each(|member| boxes(member, depth + 1, text, edges));
        let _ = writeln!(text, "{indent}end");
    }
    for need in &shape.needs {
        let _ = writeln!(edges, "  n{need} --> n{}", shape.id);
    }
}

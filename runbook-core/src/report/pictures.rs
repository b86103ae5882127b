//! Pictures of a run: its steps with what became of them, and its time.

use jiff::Timestamp;

use super::standing::went_wrong;
use super::steps::{StepReport, tone_of};
use super::title_of;
use crate::ids::NodeId;
use crate::page::{self, Bar, Row, Shape, Tone};
use crate::plan::Role;
use crate::run::{Machine, Status};

/// More boxes than this are no picture any more.
const MOST: usize = 250;

/// The steps of the body, of `on_failure` and of `finally`, as far as they were reached or still may be.
pub(super) fn dag(machine: &Machine) -> String {
    let plan = machine.plan();
    if plan.nodes.len() > MOST {
        return String::new();
    }
    let mut shapes: Vec<Shape> = plan.roots(Role::Body).map(|id| shape(machine, id)).collect();
    let mut last: Vec<usize> = sinks(&shapes);
    for (role, key, title) in
        [(Role::OnFailure, "on_failure", "after a failure"), (Role::Finally, "finally", "at the end")]
    {
        let members: Vec<Shape> = plan
            .roots(role)
            .filter(|id| role == Role::Finally || machine.state().status(*id) != Status::Pending)
            .map(|id| shape(machine, id))
            .collect();
        if members.is_empty() {
            continue;
        }
        let id = plan.nodes.len() + usize::from(role == Role::Finally);
        shapes.push(Shape {
            id,
            key: key.to_owned(),
            title: title.to_owned(),
            mark: String::new(),
            tone: Tone::Quiet,
            needs: std::mem::replace(&mut last, vec![id]),
            members,
        });
    }
    page::dag(&shapes, "The steps, and what became of them")
}

/// Boxes that nothing waits for.
fn sinks(shapes: &[Shape]) -> Vec<usize> {
    let needed: Vec<usize> = shapes.iter().flat_map(|shape| shape.needs.iter().copied()).collect();
    shapes.iter().map(|shape| shape.id).filter(|id| !needed.contains(id)).collect()
}

fn shape(machine: &Machine, id: NodeId) -> Shape {
    let (plan, state) = (machine.plan(), machine.state());
    let node = plan.node(id);
    let status = state.status(id);
    Shape {
        id: id.index(),
        key: node.key.clone(),
        title: title_of(plan, id),
        mark: match status {
            Status::Pending => String::new(),
            Status::Undone if went_wrong(machine, id) => "failed, undone".to_owned(),
            status => status.name().replace('_', " "),
        },
        tone: tone_of(machine, id),
        needs: node.needs.iter().map(|need| need.index()).collect(),
        members: node.children.iter().map(|child| shape(machine, *child)).collect(),
    }
}

/// Every step that began or waited, by time.
pub(super) fn timeline(steps: &[StepReport], started: Option<Timestamp>) -> String {
    let Some(zero) = started.map(|at| at.as_millisecond()) else { return String::new() };
    let since = |at: Timestamp| at.as_millisecond() - zero;
    let mut rows: Vec<Row> = Vec::new();
    let mut total = 0;
    for step in steps.iter().filter(|step| !step.is_group && !step.spans.is_empty()) {
        let mut bars: Vec<Bar> = step
            .spans
            .iter()
            .map(|one| Bar {
                from: since(one.from),
                to: since(one.to),
                class: if one.waits { "wait" } else { "bar" },
            })
            .collect();
        let acted = step.spans.iter().filter(|one| !one.waits).map(|one| one.to).max();
        if let (Some(acted), Some(ended)) = (acted, step.ended)
            && ended > acted
        {
            bars.push(Bar { from: since(acted), to: since(ended), class: "after" });
        }
        total = bars.iter().map(|bar| bar.to).fold(total, i64::max);
        let name = if step.title.is_empty() { step.key.clone() } else { step.title.clone() };
        rows.push(Row { name, tone: step.tone, bars });
    }
    rows.sort_by_key(|row| row.bars.iter().map(|bar| bar.from).min());
    page::timeline(&rows, total)
}

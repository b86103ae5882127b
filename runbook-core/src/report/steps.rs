//! Steps the way a report tells them.

use jiff::Timestamp;

use super::standing::went_wrong;
use super::{EvidenceText, Facts, title_of};
use crate::expr::Expr;
use crate::ids::NodeId;
use crate::model::{Action, Evidence};
use crate::page::Tone;
use crate::plan::{Plan, Preview, Role};
use crate::render::{RunFacts, Scopes};
use crate::run::{Answerer, Captured, CheckOutcome, Decision, Entry, Event, Machine, Phase, Status};
use crate::value::{Object, Value, display};

/// One attempt of an action, or a wait for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// When it began.
    pub from: Timestamp,
    /// When it ended.
    pub to: Timestamp,
    /// Whether nothing was done but waiting for an answer.
    pub waits: bool,
}

/// What a report tells of a step.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StepReport {
    /// Its key.
    pub key: String,
    /// Its title; may be empty.
    pub title: String,
    /// How many groups are around it.
    pub depth: usize,
    /// What it is there for, when it is not part of the body.
    pub purpose: Option<String>,
    /// The key of its action.
    pub action: String,
    /// Whether it only holds other steps.
    pub is_group: bool,
    /// What it did, with the values it was given; secrets stand as their names.
    pub command: String,
    /// Where it acted.
    pub target: String,
    /// What it may do to the world.
    pub effect: &'static str,
    /// How it stands, as listings show it.
    pub status: &'static str,
    /// How a page colours it.
    pub tone: Tone,
    /// Whether it failed, was blocked or was denied, whatever was undone since.
    pub failed: bool,
    /// Whether the run got to it.
    pub reached: bool,
    /// Why it stands where it stands.
    pub reason: Option<String>,
    /// How many attempts began.
    pub attempts: u32,
    /// When it worked, and when it waited for people.
    pub spans: Vec<Attempt>,
    /// When its first attempt began.
    pub started: Option<Timestamp>,
    /// When it came to rest.
    pub ended: Option<Timestamp>,
    /// Who agreed.
    pub approved: Option<Answerer>,
    /// Who carried it out, for a manual step.
    pub done_by: Option<Answerer>,
    /// The latest answers to its checks.
    pub checks: Vec<CheckOutcome>,
    /// A command's exit code.
    pub exit_code: Option<i32>,
    /// What it wrote to standard output, as far as the log has it.
    pub stdout: String,
    /// The same of standard error.
    pub stderr: String,
    /// Its declared outputs.
    pub outputs: Vec<(String, String)>,
}

pub(super) fn of(facts: &Facts, machine: &Machine, log: &[Entry]) -> Vec<StepReport> {
    let (plan, state) = (machine.plan(), machine.state());
    let started = state.started.unwrap_or(Timestamp::UNIX_EPOCH);
    let scopes = Scopes::new(plan, &RunFacts { id: facts.run.clone(), started }, Object::new());
    let mut preview = plan.preview();
    let spans = spans(plan, log);
    plan.executable()
        .map(|(id, planned)| {
            let (node, spec) = (state.node(id), &planned.spec);
            let status = state.status(id);
            let result = node.result.as_deref();
            stand(&mut preview, plan, machine, &scopes, id);
            StepReport {
                key: planned.key.clone(),
                title: title_of(plan, id),
                depth: std::iter::successors(planned.parent, |id| plan.node(*id).parent).count(),
                purpose: purpose(plan, id),
                action: spec.action.key().to_owned(),
                is_group: spec.action.is_group(),
                command: preview.action(&spec.action),
                target: preview.target(&spec.target),
                effect: spec.effect.name(),
                status: status.name(),
                tone: tone_of(machine, id),
                failed: went_wrong(machine, id),
                reached: !matches!(status, Status::Pending),
                reason: match &node.phase {
                    Phase::Gate { question, .. } => Some(question.message.clone()),
                    _ => node.reason.clone(),
                },
                attempts: node.attempt,
                spans: spans.get(id.index()).cloned().unwrap_or_default(),
                started: node.started,
                ended: node.ended,
                approved: node.approved.as_ref().map(|(_, by)| by.clone()),
                done_by: result.and_then(|result| result.by.clone()),
                checks: node.checks.clone(),
                exit_code: result.and_then(|result| result.exit_code),
                stdout: result.map(|result| shown(&result.stdout)).unwrap_or_default(),
                stderr: result.map(|result| shown(&result.stderr)).unwrap_or_default(),
                outputs: result
                    .map(|result| {
                        result.outputs.iter().map(|(name, value)| (name.clone(), display(value))).collect()
                    })
                    .unwrap_or_default(),
            }
        })
        .collect()
}

/// Lets `preview` see what the step `id` saw when it acted.
fn stand(preview: &mut Preview, plan: &Plan, machine: &Machine, scopes: &Scopes, id: NodeId) {
    let node = plan.node(id);
    preview.stand_at(plan, node);
    let mut expressions: Vec<Expr> = Vec::new();
    crate::check::of_step(&node.spec, &mut |one| expressions.push(one.expr.clone()));
    let scope = scopes.of_step(plan, machine.state(), id, &expressions);
    for name in ["steps", "run"] {
        if let Some(value) = scope.get(name) {
            // A step that has no result yet is not known, so that its name is shown.
            let known = match value {
                Value::Object(steps) if name == "steps" => Value::Object(
                    steps
                        .iter()
                        .filter(|(_, step)| step.get("status").and_then(Value::as_str) != Some("pending"))
                        .map(|(name, step)| (name.clone(), step.clone()))
                        .collect(),
                ),
                other => other.clone(),
            };
            preview.set(name, known);
        }
    }
}

fn purpose(plan: &Plan, id: NodeId) -> Option<String> {
    match plan.node(id).role {
        Role::Body => None,
        Role::Rollback(of) => Some(format!("undoes {}", plan.node(of).key)),
        Role::Cleanup(of) => Some(format!("cleans up after {}", plan.node(of).key)),
        Role::OnFailure => Some("after the failure".to_owned()),
        Role::Finally => Some("at the end".to_owned()),
    }
}

/// How a page colours the step `id`: what failed stays red when it has been undone.
pub(super) fn tone_of(machine: &Machine, id: NodeId) -> Tone {
    match machine.state().status(id) {
        _ if went_wrong(machine, id) => Tone::Bad,
        Status::Succeeded => Tone::Good,
        Status::Failed | Status::Blocked | Status::Denied | Status::UndoFailed => Tone::Bad,
        Status::Warned | Status::InDoubt | Status::Cancelled | Status::Undone => Tone::Warn,
        Status::Waiting => Tone::People,
        Status::Running | Status::Verifying | Status::Undoing => Tone::Busy,
        Status::Pending | Status::Skipped => Tone::Quiet,
    }
}

/// When each node worked, and when it waited for people.
fn spans(plan: &Plan, log: &[Entry]) -> Vec<Vec<Attempt>> {
    let mut spans = vec![Vec::new(); plan.nodes.len()];
    let mut open: Vec<Option<(Timestamp, bool)>> = vec![None; plan.nodes.len()];
    for entry in log {
        let Some(id) = entry.event.node() else { continue };
        let (Some(open), Some(spans)) = (open.get_mut(id.index()), spans.get_mut(id.index())) else {
            continue;
        };
        let mut close = |open: &mut Option<(Timestamp, bool)>| {
            if let Some((from, waits)) = open.take() {
                spans.push(Attempt { from, to: entry.at, waits });
            }
        };
        match &entry.event {
            Event::GateOpened { .. } => *open = Some((entry.at, true)),
            Event::Started { .. } => {
                close(open);
                *open = Some((entry.at, matches!(plan.node(id).spec.action, Action::Manual(_))));
            }
            Event::GateDecided { .. } | Event::GateExpired { .. } | Event::Ended { .. } => close(open),
            _ => {}
        }
    }
    if let Some(last) = log.last() {
        for (open, spans) in open.into_iter().zip(&mut spans) {
            if let Some((from, waits)) = open {
                spans.push(Attempt { from, to: last.at, waits });
            }
        }
    }
    spans
}

/// The whole text, or its ends and how much is left out between them.
pub(super) fn shown(captured: &Captured) -> String {
    match &captured.tail {
        None => captured.head.clone(),
        Some(tail) => {
            let left_out = captured.bytes.saturating_sub((captured.head.len() + tail.len()) as u64);
            format!("{}\n… {left_out} bytes left out …\n{tail}", captured.head)
        }
    }
}

/// What the author wanted to be kept, as far as it is there.
pub(super) fn evidence(machine: &Machine) -> Vec<EvidenceText> {
    let (plan, state) = (machine.plan(), machine.state());
    let mut all = Vec::new();
    for (id, planned) in plan.executable() {
        let (Some(Evidence { label, capture }), Some(result)) =
            (&planned.spec.evidence, state.node(id).result.as_deref())
        else {
            continue;
        };
        let text = match capture.as_deref() {
            Some("stderr") => shown(&result.stderr),
            Some(name) if name != "stdout" => result.outputs.get(name).map(display).unwrap_or_default(),
            _ if matches!(planned.spec.action, Action::Run(_) | Action::Custom(_)) => shown(&result.stdout),
            _ => {
                let lines = result.outputs.iter().map(|(name, value)| format!("{name}: {}", display(value)));
                lines.collect::<Vec<_>>().join("\n")
            }
        };
        let title = title_of(plan, id);
        let label = label.clone().unwrap_or(if title.is_empty() { planned.key.clone() } else { title });
        all.push(EvidenceText { key: planned.key.clone(), label, text, at: state.node(id).ended });
    }
    all
}

/// What a decision is called.
pub(super) fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::Approve => "approved",
        Decision::Deny => "denied",
    }
}

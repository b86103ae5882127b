//! How a run stands: what happened, where, what was undone, what is left to do.

use super::{title_of, tone_of};
use crate::ids::NodeId;
use crate::model::{Action, Effect};
use crate::page::Tone;
use crate::plan::Role;
use crate::run::{CheckOutcome, End, Machine, Outcome, Phase, Status};

/// How a run stands, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Headline {
    /// The status, as listings show it.
    pub status: String,
    /// The same for people.
    pub text: String,
    /// How a page colours it.
    pub tone: Tone,
}

impl Headline {
    pub(super) fn of(machine: &Machine, alive: bool) -> Self {
        let state = machine.state();
        let status = match state.run_status() {
            "running" if !alive => "lost",
            status => status,
        };
        let (text, tone) = match (state.finished, status) {
            (Some(Outcome::Succeeded), _) => ("Succeeded", Tone::Good),
            (Some(Outcome::Blocked), _) if state.book.iter().any(CheckOutcome::refuses) => {
                ("Blocked: nothing has happened", Tone::Warn)
            }
            (Some(Outcome::Blocked), _) => ("Blocked", Tone::Warn),
            (Some(Outcome::RolledBack), _) => ("Failed; what had been done was undone", Tone::Warn),
            (Some(Outcome::Stuck), "rollback_pending") => ("Failed; the rollback is pending", Tone::Bad),
            (Some(Outcome::Stuck), _) => ("Stuck: work is half done", Tone::Bad),
            (Some(Outcome::Denied), _) => ("Denied: somebody said no", Tone::Warn),
            (Some(Outcome::Interrupted), _) => ("Interrupted", Tone::Warn),
            (Some(Outcome::Abandoned), _) => ("Given up", Tone::Bad),
            (Some(outcome), _) => ("Failed", tone_of(outcome)),
            (None, "in_doubt") => ("In doubt: nobody knows what became of a step", Tone::Bad),
            (None, "suspended") => ("Suspended: it waits for people", Tone::People),
            (None, "lost") => ("Not over: it lost its engine", Tone::Bad),
            (None, _) => ("Not over", Tone::Busy),
        };
        Headline { status: status.to_owned(), text: text.to_owned(), tone }
    }
}

/// A step and what there is to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepNote {
    /// The step.
    pub key: String,
    /// Its title; may be empty.
    pub title: String,
    /// What there is to say; may be empty.
    pub text: String,
    /// The last lines that it wrote; may be empty.
    pub words: String,
}

/// What happened, where, what was undone and what is left to do.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Standing {
    /// Preconditions of the runbook that were not met.
    pub not_met: Vec<String>,
    /// Steps that failed, in the order in which they did.
    pub failed: Vec<StepNote>,
    /// Steps that failed without the run failing.
    pub survived: Vec<StepNote>,
    /// Steps that were stopped.
    pub stopped: Vec<StepNote>,
    /// Steps that went well, but not as well as they should have.
    pub warned: Vec<StepNote>,
    /// Steps that were undone.
    pub undone: Vec<StepNote>,
    /// Steps whose undoing failed.
    pub undo_failed: Vec<StepNote>,
    /// Steps that may have changed something and were not undone.
    pub left: Vec<StepNote>,
    /// Steps that people must answer for.
    pub waiting: Vec<StepNote>,
    /// Why the run was given up.
    pub abandoned: Option<String>,
}

impl Standing {
    pub(super) fn of(machine: &Machine) -> Self {
        let (plan, state) = (machine.plan(), machine.state());
        let note = |id: NodeId| StepNote {
            key: plan.node(id).key.clone(),
            title: title_of(plan, id),
            text: state.node(id).reason.clone().unwrap_or_default(),
            words: String::new(),
        };
        let plain = |id: NodeId| StepNote { text: String::new(), ..note(id) };
        let with_words = |id: NodeId| StepNote { words: last_words(machine, id), ..note(id) };
        let of_status = |wanted: &[Status]| -> Vec<NodeId> {
            let steps = plan
                .executable()
                .filter(|(id, node)| !node.spec.action.is_group() && wanted.contains(&state.status(*id)));
            steps.map(|(id, _)| id).collect()
        };
        let bad = plan.executable().filter(|(id, node)| {
            !node.spec.action.is_group()
                && !matches!(node.role, Role::Rollback(_))
                && went_wrong(machine, *id)
        });
        let bad = bad.map(|(id, _)| id);
        let (mut survived, mut failed): (Vec<NodeId>, Vec<NodeId>) =
            bad.partition(|id| is_survived(machine, *id));
        // A group can fail by itself: no remedy has helped, it took too long, what it returns has no value.
        failed.extend(state.cause().filter(|id| plan.node(*id).spec.action.is_group()));
        for list in [&mut failed, &mut survived] {
            list.sort_by_key(|id| state.node(*id).ended);
        }
        let undo_failed = plan.iter().filter(|(id, _)| state.status(*id) == Status::UndoFailed);
        let undo_failed = undo_failed.map(|(id, node)| {
            let why = node.rollback.iter().find_map(|undo| state.node(*undo).reason.clone());
            StepNote { text: why.unwrap_or_default(), ..note(id) }
        });
        let over_and_bad = state.finished.is_some_and(|outcome| outcome != Outcome::Succeeded);
        let left = if over_and_bad { left_as_is(machine) } else { Vec::new() };
        Standing {
            not_met: state.book.iter().filter(|check| check.refuses()).map(failed_check).collect(),
            failed: failed.into_iter().map(with_words).collect(),
            survived: survived.into_iter().map(with_words).collect(),
            stopped: of_status(&[Status::Cancelled]).into_iter().map(plain).collect(),
            warned: of_status(&[Status::Warned])
                .into_iter()
                .map(|id| {
                    let checks = state.node(id).checks.iter().filter(|check| !check.passed);
                    let said: Vec<String> =
                        state.node(id).reason.iter().cloned().chain(checks.map(failed_check)).collect();
                    StepNote { text: said.join("; "), ..note(id) }
                })
                .collect(),
            undone: of_status_of_all(machine, Status::Undone).into_iter().map(plain).collect(),
            undo_failed: undo_failed.collect(),
            left: left.into_iter().map(plain).collect(),
            waiting: waiting(machine).into_iter().map(|(id, text)| StepNote { text, ..note(id) }).collect(),
            abandoned: state.abandoned.clone(),
        }
    }
}

fn of_status_of_all(machine: &Machine, status: Status) -> Vec<NodeId> {
    let steps = machine.plan().executable().map(|(id, _)| id);
    steps.filter(|id| machine.state().status(*id) == status).collect()
}

impl Standing {
    /// What is left to do for people, a sentence each; empty for a run that went well.
    pub fn to_do(&self, headline: &Headline) -> Vec<String> {
        if matches!(headline.tone, Tone::Good | Tone::Busy) {
            return Vec::new();
        }
        let keys =
            |notes: &[StepNote]| notes.iter().map(|note| note.key.as_str()).collect::<Vec<_>>().join(", ");
        let mut to_do = Vec::new();
        if !self.not_met.is_empty() {
            to_do.push("Put right what is not met; nothing has been changed.".to_owned());
        }
        if !self.waiting.is_empty() {
            to_do.push(format!("Answer for {}.", keys(&self.waiting)));
        }
        if headline.status == "lost" {
            to_do.push("Let another engine go on with the run.".to_owned());
        }
        if !self.undo_failed.is_empty() {
            to_do.push(format!("Finish by hand what could not be undone: {}.", keys(&self.undo_failed)));
        }
        if headline.status == "rollback_pending" {
            to_do.push(format!("Decide whether to undo {}.", keys(&self.left)));
        } else if !self.left.is_empty() {
            to_do.push(format!("Look at what was changed and not undone: {}.", keys(&self.left)));
        }
        if to_do.is_empty() {
            to_do.push("Nothing of what the run did is left half done. Put the cause right.".to_owned());
        }
        to_do
    }
}

/// Whether a step failed, was blocked or was denied, whatever was undone since.
pub fn went_wrong(machine: &Machine, id: NodeId) -> bool {
    matches!(machine.state().node(id).phase, Phase::Rest(End::Failed | End::Blocked | End::Denied))
}

/// What a check has found that stands in the way, or is worth a warning.
pub(super) fn failed_check(check: &CheckOutcome) -> String {
    match &check.reason {
        Some(reason) => format!("{}: {reason}", check.title),
        None => check.title.clone(),
    }
}

/// Steps of a run that is not over which wait for people, and what for.
fn waiting(machine: &Machine) -> Vec<(NodeId, String)> {
    let (plan, state) = (machine.plan(), machine.state());
    if state.finished.is_some() {
        return Vec::new();
    }
    let reason = |id: NodeId| state.node(id).reason.clone().unwrap_or_default();
    let wants = |(id, node): (NodeId, &crate::plan::Node)| {
        let text = match &state.node(id).phase {
            Phase::Gate { question, .. } => format!("waits for a yes: {}", question.message),
            Phase::Ready { .. } if matches!(node.spec.action, Action::Manual(_)) => {
                "waits for somebody who does it".to_owned()
            }
            Phase::Doubt(_) => format!("is in doubt: {}", reason(id)),
            Phase::Choosing => format!("failed, and waits for a choice: {}", reason(id)),
            _ => return None,
        };
        Some((id, text))
    };
    plan.executable().filter_map(wants).collect()
}

/// The last lines that a step wrote, standard error before standard output.
fn last_words(machine: &Machine, id: NodeId) -> String {
    const LINES: usize = 10;
    let Some(result) = &machine.state().node(id).result else { return String::new() };
    let stderr = result.stderr.tail.as_deref().unwrap_or(&result.stderr.head);
    let stdout = result.stdout.tail.as_deref().unwrap_or(&result.stdout.head);
    let text = if stderr.trim().is_empty() { stdout } else { stderr };
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Whether the run went on past the failure of `id`.
pub fn is_survived(machine: &Machine, id: NodeId) -> bool {
    let mut around = std::iter::successors(Some(id), |id| machine.plan().node(*id).parent);
    around.any(|id| machine.state().node(id).tolerated)
}

/// Steps of the body that may have changed something and were neither undone nor tidied up after, in the
/// order in which they began.
pub fn left_as_is(machine: &Machine) -> Vec<NodeId> {
    let (plan, state) = (machine.plan(), machine.state());
    let mut left: Vec<NodeId> = plan
        .iter()
        .filter(|(id, node)| {
            node.role == Role::Body
                && !node.spec.action.is_group()
                && node.spec.effect != Effect::Read
                && (node.spec.action.is_external() || matches!(node.spec.action, Action::Manual(_)))
                && state.node(*id).acted
                && !matches!(state.status(*id), Status::Undone | Status::UndoFailed | Status::Undoing)
                && !is_tidied_up(node.cleanup.iter().map(|cleanup| state.status(*cleanup)))
        })
        .map(|(id, _)| id)
        .collect();
    left.sort_by_key(|id| state.node(*id).order);
    left
}

fn is_tidied_up(mut cleanups: impl ExactSizeIterator<Item = Status>) -> bool {
    cleanups.len() > 0 && cleanups.all(|status| matches!(status, Status::Succeeded | Status::Warned))
}

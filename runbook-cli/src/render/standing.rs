//! What a run waits for, and what can be typed to go on with it.

use jiff::{SignedDuration, Timestamp};
use runbook_core::drive::{doubt_token, failure_token, gate_standing, manual_token};
use runbook_core::ids::{NodeId, RunId};
use runbook_core::model::{Action, Role};
use runbook_core::port::PendingAnswer;
use runbook_core::run::{Approval, Machine, Outcome, Phase, Undoing};

use super::agree;

use crate::state_dir::StateDir;
use crate::text::shell_word;

/// A step that waits for people.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) node: NodeId,
    pub(crate) kind: WaitKind,
    /// What is asked.
    pub(crate) question: String,
    /// Whether the answer waits in the store.
    pub(crate) answered: bool,
}

/// What a step waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WaitKind {
    /// A yes.
    Gate(Box<GateWait>),
    /// Somebody who does it.
    Manual,
    /// The truth about what became of it.
    Doubt,
    /// A choice about its failure.
    Failure,
}

/// What a gate waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GateWait {
    /// A text that must be typed.
    pub(crate) phrase: Option<String>,
    /// Whose yes it takes, when not simply anybody's.
    pub(crate) whose: Option<String>,
    pub(crate) roles: Vec<Role>,
    /// Who has agreed so far.
    pub(crate) approvals: Vec<Approval>,
    /// How many must still agree.
    pub(crate) needs: u32,
    /// Until when somebody must have answered.
    pub(crate) until: Option<Timestamp>,
}

impl WaitKind {
    /// Its name for programs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            WaitKind::Gate(_) => "gate",
            WaitKind::Manual => "manual",
            WaitKind::Doubt => "doubt",
            WaitKind::Failure => "failure",
        }
    }
}

/// Every step of a run at rest that waits for people at `now`, in the order of the plan; `left` are the answers that
/// wait in the store.
pub(crate) fn waiting(machine: &Machine, left: &[PendingAnswer], now: Timestamp) -> Vec<Waiting> {
    let (plan, state) = (machine.plan(), machine.state());
    if state.finished.is_some() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (id, node) in plan.executable() {
        let one = state.node(id);
        let reason = || one.reason.clone().unwrap_or_default();
        let is_left = |token: String| left.iter().any(|answer| answer.token == token);
        let (kind, question, answered) = match &one.phase {
            Phase::Gate { question, since } => {
                let Some(standing) = gate_standing(machine, id, left, now) else { continue };
                let answered = standing.is_settled();
                let limit = node.spec.confirm.as_ref().and_then(|confirm| confirm.timeout);
                let gate = GateWait {
                    phrase: question.phrase.clone(),
                    whose: agree::needs(question),
                    roles: question.roles.clone(),
                    approvals: standing.approvals,
                    needs: standing.needs,
                    until: limit.map(|limit| *since + SignedDuration::from_millis(limit.as_millis() as i64)),
                };
                (WaitKind::Gate(Box::new(gate)), question.message.clone(), answered)
            }
            Phase::Ready { .. } => match &node.spec.action {
                Action::Manual(manual) => {
                    let token = manual_token(&node.key, one.attempt + 1);
                    (WaitKind::Manual, manual.instructions.source_text(), is_left(token))
                }
                _ => continue,
            },
            Phase::Doubt(_) => (WaitKind::Doubt, reason(), is_left(doubt_token(&node.key, one.attempt))),
            Phase::Choosing => (WaitKind::Failure, reason(), is_left(failure_token(&node.key, one.chosen))),
            _ => continue,
        };
        found.push(Waiting { node: id, kind, question, answered });
    }
    found
}

/// What can be typed next, the most likely first; `left` are the answers that wait in the store.
pub(crate) fn next(
    run: &RunId,
    machine: &Machine,
    left: &[PendingAnswer],
    now: Timestamp,
    state: &StateDir,
) -> Vec<String> {
    let mut commands = Vec::new();
    if let Some(outcome) = machine.state().finished {
        if can_roll_back(machine, outcome) {
            commands.push(state.command(&format!("rollback {run}")));
        }
        if outcome == Outcome::Stuck {
            commands.push(state.command(&format!("abandon {run} --reason TEXT")));
        }
        if outcome != Outcome::Succeeded {
            commands.push(state.command(&format!("show {run}")));
        }
        return commands;
    }
    for one in waiting(machine, left, now).iter().filter(|one| !one.answered) {
        let key = machine.plan().node(one.node).key.as_str();
        commands.push(state.command(&match &one.kind {
            WaitKind::Gate(gate) => {
                let phrase = gate.phrase.as_ref();
                let phrase =
                    phrase.map_or_else(String::new, |text| format!(" --phrase {}", shell_word(text)));
                format!("approve {run} {key}{phrase}")
            }
            WaitKind::Manual => format!("approve {run} {key}{}", fields_of(machine, one.node)),
            WaitKind::Doubt => format!("resume {run} --resolve {key}=done"),
            WaitKind::Failure => format!("resume {run} --choose {key}=retry"),
        }));
    }
    let resumes = |command: &String| command.contains(" resume ");
    if !commands.iter().any(resumes) {
        commands.push(state.command(&format!("resume {run}")));
    }
    commands
}

fn fields_of(machine: &Machine, node: NodeId) -> String {
    let Action::Manual(manual) = &machine.plan().node(node).spec.action else { return String::new() };
    let needed = manual.fields.iter().filter(|field| field.required && field.default.is_none());
    needed.map(|field| format!(" --field {}=VALUE", field.name.value)).collect()
}

fn can_roll_back(machine: &Machine, outcome: Outcome) -> bool {
    let at_rest = !matches!(outcome, Outcome::Succeeded | Outcome::Abandoned);
    at_rest && !machine.undoable().is_empty()
}

/// Whether the rollback of a failed run is still to be decided or done.
pub(crate) fn rollback_is_pending(machine: &Machine) -> bool {
    machine.state().undo == Some(Undoing::Defer) && !machine.undoable().is_empty()
}

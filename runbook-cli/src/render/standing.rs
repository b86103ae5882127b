//! What a run waits for, and what can be typed to go on with it.

use runbook_core::drive::{doubt_token, failure_token, gate_token, manual_token};
use runbook_core::ids::{NodeId, RunId};
use runbook_core::model::Action;
use runbook_core::run::{Machine, Outcome, Phase, Undoing};

use crate::state_dir::StateDir;
use crate::text::shell_word;

/// A step that waits for people.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) node: NodeId,
    pub(crate) kind: WaitKind,
    /// What is asked.
    pub(crate) question: String,
    /// The name of the question in the store.
    pub(crate) token: String,
}

/// What a step waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WaitKind {
    /// A yes, perhaps with a phrase.
    Gate { phrase: Option<String> },
    /// Somebody who does it.
    Manual,
    /// The truth about what became of it.
    Doubt,
    /// A choice about its failure.
    Failure,
}

impl WaitKind {
    /// Its name for programs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            WaitKind::Gate { .. } => "gate",
            WaitKind::Manual => "manual",
            WaitKind::Doubt => "doubt",
            WaitKind::Failure => "failure",
        }
    }
}

/// Every step of a run at rest that waits for people, in the order of the plan.
pub(crate) fn waiting(machine: &Machine) -> Vec<Waiting> {
    let (plan, state) = (machine.plan(), machine.state());
    if state.finished.is_some() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (id, node) in plan.executable() {
        let one = state.node(id);
        let reason = || one.reason.clone().unwrap_or_default();
        let (kind, question, token) = match &one.phase {
            Phase::Gate { question, .. } => (
                WaitKind::Gate { phrase: question.phrase.clone() },
                question.message.clone(),
                gate_token(&node.key, &question.digest),
            ),
            Phase::Ready { .. } => match &node.spec.action {
                Action::Manual(manual) => (
                    WaitKind::Manual,
                    manual.instructions.source_text(),
                    manual_token(&node.key, one.attempt + 1),
                ),
                _ => continue,
            },
            Phase::Doubt(_) => (WaitKind::Doubt, reason(), doubt_token(&node.key, one.attempt)),
            Phase::Choosing => (WaitKind::Failure, reason(), failure_token(&node.key, one.attempt)),
            _ => continue,
        };
        found.push(Waiting { node: id, kind, question, token });
    }
    found
}

/// What can be typed next, the most likely first. `answered` are questions whose answers wait in the store.
pub(crate) fn next(run: &RunId, machine: &Machine, answered: &[String], state: &StateDir) -> Vec<String> {
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
    for one in waiting(machine).iter().filter(|one| !answered.contains(&one.token)) {
        let key = machine.plan().node(one.node).key.as_str();
        commands.push(state.command(&match &one.kind {
            WaitKind::Gate { phrase: Some(phrase) } => {
                format!("approve {run} {key} --phrase {}", shell_word(phrase))
            }
            WaitKind::Gate { phrase: None } | WaitKind::Manual => {
                format!("approve {run} {key}{}", fields_of(machine, one.node))
            }
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

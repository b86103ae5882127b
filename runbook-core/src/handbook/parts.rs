//! Steps as parts of the document.

use super::checks::{Task, expect, tasks};
use super::doing::{Doing, doing};
use super::fill::Fill;
use crate::model::{Action, Effect, Step, StepFailure, TargetRef};

/// A step.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// `3`, `3.1`; empty for what is not numbered.
    pub(super) number: String,
    /// Its id; may be empty.
    pub(super) id: String,
    pub(super) title: String,
    pub(super) description: Option<String>,
    pub(super) effect: Effect,
    /// Whether it touches nothing by itself: a group, a wait, a comparison.
    pub(super) is_quiet: bool,
    pub(super) is_manual: bool,
    /// Where it is done, when that is not here.
    pub(super) target: Option<String>,
    pub(super) when: Option<String>,
    pub(super) done_when: Vec<Task>,
    pub(super) preconditions: Vec<Task>,
    pub(super) gate: Option<Gate>,
    pub(super) irreversible: bool,
    pub(super) doing: Doing,
    /// What counts as success of the action itself.
    pub(super) expect: Option<String>,
    pub(super) settle: Option<String>,
    pub(super) verify: Vec<Task>,
    /// Values to write down, and how they are found.
    pub(super) outputs: Vec<(String, String)>,
    pub(super) evidence: Option<String>,
    /// How long it may take, and what else is worth a word.
    pub(super) notes: Vec<String>,
    pub(super) members: Vec<Part>,
    pub(super) undo: Vec<Part>,
    pub(super) cleanup: Vec<Part>,
}

/// A question to ask.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    pub(super) message: String,
    pub(super) show: Option<String>,
    pub(super) phrase: Option<String>,
}

/// The parts for `steps`, numbered after `prefix`.
pub(super) fn of(fill: &Fill<'_>, steps: &[Step], prefix: &str) -> Vec<Part> {
    let number = |place: usize| format!("{prefix}{}", place + 1);
    steps.iter().enumerate().map(|(place, step)| part(fill, step, number(place))).collect()
}

fn unnumbered(fill: &Fill<'_>, steps: &[Step]) -> Vec<Part> {
    steps.iter().map(|step| part(fill, step, String::new())).collect()
}

fn part(fill: &Fill<'_>, step: &Step, number: String) -> Part {
    let spec = &step.spec;
    let text = |template: &crate::expr::Template| fill.text(template);
    let inner = if number.is_empty() { String::new() } else { format!("{number}.") };
    let id = spec.id.as_ref().map(|id| id.value.clone()).unwrap_or_default();
    let mut notes = Vec::new();
    notes.extend(spec.budget.map(|budget| format!("takes about {budget}")));
    notes.extend(spec.timeout.map(|timeout| format!("give up after {timeout}")));
    notes.extend(spec.retry.as_ref().map(|retry| {
        let attempts = retry.attempts.map_or_else(String::new, |attempts| format!(" up to {attempts} times"));
        let within = retry.within.map_or_else(String::new, |within| format!(" within {within}"));
        format!("may be tried again{attempts}{within}, every {}", retry.every)
    }));
    match spec.on_failure {
        StepFailure::Stop => {}
        StepFailure::Continue => notes.push("go on even when it fails".to_owned()),
        StepFailure::Ask => notes.push("when it fails, decide: try again, skip, undo or stop".to_owned()),
    }
    Part {
        title: spec.title.as_ref().map(text).unwrap_or_default(),
        description: spec.description.clone(),
        effect: spec.effect,
        is_quiet: !spec.action.is_external(),
        is_manual: matches!(spec.action, Action::Manual(_)),
        target: match (&spec.target, spec.action.is_external()) {
            (TargetRef::Named(name), true) if !spec.target.is_local() => Some(name.clone()),
            (TargetRef::Computed(name), true) => Some(fill.text(name)),
            // What is repeated, or called, says around it where it is done.
            _ => None,
        },
        when: spec.when.as_ref().map(|when| fill.expression(when)),
        done_when: tasks(fill, &spec.done_when),
        preconditions: tasks(fill, &spec.preconditions),
        gate: spec.confirm.as_ref().map(|confirm| Gate {
            message: text(&confirm.message),
            show: confirm.show.as_ref().map(text),
            phrase: confirm.phrase.as_ref().map(text),
        }),
        irreversible: spec.irreversible,
        doing: doing(fill, &spec.action),
        expect: spec.expect.as_ref().map(|one| expect(fill, one)),
        settle: spec.settle.map(|settle| settle.to_string()),
        verify: tasks(fill, &spec.verify),
        outputs: spec
            .outputs
            .iter()
            .map(|(name, expr)| (format!("{id}.{name}"), fill.expression(expr)))
            .collect(),
        evidence: spec.evidence.as_ref().map(|evidence| evidence.label.clone().unwrap_or_default()),
        notes,
        members: of(fill, &step.children, &inner),
        undo: unnumbered(fill, &step.rollback),
        cleanup: unnumbered(fill, &step.cleanup),
        number,
        id,
    }
}

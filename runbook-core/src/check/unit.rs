//! What has names of its own: a book or a procedure, and the outputs of a step.

use crate::expr::Expr;
use crate::model::{Action, Input, Procedure, Runbook, Step, StepSpec, ValueTemplate};
use crate::source::Spanned;

/// A book or a procedure: what has names of its own.
#[derive(Clone, Copy)]
pub(super) struct Unit<'a> {
    pub(super) runbook: &'a Runbook,
    pub(super) inputs: &'a [Input],
    pub(super) vars: &'a [(Spanned<String>, ValueTemplate)],
    pub(super) outputs: &'a [(Spanned<String>, Expr)],
    /// Whether it is the book itself.
    pub(super) is_book: bool,
}

impl<'a> Unit<'a> {
    pub(super) fn of_book(runbook: &'a Runbook) -> Self {
        let Runbook { inputs, vars, outputs, .. } = runbook;
        Unit { runbook, inputs, vars, outputs, is_book: true }
    }

    pub(super) fn of_procedure(runbook: &'a Runbook, procedure: &'a Procedure) -> Self {
        let Procedure { inputs, vars, outputs, .. } = procedure;
        Unit { runbook, inputs, vars, outputs, is_book: false }
    }

    /// Whether the value of its input `name` is a secret.
    pub(super) fn is_sensitive(&self, name: &str) -> bool {
        self.inputs.iter().any(|input| input.sensitive && input.name.value == name)
    }
}

/// The outputs that a step declares.
pub(super) fn outputs<'a>(runbook: &'a Runbook, spec: &'a StepSpec) -> impl Iterator<Item = &'a str> {
    let called = match &spec.action {
        Action::Call(call) => runbook.procedures.iter().find(|p| p.name.value == call.procedure.value),
        _ => None,
    };
    let returned = called.into_iter().flat_map(|called| &called.outputs).map(|(name, _)| name.value.as_str());
    let own = spec.outputs.iter().map(|(name, _)| name.as_str());
    let fields = match &spec.action {
        Action::Manual(manual) => &manual.fields[..],
        _ => &[],
    };
    let values = match &spec.action {
        Action::Set(values) => &values[..],
        _ => &[],
    };
    own.chain(fields.iter().map(|field| field.name.value.as_str()))
        .chain(values.iter().map(|(name, _)| name.as_str()))
        .chain(returned)
}

/// Whether a step called `name` is among `steps` or below.
pub(super) fn has_step(steps: &[Step], name: &str) -> bool {
    let mut left: Vec<&Step> = steps.iter().collect();
    while let Some(step) = left.pop() {
        if step.spec.id.as_ref().is_some_and(|id| id.value == name) {
            return true;
        }
        left.extend([&step.children, &step.rollback, &step.cleanup].into_iter().flatten());
    }
    false
}

/// The procedure that has a step called `name`.
pub(super) fn in_a_procedure<'a>(runbook: &'a Runbook, name: &str) -> Option<&'a str> {
    let procedure = runbook.procedures.iter().find(|procedure| has_step(&procedure.steps, name))?;
    Some(&procedure.name.value)
}

//! From a runbook and what an operator gives to a plan.

use super::inputs::{environment, inputs, lock, vars};
use super::selection::selection;
use super::{Node, PLAN_FORMAT, Plan};
use crate::check::Graph;
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::model::{RollbackMode, Runbook};
use crate::value::{Object, Value};

/// What an operator gives: values and choices.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PlanRequest {
    /// Inputs that have their types already.
    pub inputs: Object,
    /// Inputs as texts, to be read as the types of the inputs say; they win over `inputs`.
    pub text_inputs: Vec<(String, String)>,
    /// The environment; what expressions do not refer to does not enter the plan.
    pub env: Object,
    /// Run this step and what comes after it.
    pub from: Option<String>,
    /// Run these steps.
    pub only: Vec<String>,
    /// Whether a failed run undoes what it did, when it is not what the runbook says.
    pub rollback: Option<RollbackMode>,
}

impl PlanRequest {
    /// Gives the input `name` a value of its type.
    #[must_use]
    pub fn input(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.inputs.insert(name.into(), value.into());
        self
    }

    /// Gives the input `name` a value as text.
    #[must_use]
    pub fn text_input(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.text_inputs.push((name.into(), text.into()));
        self
    }

    /// Offers an environment.
    #[must_use]
    pub fn env(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.env.extend(variables.into_iter().map(|(name, value)| (name, Value::String(value))));
        self
    }

    /// Runs only `step` and what comes after it.
    #[must_use]
    pub fn from(mut self, step: impl Into<String>) -> Self {
        self.from = Some(step.into());
        self
    }

    /// Runs only `step` and what else is named in this way.
    #[must_use]
    pub fn only(mut self, step: impl Into<String>) -> Self {
        self.only.push(step.into());
        self
    }

    /// Says whether a failed run undoes what it did.
    #[must_use]
    pub fn rollback(mut self, mode: RollbackMode) -> Self {
        self.rollback = Some(mode);
        self
    }
}

impl Plan {
    /// Freezes `runbook` with what `request` gives.
    ///
    /// # Errors
    /// Everything that keeps it from being planned, by place in the text.
    pub fn build(runbook: &Runbook, request: &PlanRequest) -> Result<Plan, Vec<Diagnostic>> {
        let mut found = Diagnostics::default();
        let inputs = inputs(runbook, request, &mut found);
        let env = environment(runbook, &request.env);
        let (mut plan_vars, mut plan_lock) = (Object::new(), None);
        // Without all inputs every variable would be reported as well.
        if !found.has_errors() {
            let mut scope = Object::new();
            scope.insert("inputs".into(), Value::Object(inputs.clone()));
            scope.insert("env".into(), Value::Object(env.clone()));
            plan_vars = vars(runbook, &mut scope, &mut found);
            if !found.has_errors() {
                plan_lock = runbook.lock.as_ref().and_then(|written| lock(written, &scope, &mut found));
            }
        }
        let graph = Graph::new(runbook, &mut found);
        let selected = selection(&graph, request, &mut found);
        if found.has_errors() {
            let errors = found.into_sorted().into_iter().filter(|d| d.severity == Severity::Error);
            return Err(errors.collect());
        }
        Ok(Plan {
            format: PLAN_FORMAT,
            runbook: runbook.meta.clone(),
            inputs,
            dash_inputs: dash_inputs(runbook),
            vars: plan_vars,
            env,
            lock: plan_lock,
            preconditions: runbook.preconditions.clone(),
            nodes: nodes(&graph, &selected),
            rollback: request.rollback.unwrap_or(runbook.on_failure.rollback),
            outputs: runbook.outputs.iter().map(|(name, expr)| (name.value.clone(), expr.clone())).collect(),
        })
    }
}

fn dash_inputs(runbook: &Runbook) -> Vec<String> {
    let allowed = runbook.inputs.iter().filter(|input| input.allows_leading_dash());
    allowed.map(|input| input.name.value.clone()).collect()
}

fn nodes(graph: &Graph<'_>, selected: &[bool]) -> Vec<Node> {
    let node = |(placed, selected): (&crate::check::Placed<'_>, &bool)| Node {
        key: placed.key.clone(),
        role: placed.role,
        parent: placed.parent,
        needs: placed.needs.clone(),
        children: placed.children.clone(),
        rollback: placed.rollback.clone(),
        cleanup: placed.cleanup.clone(),
        selected: *selected,
        spec: (*placed.step.spec).clone(),
    };
    graph.steps().iter().zip(selected).map(node).collect()
}

//! From a runbook and what an operator gives to a plan.

use super::grow::settle_targets;
use super::inputs::{environment, escalation, inputs, lock, vars};
use super::judge::judge;
use super::selection::selection;
use std::collections::HashMap;
use std::sync::Arc;

use super::{Frame, FrameId, FrameKind, Node, PLAN_FORMAT, Plan};
use crate::check::Graph;
use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::ids::NodeId;
use crate::kind::Target;
use crate::model::{Action, Policy, Procedure, RollbackMode, Runbook};
use crate::policy::PolicySet;
use crate::source::Spanned;
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
    /// Policies from outside: they apply besides those of the runbook.
    pub policies: Vec<Policy>,
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

    /// Puts the run under `policy`, whatever the runbook says.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policies.push(policy);
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
        let (mut plan_vars, mut plan_lock, mut plan_scope) = (Object::new(), None, Object::new());
        let mut plan_escalation = None;
        // Without all inputs every variable would be reported as well.
        if !found.has_errors() {
            let mut scope = Object::new();
            scope.insert("inputs".into(), Value::Object(inputs.clone()));
            scope.insert("env".into(), Value::Object(env.clone()));
            plan_vars = vars(runbook, &mut scope, &mut found);
            if !found.has_errors() {
                plan_lock = runbook.lock.as_ref().and_then(|written| lock(written, &scope, &mut found));
            }
            plan_scope = scope;
            plan_escalation = escalation(runbook, &inputs, &mut found);
        }
        let graph = Graph::new(runbook, &mut found);
        let selected = selection(&graph, request, &mut found);
        if found.has_errors() {
            let errors = found.into_sorted().into_iter().filter(|d| d.severity == Severity::Error);
            return Err(errors.collect());
        }
        let targets = targets(runbook, &plan_scope, &mut found);
        if found.has_errors() {
            return Err(found.into_sorted().into_iter().filter(|d| d.severity == Severity::Error).collect());
        }
        let (nodes, frames) = nodes(&graph, &selected, &runbook.procedures);
        let mut plan = Plan {
            format: PLAN_FORMAT,
            runbook: runbook.meta.clone(),
            inputs,
            dash_inputs: dash_inputs(runbook),
            vars: plan_vars,
            env,
            lock: plan_lock,
            preconditions: runbook.preconditions.clone(),
            secrets: named(&runbook.secrets),
            contacts: named(&runbook.contacts),
            channels: named(&runbook.channels),
            policies: policies(runbook, request),
            escalation: plan_escalation,
            targets,
            nodes: nodes.into_iter().map(Arc::new).collect(),
            frames: frames.into_iter().map(Arc::new).collect(),
            rollback: request.rollback.unwrap_or(runbook.on_failure.rollback),
            outputs: named(&runbook.outputs),
        };
        judge(&mut plan, &graph, &mut found);
        match found.has_errors() {
            true => Err(found.into_sorted().into_iter().filter(|d| d.severity == Severity::Error).collect()),
            false => Ok(plan),
        }
    }
}

/// Every policy once, in the order in which people come across them.
fn policies(runbook: &Runbook, request: &PlanRequest) -> Vec<Policy> {
    let all = runbook.policies.iter().chain(&request.policies).cloned();
    PolicySet::new(all).policies().to_vec()
}

fn named<T: Clone>(declared: &[(Spanned<String>, T)]) -> Vec<(String, T)> {
    declared.iter().map(|(name, value)| (name.value.clone(), value.clone())).collect()
}

fn dash_inputs(runbook: &Runbook) -> Vec<String> {
    let allowed = runbook.inputs.iter().filter(|input| input.allows_leading_dash());
    allowed.map(|input| input.name.value.clone()).collect()
}

/// The declared targets with their parameters.
fn targets(runbook: &Runbook, scope: &Object, found: &mut Diagnostics) -> Vec<Target> {
    let mut targets = Vec::with_capacity(runbook.inventory.targets.len());
    for declared in &runbook.inventory.targets {
        let cwd = declared.cwd.as_ref().map(|cwd| cwd.render_text(scope)).transpose();
        match (declared.params.render(scope), declared.render_vars(scope), cwd) {
            (Ok(params), Ok(vars), Ok(cwd)) => targets.push(Target {
                name: declared.name.value.clone(),
                kind: declared.kind.clone(),
                params,
                cwd,
                vars,
            }),
            (params, vars, cwd) => {
                let errors = [params.err(), vars.err(), cwd.err()];
                found.extend(errors.into_iter().flatten().map(|error| {
                    let message =
                        format!("the target `{}` cannot be computed: {}", declared.name.value, error.message);
                    Diagnostic::error(Code::VAR_FAILED, declared.name.span, message)
                }));
            }
        }
    }
    targets
}

fn nodes(graph: &Graph<'_>, selected: &[bool], procedures: &[Procedure]) -> (Vec<Node>, Vec<Frame>) {
    let mut frames: Vec<Frame> = Vec::new();
    let mut frame_of: HashMap<NodeId, FrameId> = HashMap::new();
    let frame_in = |frames: &HashMap<NodeId, FrameId>, call: Option<NodeId>| {
        call.and_then(|call| frames.get(&call).copied()).unwrap_or(FrameId::BOOK)
    };
    let mut nodes: Vec<Node> = Vec::with_capacity(graph.steps().len());
    for ((id, placed), selected) in graph.iter().zip(selected) {
        let frame = frame_in(&frame_of, placed.call);
        let mut spec = (*placed.step.spec).clone();
        let mut children = placed.children.clone();
        let mut template = None;
        let caller = placed.call.and_then(|call: NodeId| nodes.get(call.index()));
        // What is repeated on targets of its own is told them when it is repeated.
        let caller = caller.filter(|_| !graph.acts_on_members(id));
        if let Some(name) = caller.and_then(|caller: &Node| caller.spec.target.name()) {
            settle_targets(&mut spec, name);
        }
        match &mut spec.action {
            Action::Each(_) => template = children.pop(),
            Action::Call(call) => {
                let name = &call.procedure.value;
                if let Some(called) = procedures.iter().find(|procedure| procedure.name.value == *name) {
                    call.inputs.clone_from(&called.inputs);
                    call.vars.clone_from(&called.vars);
                    call.outputs = called
                        .outputs
                        .iter()
                        .map(|(name, expr)| (name.value.clone(), expr.clone()))
                        .collect();
                }
                let kind = FrameKind::Call { node: id, given: None };
                frames.push(Frame { parent: (!frame.is_book()).then_some(frame), kind });
                frame_of.insert(id, FrameId(u32::try_from(frames.len()).unwrap_or(u32::MAX)));
            }
            _ => {}
        }
        nodes.push(Node {
            key: placed.key.clone(),
            role: placed.role,
            parent: placed.parent,
            needs: placed.needs.clone(),
            children,
            rollback: placed.rollback.clone(),
            cleanup: placed.cleanup.clone(),
            template,
            frame,
            selected: *selected,
            asked_by: Vec::new(),
            spec,
        });
    }
    (nodes, frames)
}

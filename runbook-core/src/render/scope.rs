//! What expressions see.

use std::collections::HashMap;

use jiff::Timestamp;

use super::enter::resolve_target;
use crate::expr::{Expr, unusable};
use crate::ids::NodeId;
use crate::kind::Target;
use crate::model::Action;
use crate::plan::{Frame, FrameId, FrameKind, Plan, sensitive_inputs};
use crate::run::State;
use crate::value::{Object, Value};

/// What expressions see as `run`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFacts {
    /// The run's id.
    pub id: String,
    /// When it was started.
    pub started: Timestamp,
}

/// Builds the names that an expression sees; only those it refers to, so that a long run stays cheap.
#[derive(Clone, Debug)]
pub struct Scopes {
    /// The steps that have a name, by the frame in which they have it.
    by_id: HashMap<(FrameId, String), NodeId>,
    /// How many nodes of the plan are in there.
    known: usize,
    run: Object,
    /// What stands for each secret.
    secrets: Object,
}

impl Scopes {
    /// The scopes of a run of `plan`, in which `secrets` stand for the secrets.
    pub fn new(plan: &Plan, run: &RunFacts, secrets: Object) -> Self {
        let mut facts = Object::new();
        facts.insert("id".into(), run.id.clone().into());
        facts.insert("started".into(), run.started.to_string().into());
        facts.insert("runbook".into(), plan.runbook.name.clone().into());
        let mut scopes = Scopes { by_id: HashMap::new(), known: 0, run: facts, secrets };
        scopes.grow(plan);
        scopes
    }

    /// Takes in what has been appended to `plan` since.
    pub fn grow(&mut self, plan: &Plan) {
        for (id, node) in plan.iter().skip(self.known) {
            if let Some(name) = &node.spec.id {
                self.by_id.insert((node.frame, name.value.clone()), id);
            }
        }
        self.known = plan.nodes.len();
    }

    /// What `expressions` see outside of all steps, as far as the run has come.
    pub fn of_book<'e>(
        &self,
        plan: &Plan,
        state: &State,
        expressions: impl IntoIterator<Item = &'e Expr>,
    ) -> Object {
        let mut scope = self.of_frame(plan, state, FrameId::BOOK, expressions);
        scope.insert("target".into(), Target::local().to_value());
        scope
    }

    /// What `expressions` of the step `id` see, as far as the run has come.
    pub fn of_step<'e>(
        &self,
        plan: &Plan,
        state: &State,
        id: NodeId,
        expressions: impl IntoIterator<Item = &'e Expr>,
    ) -> Object {
        let node = plan.node(id);
        let mut scope = self.of_frame(plan, state, node.frame, expressions);
        let target = match resolve_target(plan, &node.spec.target, &scope) {
            Ok(target) => target.to_value(),
            Err(error) => unusable(error.to_string()),
        };
        scope.insert("target".into(), target);
        scope
    }

    /// What `expressions` see in what `call` calls.
    pub fn of_called<'e>(
        &self,
        plan: &Plan,
        state: &State,
        call: NodeId,
        expressions: impl IntoIterator<Item = &'e Expr>,
    ) -> Object {
        self.of_frame(plan, state, plan.called_frame(call).unwrap_or(FrameId::BOOK), expressions)
    }

    fn of_frame<'e>(
        &self,
        plan: &Plan,
        state: &State,
        frame: FrameId,
        expressions: impl IntoIterator<Item = &'e Expr>,
    ) -> Object {
        let mut scope = Object::new();
        let (inputs, vars) = match plan.call_around(frame).map(|frame| &frame.kind) {
            Some(FrameKind::Call { given: Some((inputs, vars)), .. }) => (inputs.clone(), vars),
            _ => {
                let own = plan.inputs.iter().map(|(name, value)| (name.clone(), value.clone()));
                (own.chain(sensitive_inputs(&self.secrets)).collect(), &plan.vars)
            }
        };
        scope.insert("inputs".into(), Value::Object(inputs));
        scope.insert("vars".into(), Value::Object(vars.clone()));
        scope.insert("env".into(), Value::Object(plan.env.clone()));
        scope.insert("run".into(), Value::Object(self.run.clone()));
        if !self.secrets.is_empty() {
            scope.insert("secrets".into(), Value::Object(self.secrets.clone()));
        }
        for (_, around) in plan.frames_around(frame) {
            if let FrameKind::Item { name, value, target: None, .. } = &around.kind {
                for name in name.iter().map(String::as_str).chain(["item"]) {
                    // The innermost one comes first.
                    scope.entry(name.to_owned()).or_insert_with(|| value.clone());
                }
            }
        }
        let mut steps = Object::new();
        for expression in expressions {
            for reference in expression.references() {
                let mut path = reference.path.iter();
                if path.next().is_some_and(|root| root == "steps")
                    && let Some((name, id)) = path.next().and_then(|n| Some((n, self.find(plan, frame, n)?)))
                {
                    steps.entry(name.clone()).or_insert_with(|| step(plan, state, id));
                }
            }
        }
        scope.insert("steps".into(), Value::Object(steps));
        scope
    }

    /// The step that `name` means in `frame`: of a step that is repeated the one of the same repetition.
    fn find(&self, plan: &Plan, frame: FrameId, name: &str) -> Option<NodeId> {
        let around = plan.frames_around(frame);
        let in_frame = |frame: FrameId| self.by_id.get(&(frame, name.to_owned())).copied();
        let is_call = plan.call_around(frame).is_some();
        let own = |around: &Frame| match &around.kind {
            FrameKind::Item { holder, index, .. } => {
                let holder = plan.node(*holder);
                let named = holder.spec.id.as_ref().is_some_and(|id| id.value == name);
                holder.children.get(*index as usize).copied().filter(|_| named)
            }
            FrameKind::Call { .. } => None,
        };
        let seen = around.map(|(id, frame)| in_frame(id).or_else(|| own(frame))).find_map(|found| found);
        seen.or_else(|| if is_call { None } else { in_frame(FrameId::BOOK) })
    }
}

fn step(plan: &Plan, state: &State, id: NodeId) -> Value {
    let mut step = outcome(state, id);
    let node = plan.node(id);
    if matches!(node.spec.action, Action::Each(_)) {
        let items = node.children.iter().filter_map(|child| repetition(plan, state, *child));
        step.insert("items".into(), Value::Array(items.collect()));
    }
    Value::Object(step)
}

/// One repetition of a step, as a list of them shows it; none for a pause between two batches.
fn repetition(plan: &Plan, state: &State, id: NodeId) -> Option<Value> {
    let FrameKind::Item { value, target, .. } = &plan.frame_of(id)?.kind else { return None };
    let mut entry = Object::new();
    entry.insert("item".into(), value.clone());
    if let Some(target) = target {
        entry.insert("target".into(), target.clone().into());
    }
    let Value::Object(fields) = step(plan, state, id) else { return None };
    entry.extend(fields);
    Some(Value::Object(entry))
}

fn outcome(state: &State, id: NodeId) -> Object {
    let node = state.node(id);
    let mut step = Object::new();
    step.insert("status".into(), state.status(id).name().into());
    step.insert("reason".into(), node.reason.clone().map_or(Value::Null, Value::String));
    let mut outputs = Object::new();
    if let Some(result) = &node.result {
        if let Value::Object(fields) = result.to_value() {
            let offered = ["stdout", "stderr", "exit_code"];
            step.extend(fields.into_iter().filter(|(name, _)| offered.contains(&name.as_str())));
        }
        outputs.clone_from(&result.outputs);
    }
    step.insert("outputs".into(), Value::Object(outputs));
    step
}

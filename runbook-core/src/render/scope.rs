//! What expressions see.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::expr::Expr;
use crate::ids::NodeId;
use crate::plan::Plan;
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
    by_id: Arc<HashMap<String, NodeId>>,
    base: Object,
}

impl Scopes {
    /// The scopes of a run of `plan`.
    pub fn new(plan: &Plan, run: &RunFacts) -> Self {
        let ids = plan.iter().filter_map(|(id, node)| Some((node.spec.id.as_ref()?.value.clone(), id)));
        let by_id = Arc::new(ids.collect());
        let mut base = Object::new();
        base.insert("inputs".into(), Value::Object(plan.inputs.clone()));
        base.insert("vars".into(), Value::Object(plan.vars.clone()));
        base.insert("env".into(), Value::Object(plan.env.clone()));
        let mut facts = Object::new();
        facts.insert("id".into(), run.id.clone().into());
        facts.insert("started".into(), run.started.to_string().into());
        facts.insert("runbook".into(), plan.runbook.name.clone().into());
        base.insert("run".into(), Value::Object(facts));
        // Every step acts on the one target there is; declared targets will bring their own names.
        base.insert("target".into(), serde_json::json!({ "name": "local" }));
        Scopes { by_id, base }
    }

    /// What `expressions` see, as far as the run has come.
    pub fn of<'e>(&self, state: &State, expressions: impl IntoIterator<Item = &'e Expr>) -> Object {
        let mut scope = self.base.clone();
        let mut steps = Object::new();
        for expression in expressions {
            for reference in expression.references() {
                let mut path = reference.path.iter();
                if path.next().is_some_and(|root| root == "steps")
                    && let Some((name, id)) = path.next().and_then(|n| Some((n, *self.by_id.get(n)?)))
                {
                    steps.entry(name.clone()).or_insert_with(|| self.step(state, id));
                }
            }
        }
        scope.insert("steps".into(), Value::Object(steps));
        scope
    }

    fn step(&self, state: &State, id: NodeId) -> Value {
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
        Value::Object(step)
    }
}

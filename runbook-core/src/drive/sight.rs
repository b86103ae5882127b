//! What can be seen of a run where it stands: expressions evaluated, actions rendered, questions put together.
//! Changes nothing and asks nobody.

use std::sync::Arc;

use super::actions;
use super::judge::Rules;
use super::world::World;
use crate::expr::Expr;
use crate::ids::NodeId;
use crate::model::Action;
use crate::plan::Plan;
use crate::render::{
    RenderError, Rendered, Scopes, call_values, evaluate_outputs, gate_question, items, render_action,
};
use crate::run::{Ending, Event, Machine, Outcome, State, StepResult};
use crate::value::Object;

/// A run as it stands.
pub(super) struct Sight<'a> {
    pub(super) machine: &'a Machine,
    pub(super) scopes: &'a Scopes,
    pub(super) world: &'a World,
    pub(super) rules: &'a Rules,
    /// The digest of the plan.
    pub(super) digest: &'a str,
}

impl<'a> Sight<'a> {
    fn plan(&self) -> &'a Arc<Plan> {
        self.machine.plan()
    }

    fn state(&self) -> &'a State {
        self.machine.state()
    }

    pub(super) fn evaluate(&self, id: NodeId) -> Event {
        let Some(when) = &self.plan().node(id).spec.when else {
            return Event::Condition { node: id, holds: true };
        };
        match when.eval_bool(&self.scope_of(id, [when])) {
            Ok(holds) => Event::Condition { node: id, holds },
            Err(error) => {
                Event::Unusable { node: id, reason: format!("`when`: {}", RenderError::from(error)) }
            }
        }
    }

    /// What `expressions` of the step `id` see.
    pub(super) fn scope_of<'e>(&self, id: NodeId, expressions: impl IntoIterator<Item = &'e Expr>) -> Object {
        self.scopes.of_step(self.plan(), self.state(), id, expressions)
    }

    /// What a step is repeated for, or what a procedure is called with.
    pub(super) fn enter(&self, id: NodeId) -> Event {
        let spec = &self.plan().node(id).spec;
        let mut expressions = actions::action_expressions(spec);
        if let Action::Call(call) = &spec.action {
            expressions.extend(call.vars.iter().flat_map(|(_, value)| value.expressions()));
        }
        let scope = self.scope_of(id, expressions);
        let entered = match &spec.action {
            Action::Each(each) => items(each, &scope).map(|items| Event::Expanded { node: id, items }),
            Action::Call(call) => {
                call_values(call, &scope).map(|(inputs, vars)| Event::Called { node: id, inputs, vars })
            }
            _ => Err(RenderError("it is neither repeated nor called".to_owned())),
        };
        entered.unwrap_or_else(|error| Event::Unusable { node: id, reason: error.to_string() })
    }

    /// What a called procedure returns.
    pub(super) fn returned(&self, id: NodeId) -> Event {
        let outputs = match &self.plan().node(id).spec.action {
            Action::Call(call) => {
                let (plan, state) = (self.plan(), self.state());
                let expressions = call.outputs.iter().map(|(_, expr)| expr);
                let scope = self.scopes.of_called(plan, state, id, expressions);
                evaluate_outputs(&call.outputs, &scope)
            }
            _ => Ok(Object::new()),
        };
        let result = match outputs {
            Ok(outputs) => StepResult { outputs, ..StepResult::success() },
            Err(reason) => StepResult::failure(Ending::Completed, reason),
        };
        Event::Ended { node: id, attempt: 1, result: Box::new(result) }
    }

    pub(super) fn rendered(&self, id: NodeId) -> Result<(Rendered, Object), RenderError> {
        let node = self.plan().node(id);
        let scope = self.scope_of(id, actions::action_expressions(&node.spec));
        let world = self.world;
        let rendered =
            render_action(self.plan(), self.digest, node, &scope, |kind, params| world.show(kind, params))?;
        Ok((rendered, scope))
    }

    /// What the policies that apply have against the action of `id`.
    pub(super) fn refused(&self, id: NodeId, rendered: &Rendered, scope: &Object) -> Option<Event> {
        let reason = self.rules.refuse(self.plan().node(id), &rendered.target, scope)?;
        Some(Event::Refused { node: id, reason })
    }

    pub(super) fn open_gate(&self, id: NodeId) -> Event {
        let question = match self.rendered(id) {
            Ok((rendered, scope)) => match self.refused(id, &rendered, &scope) {
                Some(refused) => return refused,
                None => gate_question(self.plan(), self.plan().node(id), &rendered, &scope),
            },
            Err(error) => Err(error),
        };
        match question {
            Ok(question) => Event::GateOpened { node: id, question },
            Err(error) => Event::Unusable { node: id, reason: error.to_string() },
        }
    }

    pub(super) fn finish(&self, outcome: Outcome) -> Event {
        let mut outputs = Object::new();
        for (name, expr) in &self.plan().outputs {
            let plan = self.plan();
            let scope = self.scopes.of_book(plan, self.state(), [expr]);
            // An output whose step was never reached has no value; that is not the run's failure.
            if let Ok(value) = evaluate_outputs(&[(name.clone(), expr.clone())], &scope) {
                outputs.extend(value);
            }
        }
        Event::Finished { outcome, outputs }
    }
}

//! What the machine wants and the engine can answer by itself: rendering, evaluating, computing.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Launch, Session};
use crate::drive::actions::{self, Attempt};
use crate::expr::Expr;
use crate::ids::NodeId;
use crate::model::Action;
use crate::plan::Node;
use crate::render::{
    RenderError, Rendered, call_values, evaluate_outputs, gate_question, items, render_action,
};
use crate::run::{CheckStage, Ending, Event, Outcome, StepResult, Want};
use crate::value::Object;

impl Session {
    pub(super) fn answer_at_once(
        &mut self,
        wants: &[Want],
        now: Timestamp,
    ) -> (Vec<Event>, Vec<(usize, Launch)>) {
        let (mut events, mut launches) = (Vec::new(), Vec::new());
        let mut under_way = self.stops.len();
        for want in wants {
            match want {
                Want::Evaluate(id) => events.push(self.evaluate(*id)),
                Want::Enter(id) => events.push(self.enter(*id)),
                Want::Return(id) => events.push(self.returned(*id)),
                // What an executor would change is looked at first, which takes time.
                Want::OpenGate(id) if self.has_preview(*id) => {}
                Want::OpenGate(id) => events.push(self.open_gate(*id)),
                Want::ExpireGate(id) => events.push(Event::GateExpired { node: *id }),
                Want::TimeOut(id) => events.push(Event::TimedOut { node: *id }),
                Want::EndWait(id, attempt) => events.push(self.end_wait(*id, *attempt, now)),
                Want::Check(id, CheckStage::Verify) if self.node(*id).spec.verify.is_empty() => {
                    events.push(Event::Checked { node: *id, stage: CheckStage::Verify, checks: Vec::new() });
                }
                Want::Finish(outcome) => events.push(self.finish(*outcome)),
                Want::Act(id, attempt) => {
                    let external = self.node(*id).spec.action.is_external();
                    if external && (under_way >= self.world.jobs || self.stops.contains_key(id)) {
                        continue;
                    }
                    let (event, launch) = self.act(*id, *attempt);
                    if let Some(launch) = launch {
                        under_way += 1;
                        launches.push((events.len(), launch));
                    }
                    events.push(event);
                }
                _ => {}
            }
        }
        (events, launches)
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        self.context.plan.node(id)
    }

    fn evaluate(&self, id: NodeId) -> Event {
        let Some(when) = &self.node(id).spec.when else { return Event::Condition { node: id, holds: true } };
        match when.eval_bool(&self.scope_of(id, [when])) {
            Ok(holds) => Event::Condition { node: id, holds },
            Err(error) => {
                Event::Unusable { node: id, reason: format!("`when`: {}", RenderError::from(error)) }
            }
        }
    }

    /// What `expressions` of the step `id` see.
    pub(super) fn scope_of<'e>(&self, id: NodeId, expressions: impl IntoIterator<Item = &'e Expr>) -> Object {
        self.scopes.of_step(self.machine.plan(), self.machine.state(), id, expressions)
    }

    /// What a step is repeated for, or what a procedure is called with.
    fn enter(&self, id: NodeId) -> Event {
        let spec = &self.node(id).spec;
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
    fn returned(&self, id: NodeId) -> Event {
        let outputs = match &self.node(id).spec.action {
            Action::Call(call) => {
                let (plan, state) = (self.machine.plan(), self.machine.state());
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
        let node = self.node(id);
        let scope = self.scope_of(id, actions::action_expressions(&node.spec));
        let world = Arc::clone(&self.world);
        let rendered =
            render_action(&self.context.plan, &self.record.digest, node, &scope, |kind, params| {
                world.show(kind, params)
            })?;
        Ok((rendered, scope))
    }

    pub(super) fn has_preview(&self, id: NodeId) -> bool {
        matches!(self.node(id).spec.action, Action::Custom(_))
    }

    pub(super) fn open_gate(&self, id: NodeId) -> Event {
        let question = self.rendered(id).and_then(|(rendered, scope)| {
            gate_question(&self.context.plan, self.node(id), &rendered, &scope)
        });
        match question {
            Ok(question) => Event::GateOpened { node: id, question },
            Err(error) => Event::Unusable { node: id, reason: error.to_string() },
        }
    }

    fn act(&mut self, id: NodeId, attempt: u32) -> (Event, Option<Launch>) {
        let (rendered, scope) = match self.rendered(id) {
            Ok(rendered) => rendered,
            Err(error) => return (Event::Unusable { node: id, reason: error.to_string() }, None),
        };
        if let Some(event) = self.approval_is_for_something_else(id, &rendered, &scope) {
            return (event, None);
        }
        let ended = |result| Event::Ended { node: id, attempt, result: Box::new(result) };
        let event = match &self.node(id).spec.action {
            Action::Set(values) => {
                let mut outputs = Object::new();
                let mut failure = None;
                for (name, value) in values {
                    match value.render(&scope) {
                        Ok(value) => drop(outputs.insert(name.clone(), value)),
                        Err(error) => failure = Some(format!("`{name}`: {}", RenderError::from(error))),
                    }
                }
                ended(match failure {
                    None => StepResult { outputs, ..StepResult::success() },
                    Some(reason) => StepResult::failure(Ending::Completed, reason),
                })
            }
            Action::Assert(assertions) => ended(assert_all(assertions, &scope)),
            _ => {
                let event = Event::Started { node: id, attempt, digest: rendered.digest.clone() };
                let takes_time = matches!(self.node(id).spec.action, Action::WaitFor(_) | Action::Notify(_));
                if !takes_time && !self.node(id).spec.action.is_external() {
                    return (event, None);
                }
                let stop = CancellationToken::new();
                let attempt = Attempt { node: id, number: attempt, rendered, scope, stop };
                return (event, Some(Launch::Act(Box::new(attempt))));
            }
        };
        (event, None)
    }

    /// What was approved is what runs. When the values have changed since, people are asked again.
    fn approval_is_for_something_else(
        &self,
        id: NodeId,
        rendered: &Rendered,
        scope: &Object,
    ) -> Option<Event> {
        let node = self.node(id);
        node.spec.confirm.as_ref()?;
        let (approved, _) = self.machine.state().node(id).approved.as_ref()?;
        match gate_question(&self.context.plan, node, rendered, scope) {
            Ok(question) if question.digest == *approved => None,
            Ok(question) => Some(Event::GateOpened { node: id, question }),
            Err(error) => Some(Event::Unusable { node: id, reason: error.to_string() }),
        }
    }

    fn end_wait(&self, id: NodeId, attempt: u32, now: Timestamp) -> Event {
        let Action::Wait(pause) = &self.node(id).spec.action else {
            return Event::Unusable { node: id, reason: "not a pause".to_owned() };
        };
        let begun = self.machine.state().node(id).attempt_started.unwrap_or(now);
        let waited = now.as_millisecond().saturating_sub(begun.as_millisecond());
        let whole = u64::try_from(waited).is_ok_and(|waited| waited >= pause.as_millis());
        let result = match whole {
            true => StepResult::success(),
            false => StepResult::failure(Ending::Cancelled, "was stopped"),
        };
        Event::Ended { node: id, attempt, result: Box::new(result) }
    }

    fn finish(&self, outcome: Outcome) -> Event {
        let mut outputs = Object::new();
        for (name, expr) in &self.context.plan.outputs {
            let plan = self.machine.plan();
            let scope = self.scopes.of_book(plan, self.machine.state(), [expr]);
            // An output whose step was never reached has no value; that is not the run's failure.
            if let Ok(value) = evaluate_outputs(&[(name.clone(), expr.clone())], &scope) {
                outputs.extend(value);
            }
        }
        Event::Finished { outcome, outputs }
    }
}

fn assert_all(assertions: &[crate::model::Assertion], scope: &Object) -> StepResult {
    for assertion in assertions {
        let reason = match assertion.that.eval_bool(scope) {
            Ok(true) => continue,
            Ok(false) => match assertion.message.as_ref().map(|message| message.render_text(scope)) {
                Some(Ok(message)) => message,
                _ => format!("`{}` does not hold", assertion.that.source().trim()),
            },
            Err(error) => RenderError::from(error).to_string(),
        };
        return StepResult::failure(Ending::Completed, reason);
    }
    StepResult::success()
}

//! What the machine wants and the engine can answer by itself: rendering, evaluating, computing.

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Launch, Session};
use crate::drive::actions::Attempt;
use crate::drive::sight::Sight;
use crate::ids::NodeId;
use crate::model::Action;
use crate::plan::Node;
use crate::render::{Rendered, gate_question, manual_form, own_result};
use crate::run::{CheckStage, Ending, Event, StepResult, Want};
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
                Want::Evaluate(id) => events.push(self.sight().evaluate(*id)),
                Want::Enter(id) => events.push(self.sight().enter(*id)),
                Want::Return(id) => events.push(self.sight().returned(*id)),
                // What an executor would change is looked at first, which takes time.
                Want::OpenGate(id) if self.has_preview(*id) => {}
                Want::OpenGate(id) => events.push(self.sight().open_gate(*id)),
                Want::AskManual(id) => {
                    let form = manual_form(self.machine.plan(), self.machine.state(), *id);
                    if let Err(error) = form {
                        events.push(Event::Unusable { node: *id, reason: error.to_string() });
                    }
                }
                Want::ExpireGate(id) => events.push(Event::GateExpired { node: *id }),
                Want::ExpireManual(id) => events.push(self.manual_expired(*id)),
                Want::TimeOut(id) => events.push(Event::TimedOut { node: *id }),
                Want::EndWait(id, attempt) => events.push(self.end_wait(*id, *attempt, now)),
                Want::Check(id, CheckStage::Verify) if self.node(*id).spec.verify.is_empty() => {
                    events.push(Event::Checked { node: *id, stage: CheckStage::Verify, checks: Vec::new() });
                }
                Want::Finish(outcome) => events.push(self.sight().finish(*outcome)),
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

    pub(super) fn has_preview(&self, id: NodeId) -> bool {
        matches!(self.node(id).spec.action, Action::Custom(_))
    }

    /// The run as it stands.
    pub(super) fn sight(&self) -> Sight<'_> {
        Sight {
            machine: &self.machine,
            scopes: &self.scopes,
            world: &self.world,
            rules: &self.context.rules,
            digest: &self.record.digest,
        }
    }

    fn act(&mut self, id: NodeId, attempt: u32) -> (Event, Option<Launch>) {
        let (rendered, scope) = match self.sight().rendered(id) {
            Ok(rendered) => rendered,
            Err(error) => return (Event::Unusable { node: id, reason: error.to_string() }, None),
        };
        if let Some(refused) = self.sight().refused(id, &rendered, &scope) {
            return (refused, None);
        }
        if let Some(event) = self.approval_is_for_something_else(id, &rendered, &scope) {
            return (event, None);
        }
        if let Some(result) = own_result(&self.node(id).spec.action, &scope) {
            return (Event::Ended { node: id, attempt, result: Box::new(result) }, None);
        }
        let event = Event::Started { node: id, attempt, digest: rendered.digest.clone() };
        let takes_time = matches!(self.node(id).spec.action, Action::WaitFor(_) | Action::Notify(_));
        if !takes_time && !self.node(id).spec.action.is_external() {
            return (event, None);
        }
        let stop = CancellationToken::new();
        let attempt = Attempt { node: id, number: attempt, rendered, scope, stop };
        (event, Some(Launch::Act(Box::new(attempt))))
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

    /// Nobody has said in time how a manual step went. Somebody may have begun with it.
    fn manual_expired(&self, id: NodeId) -> Event {
        let limit = match &self.node(id).spec.action {
            Action::Manual(manual) => manual.timeout,
            _ => None,
        };
        let within = limit.map(|limit| format!(" within {limit}")).unwrap_or_default();
        let result = StepResult::failure(Ending::TimedOut, format!("nobody answered{within}"));
        let attempt = self.machine.state().node(id).attempt + 1;
        Event::Ended { node: id, attempt, result: Box::new(result) }
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
}

//! What a run wants next. A view of the state: asking twice changes nothing.

use jiff::Timestamp;

use super::event::{CheckStage, Choice, Ending, Event, Undoing};
use super::gate::Answerer;
use super::machine::{Machine, after};
use super::outcome::Outcome;
use super::state::{Container, Doubt, End, Phase, Stage};
use crate::ids::NodeId;
use crate::model::Action;
use crate::plan::Role;

/// Something the world is asked to do or say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Want {
    /// Ask the runbook's preconditions ([`Event::BookChecked`]).
    CheckBook,
    /// Evaluate a step's `when` ([`Event::Condition`]).
    Evaluate(NodeId),
    /// Find out what a step is repeated for, or called with ([`Event::Expanded`], [`Event::Called`]).
    Enter(NodeId),
    /// Compute what a called procedure returns ([`Event::Ended`]).
    Return(NodeId),
    /// Ask a step's checks ([`Event::Checked`]).
    Check(NodeId, CheckStage),
    /// Render a step's action and open its gate ([`Event::GateOpened`]).
    OpenGate(NodeId),
    /// Put the question at an open gate to people ([`Event::GateDecided`]).
    AskGate(NodeId),
    /// The time at an open gate is up ([`Event::GateExpired`]).
    ExpireGate(NodeId),
    /// Carry out an action ([`Event::Started`], then [`Event::Ended`]).
    Act(NodeId, u32),
    /// Ask a person to carry it out ([`Event::Ended`]).
    AskManual(NodeId),
    /// The time of a person who carries it out is up ([`Event::Ended`]).
    ExpireManual(NodeId),
    /// A pause is over ([`Event::Ended`]).
    EndWait(NodeId, u32),
    /// Stop an action that is under way; it still ends with [`Event::Ended`].
    Stop(NodeId),
    /// Find out what became of an action ([`Event::Ended`] or [`Event::Resolved`]).
    Recover(NodeId, u32),
    /// Ask a person what became of an action ([`Event::Resolved`]).
    AskDoubt(NodeId),
    /// Ask a person what a failure means ([`Event::Chosen`]).
    AskFailure(NodeId),
    /// A group has taken too long ([`Event::TimedOut`]).
    TimeOut(NodeId),
    /// The time of a level of the escalation has come: tell people ([`Event::Escalated`]).
    Escalate(u32),
    /// Ask whether completed work is undone ([`Event::RollbackDecided`]).
    AskRollback,
    /// Come back then at the latest.
    Wake(Timestamp),
    /// Write down how the run ended ([`Event::Finished`]).
    Finish(Outcome),
}

impl Want {
    /// Whether only people can answer it.
    pub fn is_for_people(&self) -> bool {
        matches!(
            self,
            Want::AskGate(_)
                | Want::AskManual(_)
                | Want::AskDoubt(_)
                | Want::AskFailure(_)
                | Want::AskRollback
        )
    }
}

impl Machine {
    /// Everything the run wants at `now`, in the order of the plan.
    pub fn wants(&self, now: Timestamp) -> Vec<Want> {
        let state = self.state();
        if state.finished.is_some() || state.started.is_none() {
            return Vec::new();
        }
        match state.stage {
            Stage::Preconditions => return vec![Want::CheckBook],
            Stage::Over => return vec![Want::Finish(self.outcome())],
            _ => {}
        }
        let mut wants = Vec::new();
        for &id in &state.active {
            self.wants_of(id, now, &mut wants);
        }
        if state.stage == Stage::Deciding {
            wants.push(Want::AskRollback);
        }
        wants.extend(self.wants_of_timers(now));
        wants
    }

    fn wants_of(&self, id: NodeId, now: Timestamp, wants: &mut Vec<Want>) {
        let (node, spec) = (self.state().node(id), &self.plan().node(id).spec);
        let due = |at: Timestamp, want: Want| if now >= at { want } else { Want::Wake(at) };
        match &node.phase {
            Phase::Idle | Phase::Rest(_) | Phase::Closing => {}
            Phase::When => wants.push(Want::Evaluate(id)),
            Phase::DoneWhen => wants.push(Want::Check(id, CheckStage::DoneWhen)),
            Phase::Preconditions => wants.push(Want::Check(id, CheckStage::Preconditions)),
            Phase::Entering => wants.push(Want::Enter(id)),
            Phase::Returning => wants.push(Want::Return(id)),
            Phase::OpeningGate => wants.push(Want::OpenGate(id)),
            Phase::Gate { since, .. } => {
                let limit = spec.confirm.as_ref().and_then(|confirm| confirm.timeout);
                match limit.map(|limit| after(*since, limit)) {
                    Some(end) if now >= end => wants.push(Want::ExpireGate(id)),
                    Some(end) => wants.extend([Want::AskGate(id), Want::Wake(end)]),
                    None => wants.push(Want::AskGate(id)),
                }
            }
            // A yes that came too long ago is none.
            Phase::Ready { .. } if self.approved_until(id).is_some_and(|end| now >= end) => {
                wants.push(Want::OpenGate(id));
            }
            Phase::Ready { .. } if matches!(spec.action, Action::Manual(_)) => match self.manual_until(id) {
                Some(end) if now >= end => wants.push(Want::ExpireManual(id)),
                Some(end) => wants.extend([Want::AskManual(id), Want::Wake(end)]),
                None => wants.push(Want::AskManual(id)),
            },
            Phase::Ready { not_before } => {
                let act = Want::Act(id, node.attempt + 1);
                wants.push(due(not_before.unwrap_or(Timestamp::MIN), act));
            }
            Phase::Acting => {
                let stopped = self.is_stopped_from_outside(id);
                match spec.action {
                    Action::Wait(_) if stopped => wants.push(Want::EndWait(id, node.attempt)),
                    Action::Wait(pause) => {
                        let end = after(node.attempt_started.unwrap_or(now), pause);
                        wants.push(due(end, Want::EndWait(id, node.attempt)));
                    }
                    _ if stopped => wants.push(Want::Stop(id)),
                    _ => {}
                }
            }
            Phase::Open | Phase::Goal => {
                if node.phase == Phase::Goal {
                    wants.push(Want::Check(id, CheckStage::Goal));
                }
                let failing = self.state().container(Container::Group(id)).failing;
                if let Some(limit) = spec.timeout.filter(|_| !failing) {
                    wants.push(due(after(node.started.unwrap_or(now), limit), Want::TimeOut(id)));
                }
            }
            Phase::Settling { until } => wants.push(due(*until, Want::Check(id, CheckStage::Verify))),
            Phase::Verifying => wants.push(Want::Check(id, CheckStage::Verify)),
            Phase::Doubt(Doubt::Recovering) => {
                wants.push(Want::Recover(id, node.attempt));
                if self.is_stopped_from_outside(id) {
                    wants.push(Want::Stop(id));
                }
            }
            Phase::Doubt(Doubt::Probing(stage)) => wants.push(Want::Check(id, *stage)),
            Phase::Doubt(Doubt::Asking) => wants.push(Want::AskDoubt(id)),
            Phase::Choosing => wants.push(Want::AskFailure(id)),
        }
    }

    /// Whether an interruption, or the timeout of a group around it, ends what `id` is doing.
    pub(super) fn is_stopped_from_outside(&self, id: NodeId) -> bool {
        let mut here = self.plan().node(id).parent;
        while let Some(group) = here {
            if self.state().container(Container::Group(group)).cause == Some(group) {
                return true;
            }
            here = self.plan().node(group).parent;
        }
        self.state().interrupted.is_some() && self.plan().node(id).role == Role::Body
    }

    /// Whether something goes on once time has passed: a pause ends, an attempt is repeated, a step has settled.
    pub fn goes_on_by_itself(&self) -> bool {
        self.state().active.iter().any(|&id| match self.state().node(id).phase {
            Phase::Ready { not_before } => not_before.is_some(),
            Phase::Settling { .. } => true,
            Phase::Acting => matches!(self.plan().node(id).spec.action, Action::Wait(_)),
            _ => false,
        })
    }

    /// How the run ends, or would end if it ended now.
    pub fn outcome(&self) -> Outcome {
        let state = self.state();
        if state.abandoned.is_some() {
            return Outcome::Abandoned;
        }
        let units = |undo: bool| {
            state.containers.iter().filter_map(move |(container, unit)| match container {
                Container::Undo(_) if undo => Some(unit),
                Container::Clean(_) if !undo => Some(unit),
                _ => None,
            })
        };
        let doubt = state.active.iter().any(|id| matches!(state.node(*id).phase, Phase::Doubt(_)));
        if doubt || units(true).any(|unit| unit.failing || unit.unrested > 0) {
            return Outcome::Stuck;
        }
        if state.undo == Some(Undoing::Defer) && !self.undoable().is_empty() {
            return Outcome::Stuck;
        }
        if units(true).next().is_some() {
            return Outcome::RolledBack;
        }
        if state.interrupted.is_some() {
            return Outcome::Interrupted;
        }
        if state.container(Container::Body).failing {
            return match state.cause().map(|id| &state.node(id).phase) {
                None | Some(Phase::Rest(End::Blocked)) => Outcome::Blocked,
                Some(Phase::Rest(End::Denied)) => Outcome::Denied,
                _ => Outcome::Failed,
            };
        }
        if units(false).any(|unit| unit.failing) || state.container(Container::Finally).failing {
            return Outcome::Failed;
        }
        Outcome::Succeeded
    }

    /// Whether `event` fits where the run stands; if not, why. An event that does not fit must not be
    /// written to the log.
    pub fn admit(&self, event: &Event) -> Result<(), &'static str> {
        let state = self.state();
        let known = |id: &NodeId| id.index() < state.nodes.len();
        let phase = |id: &NodeId| state.nodes.get(id.index()).map(|node| &node.phase);
        let fits = |fits: bool| if fits { Ok(()) } else { Err("the step is not waiting for this answer") };
        match event {
            Event::Attached { .. } => {
                return if state.finished.is_none() || self.can_go_on() {
                    Ok(())
                } else {
                    Err("the run is over")
                };
            }
            _ if state.started.is_none() => return Err("the run has not begun"),
            Event::RollbackDecided { decision, .. } if state.finished.is_some() => {
                let later = *decision == Undoing::Begin && state.abandoned.is_none();
                return if later && !self.undoable().is_empty() {
                    Ok(())
                } else {
                    Err("there is nothing to undo")
                };
            }
            Event::Abandoned { .. } => {
                let given_up = state.abandoned.is_some();
                return if given_up || state.finished.is_some_and(|o| o != Outcome::Stuck) {
                    Err("the run is over")
                } else {
                    Ok(())
                };
            }
            _ if state.finished.is_some() => return Err("the run is over"),
            _ => {}
        }
        match event {
            Event::Attached { .. } | Event::Abandoned { .. } => Ok(()),
            Event::BookChecked { .. } => fits(state.stage == Stage::Preconditions),
            Event::Condition { node, .. } => fits(phase(node) == Some(&Phase::When)),
            Event::Unusable { node, .. } | Event::Refused { node, .. } => {
                fits(phase(node).is_some_and(Phase::is_before_action))
            }
            Event::Checked { node, stage, .. } => fits(match (phase(node), stage) {
                (Some(Phase::DoneWhen), CheckStage::DoneWhen) => true,
                (Some(Phase::Preconditions), CheckStage::Preconditions) => true,
                (Some(Phase::Verifying | Phase::Settling { .. }), CheckStage::Verify) => true,
                (Some(Phase::Goal), CheckStage::Goal) => true,
                (Some(Phase::Doubt(Doubt::Probing(asked))), stage) => asked == stage,
                _ => false,
            }),
            Event::GateOpened { node, .. } => {
                let gated = known(node) && self.plan().node(*node).spec.confirm.is_some();
                fits(
                    gated
                        && matches!(
                            phase(node),
                            Some(Phase::OpeningGate | Phase::Ready { .. } | Phase::Gate { .. })
                        ),
                )
            }
            Event::GateDecided { node, decision, digest, by, expires } => {
                self.may_decide(*node, *decision, digest, by, *expires)
            }
            Event::GateExpired { node } => {
                let spec = known(node).then(|| &self.plan().node(*node).spec);
                let limited =
                    spec.and_then(|spec| spec.confirm.as_ref()).is_some_and(|c| c.timeout.is_some());
                fits(limited && matches!(phase(node), Some(Phase::Gate { .. })))
            }
            Event::Expanded { node, .. } => {
                let each = known(node) && matches!(self.plan().node(*node).spec.action, Action::Each(_));
                fits(each && phase(node) == Some(&Phase::Entering))
            }
            Event::Called { node, .. } => {
                let call = known(node) && matches!(self.plan().node(*node).spec.action, Action::Call(_));
                fits(call && phase(node) == Some(&Phase::Entering))
            }
            Event::Started { node, attempt, .. } => {
                let Some(Phase::Ready { .. }) = phase(node) else { return fits(false) };
                let (spec, node) = (&self.plan().node(*node).spec, state.node(*node));
                let allowed = spec.confirm.is_none() || node.approved.is_some();
                let manual = matches!(spec.action, Action::Manual(_));
                fits(allowed && !manual && node.attempt + 1 == *attempt)
            }
            Event::Ended { node, attempt, result } => match phase(node) {
                Some(Phase::Acting | Phase::Doubt(Doubt::Recovering)) => {
                    fits(state.node(*node).attempt == *attempt)
                }
                // It is computed by the engine itself, so its end is always known.
                Some(Phase::Returning) => {
                    fits(state.node(*node).attempt == *attempt && result.ending == Ending::Completed)
                }
                // What has no effect of its own, or did not begin, ends without a start.
                Some(Phase::Ready { .. }) => fits(
                    state.node(*node).attempt + 1 == *attempt
                        && (self.is_own(*node) || result.ending == Ending::NotStarted)
                        && self.may_say(*node, result.ending, result.by.as_ref()),
                ),
                _ => fits(false),
            },
            Event::Resolved { node, .. } => fits(matches!(phase(node), Some(Phase::Doubt(_)))),
            Event::Chosen { node, choice, .. } => {
                let Some(Phase::Choosing) = phase(node) else { return fits(false) };
                let (role, group) =
                    (self.plan().node(*node).role, self.plan().node(*node).spec.action.is_group());
                match choice {
                    Choice::Retry if group => Err("a group cannot be tried again"),
                    Choice::Retry if !self.may_begin(*node) => Err("a step it needs did not succeed"),
                    Choice::Retry if self.is_halted(*node) => Err("nothing new starts here any more"),
                    // Elsewhere it is decided already, or not for this step to decide.
                    Choice::Rollback if !matches!(role, Role::Body | Role::OnFailure) => {
                        Err("nothing can be undone from here")
                    }
                    _ => Ok(()),
                }
            }
            Event::TimedOut { node } => {
                let limited = known(node) && self.plan().node(*node).spec.timeout.is_some();
                let failing = state.container(Container::Group(*node)).failing;
                fits(limited && !failing && matches!(phase(node), Some(Phase::Open | Phase::Goal)))
            }
            Event::Escalated { level, .. } => match self.may_escalate(*level) {
                true => Ok(()),
                false => Err("this level is not the next one"),
            },
            Event::SecretSeen { .. } => Ok(()),
            Event::RollbackDecided { .. } => fits(state.stage == Stage::Deciding),
            Event::Interrupted { .. } => fits(state.stage <= Stage::Body && state.interrupted.is_none()),
            Event::Suspended { waiting } => fits(waiting.iter().all(known)),
            Event::Finished { outcome, .. } => fits(state.stage == Stage::Over && *outcome == self.outcome()),
        }
    }

    /// Whether a manual step may end like this, said by `by`; other steps end as they end.
    fn may_say(&self, id: NodeId, ending: Ending, by: Option<&Answerer>) -> bool {
        let Action::Manual(manual) = &self.plan().node(id).spec.action else { return true };
        match by {
            Some(by) => manual.may_answer(&by.who, &by.roles),
            None => manual.roles.is_empty() || (ending == Ending::TimedOut && manual.timeout.is_some()),
        }
    }

    /// Whether a run that came to rest can still be rolled back.
    fn can_go_on(&self) -> bool {
        self.state().abandoned.is_none() && !self.undoable().is_empty()
    }
}

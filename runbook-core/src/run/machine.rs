//! The machine itself: a plan, the state its log amounts to, and the one function that writes it.

use std::sync::Arc;

use super::escalation::Fired;
use super::event::{CheckStage, Choice, Ending, Entry, Event, Resolution, StepResult, Undoing};
use super::flow::Work;
use super::gate::Decision;
use super::state::{Container, ContainerState, Doubt, End, NodeState, Phase, Stage, State};
use crate::ids::NodeId;
use crate::model::{Action, StepFailure};
use crate::plan::{Plan, Role};

/// A run: its plan and where it stands.
///
/// To drive it: ask [`wants`](Machine::wants), carry one of them out, write the answer to the log, and
/// [`apply`](Machine::apply) the entry. Every prefix of a log can be gone on from in the same way.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(super) plan: Arc<Plan>,
    pub(super) shape: Arc<Shape>,
    pub(super) state: State,
}

/// What follows from the plan alone.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// The nodes that need a node.
    pub(super) dependents: Vec<Vec<NodeId>>,
    /// The top-level nodes of the body, the handlers and the end.
    pub(super) body: Vec<NodeId>,
    pub(super) handlers: Vec<NodeId>,
    pub(super) finally: Vec<NodeId>,
}

impl Machine {
    /// A run of `plan` about which nothing is known yet.
    pub fn new(plan: Arc<Plan>) -> Self {
        let mut dependents = vec![Vec::new(); plan.nodes.len()];
        for (id, node) in plan.iter() {
            for need in &node.needs {
                dependents[need.index()].push(id);
            }
        }
        let shape = Shape {
            dependents,
            body: plan.roots(Role::Body).collect(),
            handlers: plan.roots(Role::OnFailure).collect(),
            finally: plan.roots(Role::Finally).collect(),
        };
        let state = State {
            nodes: vec![NodeState::default(); plan.nodes.len()],
            stage: Stage::Preconditions,
            book: Vec::new(),
            undo: None,
            interrupted: None,
            abandoned: None,
            suspended: Vec::new(),
            finished: None,
            requester: None,
            secrets: Default::default(),
            started: None,
            updated: None,
            seq: 0,
            outputs: Default::default(),
            escalation: Default::default(),
            active: Default::default(),
            waiting_for: plan.nodes.iter().map(|n| n.needs.len() as u32).collect(),
            containers: Default::default(),
            unwind: None,
            orders: 0,
        };
        Machine { plan, shape: Arc::new(shape), state }
    }

    /// The run that `log` amounts to.
    pub fn replay(plan: Arc<Plan>, log: &[Entry]) -> Self {
        let mut machine = Machine::new(plan);
        for entry in log {
            machine.apply(entry);
        }
        machine
    }

    /// The plan, grown by what its repeated steps were repeated for.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Where the run stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Takes one entry into account. An entry that does not fit is ignored, as it was when it was refused
    /// by [`admit`](Machine::admit).
    pub fn apply(&mut self, entry: &Entry) {
        if self.admit(&entry.event).is_err() {
            return;
        }
        self.state.seq = entry.seq;
        self.state.updated = Some(entry.at);
        if !matches!(entry.event, Event::Suspended { .. }) {
            self.state.suspended.clear();
        }
        let mut work = Work::new(entry.at);
        self.take(entry, &mut work);
        self.settle(&mut work);
    }

    fn take(&mut self, entry: &Entry, work: &mut Work) {
        match &entry.event {
            Event::Attached { by, .. } => self.attached(by, work),
            Event::BookChecked { checks } => {
                self.state.book.clone_from(checks);
                self.state.stage = Stage::Body;
                if checks.iter().any(super::CheckOutcome::refuses) {
                    self.container_mut(Container::Body).failing = true;
                } else {
                    self.open(Container::Body, work);
                }
            }
            Event::Condition { node, holds: true } => self.enter_after_when(*node, work),
            Event::Condition { node, holds: false } => self.rest(*node, End::Skipped, work),
            Event::Unusable { node, reason } => self.fail(*node, reason.clone(), work),
            Event::Refused { node, reason } => self.end_badly(*node, End::Blocked, reason.clone(), work),
            Event::Checked { node, stage, checks } => {
                self.node_mut(*node).checks.clone_from(checks);
                self.checked(*node, *stage, work);
            }
            Event::GateOpened { node, question } => self.gate_opened(*node, question, entry.at),
            Event::GateDecided { node, decision: Decision::Approve, digest, by, expires } => {
                self.gate_approved(*node, digest, by, *expires, work);
            }
            Event::GateDecided { node, decision: Decision::Deny, by, .. } => {
                self.gate_denied(*node, by, work);
            }
            Event::GateExpired { node } => self.gate_expired(*node, work),
            Event::Started { node, attempt, .. } => {
                self.begin_attempt(*node, *attempt, work);
                self.set_phase(*node, Phase::Acting);
            }
            Event::Ended { node, attempt, result } => self.action_ended(*node, *attempt, result, work),
            Event::Resolved { node, resolution, by } => self.resolved(*node, *resolution, &by.who, work),
            Event::Expanded { node, items } => self.expanded(*node, items, work),
            Event::Called { node, inputs, vars } => {
                Arc::make_mut(&mut self.plan).enter(*node, inputs, vars);
                self.node_mut(*node).entered = true;
                self.enter_gate(*node, work);
            }
            Event::Chosen { node, choice, .. } => {
                self.node_mut(*node).chosen += 1;
                self.chosen(*node, *choice, work);
            }
            Event::TimedOut { node } => {
                let limit = self.plan.node(*node).spec.timeout.map(|t| t.to_string()).unwrap_or_default();
                self.node_mut(*node).reason = Some(format!("took longer than {limit}"));
                // Whether the goal is reached by now does not matter any more.
                if self.state.node(*node).phase == Phase::Goal {
                    self.set_phase(*node, Phase::Open);
                }
                self.scope_fails(Container::Group(*node), *node, work);
                self.cancel_waiting_checks(Container::Group(*node), "stopped", work);
            }
            Event::Escalated { level, sent, failed, held_back, over, late } => {
                let escalation = &mut self.state.escalation;
                escalation.fired.push(Fired {
                    level: *level,
                    at: entry.at,
                    sent: sent.clone(),
                    failed: failed.clone(),
                    held_back: held_back.clone(),
                    late: *late,
                });
                escalation.over |= *over;
                escalation.progress = false;
            }
            Event::SecretSeen { name, mark, .. } => {
                self.state.secrets.insert(name.clone(), mark.clone());
            }
            Event::RollbackDecided { decision, .. } => {
                self.state.undo = Some(*decision);
                if self.state.finished.is_some() && *decision == Undoing::Begin {
                    self.state.finished = None;
                    self.unwind_later(work);
                }
            }
            Event::Interrupted { by } => {
                self.state.interrupted = Some(by.clone());
                if self.state.stage == Stage::Preconditions {
                    self.state.stage = Stage::Over;
                } else {
                    self.halt(Container::Body, work);
                    self.cancel_waiting_checks(Container::Body, "interrupted", work);
                }
            }
            Event::Suspended { waiting } => self.state.suspended.clone_from(waiting),
            Event::Abandoned { reason, .. } => {
                self.state.abandoned = Some(reason.clone());
                self.state.escalation.over = true;
                self.state.finished = Some(super::Outcome::Abandoned);
                self.state.active.clear();
                self.state.stage = Stage::Over;
            }
            Event::Finished { outcome, outputs } => {
                // A rollback that comes later is not the incident any more.
                self.state.escalation.over = true;
                self.state.finished = Some(*outcome);
                self.state.outputs.clone_from(outputs);
            }
        }
    }

    /// An engine took the run. What was under way when the last one was lost is in doubt.
    fn attached(&mut self, by: &str, work: &mut Work) {
        if self.state.started.is_none() {
            self.state.requester = Some(by.to_owned());
            self.state.started = Some(work.at);
            if self.plan.preconditions.is_empty() && self.plan.lock.is_none() {
                self.state.stage = Stage::Body;
                self.open(Container::Body, work);
            }
            return;
        }
        let active: Vec<NodeId> = self.state.active.iter().copied().collect();
        for id in active {
            let spec = &self.plan.node(id).spec;
            let asks_again = !spec.done_when.is_empty() && self.state.node(id).attempt == 0;
            match &self.state.node(id).phase {
                Phase::Acting if spec.action.is_external() => {
                    self.set_phase(id, Phase::Doubt(Doubt::Recovering));
                }
                // What has no effect of its own left no trace when its engine was lost.
                Phase::Acting if !matches!(spec.action, Action::Wait(_)) => self.try_again(id, None, work),
                Phase::OpeningGate | Phase::Gate { .. } | Phase::Ready { .. } if asks_again => {
                    self.set_phase(id, Phase::DoneWhen);
                }
                _ => {}
            }
        }
    }

    fn checked(&mut self, id: NodeId, stage: CheckStage, work: &mut Work) {
        let node = self.state.node(id);
        let refused: Vec<String> = node
            .checks
            .iter()
            .filter(|check| check.refuses())
            .map(|check| match &check.reason {
                Some(reason) => format!("{}: {reason}", check.title),
                None => check.title.clone(),
            })
            .collect();
        let passed = refused.is_empty();
        match (&node.phase, stage) {
            (Phase::Doubt(_), _) => self.probed(id, stage, passed, work),
            (_, CheckStage::DoneWhen) if passed => self.rest(id, End::AlreadyDone, work),
            (_, CheckStage::DoneWhen) => self.enter_preconditions(id, work),
            (_, CheckStage::Preconditions) if passed => self.enter_gate(id, work),
            (_, CheckStage::Preconditions) => {
                self.end_badly(
                    id,
                    End::Blocked,
                    format!("precondition not met: {}", refused.join("; ")),
                    work,
                );
            }
            (_, CheckStage::Goal) => self.goal_asked(id, passed, &refused, work),
            (_, CheckStage::Verify) if passed => self.verified(id, work),
            (_, CheckStage::Verify) => {
                self.fail(id, format!("not verified: {}", refused.join("; ")), work);
            }
        }
    }

    fn verified(&mut self, id: NodeId, work: &mut Work) {
        let node = self.state.node(id);
        let warned = self.was_warned(id) || node.checks.iter().any(|check| !check.passed);
        self.rest(id, if warned { End::Warned } else { End::Succeeded }, work);
    }

    /// Whether its action went less well than it should have.
    pub(super) fn was_warned(&self, id: NodeId) -> bool {
        self.state.node(id).result.as_ref().is_some_and(|result| result.warned)
    }

    /// The step's own checks were asked what became of its action.
    fn probed(&mut self, id: NodeId, stage: CheckStage, passed: bool, work: &mut Work) {
        match (stage, passed) {
            (CheckStage::DoneWhen, true) => self.enter_verification(id, work),
            // Its author's own question says that there is still something to do.
            (CheckStage::DoneWhen, false) => self.try_again(id, None, work),
            (_, true) => self.verified(id, work),
            // A failed verification does not prove that nothing happened.
            (_, false) if self.plan.node(id).spec.idempotent => self.try_again(id, None, work),
            (_, false) => self.set_phase(id, Phase::Doubt(Doubt::Asking)),
        }
    }

    fn begin_attempt(&mut self, id: NodeId, attempt: u32, work: &Work) {
        let order = self.state.orders;
        let node = self.node_mut(id);
        node.attempt = attempt;
        node.acted_before = node.acted;
        node.acted = true;
        node.attempt_started = Some(work.at);
        node.started.get_or_insert(work.at);
        if node.order.is_none() {
            node.order = Some(order);
            self.state.orders += 1;
        }
    }

    fn action_ended(&mut self, id: NodeId, attempt: u32, result: &StepResult, work: &mut Work) {
        // Actions without an effect of their own begin and end in one entry.
        if self.state.node(id).attempt < attempt {
            self.begin_attempt(id, attempt, work);
        }
        let was_in_doubt = matches!(self.state.node(id).phase, Phase::Doubt(_));
        let blindly = self.plan.node(id).spec.is_repeated_blindly();
        let node = self.node_mut(id);
        node.result = Some(Box::new(result.clone()));
        node.reason.clone_from(&result.reason);
        match result.ending {
            // The engine was there all the time: how often it is repeated is for `retry` to say.
            Ending::Unknown if !was_in_doubt && blindly => {
                self.action_failed(id, result, work);
            }
            Ending::Unknown => self.enter_doubt(id, work),
            Ending::NotStarted => {
                node.acted = node.acted_before;
                if !node.acted {
                    node.order = None;
                }
                if was_in_doubt {
                    // The crash came before the effect: back to where it was, as if nothing had happened.
                    self.try_again(id, None, work);
                } else {
                    self.action_failed(id, result, work);
                }
            }
            _ if result.ok => self.enter_verification(id, work),
            Ending::Cancelled if self.is_halted(id) => self.rest(id, End::Cancelled, work),
            _ => self.action_failed(id, result, work),
        }
    }

    fn action_failed(&mut self, id: NodeId, result: &StepResult, work: &mut Work) {
        let reason = result.reason.clone().unwrap_or_else(|| "failed".to_owned());
        match self.next_try(id, result, work) {
            Some(not_before) => self.try_again(id, Some(not_before), work),
            None => self.fail(id, reason, work),
        }
    }

    fn next_try(&self, id: NodeId, result: &StepResult, work: &Work) -> Option<jiff::Timestamp> {
        let (spec, node) = (&self.plan.node(id).spec, self.state.node(id));
        let retry = spec.retry.as_ref()?;
        if self.is_halted(id) || result.give_up || matches!(spec.action, Action::Manual(_)) {
            return None;
        }
        // Validation refuses such a plan; a repeated effect is worth a second lock.
        let repeats = spec.action.is_external() && !spec.idempotent && result.ending != Ending::NotStarted;
        if repeats {
            return None;
        }
        if retry.attempts.is_some_and(|most| node.attempt >= most) {
            return None;
        }
        let next = after(work.at, retry.pause(node.attempt, result.retry_after));
        let last = retry.within.map(|within| after(node.started.unwrap_or(work.at), within));
        last.is_none_or(|last| next <= last).then_some(next)
    }

    fn enter_doubt(&mut self, id: NodeId, work: &mut Work) {
        let spec = &self.plan.node(id).spec;
        let next = if !spec.done_when.is_empty() {
            Doubt::Probing(CheckStage::DoneWhen)
        } else if !spec.verify.is_empty() {
            Doubt::Probing(CheckStage::Verify)
        } else if spec.idempotent {
            return self.try_again(id, None, work);
        } else {
            Doubt::Asking
        };
        self.set_phase(id, Phase::Doubt(next));
    }

    /// The action may be carried out once more; where nothing new starts, it stays as it is.
    fn try_again(&mut self, id: NodeId, not_before: Option<jiff::Timestamp>, work: &mut Work) {
        if self.is_halted(id) {
            self.rest(id, End::Cancelled, work);
        } else {
            self.set_phase(id, Phase::Ready { not_before });
        }
    }

    fn resolved(&mut self, id: NodeId, resolution: Resolution, who: &str, work: &mut Work) {
        match resolution {
            Resolution::Done => self.enter_verification(id, work),
            Resolution::Failed => self.fail(id, format!("{who} says that it failed"), work),
            Resolution::Retry => self.try_again(id, None, work),
            Resolution::Unknown => self.enter_doubt(id, work),
        }
    }

    fn chosen(&mut self, id: NodeId, choice: Choice, work: &mut Work) {
        match choice {
            Choice::Retry => self.once_more(id, work),
            Choice::Skip => {
                self.node_mut(id).tolerated = true;
                self.finish_failed(id, work);
            }
            Choice::Rollback => {
                self.state.undo = Some(Undoing::Begin);
                self.finish_failed(id, work);
                // A group around it that survives the failure does not overrule the person.
                if self.plan.node(id).role == Role::Body {
                    self.scope_fails(Container::Body, id, work);
                }
            }
            Choice::Stop => self.finish_failed(id, work),
        }
    }

    /// A person has a failed step tried again. A yes is for one try and what its author repeats; this is another.
    fn once_more(&mut self, id: NodeId, work: &mut Work) {
        let node = self.node_mut(id);
        node.approved = None;
        node.asked.open = None;
        node.ready_since = None;
        // What has not acted begins again at its first question; nothing before the effect is skipped.
        match node.attempt {
            0 => self.begin(id, work),
            _ => self.enter_gate(id, work),
        }
    }

    /// The action failed for good.
    pub(super) fn fail(&mut self, id: NodeId, reason: String, work: &mut Work) {
        self.end_badly(id, End::Failed, reason, work);
    }

    pub(super) fn end_badly(&mut self, id: NodeId, end: End, reason: String, work: &mut Work) {
        self.node_mut(id).reason = Some(reason);
        let asks = self.plan.node(id).spec.on_failure == StepFailure::Ask && end != End::Denied;
        if asks && !self.is_halted(id) {
            self.node_mut(id).failed_as = Some(end);
            return self.set_phase(id, Phase::Choosing);
        }
        self.node_mut(id).tolerated = self.tolerates(id, end);
        self.rest(id, end, work);
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> &mut NodeState {
        &mut self.state.nodes[id.index()]
    }

    pub(super) fn container_mut(&mut self, container: Container) -> &mut ContainerState {
        self.state.containers.entry(container).or_default()
    }
}

/// `duration` after `at`; at the end of time when there is no such moment.
pub(super) fn after(at: jiff::Timestamp, duration: crate::value::Duration) -> jiff::Timestamp {
    let span = jiff::SignedDuration::from_millis(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX));
    at.checked_add(span).unwrap_or(jiff::Timestamp::MAX)
}

//! How nodes hand over to each other: what starts when something ends, and where a failure stops.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::event::Undoing;
use super::machine::{Machine, after};
use super::state::{Container, ContainerState, End, Phase, Stage};
use crate::ids::NodeId;
use crate::model::{Action, RollbackMode, StepFailure};
use crate::plan::Role;

/// What an entry has set in motion and is not settled yet.
pub(super) struct Work {
    pub(super) at: Timestamp,
    /// Nodes that may be able to start.
    promote: VecDeque<NodeId>,
    /// Containers in which something has ended.
    look: VecDeque<Container>,
}

impl Work {
    pub(super) fn new(at: Timestamp) -> Self {
        Work { at, promote: VecDeque::new(), look: VecDeque::new() }
    }
}

impl Machine {
    /// Follows everything the entry has set in motion to its end. A loop, not a recursion: a plan may
    /// be one chain of a hundred thousand steps.
    pub(super) fn settle(&mut self, work: &mut Work) {
        loop {
            if let Some(id) = work.promote.pop_front() {
                self.promote(id, work);
            } else if let Some(container) = work.look.pop_front() {
                self.look_at(container, work);
            } else if !self.advance(work) {
                return;
            }
        }
    }

    // ── one node ────────────────────────────────────────────────────────────────────────────────

    pub(super) fn set_phase(&mut self, id: NodeId, phase: Phase) {
        let (was, is) = (self.is_busy(id), phase.is_busy());
        let resting = matches!(phase, Phase::Rest(_) | Phase::Idle);
        self.node_mut(id).phase = phase;
        let is = is || self.group_is_busy(id);
        if was != is {
            self.shift_busy(self.container_of(id), is);
        }
        if resting {
            self.state.active.remove(&id);
        } else {
            self.state.active.insert(id);
        }
    }

    fn is_busy(&self, id: NodeId) -> bool {
        self.state.node(id).phase.is_busy() || self.group_is_busy(id)
    }

    fn group_is_busy(&self, id: NodeId) -> bool {
        self.state.container(Container::Group(id)).busy > 0
    }

    /// A member of `container` became busy or stopped being so; so may whatever holds the container.
    fn shift_busy(&mut self, mut container: Container, busy: bool) {
        loop {
            let state = self.container_mut(container);
            let before = state.busy;
            state.busy = if busy { before + 1 } else { before.saturating_sub(1) };
            let Container::Group(group) = container else { return };
            let edge = if busy { before == 0 } else { before == 1 };
            if !edge || self.state.node(group).phase.is_busy() {
                return;
            }
            container = self.container_of(group);
        }
    }

    pub(super) fn container_of(&self, id: NodeId) -> Container {
        let node = self.plan().node(id);
        match (node.parent, node.role) {
            (Some(group), _) => Container::Group(group),
            (None, Role::Body) => Container::Body,
            (None, Role::OnFailure) => Container::Handlers,
            (None, Role::Finally) => Container::Finally,
            (None, Role::Rollback(of)) => Container::Undo(of),
            (None, Role::Cleanup(of)) => Container::Clean(of),
        }
    }

    /// Everything the node needs is at rest: it begins its life if nothing stands in its way.
    fn promote(&mut self, id: NodeId, work: &mut Work) {
        let node = self.state.node(id);
        if node.phase != Phase::Idle || self.state.waiting_for[id.index()] > 0 || !self.may_start(id) {
            return;
        }
        self.begin(id, work);
    }

    /// The first question of a node's life.
    pub(super) fn begin(&mut self, id: NodeId, work: &mut Work) {
        let node = self.plan().node(id);
        if !node.selected {
            return self.rest(id, End::NotSelected, work);
        }
        if let Some(bad) = self.missing_need(id) {
            let reason = format!("needs `{}`, which did not succeed", self.plan().node(bad).key);
            return self.end_badly(id, End::Blocked, reason, work);
        }
        if self.another_case_applied(id) {
            self.node_mut(id).reason = Some("another case applied".to_owned());
            return self.rest(id, End::Skipped, work);
        }
        if self.plan().node(id).spec.when.is_some() {
            self.set_phase(id, Phase::When);
        } else {
            self.enter_after_when(id, work);
        }
    }

    fn missing_need(&self, id: NodeId) -> Option<NodeId> {
        self.plan().node(id).needs.iter().copied().find(|need| !self.is_survived(*need))
    }

    /// Whether everything that `id` needs went well enough.
    pub(super) fn may_begin(&self, id: NodeId) -> bool {
        self.missing_need(id).is_none()
    }

    /// Whether what depends on `id` goes on.
    pub(super) fn is_survived(&self, id: NodeId) -> bool {
        let node = self.state.node(id);
        matches!(node.phase, Phase::Rest(end) if end.is_good() || node.tolerated)
    }

    /// Whether nobody waits for `need` any more: the run goes on past it, or past a group around it.
    pub(super) fn is_released(&self, need: NodeId) -> bool {
        let mut here = Some(need);
        while let Some(id) = here {
            if self.is_survived(id) {
                return true;
            }
            here = self.plan().node(id).parent;
        }
        false
    }

    fn may_start(&self, id: NodeId) -> bool {
        self.state.container(self.container_of(id)).open && !self.is_halted(id) && self.is_its_turn(id)
    }

    /// Whether nothing new starts where `id` is: the run is stopping, or a scope around it has failed.
    pub(super) fn is_halted(&self, id: NodeId) -> bool {
        if self.plan().node(id).role == Role::Body && self.state.is_stopping() {
            return true;
        }
        let mut container = self.container_of(id);
        loop {
            if self.state.container(container).failing {
                return true;
            }
            let Container::Group(group) = container else { return false };
            container = self.container_of(group);
        }
    }

    pub(super) fn enter_after_when(&mut self, id: NodeId, work: &mut Work) {
        if self.plan().node(id).spec.done_when.is_empty() {
            self.enter_preconditions(id, work);
        } else {
            self.set_phase(id, Phase::DoneWhen);
        }
    }

    pub(super) fn enter_preconditions(&mut self, id: NodeId, work: &mut Work) {
        if self.plan().node(id).spec.preconditions.is_empty() {
            self.enter_gate(id, work);
        } else {
            self.set_phase(id, Phase::Preconditions);
        }
    }

    pub(super) fn enter_gate(&mut self, id: NodeId, work: &mut Work) {
        let unknown = matches!(self.plan().node(id).spec.action, Action::Each(_) | Action::Call(_));
        if unknown && !self.state.node(id).entered {
            return self.set_phase(id, Phase::Entering);
        }
        if self.plan().node(id).spec.confirm.is_some() && self.state.node(id).approved.is_none() {
            self.set_phase(id, Phase::OpeningGate);
        } else {
            self.enter_action(id, work);
        }
    }

    pub(super) fn enter_action(&mut self, id: NodeId, work: &mut Work) {
        if !self.plan().node(id).spec.action.is_group() {
            self.node_mut(id).ready_since.get_or_insert(work.at);
            return self.set_phase(id, Phase::Ready { not_before: None });
        }
        let order = self.state.orders;
        self.state.orders += 1;
        let node = self.node_mut(id);
        node.order = Some(order);
        node.started = Some(work.at);
        node.attempt_started = Some(work.at);
        node.attempt = 1;
        node.acted = true;
        let asks_first = matches!(self.plan().node(id).spec.action, Action::Remedies(_));
        self.set_phase(id, if asks_first { Phase::Goal } else { Phase::Open });
        self.open(Container::Group(id), work);
    }

    pub(super) fn enter_verification(&mut self, id: NodeId, work: &mut Work) {
        let spec = &self.plan().node(id).spec;
        let has_checks = spec.settle.is_some() || !spec.verify.is_empty();
        if has_checks && self.is_stopped_from_outside(id) {
            self.node_mut(id).reason = Some("stopped before it was verified".to_owned());
            return self.rest(id, End::Cancelled, work);
        }
        let spec = &self.plan().node(id).spec;
        match spec.settle {
            Some(settle) => self.set_phase(id, Phase::Settling { until: after(work.at, settle) }),
            None if spec.verify.is_empty() => {
                let warned = self.survived_failures(id) || self.was_warned(id);
                self.rest(id, if warned { End::Warned } else { End::Succeeded }, work);
            }
            None => self.set_phase(id, Phase::Verifying),
        }
    }

    pub(super) fn rest(&mut self, id: NodeId, end: End, work: &mut Work) {
        self.put_to_rest(id, end, work);
        let container = self.container_of(id);
        if self.is_survived(id) {
            self.release(id, work);
            self.leave_behind(id, end, work);
            work.look.push_back(container);
            self.after_member(id, work);
        } else {
            self.scope_fails(container, id, work);
        }
    }

    pub(super) fn try_to_start(&self, id: NodeId, work: &mut Work) {
        let _ = self;
        work.promote.push_back(id);
    }

    fn put_to_rest(&mut self, id: NodeId, end: End, work: &Work) {
        self.set_phase(id, Phase::Rest(end));
        let node = self.plan().node(id);
        self.state.escalation.progress |= matches!(end, End::Succeeded | End::Warned)
            && node.role == Role::Body
            && !node.spec.action.is_group();
        self.node_mut(id).ended = Some(work.at);
        if let Some(state) = self.state.containers.get_mut(&self.container_of(id)) {
            state.unrested = state.unrested.saturating_sub(1);
        }
    }

    /// What needs `id` need not wait for it any more.
    fn release(&mut self, id: NodeId, work: &mut Work) {
        let shape = std::sync::Arc::clone(&self.shape);
        for &next in &shape.dependents[id.index()] {
            let left = &mut self.state.waiting_for[next.index()];
            *left = left.saturating_sub(1);
            if *left == 0 {
                work.promote.push_back(next);
            }
        }
    }

    /// The run goes on past `group`: what it holds and has not run never will, and steps outside of it
    /// that need one of those, or one that failed, wait no longer.
    fn leave_behind(&mut self, group: NodeId, end: End, work: &mut Work) {
        let never_opened = self.state.node(group).attempt == 0;
        let end = if never_opened && end.is_good() { end } else { End::Cancelled };
        let mut left = vec![group];
        while let Some(here) = left.pop() {
            let node = self.plan().node(here);
            for id in node.children.iter().chain(&node.template).copied().collect::<Vec<_>>() {
                if self.is_survived(id) {
                    continue;
                }
                if !matches!(self.state.node(id).phase, Phase::Rest(_)) {
                    self.put_to_rest(id, end, work);
                }
                self.release(id, work);
                left.push(id);
            }
        }
    }

    // ── containers ──────────────────────────────────────────────────────────────────────────────

    pub(super) fn members(&self, container: Container) -> Vec<NodeId> {
        match container {
            Container::Body => self.shape.body.clone(),
            Container::Handlers => self.shape.handlers.clone(),
            Container::Finally => self.shape.finally.clone(),
            Container::Group(id) => self.plan().node(id).children.clone(),
            Container::Undo(id) => self.plan().node(id).rollback.clone(),
            Container::Clean(id) => self.plan().node(id).cleanup.clone(),
        }
    }

    pub(super) fn open(&mut self, container: Container, work: &mut Work) {
        let members = self.members(container);
        *self.container_mut(container) =
            ContainerState { open: true, unrested: members.len() as u32, ..ContainerState::default() };
        work.promote.extend(members);
        work.look.push_back(container);
    }

    /// `cause` failed in `container`: nothing new starts in there.
    pub(super) fn scope_fails(&mut self, container: Container, cause: NodeId, work: &mut Work) {
        // The step at the bottom is what people want to hear of, not the groups around it.
        let deepest = self.state.container(Container::Group(cause)).cause.unwrap_or(cause);
        let state = self.container_mut(container);
        let was_failing = std::mem::replace(&mut state.failing, true);
        state.cause.get_or_insert(deepest);
        if !was_failing {
            self.halt(container, work);
        }
        work.look.push_back(container);
    }

    /// Whatever has been reached in `container` but has not acted goes back to where it was.
    pub(super) fn halt(&mut self, container: Container, work: &mut Work) {
        let reached: Vec<NodeId> = self.state.active.iter().copied().collect();
        for id in reached {
            if !self.state.node(id).phase.is_before_action() || !self.is_within(id, container) {
                continue;
            }
            if self.state.node(id).attempt == 0 {
                self.set_phase(id, Phase::Idle);
            } else if self.tolerates(id, End::Failed) {
                // It waited for another attempt that will not come.
                self.node_mut(id).tolerated = true;
                self.rest(id, End::Failed, work);
            } else {
                // Its scope fails too, without a second halt: this one reaches everything that one would.
                self.put_to_rest(id, End::Failed, work);
                let own = self.container_of(id);
                let state = self.container_mut(own);
                state.failing = true;
                state.cause.get_or_insert(id);
                work.look.push_back(own);
            }
        }
    }

    pub(super) fn is_within(&self, id: NodeId, container: Container) -> bool {
        let mut here = self.container_of(id);
        loop {
            if here == container {
                return true;
            }
            let Container::Group(group) = here else { return false };
            here = self.container_of(group);
        }
    }

    /// An interruption or a timeout does not wait for verifications, pauses and choices in `container`;
    /// what they would have shown stays open.
    pub(super) fn cancel_waiting_checks(&mut self, container: Container, why: &str, work: &mut Work) {
        let active: Vec<NodeId> = self.state.active.iter().copied().collect();
        for id in active {
            if !self.is_within(id, container) {
                continue;
            }
            match self.state.node(id).phase {
                Phase::Settling { .. } | Phase::Verifying | Phase::Goal => {
                    self.node_mut(id).reason = Some(format!("{why} before it was verified"));
                    self.rest(id, End::Cancelled, work);
                }
                Phase::Choosing => self.finish_failed(id, work),
                _ => {}
            }
        }
    }

    /// Groups in `container` that were stopped from outside will not end by themselves.
    fn cancel_open_groups(&mut self, container: Container, work: &Work) {
        let active: Vec<NodeId> = self.state.active.iter().copied().collect();
        for id in active {
            if self.state.node(id).phase == Phase::Open && self.is_within(id, container) {
                self.put_to_rest(id, End::Cancelled, work);
            }
        }
    }

    /// Something ended in `container`: has the container?
    fn look_at(&mut self, container: Container, work: &mut Work) {
        let state = self.state.container(container);
        let complete = state.unrested == 0;
        let halted = state.failing && state.busy == 0;
        if !state.open || !(complete || halted) {
            // A group that is stopped from outside stays open, but a scope around it may wait for it.
            if let (Container::Group(group), 0) = (container, state.busy)
                && self.is_halted(group)
            {
                work.look.push_back(self.container_of(group));
            }
            return;
        }
        match container {
            Container::Group(group) if self.state.node(group).phase == Phase::Open => {
                self.group_ends(group, work);
            }
            Container::Clean(of) if self.state.unwind.is_none() => {
                self.cancel_open_groups(container, work);
                self.container_mut(container).open = false;
                self.close_further(of, work);
            }
            _ => {}
        }
    }

    fn group_ends(&mut self, group: NodeId, work: &mut Work) {
        let state = self.state.container(Container::Group(group));
        if !state.failing {
            return self.group_goes_well(group, work);
        }
        let cause = state.cause.filter(|cause| *cause != group);
        self.cancel_open_groups(Container::Group(group), work);
        if self.state.node(group).reason.is_none() {
            let name = cause.map(|id| self.plan().node(id).key.clone()).unwrap_or_default();
            self.node_mut(group).reason = Some(format!("step `{name}` failed"));
        }
        self.group_fails(group, work);
    }

    /// A group has failed; what that means is decided by a person where its author wants that.
    pub(super) fn group_fails(&mut self, group: NodeId, work: &mut Work) {
        if self.plan().node(group).spec.on_failure == StepFailure::Ask && !self.is_halted(group) {
            return self.set_phase(group, Phase::Choosing);
        }
        self.finish_failed(group, work);
    }

    /// A step has failed and what that means is decided. A failure that the run survives ends the
    /// group's scope here; any other is unwound with the whole run, undo before cleanup.
    pub(super) fn finish_failed(&mut self, id: NodeId, work: &mut Work) {
        let node = self.state.node(id);
        let has_opened = self.plan().node(id).spec.action.is_group() && node.attempt > 0;
        if has_opened && node.closing.is_none() && self.is_contained(id) {
            self.close(id, false, work);
        } else {
            self.rest(id, node.failed_as.unwrap_or(End::Failed), work);
        }
    }

    fn is_contained(&self, id: NodeId) -> bool {
        let mut here = Some(id);
        while let Some(id) = here {
            let node = self.plan().node(id);
            if self.state.node(id).tolerated || self.tolerates(id, End::Failed) {
                return true;
            }
            here = node.parent;
        }
        false
    }

    // ── the run ─────────────────────────────────────────────────────────────────────────────────

    /// Moves the run to its next part when this one is done. `true` when something was set in motion.
    fn advance(&mut self, work: &mut Work) -> bool {
        match self.state.stage {
            Stage::Preconditions | Stage::Over => false,
            Stage::Body => {
                let body = self.state.container(Container::Body);
                let refused = body.failing && !body.open;
                if refused {
                    self.state.stage = Stage::Over;
                } else if self.state.is_stopping() {
                    if body.busy > 0 {
                        return false;
                    }
                    self.cancel_open_groups(Container::Body, work);
                    self.state.stage = Stage::Handlers;
                    self.open(Container::Handlers, work);
                } else if body.unrested > 0 {
                    return false;
                } else {
                    self.begin_unwinding(false);
                }
                true
            }
            Stage::Handlers => {
                if !Self::has_ended(self.state.container(Container::Handlers)) {
                    return false;
                }
                self.cancel_open_groups(Container::Handlers, work);
                self.state.stage = Stage::Deciding;
                true
            }
            Stage::Deciding => {
                let nothing = self.undoable().is_empty();
                let undo = match (self.state.undo, self.plan().rollback) {
                    (Some(decision), _) => decision == Undoing::Begin,
                    (None, RollbackMode::Auto) => true,
                    (None, RollbackMode::Never) => false,
                    (None, RollbackMode::Offer) if nothing => false,
                    (None, RollbackMode::Offer) => return false,
                };
                self.begin_unwinding(undo);
                true
            }
            Stage::Unwinding => {
                if self.is_unit_under_way() {
                    return false;
                }
                if let Some(unit) = self.state.unwind.as_ref().and_then(|unwind| unwind.current) {
                    self.cancel_open_groups(unit.container(), work);
                }
                if self.unwind_next(work) {
                    return true;
                }
                if self.state.containers.contains_key(&Container::Finally) {
                    self.state.stage = Stage::Over;
                } else {
                    self.state.stage = Stage::Finally;
                    self.open(Container::Finally, work);
                }
                true
            }
            Stage::Finally => {
                if !Self::has_ended(self.state.container(Container::Finally)) {
                    return false;
                }
                self.cancel_open_groups(Container::Finally, work);
                self.state.stage = Stage::Over;
                true
            }
        }
    }

    /// Whether `id` is a group or an action that needs no executor.
    pub(super) fn is_own(&self, id: NodeId) -> bool {
        !matches!(self.plan().node(id).spec.action, Action::Run(_) | Action::Custom(_))
    }
}

//! Groups that decide which of their members run: cases, remedies, repetitions, calls.

use std::sync::Arc;

use super::flow::Work;
use super::machine::{Machine, after};
use super::state::{End, NodeState, Phase};
use crate::ids::NodeId;
use crate::model::{Action, StepFailure};
use crate::plan::{Item, Plan};

impl Machine {
    fn group_of(&self, id: NodeId) -> Option<(NodeId, &Action)> {
        let parent = self.plan().node(id).parent?;
        Some((parent, &self.plan().node(parent).spec.action))
    }

    fn place_in(&self, group: NodeId, id: NodeId) -> usize {
        self.plan().node(group).children.iter().position(|child| *child == id).unwrap_or(usize::MAX)
    }

    /// Whether the group around `id` lets it begin now.
    pub(super) fn is_its_turn(&self, id: NodeId) -> bool {
        match self.group_of(id) {
            Some((group, Action::Remedies(_))) => {
                self.place_in(group, id) < self.state.node(group).remedies as usize
            }
            Some((group, Action::Each(each))) => {
                let Some(parallel) = each.parallel else { return true };
                let members = &self.plan().node(group).children;
                let under_way = members
                    .iter()
                    .filter(|id| !matches!(self.state.node(**id).phase, Phase::Idle | Phase::Rest(_)));
                under_way.count() < parallel.max(1) as usize
            }
            _ => true,
        }
    }

    /// Whether `id` is a case of a choice of which another case has been taken.
    pub(super) fn another_case_applied(&self, id: NodeId) -> bool {
        let Some((group, Action::Choose)) = self.group_of(id) else { return false };
        let earlier = self.plan().node(group).children.iter().take_while(|case| **case != id);
        let taken = |case: &NodeId| !matches!(self.state.node(*case).phase, Phase::Rest(End::Skipped));
        earlier.into_iter().any(taken)
    }

    /// Whether the run goes on although `id` ends like `end`.
    pub(super) fn tolerates(&self, id: NodeId, end: End) -> bool {
        if self.plan().node(id).spec.on_failure == StepFailure::Continue {
            return true;
        }
        // A person's no, and a stop, are not for a group to shrug off.
        if !matches!(end, End::Failed | End::Blocked) {
            return false;
        }
        match self.group_of(id) {
            Some((group, Action::Remedies(remedies))) => {
                let last = self.plan().node(group).children.len() - 1;
                !(remedies.last_resort && self.place_in(group, id) == last)
            }
            Some((group, Action::Each(each))) => {
                let is_pause = self.plan().node(id).frame == self.plan().node(group).frame;
                !is_pause
                    && self.failures_in(group) < Plan::survivable(each, self.plan().repetitions(group).len())
            }
            _ => false,
        }
    }

    fn failures_in(&self, group: NodeId) -> usize {
        let failed = |id: &&NodeId| matches!(self.state.node(**id).phase, Phase::Rest(end) if !end.is_good());
        self.plan().repetitions(group).iter().filter(failed).count()
    }

    /// Whether `id` repeats a step and has survived a failure of it.
    pub(super) fn survived_failures(&mut self, id: NodeId) -> bool {
        if !matches!(self.plan().node(id).spec.action, Action::Each(_)) {
            return false;
        }
        let (failed, all) = (self.failures_in(id), self.plan().repetitions(id).len());
        if failed > 0 {
            self.node_mut(id).reason = Some(format!("{failed} of {all} failed"));
        }
        failed > 0
    }

    /// A member of a group came to rest in a way that the group survives.
    pub(super) fn after_member(&mut self, id: NodeId, work: &mut Work) {
        let Some((group, action)) = self.group_of(id) else { return };
        match action {
            Action::Each(each) if each.parallel.is_some() => {
                let idle = |id: &&NodeId| self.state.node(**id).phase == Phase::Idle;
                let next = self.plan().node(group).children.iter().find(idle).copied();
                if let Some(next) = next {
                    self.try_to_start(next, work);
                }
            }
            Action::Remedies(remedies) => {
                let last = self.plan().node(group).children.len() - 1;
                let exhausted = remedies.last_resort && self.place_in(group, id) == last;
                if self.state.node(group).phase != Phase::Open {
                } else if exhausted {
                    self.group_fails(group, work);
                } else if !self.is_halted(id) {
                    self.set_phase(group, Phase::Goal);
                }
            }
            _ => {}
        }
    }

    /// What `id` is repeated for is known.
    pub(super) fn expanded(&mut self, id: NodeId, items: &[Item], work: &mut Work) {
        self.node_mut(id).entered = true;
        if items.is_empty() {
            self.node_mut(id).reason = Some("there is nothing to repeat it for".to_owned());
            return self.rest(id, End::Skipped, work);
        }
        let before = self.plan.nodes.len();
        Arc::make_mut(&mut self.plan).grow(id, items);
        let plan = Arc::clone(&self.plan);
        let mut waits_for: Vec<Vec<NodeId>> = Vec::with_capacity(plan.nodes.len() - before);
        for (_, node) in plan.iter().skip(before) {
            self.state.nodes.push(NodeState::default());
            waits_for.push(node.needs.clone());
        }
        // What stands outside of the step may have ended long ago, and will not do so again.
        for needs in &mut waits_for {
            needs.retain(|need| !self.is_released(*need));
        }
        let shape = Arc::make_mut(&mut self.shape);
        shape.dependents.resize(plan.nodes.len(), Vec::new());
        for (index, needs) in waits_for.into_iter().enumerate() {
            self.state.waiting_for.push(needs.len() as u32);
            for need in needs {
                shape.dependents[need.index()].push(NodeId::from_index(before + index));
            }
        }
        self.enter_gate(id, work);
    }

    /// All members of `group` have ended well enough.
    pub(super) fn group_goes_well(&mut self, group: NodeId, work: &mut Work) {
        let node = self.plan().node(group);
        if matches!(node.spec.action, Action::Remedies(_)) {
            // The last remedy has ended where nothing new begins: nobody knows whether it has helped.
            self.node_mut(group).reason = Some("stopped before its goal was asked again".to_owned());
            return self.rest(group, End::Cancelled, work);
        }
        let skipped = |id: &NodeId| self.state.node(*id).phase == Phase::Rest(End::Skipped);
        if node.spec.action == Action::Choose && node.children.iter().all(skipped) {
            self.did_nothing(group);
            self.node_mut(group).reason = Some("no case applies".to_owned());
            return self.rest(group, End::Skipped, work);
        }
        self.close(group, true, work);
    }

    fn did_nothing(&mut self, group: NodeId) {
        let node = self.node_mut(group);
        node.acted = false;
        node.order = None;
    }

    /// The goal of `id` was asked.
    pub(super) fn goal_asked(&mut self, id: NodeId, reached: bool, found: &[String], work: &mut Work) {
        let begun = self.state.node(id).remedies;
        if reached {
            let unused: Vec<NodeId> =
                self.plan().node(id).children.iter().copied().skip(begun as usize).collect();
            for remedy in unused {
                self.node_mut(remedy).reason = Some("not needed any more".to_owned());
                self.rest(remedy, End::Skipped, work);
            }
            if begun == 0 {
                self.did_nothing(id);
                return self.rest(id, End::AlreadyDone, work);
            }
            return self.close(id, true, work);
        }
        if self.is_halted(id) {
            self.node_mut(id).reason = Some("stopped before the next remedy".to_owned());
            return self.rest(id, End::Cancelled, work);
        }
        let Action::Remedies(remedies) = &self.plan().node(id).spec.action else { return };
        let (within, last_resort) = (remedies.within, remedies.last_resort);
        let members = self.plan().node(id).children.clone();
        let remedies = members.len() - usize::from(last_resort);
        let begun_at = self.state.node(id).started.unwrap_or(work.at);
        let late = within.is_some_and(|within| work.at >= after(begun_at, within));
        let next = members.get(begun as usize).filter(|_| (begun as usize) < remedies && !late).copied();
        if let Some(next) = next {
            self.node_mut(id).remedies += 1;
            self.set_phase(id, Phase::Open);
            return self.try_to_start(next, work);
        }
        let why = if late && (begun as usize) < remedies {
            "no remedy has helped in time"
        } else {
            "no remedy has helped"
        };
        self.node_mut(id).reason = Some(format!("{why}: {}", found.join("; ")));
        if last_resort {
            self.node_mut(id).remedies = members.len() as u32;
        }
        // While it is the goal's turn, the end of a remedy asks for nothing.
        for remedy in members.iter().copied().take(remedies).skip(begun as usize) {
            self.node_mut(remedy).reason = Some("too late".to_owned());
            self.rest(remedy, End::Skipped, work);
        }
        self.set_phase(id, Phase::Open);
        match members.last().copied().filter(|_| last_resort) {
            Some(last) => self.try_to_start(last, work),
            None => self.group_fails(id, work),
        }
    }

    /// The scope of `group` is closed: what it returns is due.
    pub(super) fn enter_return(&mut self, group: NodeId, work: &mut Work) {
        let returns = match &self.plan().node(group).spec.action {
            Action::Call(call) => !call.outputs.is_empty(),
            _ => false,
        };
        if returns && self.state.node(group).result.is_none() {
            return self.set_phase(group, Phase::Returning);
        }
        self.enter_verification(group, work);
    }
}

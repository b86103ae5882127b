//! What the laws look up in a run; taken from the log and from phases, never from the machine's counters.

use runbook_core::ids::NodeId;
use runbook_core::plan::{Plan, Role};
use runbook_core::run::{CheckStage, End, Ending, Event, Machine, Phase, Stage, State};

pub(crate) use crate::world::Trace;

/// Whether the node came to an end that stops what depends on it.
pub(crate) fn is_bad(state: &State, id: NodeId) -> bool {
    let node = state.node(id);
    matches!(node.phase, Phase::Rest(end) if !end.is_good() && !node.tolerated)
}

/// Whether the node came to an end that what depends on it can live with.
pub(crate) fn is_survived(state: &State, id: NodeId) -> bool {
    matches!(state.node(id).phase, Phase::Rest(_)) && !is_bad(state, id)
}

/// The groups around a node, the nearest first.
pub(crate) fn around(plan: &Plan, id: NodeId) -> Vec<NodeId> {
    std::iter::successors(plan.node(id).parent, |group| plan.node(*group).parent).collect()
}

/// The list of roots that a root belongs to.
pub(crate) fn siblings(plan: &Plan, id: NodeId) -> Vec<NodeId> {
    match plan.node(id).parent {
        Some(group) => plan.node(group).children.clone(),
        None => plan.roots(plan.node(id).role).collect(),
    }
}

/// The node an event is about.
pub(crate) fn node_of(event: &Event) -> Option<NodeId> {
    match event {
        Event::Condition { node, .. }
        | Event::Unusable { node, .. }
        | Event::Checked { node, .. }
        | Event::GateOpened { node, .. }
        | Event::GateDecided { node, .. }
        | Event::GateExpired { node }
        | Event::Started { node, .. }
        | Event::Ended { node, .. }
        | Event::Resolved { node, .. }
        | Event::Expanded { node, .. }
        | Event::Called { node, .. }
        | Event::Chosen { node, .. }
        | Event::TimedOut { node } => Some(*node),
        _ => None,
    }
}

/// Whether the node has been reached and is not at rest.
pub(crate) fn is_under_way(state: &State, id: NodeId) -> bool {
    !matches!(state.node(id).phase, Phase::Idle | Phase::Rest(_))
}

/// Whether the node ended badly, whatever that means to others.
pub(crate) fn ended_badly(state: &State, id: NodeId) -> bool {
    matches!(state.node(id).phase, Phase::Rest(end) if !end.is_good())
}

/// One unit of unwinding: the node it belongs to, and whether it cleans up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) of: NodeId,
    pub(crate) clean: bool,
    /// The entry after which it had begun.
    pub(crate) at: usize,
}

impl Trace {
    /// The state before entry `i`.
    pub(crate) fn before(&self, i: usize) -> &State {
        &self.states[i - 1]
    }

    /// Entries with their index, the very first left out.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (usize, &Event)> {
        self.log.iter().enumerate().skip(1).map(|(i, entry)| (i, &entry.event))
    }

    /// The machine as it was after each entry.
    pub(crate) fn machines(&self) -> impl Iterator<Item = Machine> {
        let mut machine = Machine::new(self.book.clone());
        self.log.iter().map(move |entry| {
            machine.apply(entry);
            machine.clone()
        })
    }

    /// The node that entry `i` brings nearer to its effect, if it does that.
    pub(crate) fn going_forward(&self, i: usize) -> Option<NodeId> {
        let event = &self.log[i].event;
        let node = node_of(event)?;
        let phase = &self.before(i).node(node).phase;
        let forward = match event {
            Event::Condition { .. } | Event::Unusable { .. } | Event::Started { .. } => true,
            Event::GateOpened { .. } | Event::GateDecided { .. } | Event::GateExpired { .. } => true,
            Event::Expanded { .. } | Event::Called { .. } => true,
            Event::Checked { stage: CheckStage::Verify | CheckStage::Goal, .. } => false,
            Event::Checked { .. } => !matches!(phase, Phase::Doubt(_)),
            Event::Ended { .. } => matches!(phase, Phase::Ready { .. }),
            _ => false,
        };
        forward.then_some(node)
    }

    /// The entry with which the node first really began, if it ever did.
    pub(crate) fn began(&self, id: NodeId) -> Option<usize> {
        if self.plan.node(id).spec.action.is_group() {
            // A choice without a case, and a goal that is reached already, leave nothing behind.
            let idle =
                matches!(self.machine.state().node(id).phase, Phase::Rest(End::Skipped | End::AlreadyDone));
            return self.states.iter().position(|state| state.node(id).attempt > 0).filter(|_| !idle);
        }
        let ending = |of: u32| {
            self.log.iter().rev().find_map(|entry| match &entry.event {
                Event::Ended { node, attempt, result } if *node == id && *attempt == of => {
                    Some(result.ending)
                }
                _ => None,
            })
        };
        self.log.iter().position(|entry| match &entry.event {
            Event::Started { node, attempt, .. } => {
                *node == id && ending(*attempt) != Some(Ending::NotStarted)
            }
            Event::Ended { node, attempt, result } => {
                let begun = result.ending != Ending::NotStarted;
                *node == id && begun && ending(*attempt) != Some(Ending::NotStarted)
            }
            _ => false,
        })
    }

    /// Nodes of the body that began, in the order in which they did.
    pub(crate) fn began_in_order(&self) -> Vec<NodeId> {
        let body = self.plan.iter().filter(|(_, node)| node.role == Role::Body).map(|(id, _)| id);
        let mut begun: Vec<(usize, Option<u32>, NodeId)> =
            body.filter_map(|id| Some((self.began(id)?, self.machine.state().node(id).order, id))).collect();
        begun.sort();
        begun.into_iter().map(|(_, _, id)| id).collect()
    }

    /// Rollbacks and cleanups in the order in which they were begun; one that begins twice is in it twice.
    pub(crate) fn units(&self) -> Vec<Unit> {
        let mut units = Vec::new();
        for at in 0..self.states.len() {
            for (of, node) in self.plan.iter() {
                for (list, clean) in [(&node.rollback, false), (&node.cleanup, true)] {
                    if list.first().is_some_and(|first| self.leaves_idle(*first, at)) {
                        units.push(Unit { of, clean, at });
                    }
                }
            }
        }
        units
    }

    /// Whether the node is reached with entry `at`.
    pub(crate) fn leaves_idle(&self, id: NodeId, at: usize) -> bool {
        let idle = |state: &State| state.node(id).phase == Phase::Idle;
        (at == 0 || idle(&self.states[at - 1])) && !idle(&self.states[at])
    }

    /// The nodes of a unit, those in its groups included.
    pub(crate) fn nodes_of(&self, unit: Unit) -> Vec<NodeId> {
        let role = if unit.clean { Role::Cleanup(unit.of) } else { Role::Rollback(unit.of) };
        self.plan.iter().filter(|(_, node)| node.role == role).map(|(id, _)| id).collect()
    }

    /// Whether a list of roots has come to an end in which no failure counts.
    pub(crate) fn went_well(&self, role: Role) -> bool {
        self.plan.roots(role).all(|id| is_survived(self.machine.state(), id))
    }

    /// Whether the runbook's own preconditions, or an interruption while they were asked, ended the run.
    pub(crate) fn never_began(&self) -> bool {
        self.states.iter().all(|state| matches!(state.stage, Stage::Preconditions | Stage::Over))
            || self.machine.state().book.iter().any(|check| check.refuses())
    }

    /// Whether somebody gave the run up.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.machine.state().abandoned.is_some()
    }

    /// Whether an event of this kind is in the log.
    pub(crate) fn has(&self, what: impl Fn(&Event) -> bool) -> bool {
        self.log.iter().any(|entry| what(&entry.event))
    }
}

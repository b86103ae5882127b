//! In which order a scope is unwound: what undoes and what cleans up, latest first.

use std::collections::VecDeque;

use super::flow::Work;
use super::machine::Machine;
use super::state::{Closing, Container, ContainerState, End, Phase, Stage, Unit, Unwind};
use crate::ids::NodeId;
use crate::plan::Role;

impl Machine {
    /// The scope of `group` ends: its cleanups run, latest first.
    pub(super) fn close(&mut self, group: NodeId, ok: bool, work: &mut Work) {
        let units = self.cleanups_within(Container::Group(group));
        self.node_mut(group).closing = Some(Closing { units, ok });
        self.set_phase(group, Phase::Closing);
        self.close_next(group, work);
    }

    pub(super) fn close_further(&mut self, cleaned: NodeId, work: &mut Work) {
        let mut here = self.plan().node(cleaned).parent;
        while let Some(group) = here {
            if self.state.node(group).phase == Phase::Closing {
                if self.state.container(Container::Clean(cleaned)).failing {
                    if let Some(closing) = &mut self.node_mut(group).closing {
                        closing.ok = false;
                    }
                    let key = self.plan().node(cleaned).key.clone();
                    self.node_mut(group).reason.get_or_insert(format!("the cleanup of `{key}` failed"));
                }
                return self.close_next(group, work);
            }
            here = self.plan().node(group).parent;
        }
    }

    fn close_next(&mut self, group: NodeId, work: &mut Work) {
        let Some(closing) = &mut self.node_mut(group).closing else { return };
        if let Some(unit) = closing.units.pop_front() {
            return self.open(unit.container(), work);
        }
        if closing.ok {
            return self.enter_return(group, work);
        }
        if self.tolerates(group, End::Failed) {
            self.node_mut(group).tolerated = true;
        }
        self.rest(group, End::Failed, work);
    }

    /// The cleanups that are due in `scope`, latest first; they count as begun.
    pub(super) fn cleanups_within(&mut self, scope: Container) -> VecDeque<Unit> {
        let due = |machine: &Machine, id: NodeId| {
            let (node, state) = (machine.plan().node(id), machine.state.node(id));
            node.role == Role::Body
                && !node.cleanup.is_empty()
                && state.acted
                && !state.cleaned
                && machine.is_within(id, scope)
        };
        let mut found: Vec<NodeId> = match scope {
            Container::Group(group) => self.descendants(group),
            _ => self.plan().iter().map(|(id, _)| id).collect(),
        };
        found.retain(|id| due(self, *id));
        found.sort_by_key(|id| std::cmp::Reverse(self.state.node(*id).order));
        for id in &found {
            self.node_mut(*id).cleaned = true;
        }
        found.into_iter().map(Unit::Clean).collect()
    }

    fn descendants(&self, group: NodeId) -> Vec<NodeId> {
        let mut found = Vec::new();
        let mut left = self.plan().node(group).children.clone();
        while let Some(id) = left.pop() {
            found.push(id);
            left.extend(&self.plan().node(id).children);
        }
        found
    }

    /// The steps that a rollback would undo, latest first: those that acted and say how to undo it,
    /// back to the last point of no return.
    pub fn undoable(&self) -> Vec<NodeId> {
        let acted = |id: &NodeId| self.state.node(*id).acted && self.plan().node(*id).role == Role::Body;
        let barrier = self
            .plan()
            .iter()
            .filter(|(id, node)| node.spec.irreversible && acted(id))
            .filter_map(|(id, _)| self.state.node(id).order)
            .max();
        let mut found: Vec<NodeId> = self
            .plan()
            .iter()
            .filter(|(id, node)| {
                !node.rollback.is_empty()
                    && acted(id)
                    && self.state.node(*id).order >= barrier
                    && !self.state.containers.contains_key(&Container::Undo(*id))
            })
            .map(|(id, _)| id)
            .collect();
        found.sort_by_key(|id| std::cmp::Reverse(self.state.node(*id).order));
        found
    }

    pub(super) fn begin_unwinding(&mut self, undo: bool) {
        let undos = if undo { self.undoable() } else { Vec::new() };
        let cleanups = self.cleanups_within(Container::Body);
        let mut units: Vec<Unit> = undos.into_iter().map(Unit::Undo).chain(cleanups).collect();
        // Latest first; of one step the undo comes before the cleanup.
        units.sort_by_key(|unit| {
            let (Unit::Undo(id) | Unit::Clean(id)) = *unit;
            (std::cmp::Reverse(self.state.node(id).order), matches!(unit, Unit::Clean(_)))
        });
        self.state.unwind = Some(Unwind { current: None, left: units.into() });
        self.state.stage = Stage::Unwinding;
    }

    /// A rollback that was put off, or one of a run that is over.
    pub(super) fn unwind_later(&mut self, work: &mut Work) {
        self.begin_unwinding(true);
        let _ = self.unwind_next(work);
    }

    /// Opens the next unit once the one before is done. `false` when none is left.
    pub(super) fn unwind_next(&mut self, work: &mut Work) -> bool {
        let Some(unwind) = &mut self.state.unwind else { return false };
        unwind.current = unwind.left.pop_front();
        match unwind.current {
            Some(unit) => {
                self.open(unit.container(), work);
                true
            }
            None => false,
        }
    }

    pub(super) fn is_unit_under_way(&self) -> bool {
        let current = self.state.unwind.as_ref().and_then(|unwind| unwind.current);
        current.is_some_and(|unit| !Self::has_ended(self.state.container(unit.container())))
    }

    pub(super) fn has_ended(state: &ContainerState) -> bool {
        !state.open || state.unrested == 0 || (state.failing && state.busy == 0)
    }
}

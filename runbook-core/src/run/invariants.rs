//! What is true of every state: whatever the machine keeps in counters, counted again.

use super::machine::Machine;
use super::state::{Container, Phase};
use crate::ids::NodeId;
use crate::plan::Role;

impl Machine {
    /// Compares what is kept in counters and sets with what follows from the nodes' phases. For tests.
    #[doc(hidden)]
    pub fn check_invariants(&self) -> Result<(), String> {
        if self.state.abandoned.is_some() {
            return if self.state.active.is_empty() { Ok(()) } else { Err("active after the end".into()) };
        }
        let busy = self.count_busy();
        for (container, state) in &self.state.containers {
            let members = self.members(*container);
            let counted = members.iter().filter(|id| busy[id.index()]).count();
            if counted != state.busy as usize {
                return Err(format!("{container:?}: busy is {}, counted {counted}", state.busy));
            }
            let unrested = members.iter().filter(|id| !self.is_at_rest(**id)).count();
            if unrested != state.unrested as usize && *container != Container::Body {
                return Err(format!("{container:?}: unrested is {}, counted {unrested}", state.unrested));
            }
            if *container == Container::Body && state.open && unrested != state.unrested as usize {
                return Err(format!("the body: unrested is {}, counted {unrested}", state.unrested));
            }
        }
        for (id, node) in self.plan().iter() {
            self.check_node(id)
                .map_err(|why| format!("{} ({:?}): {why}", node.key, self.state.node(id).phase))?;
        }
        Ok(())
    }

    fn is_at_rest(&self, id: NodeId) -> bool {
        matches!(self.state.node(id).phase, Phase::Rest(_))
    }

    fn count_busy(&self) -> Vec<bool> {
        let mut busy: Vec<bool> = self.state.nodes.iter().map(|node| node.phase.is_busy()).collect();
        for index in 0..busy.len() {
            if busy[index] {
                let mut here = self.plan().nodes[index].parent;
                while let Some(group) = here {
                    busy[group.index()] = true;
                    here = self.plan().node(group).parent;
                }
            }
        }
        busy
    }

    fn check_node(&self, id: NodeId) -> Result<(), String> {
        let (node, plan) = (self.state.node(id), self.plan().node(id));
        let is_active = !matches!(node.phase, Phase::Idle | Phase::Rest(_));
        if is_active != self.state.active.contains(&id) {
            return Err(format!("active is {}", !is_active));
        }
        let waits = plan.needs.iter().filter(|need| !self.is_released(**need)).count();
        if waits != self.state.waiting_for[id.index()] as usize {
            return Err(format!("waits for {}, counted {waits}", self.state.waiting_for[id.index()]));
        }
        if node.phase.is_before_action() && self.is_halted(id) {
            return Err("about to act where nothing new starts".into());
        }
        if matches!(node.phase, Phase::Ready { .. }) && plan.spec.confirm.is_some() && node.approved.is_none()
        {
            return Err("may act without approval".into());
        }
        if matches!(node.phase, Phase::OpeningGate | Phase::Gate { .. }) && node.approved.is_some() {
            return Err("an earlier approval stands while people are asked".into());
        }
        if node.acted != node.order.is_some() {
            return Err(format!("acted is {}, order is {:?}", node.acted, node.order));
        }
        if is_active && matches!(plan.role, Role::Rollback(_) | Role::Cleanup(_)) {
            let mut outer = self.container_of(id);
            while let Container::Group(group) = outer {
                outer = self.container_of(group);
            }
            if !self.state.container(outer).open {
                return Err(format!("active in {outer:?}, which is not open"));
            }
        }
        Ok(())
    }
}

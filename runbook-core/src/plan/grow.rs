//! How a plan grows while it runs: a step that is repeated gets a copy for every item.
//!
//! What is appended follows from the frozen plan and the items alone, so a replayed log grows the same
//! plan again. The digest and the stored plan are those of before.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Frame, FrameId, FrameKind, Node, Plan};
use crate::check::Role;
use crate::ids::NodeId;
use crate::model::{Action, Check, Each, Over, Share, StepSpec, TargetRef};
use crate::value::{Object, Value};

/// One thing that a step is repeated for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// What expressions see as `item`.
    pub value: Value,
    /// The target that stands for it, when the step is repeated on targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

impl Plan {
    /// Gives `holder` a copy of its step for each of `items`.
    pub(crate) fn grow(&mut self, holder: NodeId, items: &[Item]) {
        let Action::Each(each) = self.node(holder).spec.action.clone() else { return };
        let Some(template) = self.node(holder).template else { return };
        let copies: Vec<NodeId> = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.copy_for(holder, template, &each, index, item))
            .collect();
        let pauses = self.in_batches(holder, &each, &copies);
        let holder = Arc::make_mut(&mut self.nodes[holder.index()]);
        holder.children.extend(copies);
        holder.children.extend(pauses);
    }

    /// Remembers what a called procedure was given.
    pub(crate) fn enter(&mut self, call: NodeId, inputs: &Object, vars: &Object) {
        let place = self.called_frame(call).and_then(|frame| frame.0.checked_sub(1));
        if let Some(frame) = place.and_then(|place| self.frames.get_mut(place as usize))
            && let FrameKind::Call { given, .. } = &mut Arc::make_mut(frame).kind
        {
            *given = Some((inputs.clone(), vars.clone()));
        }
    }

    fn copy_for(
        &mut self,
        holder: NodeId,
        template: NodeId,
        each: &Each,
        index: usize,
        item: &Item,
    ) -> NodeId {
        let suffix = match &item.target {
            Some(target) => format!("@{target}"),
            None => format!("#{}", index + 1),
        };
        let around = self.node(template).frame;
        let frame = self.add_frame(Frame {
            parent: Some(around),
            kind: FrameKind::Item {
                holder,
                index: index as u32,
                name: each.name.clone(),
                value: item.value.clone(),
                target: item.target.clone(),
            },
        });
        let first = self.nodes.len();
        let mut copied = HashMap::new();
        let mut order = Vec::new();
        // A node stands before everything that belongs to it, in the copy as in the plan.
        let mut left = vec![(template, item.target.as_deref())];
        while let Some((id, target)) = left.pop() {
            copied.insert(id, NodeId::from_index(first + order.len()));
            order.push((id, target));
            let node = self.node(id);
            let below = [&node.children, &node.rollback, &node.cleanup].into_iter().flatten();
            // A step in it that acts on targets of its own is told them when it is repeated itself.
            let own = matches!(&node.spec.action, Action::Each(Each { over: Over::Targets(_), .. }));
            let template = node.template.iter().map(|id| (*id, target.filter(|_| !own)));
            left.extend(below.map(|id| (*id, target)).chain(template).collect::<Vec<_>>().into_iter().rev());
        }
        let own_key = self.node(template).key.clone();
        let mut frames = HashMap::from([(around, frame)]);
        for (id, target) in order {
            let mut node = self.node(id).clone();
            node.frame = self.copied_frame(node.frame, &mut frames, &copied);
            node.key = format!("{}{suffix}", without_each(&node.key, &own_key));
            let new = |id: &NodeId| copied.get(id).copied().unwrap_or(*id);
            node.parent = node.parent.as_ref().map(new);
            node.role = match node.role {
                Role::Rollback(of) => Role::Rollback(new(&of)),
                Role::Cleanup(of) => Role::Cleanup(new(&of)),
                role => role,
            };
            node.template = node.template.as_ref().map(new);
            for list in [&mut node.needs, &mut node.children, &mut node.rollback, &mut node.cleanup] {
                *list = list.iter().map(new).collect();
            }
            if let Some(target) = target {
                settle_targets(&mut node.spec, target);
            }
            self.nodes.push(Arc::new(node));
        }
        NodeId::from_index(first)
    }

    fn copied_frame(
        &mut self,
        frame: FrameId,
        frames: &mut HashMap<FrameId, FrameId>,
        copied: &HashMap<NodeId, NodeId>,
    ) -> FrameId {
        if let Some(copy) = frames.get(&frame) {
            return *copy;
        }
        let mut copy = self.frame(frame).clone();
        copy.parent = copy.parent.and_then(|parent| frames.get(&parent).copied()).or(copy.parent);
        if let FrameKind::Call { node, .. } = &mut copy.kind {
            *node = copied.get(node).copied().unwrap_or(*node);
        }
        let id = self.add_frame(copy);
        frames.insert(frame, id);
        id
    }

    fn add_frame(&mut self, frame: Frame) -> FrameId {
        self.frames.push(Arc::new(frame));
        FrameId(u32::try_from(self.frames.len()).unwrap_or(u32::MAX))
    }

    /// Lets each batch wait for the one before it, and returns the pauses between them.
    fn in_batches(&mut self, holder: NodeId, each: &Each, copies: &[NodeId]) -> Vec<NodeId> {
        let mut pauses = Vec::new();
        let Some(rollout) = &each.rollout else { return pauses };
        let (mut before, mut rest) = (&copies[..0], copies);
        for size in rollout.sizes(copies.len()) {
            let (batch, after) = rest.split_at(size.min(rest.len()));
            let mut waits_for = before.to_vec();
            if let Some(pause) = rollout.pause.filter(|_| !before.is_empty()) {
                let id = NodeId::from_index(self.nodes.len());
                self.nodes.push(Arc::new(Node {
                    key: format!("{}.pause{}", self.node(holder).key, pauses.len() + 1),
                    role: self.node(holder).role,
                    parent: Some(holder),
                    needs: std::mem::replace(&mut waits_for, vec![id]),
                    children: Vec::new(),
                    rollback: Vec::new(),
                    cleanup: Vec::new(),
                    template: None,
                    frame: self.node(holder).frame,
                    selected: true,
                    asked_by: Vec::new(),
                    spec: StepSpec::wait(pause),
                }));
                pauses.push(id);
            }
            for copy in batch {
                Arc::make_mut(&mut self.nodes[copy.index()]).needs.clone_from(&waits_for);
            }
            (before, rest) = (batch, after);
        }
        pauses
    }

    /// How many of its members may fail before `each` fails, when it has `total`.
    pub(crate) fn survivable(each: &Each, total: usize) -> usize {
        match each.max_failures {
            Share::Count(count) => count as usize,
            percent @ Share::Percent(_) => percent.of(total),
        }
    }
}

/// The key of the step of which `key` is a repetition; `key` itself when it is none.
///
/// ```
/// assert_eq!(runbook_core::plan::step_key("install#2@web1"), "install");
/// ```
pub fn step_key(key: &str) -> &str {
    key.split_once(['#', '@']).map_or(key, |(step, _)| step)
}

/// `key` of something in the step with the key `template`, without the word that tells the step from what repeats it.
fn without_each(key: &str, template: &str) -> String {
    let split = |key: &str| key.find(['#', '@']).unwrap_or(key.len());
    let (base, copies) = key.split_at(split(key));
    let (each, _) = template.split_at(split(template));
    match (base.strip_prefix(each), each.strip_suffix(".each")) {
        (Some(rest), Some(own)) if rest.is_empty() || rest.starts_with(['.', ':']) => {
            format!("{own}{rest}{copies}")
        }
        _ => key.to_owned(),
    }
}

/// Writes `target` wherever the member of the group is meant.
pub(super) fn settle_targets(spec: &mut StepSpec, target: &str) {
    let settle = |place: &mut TargetRef| {
        if *place == TargetRef::Around {
            *place = TargetRef::Named(target.to_owned());
        }
    };
    settle(&mut spec.target);
    let mut lists: Vec<&mut Vec<Check>> =
        vec![&mut spec.done_when, &mut spec.preconditions, &mut spec.verify];
    match &mut spec.action {
        Action::WaitFor(wait) => lists.push(&mut wait.checks),
        Action::Remedies(remedies) => lists.push(&mut remedies.goal),
        _ => {}
    }
    lists.into_iter().flatten().for_each(|check| settle(&mut check.target));
}

//! Frames: what names mean in a part of a plan.

use serde::{Deserialize, Serialize};

use super::Plan;
use crate::ids::NodeId;
use crate::value::{Object, Value};

/// The place of a frame in its plan; `0` is the runbook itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FrameId(pub u32);

impl FrameId {
    /// The runbook itself.
    pub const BOOK: FrameId = FrameId(0);

    /// Whether it is the runbook itself.
    pub fn is_book(&self) -> bool {
        *self == FrameId::BOOK
    }
}

/// A part of a plan in which names have a meaning of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// The frame in which it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<FrameId>,
    /// What it adds, or hides.
    pub kind: FrameKind,
}

/// What makes a frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameKind {
    /// A called procedure: sees what it was given, and its own steps only.
    Call {
        /// The step that calls it.
        node: NodeId,
        /// Its inputs and variables, once it is entered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        given: Option<(Object, Object)>,
    },
    /// One repetition of a step: sees everything around it, and its item.
    Item {
        /// The step that is repeated.
        holder: NodeId,
        /// Its place among the repetitions, from 0.
        index: u32,
        /// What expressions call the item, apart from `item`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The item.
        value: Value,
        /// The target it stands for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
    },
}

impl Plan {
    /// The frame `id`.
    ///
    /// # Panics
    /// When it is the runbook itself, or belongs to another plan.
    pub fn frame(&self, id: FrameId) -> &Frame {
        &self.frames[id.0 as usize - 1]
    }

    /// The frame in which the node `id` stands; none in the runbook itself.
    pub fn frame_of(&self, id: NodeId) -> Option<&Frame> {
        let frame = self.node(id).frame;
        (!frame.is_book()).then(|| self.frame(frame))
    }

    /// `id` and the frames around it whose names can be seen from it, from the inside out; the runbook is not among them.
    pub fn frames_around(&self, id: FrameId) -> impl Iterator<Item = (FrameId, &Frame)> {
        let mut next = Some(id);
        std::iter::from_fn(move || {
            let id = next.filter(|id| !id.is_book())?;
            let frame = self.frame(id);
            next = match frame.kind {
                FrameKind::Item { .. } => frame.parent,
                FrameKind::Call { .. } => None,
            };
            Some((id, frame))
        })
    }

    /// The frame of what `call` calls; none when that has no steps.
    pub fn called_frame(&self, call: NodeId) -> Option<FrameId> {
        self.node(call).children.first().map(|first| self.node(*first).frame)
    }

    /// The innermost call around `frame`; none in the runbook itself.
    pub fn call_around(&self, frame: FrameId) -> Option<&Frame> {
        self.frames_around(frame).map(|(_, frame)| frame).find(|f| matches!(f.kind, FrameKind::Call { .. }))
    }
}

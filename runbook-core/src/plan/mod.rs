//! The frozen plan: a runbook and its inputs, resolved into a graph of nodes that never changes again.
//!
//! Everything that decides what will run is in here and under the [digest](Plan::digest); resume,
//! approval, dry run and report use the plan, never the YAML again.

mod build;
mod digest;
mod frame;
mod grow;
mod inputs;
mod judge;
mod preview;
mod render;
mod selection;

pub use crate::check::Role;
pub use build::PlanRequest;
pub use digest::PlanError;
pub use frame::{Frame, FrameId, FrameKind};
pub use grow::{Item, step_key};
pub(crate) use preview::sensitive_inputs;
pub use preview::{Preview, shown_secret};
pub use render::{Counts, Format, render};
pub(crate) use render::{check_text, mermaid_label};

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::expr::Expr;
use crate::ids::NodeId;
use crate::kind::Target;
use crate::model::{
    Channel, Check, Contact, Effect, Level, Metadata, OnConflict, Policy, RollbackMode, SecretSource,
    StepSpec,
};
use crate::value::Object;

/// The layout of stored plans; a plan of another layout is refused, never guessed at.
pub const PLAN_FORMAT: u32 = 1;

/// A runbook with its inputs, ready to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// [`PLAN_FORMAT`].
    pub format: u32,
    /// Who and what it is.
    pub runbook: Metadata,
    /// The inputs' values.
    pub inputs: Object,
    /// Inputs whose values may begin with `-`, because their author has listed or limited them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dash_inputs: Vec<String>,
    /// The computed variables.
    pub vars: Object,
    /// The environment variables that expressions refer to.
    pub env: Object,
    /// What keeps two runs apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<PlanLock>,
    /// Checks before anything happens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preconditions: Vec<Check>,
    /// Where secrets come from; their values are in no plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<(String, SecretSource)>,
    /// People to be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<(String, Contact)>,
    /// Ways to reach them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<(String, Channel)>,
    /// What is forbidden, and what people must confirm; those from outside included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
    /// Who is told, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<PlanEscalation>,
    /// The declared targets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// Every step, groups and handlers included; a node's place is its id.
    ///
    /// A plan that grows shares what it had before with its copies.
    pub nodes: Vec<Arc<Node>>,
    /// Called procedures and, while it runs, repetitions; the runbook itself is not among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<Arc<Frame>>,
    /// What follows a failure.
    pub rollback: RollbackMode,
    /// Declared results.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<(String, Expr)>,
}

/// An escalation with its clock known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanEscalation {
    /// From when time counts; from the beginning of the run, when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Nobody is told any more once this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Expr>,
    /// Its levels, in order of time.
    pub levels: Vec<Level>,
}

/// A lock with its key known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanLock {
    /// Runs with an equal key exclude each other.
    pub key: String,
    /// What the later one does.
    pub on_conflict: OnConflict,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Node {
    /// Its name in logs and on the command line: the step's id, or its position (`steps.3`,
    /// `restart.rollback.1`); unique in the plan and stable as long as the runbook is not reordered.
    pub key: String,
    /// What part of the run it belongs to.
    pub role: Role,
    /// The group that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<NodeId>,
    /// Nodes that must be at rest before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<NodeId>,
    /// The steps of a group, in the order written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<NodeId>,
    /// The steps that undo it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollback: Vec<NodeId>,
    /// The steps that run when its scope ends, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cleanup: Vec<NodeId>,
    /// The step that is repeated, when it repeats one. It never runs itself; its copies are the children.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<NodeId>,
    /// What names mean in it.
    #[serde(default, skip_serializing_if = "FrameId::is_book")]
    pub frame: FrameId,
    /// Whether this run includes it (`--from`, `--only`).
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub selected: bool,
    /// The policies that want people to confirm it, or something in it; its gate may be one around it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked_by: Vec<String>,
    /// What it is and does.
    pub spec: StepSpec,
}

fn yes() -> bool {
    true
}

impl Plan {
    /// The node `id`.
    ///
    /// # Panics
    /// When `id` belongs to another plan.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// Every node with its id, in the order of the plan.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(i, node)| (NodeId::from_index(i), &**node))
    }

    /// The node whose key (or step id) is `key`.
    pub fn find(&self, key: &str) -> Option<NodeId> {
        self.iter().find(|(_, node)| node.key == key).map(|(id, _)| id)
    }

    /// The target called `name`; the engine's own machine when it is not declared.
    pub fn target(&self, name: &str) -> Target {
        let declared = self.targets.iter().find(|target| target.name == name).cloned();
        declared.unwrap_or_else(|| Target { name: name.to_owned(), ..Target::local() })
    }

    /// Every node that can be carried out, with its id: steps that are only repeated are left out, their
    /// repetitions are there.
    pub fn executable(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        let mut only_repeated: Vec<bool> = Vec::with_capacity(self.nodes.len());
        self.iter().filter(move |(id, node)| {
            let of = match node.role {
                Role::Rollback(of) | Role::Cleanup(of) => Some(of),
                _ => None,
            };
            // Whatever a node belongs to stands before it.
            let around = node.parent.or(of);
            let repeated = around.is_some_and(|around| {
                only_repeated[around.index()] || self.node(around).template == Some(*id)
            });
            only_repeated.push(repeated);
            !repeated
        })
    }

    /// The repetitions of the step that `holder` repeats, in order; pauses between them are left out.
    pub fn repetitions(&self, holder: NodeId) -> &[NodeId] {
        let node = self.node(holder);
        // Repetitions stand first, each in a frame of its own; pauses stand in that of the holder.
        let count = node.children.partition_point(|id| self.node(*id).frame != node.frame);
        &node.children[..count]
    }

    /// What a gate before `node` lets happen: a gate before a group is one before everything in it.
    pub fn gate_effect(&self, node: &Node) -> Effect {
        let inside = node.children.iter().chain(&node.template);
        inside.map(|id| self.gate_effect(self.node(*id))).fold(node.spec.effect, std::cmp::max)
    }

    /// The top-level nodes of `role`, in the order written.
    pub fn roots(&self, role: Role) -> impl Iterator<Item = NodeId> + '_ {
        self.iter().filter(move |(_, n)| n.role == role && n.parent.is_none()).map(|(id, _)| id)
    }
}

//! A plan as bytes: its digest, and its form in a store.

use std::io;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{PLAN_FORMAT, Plan};
use crate::ids::NodeId;
use crate::value::Value;

/// Why a stored plan cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// It is not a plan, or it is damaged.
    #[error("the stored plan cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It has another layout.
    #[error("the stored plan has format {found}, this version reads format {PLAN_FORMAT}")]
    Format {
        /// The format it has.
        found: u64,
    },
    /// A node refers to one that does not exist or that it cannot hold.
    #[error("the stored plan is damaged: node `{node}` refers to a node that it cannot refer to")]
    Damaged {
        /// The node.
        node: String,
    },
}

impl Plan {
    /// SHA-256 in hex over everything that decides what runs.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        // One node at a time: a plan can be large.
        let nodes = self.nodes.iter().map(canonical);
        let head = self.without_nodes();
        for value in std::iter::once(canonical(&head)).chain(nodes) {
            // Writing a value of JSON into a hash cannot fail.
            let _ = serde_json::to_writer(Hasher(&mut hash), &value);
            hash.update(b"\n");
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn without_nodes(&self) -> Plan {
        Plan {
            format: self.format,
            runbook: self.runbook.clone(),
            inputs: self.inputs.clone(),
            dash_inputs: self.dash_inputs.clone(),
            vars: self.vars.clone(),
            env: self.env.clone(),
            lock: self.lock.clone(),
            preconditions: self.preconditions.clone(),
            secrets: self.secrets.clone(),
            contacts: self.contacts.clone(),
            channels: self.channels.clone(),
            policies: self.policies.clone(),
            escalation: self.escalation.clone(),
            targets: self.targets.clone(),
            nodes: Vec::new(),
            frames: self.frames.clone(),
            rollback: self.rollback,
            outputs: self.outputs.clone(),
        }
    }

    /// The plan as a store keeps it.
    ///
    /// # Errors
    /// None that a plan made by [`build`](Plan::build) can cause.
    pub fn to_json(&self) -> Result<String, PlanError> {
        Ok(serde_json::to_string(self)?)
    }

    /// A plan from a store.
    ///
    /// # Errors
    /// When it is not a plan, is damaged, or has another format than [`PLAN_FORMAT`].
    pub fn from_json(text: &str) -> Result<Plan, PlanError> {
        #[derive(serde::Deserialize)]
        struct Header {
            format: u64,
        }
        let found = serde_json::from_str::<Header>(text)?.format;
        if found != u64::from(PLAN_FORMAT) {
            return Err(PlanError::Format { found });
        }
        let plan: Plan = serde_json::from_str(text)?;
        for (id, node) in plan.iter() {
            // Whatever walks the plan relies on this: what holds a node stands before it.
            let of = match node.role {
                super::Role::Rollback(of) | super::Role::Cleanup(of) => Some(of),
                _ => None,
            };
            let below = [&node.children, &node.rollback, &node.cleanup].into_iter().flatten();
            let below = below.chain(&node.template);
            let exists = |other: &NodeId| other.index() < plan.nodes.len();
            let fits = node.needs.iter().all(exists)
                && below.into_iter().all(|other| exists(other) && *other > id)
                && node.parent.iter().chain(&of).all(|other| *other < id)
                && node.frame.0 as usize <= plan.frames.len();
            if !fits {
                return Err(PlanError::Damaged { node: node.key.clone() });
            }
        }
        Ok(plan)
    }
}

/// `part` as JSON with its keys in alphabetical order.
fn canonical(part: &impl Serialize) -> Value {
    // Plain data with text keys: it always is JSON.
    let mut value = serde_json::to_value(part).unwrap_or_default();
    value.sort_all_objects();
    value
}

struct Hasher<'a>(&'a mut Sha256);

impl io::Write for Hasher<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

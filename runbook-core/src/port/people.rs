//! People: who is asked, and who is told.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Stream;
use crate::ids::NodeId;
use crate::model::Manual;
use crate::plan::Plan;
use crate::run::{Answerer, Approval, Choice, Decision, Entry, GateQuestion, Resolution, State, Undoing};
use crate::value::Object;

/// A question to people.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Ask {
    /// May this step act?
    Gate {
        /// The step.
        node: NodeId,
        /// What exactly.
        question: GateQuestion,
        /// Who has agreed so far.
        approvals: Vec<Approval>,
        /// Who started the run.
        requester: Option<String>,
    },
    /// Please do this, and say how it went.
    Manual {
        /// The step.
        node: NodeId,
        /// What to do.
        instructions: String,
        /// Points to tick.
        checklist: Vec<String>,
        /// What to answer.
        manual: Manual,
    },
    /// A step failed; what now?
    Failure {
        /// The step.
        node: NodeId,
        /// Why it failed.
        reason: String,
    },
    /// Nobody knows what became of a step; what is the truth?
    Doubt {
        /// The step.
        node: NodeId,
        /// Why it is not known.
        reason: String,
    },
    /// The run failed; is completed work undone?
    Rollback {
        /// The steps that would be undone, in that order.
        steps: Vec<NodeId>,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reply {
    /// To [`Ask::Gate`].
    Gate {
        /// Yes or no.
        decision: Decision,
    },
    /// To [`Ask::Manual`].
    Manual {
        /// Whether it was done.
        done: bool,
        /// The fields' values.
        fields: Object,
        /// What they want to add.
        note: Option<String>,
    },
    /// To [`Ask::Failure`].
    Failure {
        /// What now.
        choice: Choice,
    },
    /// To [`Ask::Doubt`].
    Doubt {
        /// The truth.
        resolution: Resolution,
    },
    /// To [`Ask::Rollback`].
    Rollback {
        /// Whether.
        decision: Undoing,
    },
}

/// Puts questions to people.
#[async_trait]
pub trait Approver: Send + Sync {
    /// Asks, and waits for the answer. `None`: nobody is there to be asked; the run waits, it is never
    /// taken for a yes. The future is dropped when the question is no longer open.
    async fn ask(&self, plan: &Plan, ask: &Ask) -> Option<(Reply, Answerer)>;
}

/// Is told what happens. Nothing it does can fail a run.
pub trait Reporter: Send + Sync {
    /// An entry was written; `state` includes it.
    fn entry(&self, plan: &Plan, state: &State, entry: &Entry);

    /// Something that is not part of the log.
    fn notice(&self, plan: &Plan, notice: &Notice<'_>) {
        let _ = (plan, notice);
    }
}

/// Something worth showing that is not part of the log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// A running step wrote something.
    Output {
        /// The step.
        node: NodeId,
        /// Where to.
        stream: Stream,
        /// What.
        bytes: &'a [u8],
    },
    /// The engine has something to say.
    Remark(&'a str),
}

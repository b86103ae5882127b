//! Where runs are kept.

use std::path::PathBuf;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Reply;
use crate::ids::RunId;
use crate::run::{Answerer, Entry};

/// Keeps runs. When it cannot, the engine stops: no log, no effects.
#[async_trait]
pub trait Store: Send + Sync {
    /// Records a new run, durably, claimed by `claim`.
    async fn create(&self, record: &RunRecord, claim: &EngineClaim) -> Result<(), StoreError>;

    /// Makes `claim` the one engine of `run`. Fails with [`StoreError::Busy`] while another engine lives.
    async fn claim(&self, run: &RunId, claim: &EngineClaim) -> Result<(), StoreError>;

    /// Gives the run up again; does nothing unless `claim` holds it.
    async fn release(&self, run: &RunId, claim: &EngineClaim) -> Result<(), StoreError>;

    /// Adds entries, all or none, and makes `status` the run's status in listings.
    ///
    /// The entries' numbers continue the log without a gap, or [`StoreError::Conflict`] comes back: then
    /// somebody else has written.
    async fn append(
        &self,
        run: &RunId,
        entries: &[Entry],
        status: &str,
        durability: Durability,
    ) -> Result<(), StoreError>;

    /// The run called `run`, without its log.
    async fn record(&self, run: &RunId) -> Result<RunRecord, StoreError>;

    /// The log of `run`.
    async fn entries(&self, run: &RunId) -> Result<Vec<Entry>, StoreError>;

    /// All runs, newest first.
    async fn list(&self) -> Result<Vec<RunSummary>, StoreError>;

    /// Takes the lock `key` for `run`; it is kept until [`unlock`](Self::unlock), even while no engine runs.
    async fn lock(&self, key: &str, run: &RunId) -> Result<LockState, StoreError>;

    /// Gives up every lock of `run`.
    async fn unlock(&self, run: &RunId) -> Result<(), StoreError>;

    /// Leaves an answer for the engine of `run`, now or later. `false`: that question, by its `token`, has
    /// been answered already; exactly one of several writers gets `true`.
    async fn leave_answer(&self, run: &RunId, answer: &PendingAnswer) -> Result<bool, StoreError>;

    /// The answers left for `run`, in order.
    async fn answers(&self, run: &RunId) -> Result<Vec<PendingAnswer>, StoreError>;

    /// A directory for the run's own files; created when it is not there.
    fn directory(&self, run: &RunId) -> PathBuf;
}

/// How sure a write must be before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// It survives the death of this process.
    Process,
    /// It survives the death of this machine.
    Machine,
}

/// A run, apart from its log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// The runbook's name.
    pub runbook: String,
    /// The runbook's title.
    pub title: Option<String>,
    /// The file it came from, as the user named it.
    pub file: Option<String>,
    /// When it was created.
    pub started: Timestamp,
    /// The plan, as JSON.
    pub plan: String,
    /// The plan's digest.
    pub digest: String,
}

/// A run in a listing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its id.
    pub id: RunId,
    /// The runbook's name.
    pub runbook: String,
    /// The runbook's title.
    pub title: Option<String>,
    /// The status after its last entry.
    pub status: String,
    /// When it was created.
    pub started: Timestamp,
    /// When its last entry was written.
    pub updated: Timestamp,
    /// Whether an engine holds it and is alive.
    pub alive: bool,
}

/// One engine, so that a dead one can be told from a living one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineClaim {
    /// Unique for every engine.
    pub nonce: String,
    /// Name of the machine.
    pub host: String,
    /// Which boot of that machine; empty when unknown.
    pub boot: String,
    /// Its process.
    pub pid: u32,
    /// When that process started, in the kernel's own count; 0 when unknown.
    pub started: u64,
}

/// Who holds a lock after an attempt to take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockState {
    /// The run that asked.
    Held,
    /// Another run.
    HeldBy(RunId),
}

/// An answer that waits for its engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PendingAnswer {
    /// Names the question and what it is about; a token is answered at most once.
    pub token: String,
    /// The answer.
    pub reply: Reply,
    /// Who gave it.
    pub by: Answerer,
    /// When.
    pub at: Timestamp,
    /// Until when a yes at a gate holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// Why a run could not be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No run has this id.
    #[error("there is no run `{0}`")]
    NoSuchRun(String),
    /// The id could mean several runs.
    #[error("`{0}` could be any of {1}")]
    Ambiguous(String, String),
    /// Another engine has the run.
    #[error("run `{run}` is carried out by another engine (process {pid} on {host})")]
    Busy {
        /// The run.
        run: RunId,
        /// The other engine's machine.
        host: String,
        /// The other engine's process.
        pid: u32,
    },
    /// Somebody else has written to the log.
    #[error("the log of run `{0}` was written to by another engine")]
    Conflict(RunId),
    /// What is stored cannot be understood.
    #[error("the store is damaged or of another version: {0}")]
    Damaged(String),
    /// The store itself failed.
    #[error("the store cannot be used: {0}")]
    Unavailable(String),
}

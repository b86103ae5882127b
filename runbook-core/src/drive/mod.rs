//! The engine: carries out what the machine wants, through the ports.

use std::path::PathBuf;
use std::sync::Arc;

use crate::ids::RunId;
use crate::plan::Plan;
use crate::port::{Approver, Clock, Connector, Executor, Reporter, Store, StoreError};
use crate::run::{Machine, Outcome};

/// Runs plans. Cheap to clone; one engine can carry out many runs at once.
#[derive(Clone)]
pub struct Engine {
    _inner: Arc<()>,
}

/// Puts an [`Engine`] together.
#[derive(Default)]
pub struct EngineBuilder {
    _private: (),
}

impl EngineBuilder {
    /// Where runs are kept; in memory unless said otherwise.
    #[must_use]
    pub fn store(self, store: Arc<dyn Store>) -> Self {
        let _ = store;
        self
    }
    /// Adds a kind of target.
    #[must_use]
    pub fn connector(self, connector: Arc<dyn Connector>) -> Self {
        let _ = connector;
        self
    }
    /// Adds a kind of action.
    #[must_use]
    pub fn executor(self, executor: Arc<dyn Executor>) -> Self {
        let _ = executor;
        self
    }
    /// Who is asked; nobody unless said otherwise.
    #[must_use]
    pub fn approver(self, approver: Arc<dyn Approver>) -> Self {
        let _ = approver;
        self
    }
    /// Adds somebody who is told.
    #[must_use]
    pub fn reporter(self, reporter: Arc<dyn Reporter>) -> Self {
        let _ = reporter;
        self
    }
    /// Where time comes from; the system's clock unless said otherwise.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        let _ = clock;
        self
    }
    /// How many actions may be under way at once; 8 unless said otherwise.
    #[must_use]
    pub fn jobs(self, jobs: usize) -> Self {
        let _ = jobs;
        self
    }
    /// On whose behalf runs are started.
    #[must_use]
    pub fn identity(self, who: impl Into<String>) -> Self {
        let _ = who.into();
        self
    }
    /// Time between TERM and KILL when a command is stopped; 5 s unless said otherwise.
    #[must_use]
    pub fn grace(self, grace: crate::value::Duration) -> Self {
        let _ = grace;
        self
    }
    /// The engine.
    pub fn build(self) -> Engine {
        Engine { _inner: Arc::new(()) }
    }
}

impl Engine {
    /// Starts to put an engine together.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// Begins a run of `plan`; it goes on in the background, also when the returned handle is dropped.
    /// `file` is what the runbook's file is called in listings.
    pub async fn start(&self, plan: Plan, file: Option<String>) -> Result<Run, EngineError> {
        let _ = (plan, file);
        Err(EngineError::Setup(String::new()))
    }

    /// Goes on with a run whose engine was lost or has left it.
    pub async fn resume(&self, run: &RunId) -> Result<Run, EngineError> {
        let _ = run;
        Err(EngineError::Setup(String::new()))
    }

    /// Undoes what a run at rest has done.
    pub async fn rollback(&self, run: &RunId) -> Result<Run, EngineError> {
        let _ = run;
        Err(EngineError::Setup(String::new()))
    }

    /// Gives a run up: nothing more will happen in it, its locks are free.
    pub async fn abandon(&self, run: &RunId, reason: &str) -> Result<(), EngineError> {
        let _ = (run, reason);
        Err(EngineError::Setup(String::new()))
    }

    /// A run as its log tells it, without touching it.
    pub async fn inspect(&self, run: &RunId) -> Result<Machine, EngineError> {
        let _ = run;
        Err(EngineError::Setup(String::new()))
    }
}

/// A run that an engine carries out.
pub struct Run {
    id: RunId,
}

impl Run {
    /// Its id.
    pub fn id(&self) -> &RunId {
        &self.id
    }
    /// Asks it to stop: nothing new starts, what runs is ended, what must be tidied up is.
    pub fn interrupt(&self, who: &str) {
        let _ = who;
    }
    /// Waits until the engine leaves the run.
    pub async fn wait(self) -> Result<RunEnd, EngineError> {
        Err(EngineError::Setup(String::new()))
    }
}

/// How an engine left a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunEnd {
    /// The run.
    pub id: RunId,
    /// Its outcome; `None` when it waits for people.
    pub outcome: Option<Outcome>,
    /// Where it stands.
    pub machine: Machine,
    /// Its directory.
    pub directory: PathBuf,
}

/// Why an engine could not carry out a run. What goes wrong inside of a run is an outcome, not an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The store failed; nothing was carried out after that.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The plan needs something the engine was built without.
    #[error("{0}")]
    Setup(String),
    /// Another run holds the lock.
    #[error("run `{holder}` holds the lock `{key}`")]
    Locked {
        /// The lock's key.
        key: String,
        /// The run that holds it.
        holder: RunId,
    },
    /// The run does not take this, because of where it stands.
    #[error("run `{run}`: {reason}")]
    NotNow {
        /// The run.
        run: RunId,
        /// Why.
        reason: String,
    },
}

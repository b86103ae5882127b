//! What comes back from an engine.

use std::path::PathBuf;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::ids::RunId;
use crate::port::StoreError;
use crate::run::{Machine, Outcome};

/// A run that an engine carries out.
#[derive(Debug)]
pub struct Run {
    pub(super) id: RunId,
    pub(super) interrupts: mpsc::UnboundedSender<String>,
    pub(super) task: JoinHandle<Result<RunEnd, EngineError>>,
}

impl Run {
    /// Its id.
    pub fn id(&self) -> &RunId {
        &self.id
    }

    /// Asks it to stop, on behalf of `who`: nothing new starts in the body, what runs is ended, and what
    /// must be tidied up is. Returns at once.
    pub fn interrupt(&self, who: &str) {
        // A run that is over has nobody left to listen, and nothing left to stop.
        let _ = self.interrupts.send(who.to_owned());
    }

    /// A handle that can interrupt the run while somebody waits for it.
    pub fn interrupter(&self) -> impl Fn(&str) + Send + Sync + Clone + use<> {
        let interrupts = self.interrupts.clone();
        move |who| {
            let _ = interrupts.send(who.to_owned());
        }
    }

    /// Waits until the engine leaves the run: because it is over, or because it waits for people.
    pub async fn wait(self) -> Result<RunEnd, EngineError> {
        match self.task.await {
            Ok(end) => end,
            Err(error) => Err(EngineError::Setup(format!("the engine's task ended: {error}"))),
        }
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

//! The durable store: one SQLite file for all runs of a state directory.
//!
//! All writes of a store go through one thread, which puts requests that wait together into one
//! transaction, so that they share one sync of the disk. Other processes may use the same directory at the
//! same time; who wins is decided inside the transactions.

mod database;
mod fault;
mod read;
mod worker;
mod write;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use rusqlite::Connection;

use self::database::Place;
use self::fault::Fault;
use self::worker::Worker;
use self::write::{Line, Write, Written};
use self::writer::{Request, Writer};
use super::{Link, check_id, name, verify_chain};
use crate::ids::RunId;
use crate::port::{
    Durability, EngineClaim, LockState, PendingAnswer, RunRecord, RunSummary, Store, StoreError,
};
use crate::run::Entry;

/// Is called on the writing thread just before and just after every commit, with `before commit` or
/// `after commit` and the number of that commit since the store was opened, from 1. A test that kills its
/// process in here sees every state a crash can leave behind.
pub type CommitHook = Arc<dyn Fn(&'static str, u64) + Send + Sync>;

/// Keeps runs in the file `runs.db` of a directory, and each run's own files in `runs/<id>/` next to it.
///
/// A write that has been handed over is carried out even when its future is dropped. Dropping the store
/// waits for such writes.
pub struct SqliteStore {
    place: Arc<Place>,
    hook: Arc<OnceLock<CommitHook>>,
    writer: Worker<Request>,
    reader: Worker<Query>,
}

/// A question to the reading thread; it answers by itself.
type Query = Box<dyn FnOnce(&Connection) + Send>;

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SqliteStore").field(&self.place.dir()).finish()
    }
}

impl SqliteStore {
    /// The store in `dir`; both are made when they are not there, for their owner only.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, StoreError> {
        Self::start(Place::create(dir.into())?)
    }

    /// The store in `dir` if there is one. If not, nothing is made.
    pub fn open_existing(dir: impl Into<PathBuf>) -> Result<Option<Self>, StoreError> {
        Place::find(dir.into())?.map(Self::start).transpose()
    }

    fn start(place: Place) -> Result<Self, StoreError> {
        let place = Arc::new(place);
        let hook = Arc::<OnceLock<CommitHook>>::default();
        let mut writer = Writer::new(place.clone(), hook.clone())?;
        let connection = place.connect()?;
        let reader = Worker::spawn("runbook-store-read", move |queries: Receiver<Query>| {
            for query in queries {
                query(&connection);
            }
        })?;
        let writer = Worker::spawn("runbook-store-write", move |requests| writer.serve(&requests))?;
        Ok(SqliteStore { place, hook, writer, reader })
    }

    /// Calls `hook` around every commit from now on. The first hook stays.
    #[must_use]
    pub fn with_hook(self, hook: CommitHook) -> Self {
        // A second hook has nowhere to go; the documentation says so.
        let _ = self.hook.set(hook);
        self
    }

    /// The directory of the store.
    pub fn path(&self) -> &Path {
        self.place.dir()
    }

    /// The run that `text` stands for; see [`resolve`](super::resolve()).
    pub async fn resolve(&self, text: &str) -> Result<RunId, StoreError> {
        super::resolve(self, text).await
    }

    /// The log of `run` as it is kept, with its hashes, for export.
    pub async fn links(&self, run: &RunId) -> Result<Vec<Link>, StoreError> {
        let run = run.clone();
        self.ask(move |connection| Ok(read::chain(connection, &run)?.links)).await
    }

    /// Checks that the log of `run` is as it was written. The error names the first entry that was changed,
    /// moved or deleted.
    pub async fn verify(&self, run: &RunId) -> Result<(), StoreError> {
        let run = run.clone();
        self.ask(move |connection| {
            let kept = read::chain(connection, &run)?;
            let head = verify_chain(&run, &kept.digest, &kept.links)?;
            let length = kept.links.len() as u64;
            if length < kept.length {
                let missing = format!("entry {} of run `{run}` is missing", length + 1);
                return Err(StoreError::Damaged(missing).into());
            }
            if length > kept.length || head != kept.head {
                let entry = format!("entry {length} of run `{run}` was not written by an engine");
                return Err(StoreError::Damaged(entry).into());
            }
            Ok(())
        })
        .await
    }

    /// Has `write` carried out.
    async fn write(&self, write: Write) -> Result<Written, StoreError> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.writer.send(Request { write, reply })?;
        answer.await.map_err(|_| worker::stopped())?
    }

    /// Has `query` answered.
    async fn ask<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        let place = self.place.clone();
        self.reader.send(Box::new(move |connection| {
            let result = place.check().and_then(|()| query(connection).map_err(|fault| place.explain(fault)));
            // Nobody waits any more: then nobody needs the answer.
            let _ = reply.send(result);
        }))?;
        answer.await.map_err(|_| worker::stopped())?
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn create(&self, record: &RunRecord, claim: &EngineClaim) -> Result<(), StoreError> {
        check_id(&record.id)?;
        let write = Write::Create { record: record.clone(), claim: fault::to_json(claim)? };
        self.write(write).await.map(drop)
    }

    async fn claim(&self, run: &RunId, claim: &EngineClaim) -> Result<(), StoreError> {
        self.write(Write::Claim { run: run.clone(), claim: claim.clone() }).await.map(drop)
    }

    async fn release(&self, run: &RunId, claim: &EngineClaim) -> Result<(), StoreError> {
        self.write(Write::Release { run: run.clone(), nonce: claim.nonce.clone() }).await.map(drop)
    }

    async fn append(
        &self,
        run: &RunId,
        entries: &[Entry],
        status: &str,
        durability: Durability,
    ) -> Result<(), StoreError> {
        let lines = entries.iter().map(Line::of).collect::<Result<_, _>>()?;
        let updated = entries.last().map(|entry| entry.at.to_string());
        let write = Write::Append { run: run.clone(), lines, updated, status: status.into(), durability };
        self.write(write).await.map(drop)
    }

    async fn record(&self, run: &RunId) -> Result<RunRecord, StoreError> {
        let run = run.clone();
        self.ask(move |connection| read::record(connection, &run)).await
    }

    async fn entries(&self, run: &RunId) -> Result<Vec<Entry>, StoreError> {
        let run = run.clone();
        self.ask(move |connection| read::entries(connection, &run)).await
    }

    async fn list(&self) -> Result<Vec<RunSummary>, StoreError> {
        self.ask(read::list).await
    }

    async fn lock(&self, key: &str, run: &RunId) -> Result<LockState, StoreError> {
        match self.write(Write::Lock { key: key.into(), run: run.clone() }).await? {
            Written::HeldBy(holder) => Ok(LockState::HeldBy(holder)),
            _ => Ok(LockState::Held),
        }
    }

    async fn unlock(&self, run: &RunId) -> Result<(), StoreError> {
        self.write(Write::Unlock { run: run.clone() }).await.map(drop)
    }

    async fn leave_answer(&self, run: &RunId, answer: &PendingAnswer) -> Result<bool, StoreError> {
        let write =
            Write::Answer { run: run.clone(), token: answer.token.clone(), answer: fault::to_json(answer)? };
        Ok(!matches!(self.write(write).await?, Written::AnsweredBefore))
    }

    async fn answers(&self, run: &RunId) -> Result<Vec<PendingAnswer>, StoreError> {
        let run = run.clone();
        self.ask(move |connection| read::answers(connection, &run)).await
    }

    fn directory(&self, run: &RunId) -> PathBuf {
        let directory = name::directory(self.place.dir(), run);
        // Whoever writes a file into it gets the error and knows what for.
        let _ = database::make_dir(&directory);
        directory
    }
}

//! A store that lasts as long as its process.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use tempfile::TempDir;

use super::{STATUS_NEW, check_id, claim, continues};
use crate::ids::RunId;
use crate::port::{
    Durability, EngineClaim, LockState, PendingAnswer, RunRecord, RunSummary, Store, StoreError,
};
use crate::run::Entry;

/// Keeps runs in memory, and their files in a directory that goes with it: for tests and for programs that
/// have no use for the log afterwards.
#[derive(Debug)]
pub struct MemoryStore {
    kept: Mutex<Kept>,
    directory: TempDir,
}

#[derive(Debug, Default)]
struct Kept {
    runs: BTreeMap<RunId, Run>,
    locks: BTreeMap<String, RunId>,
}

#[derive(Debug)]
struct Run {
    record: RunRecord,
    claim: Option<EngineClaim>,
    entries: Vec<Entry>,
    status: String,
    updated: Timestamp,
    answers: Vec<PendingAnswer>,
}

impl Kept {
    fn run(&mut self, run: &RunId) -> Result<&mut Run, StoreError> {
        self.runs.get_mut(run).ok_or_else(|| StoreError::NoSuchRun(run.to_string()))
    }
}

impl MemoryStore {
    /// An empty store. Fails when there is no place for temporary files.
    pub fn new() -> Result<Self, StoreError> {
        let directory = tempfile::Builder::new()
            .prefix("runbook-")
            .tempdir()
            .map_err(|error| StoreError::Unavailable(format!("no temporary directory: {error}")))?;
        Ok(MemoryStore { kept: Mutex::default(), directory })
    }

    /// The run that `text` stands for; see [`resolve`](super::resolve()).
    pub async fn resolve(&self, text: &str) -> Result<RunId, StoreError> {
        super::resolve(self, text).await
    }

    /// No change is left half done, so what a panicking thread held is still good.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn create(&self, record: &RunRecord, claim: &EngineClaim) -> Result<(), StoreError> {
        check_id(&record.id)?;
        let mut kept = self.kept();
        if kept.runs.contains_key(&record.id) {
            return Err(StoreError::Conflict(record.id.clone()));
        }
        let run = Run {
            record: record.clone(),
            claim: Some(claim.clone()),
            entries: Vec::new(),
            status: STATUS_NEW.into(),
            updated: record.started,
            answers: Vec::new(),
        };
        kept.runs.insert(record.id.clone(), run);
        Ok(())
    }

    async fn claim(&self, run: &RunId, claim: &EngineClaim) -> Result<(), StoreError> {
        let mut kept = self.kept();
        let kept = kept.run(run)?;
        claim::may_take(run, kept.claim.as_ref(), claim)?;
        kept.claim = Some(claim.clone());
        Ok(())
    }

    async fn release(&self, run: &RunId, claim: &EngineClaim) -> Result<(), StoreError> {
        let mut kept = self.kept();
        let kept = kept.run(run)?;
        kept.claim.take_if(|held| held.nonce == claim.nonce);
        Ok(())
    }

    async fn append(
        &self,
        run: &RunId,
        entries: &[Entry],
        status: &str,
        _durability: Durability,
    ) -> Result<(), StoreError> {
        let mut kept = self.kept();
        let kept = kept.run(run)?;
        if !continues(kept.entries.len() as u64, entries) {
            return Err(StoreError::Conflict(run.clone()));
        }
        kept.entries.extend_from_slice(entries);
        kept.status = status.into();
        if let Some(last) = entries.last() {
            kept.updated = last.at;
        }
        Ok(())
    }

    async fn record(&self, run: &RunId) -> Result<RunRecord, StoreError> {
        Ok(self.kept().run(run)?.record.clone())
    }

    async fn entries(&self, run: &RunId) -> Result<Vec<Entry>, StoreError> {
        Ok(self.kept().run(run)?.entries.clone())
    }

    async fn list(&self) -> Result<Vec<RunSummary>, StoreError> {
        let mut runs: Vec<RunSummary> = self.kept().runs.values().map(Run::summary).collect();
        runs.sort_by(|a, b| (b.started, &b.id).cmp(&(a.started, &a.id)));
        Ok(runs)
    }

    async fn lock(&self, key: &str, run: &RunId) -> Result<LockState, StoreError> {
        let mut kept = self.kept();
        kept.run(run)?;
        let holder = kept.locks.entry(key.to_owned()).or_insert_with(|| run.clone());
        Ok(if holder == run { LockState::Held } else { LockState::HeldBy(holder.clone()) })
    }

    async fn unlock(&self, run: &RunId) -> Result<(), StoreError> {
        self.kept().locks.retain(|_, holder| holder != run);
        Ok(())
    }

    async fn leave_answer(&self, run: &RunId, answer: &PendingAnswer) -> Result<bool, StoreError> {
        let mut kept = self.kept();
        let kept = kept.run(run)?;
        let first = kept.answers.iter().all(|left| left.token != answer.token);
        if first {
            kept.answers.push(answer.clone());
        }
        Ok(first)
    }

    async fn answers(&self, run: &RunId) -> Result<Vec<PendingAnswer>, StoreError> {
        Ok(self.kept().run(run)?.answers.clone())
    }

    fn directory(&self, run: &RunId) -> PathBuf {
        let directory = super::name::directory(self.directory.path(), run);
        // Whoever writes a file into it gets the error and knows what for.
        let _ = fs::create_dir_all(&directory);
        directory
    }
}

impl Run {
    fn summary(&self) -> RunSummary {
        RunSummary {
            id: self.record.id.clone(),
            runbook: self.record.runbook.clone(),
            title: self.record.title.clone(),
            status: self.status.clone(),
            started: self.record.started,
            updated: self.updated,
            alive: self.claim.as_ref().is_some_and(claim::is_alive),
        }
    }
}

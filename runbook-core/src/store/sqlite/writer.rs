//! The one thread that writes.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::CommitHook;
use super::database::Place;
use super::fault::Fault;
use super::write::{Write, Written};
use crate::port::{Durability, StoreError};

/// The most requests that share a transaction: the first one must not wait for ever.
const GROUP: usize = 256;

/// A change, and who waits for it.
pub(super) struct Request {
    pub(super) write: Write,
    pub(super) reply: oneshot::Sender<Result<Written, StoreError>>,
}

impl Request {
    fn answer(self, result: Result<Written, StoreError>) {
        // Nobody waits any more: the change is made all the same.
        let _ = self.reply.send(result);
    }
}

pub(super) struct Writer {
    connection: Connection,
    place: Arc<Place>,
    hook: Arc<OnceLock<CommitHook>>,
    /// What `PRAGMA synchronous` is set to.
    durability: Option<Durability>,
    commits: u64,
}

impl Writer {
    pub(super) fn new(place: Arc<Place>, hook: Arc<OnceLock<CommitHook>>) -> Result<Self, StoreError> {
        Ok(Writer { connection: place.connect()?, place, hook, durability: None, commits: 0 })
    }

    /// Works until nobody can send requests any more.
    pub(super) fn serve(&mut self, requests: &Receiver<Request>) {
        while let Ok(first) = requests.recv() {
            let waiting: Vec<Request> =
                std::iter::once(first).chain(requests.try_iter().take(GROUP - 1)).collect();
            self.write_all(waiting);
        }
    }

    /// Writes what waits: first the requests before the first one that needs a sync, then all others with
    /// one sync. So no request waits for a sync of one that came after it, and the order stays.
    fn write_all(&mut self, mut waiting: Vec<Request>) {
        let needs_sync = |request: &Request| request.write.durability() == Durability::Machine;
        let first = waiting.iter().position(needs_sync).unwrap_or(waiting.len());
        let synced = waiting.split_off(first);
        if !waiting.is_empty() {
            self.write_group(waiting, Durability::Process);
        }
        if !synced.is_empty() {
            self.write_group(synced, Durability::Machine);
        }
    }

    /// Carries out `group` in one transaction and answers each request.
    fn write_group(&mut self, group: Vec<Request>, durability: Durability) {
        match self.transact(&group, durability) {
            Ok(results) => {
                for (request, result) in group.into_iter().zip(results) {
                    request.answer(result);
                }
            }
            // One of them made SQLite give up the whole transaction: find out which.
            Err(Lost::ByRequest(_)) if group.len() > 1 => {
                for request in group {
                    self.write_group(vec![request], durability);
                }
            }
            Err(Lost::ByRequest(error) | Lost::Whole(error)) => {
                for request in group {
                    request.answer(Err(repeat(&error)));
                }
            }
        }
    }

    /// One result for each request of `group`; those that are `Ok` are kept.
    fn transact(
        &mut self,
        group: &[Request],
        durability: Durability,
    ) -> Result<Vec<Result<Written, StoreError>>, Lost> {
        self.place.check().map_err(Lost::Whole)?;
        self.begin(durability).map_err(|error| self.lose(&error))?;
        let mut results = Vec::with_capacity(group.len());
        for request in group {
            // A lone request is rolled back with its transaction.
            let result = if group.len() > 1 {
                self.apply_or_undo(&request.write).map_err(|error| self.lose(&error))?
            } else {
                request.write.apply(&self.connection)
            };
            let result = result.map_err(|fault| self.place.explain(fault));
            match result {
                Err(error) if self.connection.is_autocommit() => return Err(Lost::ByRequest(error)),
                result => results.push(result),
            }
        }
        if results.iter().all(Result::is_err) {
            self.execute("ROLLBACK").map_err(|error| self.lose(&error))?;
            return Ok(results);
        }
        self.commits += 1;
        self.call_hook("before commit");
        if let Err(error) = self.execute("COMMIT") {
            let error = self.roll_back(&error);
            for result in results.iter_mut().filter(|result| result.is_ok()) {
                *result = Err(repeat(&error));
            }
            return Ok(results);
        }
        self.call_hook("after commit");
        Ok(results)
    }

    fn begin(&mut self, durability: Durability) -> rusqlite::Result<()> {
        if self.durability != Some(durability) {
            // It takes effect only outside of a transaction.
            self.durability = None;
            let level = match durability {
                Durability::Process => "NORMAL",
                Durability::Machine => "FULL",
            };
            self.connection.pragma_update(None, "synchronous", level)?;
            self.durability = Some(durability);
        }
        // Taking the write lock at once: a transaction that starts by reading can fail later for no reason.
        self.execute("BEGIN IMMEDIATE")
    }

    /// Carries out one of several changes. The outer error means that the transaction is of no use any more.
    fn apply_or_undo(&self, write: &Write) -> rusqlite::Result<Result<Written, Fault>> {
        self.execute("SAVEPOINT request")?;
        let result = write.apply(&self.connection);
        if self.connection.is_autocommit() {
            return Ok(result);
        }
        if result.is_err() {
            self.execute("ROLLBACK TO request")?;
        }
        self.execute("RELEASE request")?;
        Ok(result)
    }

    fn execute(&self, sql: &'static str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn lose(&self, error: &rusqlite::Error) -> Lost {
        Lost::Whole(self.roll_back(error))
    }

    /// Ends the transaction, if there is still one, and says why.
    fn roll_back(&self, error: &rusqlite::Error) -> StoreError {
        if !self.connection.is_autocommit() {
            // If this fails too, the next `BEGIN` fails, and that is reported.
            let _ = self.execute("ROLLBACK");
        }
        self.place.explain_sql(error)
    }

    fn call_hook(&self, point: &'static str) {
        if let Some(hook) = self.hook.get() {
            hook(point, self.commits);
        }
    }
}

/// Why a transaction came to nothing.
enum Lost {
    /// A request's statement made SQLite give it up, so that the other requests are lost too.
    ByRequest(StoreError),
    /// It could not be begun or carried on.
    Whole(StoreError),
}

/// The same error once more, for the next who waits.
fn repeat(error: &StoreError) -> StoreError {
    match error {
        StoreError::Damaged(why) => StoreError::Damaged(why.clone()),
        StoreError::Unavailable(why) => StoreError::Unavailable(why.clone()),
        other => StoreError::Unavailable(other.to_string()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

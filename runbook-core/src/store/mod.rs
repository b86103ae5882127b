//! Durable and in-memory stores.
//!
//! Knows what a log's entries look like when they are kept, and nothing of what they mean.

mod chain;
mod claim;
mod export;
mod memory;
mod name;
mod sqlite;

pub use chain::{Link, chain_hash, verify_chain};
pub use claim::{is_alive, this_process};
pub use export::{BrokenLog, EXPORT_FORMAT, WholeLog, export_log, verify_export};
pub use memory::MemoryStore;
pub use name::{new_run_id, resolve};
pub use sqlite::{CommitHook, SqliteStore};

use crate::ids::RunId;
use crate::port::StoreError;
use crate::run::Entry;

/// The status of a run whose log is still empty.
const STATUS_NEW: &str = "created";

/// Whether `entries` continue a log of `length` entries without a gap.
fn continues(length: u64, entries: &[Entry]) -> bool {
    (length + 1..).zip(entries).all(|(seq, entry)| entry.seq == seq)
}

/// Refuses an id that could not name a directory.
fn check_id(run: &RunId) -> Result<(), StoreError> {
    if name::is_run_id(run.as_str()) {
        return Ok(());
    }
    let id = run.as_str().escape_debug();
    Err(StoreError::Unavailable(format!("`{id}` cannot be a run's id: use letters, digits, `-` and `_`")))
}

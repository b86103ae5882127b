//! The changes a store makes. Each is carried out inside a transaction, and can be repeated after that
//! transaction was rolled back.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::{Fault, of_json, to_json};
use crate::ids::RunId;
use crate::port::{Durability, EngineClaim, RunRecord, StoreError};
use crate::run::Entry;
use crate::store::chain::chain_hash;
use crate::store::{STATUS_NEW, claim};

/// One change.
#[derive(Debug)]
pub(super) enum Write {
    Create { record: RunRecord, claim: String },
    Claim { run: RunId, claim: EngineClaim },
    Release { run: RunId, nonce: String },
    Append { run: RunId, lines: Vec<Line>, updated: Option<String>, status: String, durability: Durability },
    Lock { key: String, run: RunId },
    Unlock { run: RunId },
    Answer { run: RunId, token: String, answer: String },
}

/// An entry that is ready to be kept.
#[derive(Debug)]
pub(super) struct Line {
    seq: u64,
    at: String,
    json: String,
}

/// What a change has to say when it is done.
#[derive(Debug)]
pub(super) enum Written {
    Done,
    /// The lock belongs to another run.
    HeldBy(RunId),
    /// The question was answered before.
    AnsweredBefore,
}

impl Line {
    pub(super) fn of(entry: &Entry) -> Result<Self, StoreError> {
        Ok(Line { seq: entry.seq, at: entry.at.to_string(), json: to_json(entry)? })
    }
}

impl Write {
    /// How sure it must be.
    pub(super) fn durability(&self) -> Durability {
        match self {
            Write::Append { durability, .. } => *durability,
            // People are told that their run exists and that their answer counts. And a lock whose release
            // is lost would stand in everybody's way for ever.
            Write::Create { .. } | Write::Answer { .. } | Write::Unlock { .. } => Durability::Machine,
            // Claims mean nothing after the machine has died. The intent that a lock protects is durable by
            // itself, and with it everything that was written before.
            Write::Claim { .. } | Write::Release { .. } | Write::Lock { .. } => Durability::Process,
        }
    }

    pub(super) fn apply(&self, connection: &Connection) -> Result<Written, Fault> {
        match self {
            Write::Create { record, claim } => create(connection, record, claim),
            Write::Claim { run, claim } => take(connection, run, claim),
            Write::Release { run, nonce } => release(connection, run, nonce),
            Write::Append { run, lines, updated, status, .. } => {
                append(connection, run, lines, updated.as_deref(), status)
            }
            Write::Lock { key, run } => lock(connection, key, run),
            Write::Unlock { run } => unlock(connection, run),
            Write::Answer { run, token, answer } => leave_answer(connection, run, token, answer),
        }
    }
}

fn create(connection: &Connection, record: &RunRecord, claim: &str) -> Result<Written, Fault> {
    let RunRecord { id, runbook, title, file, started, plan, digest } = record;
    let made = connection
        .prepare_cached(
            "INSERT INTO runs (id, runbook, title, file, started, digest, status, updated, length, head, claim)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?5, 0, ?6, ?8) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![id.0, runbook, title, file, started.to_string(), digest, STATUS_NEW, claim])?;
    if made == 0 {
        return Err(StoreError::Conflict(id.clone()).into());
    }
    connection
        .prepare_cached("INSERT INTO plans (run, plan) VALUES (?1, ?2)")?
        .execute(params![connection.last_insert_rowid(), plan])?;
    Ok(Written::Done)
}

fn take(connection: &Connection, run: &RunId, claim: &EngineClaim) -> Result<Written, Fault> {
    let (key, held) = find(connection, run, "claim", |row| row.get::<_, Option<String>>(1))?;
    let held: Option<EngineClaim> =
        held.map(|json| of_json(&json, &format!("the claim on run `{run}`"))).transpose()?;
    claim::may_take(run, held.as_ref(), claim)?;
    connection
        .prepare_cached("UPDATE runs SET claim = ?2 WHERE key = ?1")?
        .execute(params![key, to_json(claim)?])?;
    Ok(Written::Done)
}

fn release(connection: &Connection, run: &RunId, nonce: &str) -> Result<Written, Fault> {
    let (key, ()) = find(connection, run, "NULL", |_| Ok(()))?;
    connection
        .prepare_cached("UPDATE runs SET claim = NULL WHERE key = ?1 AND claim ->> 'nonce' = ?2")?
        .execute(params![key, nonce])?;
    Ok(Written::Done)
}

fn append(
    connection: &Connection,
    run: &RunId,
    lines: &[Line],
    updated: Option<&str>,
    status: &str,
) -> Result<Written, Fault> {
    let (key, (length, mut head)) =
        find(connection, run, "length, head", |row| Ok((row.get::<_, i64>(1)?, row.get::<_, String>(2)?)))?;
    let mut length = u64::try_from(length).unwrap_or(u64::MAX);
    let mut insert = connection
        .prepare_cached("INSERT INTO entries (run, seq, at, entry, hash) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for line in lines {
        if length.checked_add(1) != Some(line.seq) {
            return Err(StoreError::Conflict(run.clone()).into());
        }
        length = line.seq;
        head = chain_hash(&head, &line.json);
        insert.execute(params![key, to_i64(line.seq), line.at, line.json, head])?;
    }
    connection
        .prepare_cached(
            "UPDATE runs SET length = ?2, head = ?3, updated = coalesce(?4, updated), status = ?5
             WHERE key = ?1",
        )?
        .execute(params![key, to_i64(length), head, updated, status])?;
    Ok(Written::Done)
}

fn lock(connection: &Connection, lock: &str, run: &RunId) -> Result<Written, Fault> {
    let (key, ()) = find(connection, run, "NULL", |_| Ok(()))?;
    connection
        .prepare_cached("INSERT INTO locks (key, run) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING")?
        .execute(params![lock, key])?;
    let (holder, id): (i64, String) = connection
        .prepare_cached("SELECT run, id FROM locks JOIN runs ON runs.key = locks.run WHERE locks.key = ?1")?
        .query_row([lock], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(if holder == key { Written::Done } else { Written::HeldBy(RunId(id)) })
}

fn unlock(connection: &Connection, run: &RunId) -> Result<Written, Fault> {
    connection
        .prepare_cached("DELETE FROM locks WHERE run = (SELECT key FROM runs WHERE id = ?1)")?
        .execute([&run.0])?;
    Ok(Written::Done)
}

fn leave_answer(connection: &Connection, run: &RunId, token: &str, answer: &str) -> Result<Written, Fault> {
    let (key, ()) = find(connection, run, "NULL", |_| Ok(()))?;
    let left = connection
        .prepare_cached(
            "INSERT INTO answers (run, token, answer) VALUES (?1, ?2, ?3) ON CONFLICT (run, token) DO NOTHING",
        )?
        .execute(params![key, token, answer])?;
    Ok(if left == 0 { Written::AnsweredBefore } else { Written::Done })
}

/// The key of `run`, and `columns` of its row.
fn find<T>(
    connection: &Connection,
    run: &RunId,
    columns: &'static str,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<(i64, T), Fault> {
    connection
        .prepare_cached(&format!("SELECT key, {columns} FROM runs WHERE id = ?1"))?
        .query_row([&run.0], |row| Ok((row.get(0)?, read(row)?)))
        .optional()?
        .ok_or_else(|| StoreError::NoSuchRun(run.to_string()).into())
}

/// A place in a log as SQLite knows numbers. No log is ever that long; a wrong place is refused anyway.
fn to_i64(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

//! The questions a store answers.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::fault::{Fault, of_json};
use crate::ids::RunId;
use crate::port::{EngineClaim, PendingAnswer, RunRecord, RunSummary, StoreError};
use crate::run::Entry;
use crate::store::Link;
use crate::store::{chain, claim};

/// A log as it is kept, and what the run's row says about it.
pub(super) struct Chain {
    pub(super) digest: String,
    pub(super) links: Vec<Link>,
    pub(super) length: u64,
    pub(super) head: String,
}

pub(super) fn record(connection: &Connection, run: &RunId) -> Result<RunRecord, Fault> {
    let (record, started) = connection
        .prepare_cached(
            "SELECT runbook, title, file, started, digest, plan FROM runs JOIN plans ON plans.run = runs.key
             WHERE id = ?1",
        )?
        .query_row([&run.0], |row| {
            let record = RunRecord {
                id: run.clone(),
                runbook: row.get(0)?,
                title: row.get(1)?,
                file: row.get(2)?,
                started: Timestamp::UNIX_EPOCH,
                digest: row.get(4)?,
                plan: row.get(5)?,
            };
            Ok((record, row.get::<_, String>(3)?))
        })
        .optional()?
        .ok_or_else(|| StoreError::NoSuchRun(run.to_string()))?;
    Ok(RunRecord { started: time(&started, run)?, ..record })
}

pub(super) fn entries(connection: &Connection, run: &RunId) -> Result<Vec<Entry>, Fault> {
    let links = chain(connection, run)?.links;
    let mut entries = Vec::with_capacity(links.len());
    for link in links {
        entries.push(chain::parse(run, link.seq, &link.json)?);
    }
    Ok(entries)
}

pub(super) fn chain(connection: &Connection, run: &RunId) -> Result<Chain, Fault> {
    // One transaction, so that the row and the entries are of the same moment.
    let transaction = connection.unchecked_transaction()?;
    let (key, digest, length, head) = transaction
        .prepare_cached("SELECT key, digest, length, head FROM runs WHERE id = ?1")?
        .query_row([&run.0], |row| {
            Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get::<_, i64>(2)?, row.get(3)?))
        })
        .optional()?
        .ok_or_else(|| StoreError::NoSuchRun(run.to_string()))?;
    let links = transaction
        .prepare_cached("SELECT seq, entry, hash FROM entries WHERE run = ?1 ORDER BY seq")?
        .query_map([key], |row| {
            Ok(Link { seq: row.get::<_, i64>(0)?.cast_unsigned(), json: row.get(1)?, hash: row.get(2)? })
        })?
        .collect::<Result<_, _>>()?;
    Ok(Chain { digest, links, length: length.cast_unsigned(), head })
}

pub(super) fn list(connection: &Connection) -> Result<Vec<RunSummary>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT id, runbook, title, status, started, updated, claim FROM runs")?;
    let mut rows = statement.query([])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        let id = RunId(row.get(0)?);
        let claim: Option<String> = row.get(6)?;
        let claim: Option<EngineClaim> =
            claim.map(|json| of_json(&json, &format!("the claim on run `{id}`"))).transpose()?;
        runs.push(RunSummary {
            runbook: row.get(1)?,
            title: row.get(2)?,
            status: row.get(3)?,
            started: time(&row.get::<_, String>(4)?, &id)?,
            updated: time(&row.get::<_, String>(5)?, &id)?,
            alive: claim.as_ref().is_some_and(claim::is_alive),
            id,
        });
    }
    runs.sort_by(|a, b| (b.started, &b.id).cmp(&(a.started, &a.id)));
    Ok(runs)
}

pub(super) fn answers(connection: &Connection, run: &RunId) -> Result<Vec<PendingAnswer>, Fault> {
    let key: i64 = connection
        .prepare_cached("SELECT key FROM runs WHERE id = ?1")?
        .query_row([&run.0], |row| row.get(0))
        .optional()?
        .ok_or_else(|| StoreError::NoSuchRun(run.to_string()))?;
    let mut statement =
        connection.prepare_cached("SELECT answer FROM answers WHERE run = ?1 ORDER BY number")?;
    let mut rows = statement.query([key])?;
    let mut answers = Vec::new();
    while let Some(row) = rows.next()? {
        let json: String = row.get(0)?;
        answers.push(of_json(&json, &format!("an answer for run `{run}`"))?);
    }
    Ok(answers)
}

fn time(text: &str, run: &RunId) -> Result<Timestamp, StoreError> {
    text.parse()
        .map_err(|error| StoreError::Damaged(format!("a time of run `{run}` cannot be read: {error}")))
}

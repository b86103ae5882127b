//! The examples, as their readers use them: every file is valid and plans, and each is run on real files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod backups;
mod every;
mod ingestion;
mod quickstart;
mod sqlite;
mod support;

//! What every store promises, and what the durable one keeps through crashes and broken disks.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used)]

mod contract;
mod crash;
mod faults;
mod race;
mod sqlite;
mod support;

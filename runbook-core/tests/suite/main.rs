//! Files of tests: read, checked against their runbook, and run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod corpus;
mod laws;
#[path = "../machine/plans.rs"]
#[allow(dead_code, reason = "shared with the laws of the machine")]
mod plans;
mod support;

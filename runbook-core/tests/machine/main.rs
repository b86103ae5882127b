//! The laws of the machine, over random plans and random worlds.
//!
//! `RUNBOOK_PROPTEST_CASES` sets how many runs each law is tried on; `scripts/mutants` shows that every law bites.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bulk;
mod cases;
mod law_answers;
mod law_escalation;
mod law_gates;
mod law_groups;
mod law_order;
mod law_outcome;
mod law_rest;
mod law_time;
mod law_unwinding;
mod law_words;
mod plans;
mod seen;
mod trace;
mod world;

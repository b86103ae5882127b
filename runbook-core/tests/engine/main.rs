//! What an engine does, seen from outside: runbooks as text go in, effects and logs come out.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used)]

mod data;
mod escalation;
mod faults;
mod files;
mod flow;
mod gates;
mod locks;
mod long;
mod notify;
mod people;
mod policy;
mod rehearsal;
mod secrets;
mod steps;
mod support;
mod undo;

//! What an engine does, seen from outside: runbooks as text go in, effects and logs come out.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used)]

mod data;
mod faults;
mod flow;
mod gates;
mod locks;
mod long;
mod people;
mod steps;
mod support;
mod undo;

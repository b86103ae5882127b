//! Engines that are killed: whatever the moment, nothing is lost, nothing that is not idempotent is done
//! twice, and what cannot be known is reported in doubt.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used)]

mod doubt;
mod every_write;
mod flow;
mod orphans;
mod random;
mod support;

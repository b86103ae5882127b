//! The engine: carries out what the machine wants, through the ports.
//!
//! One task a run: it asks the machine what it wants, writes the answer to the store, and only then lets
//! anything happen. The tasks it starts never touch the state; they bring answers.

mod actions;
mod answers;
mod checks;
mod engine;
mod gates;
mod judge;
mod outcome;
mod rehearse;
mod secrets;
mod session;
mod sight;
mod stream;
mod tell;
mod world;

pub use crate::render::dry_run;
pub use answers::{complete_fields, doubt_token, failure_token, gate_token, manual_token, rollback_token};
pub use engine::{Engine, EngineBuilder};
pub use gates::{APPROVAL_HOLDS, DecideError, Standing, decide, gate_standing};
pub use outcome::{EngineError, Run, RunEnd};
pub use rehearse::{Rehearsal, RehearsedStep, Verdict};
pub use stream::{EventStream, RunEvent};

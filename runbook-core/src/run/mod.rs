//! The machine: what a run's log means, what it wants next, how it ends.
//!
//! Pure: no clock, no files, no processes, no async. A run's whole state is the fold of its log.

mod event;
mod outcome;
mod state;

pub use event::{
    Answerer, Captured, CheckOutcome, CheckStage, Choice, Decision, Ending, Entry, Event, GateQuestion, Resolution,
    StepResult, Undoing,
};
pub use outcome::Outcome;
pub use state::State;

//! The machine: what a run's log means, what it wants next, how it ends.
//!
//! Pure: no clock, no files, no processes, no async. A run's whole state is the fold of its log.

mod captured;
mod escalation;
mod event;
mod flow;
mod gate;
mod groups;
mod invariants;
mod machine;
mod outcome;
mod state;
mod unwind;
mod wants;

pub use captured::Captured;
pub use escalation::{Escalations, Fired};
pub use event::{
    CheckOutcome, CheckStage, Choice, Ending, Entry, Event, NotTold, Resolution, SecretMark, StepResult,
    Undoing,
};
pub use gate::{Answerer, Approval, Asked, Decision, GateQuestion, NotEntitled};
pub use machine::Machine;
pub use outcome::Outcome;
pub use state::{Doubt, End, NodeState, Phase, Stage, State, Status};
pub use wants::Want;

//! One command in a container, from the job to the report.
//!
//! The engine's own record of a command (an *exec*) is made first, its id is written down, and then it is started: the
//! engine refuses to start one twice, and says how it ended to whoever has the id, for some minutes.

mod end;
mod place;
mod record;
mod recover;
mod start;
mod watch;

pub(crate) use place::Places;
pub(crate) use recover::recover;
pub(crate) use start::{Ran, run, small};

/// The variable by which processes of an attempt are found.
const MARK: &str = "RUNBOOK_ATTEMPT";

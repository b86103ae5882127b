//! How a run can end.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a run came to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// Everything that had to happen has happened.
    Succeeded,
    /// A step failed; nothing is left to undo, or it was declined.
    Failed,
    /// A precondition or a lock stood in the way.
    Blocked,
    /// A step failed; what had been done was undone, and that was verified.
    RolledBack,
    /// Work is half done: an undo failed or is pending, or a step is in doubt.
    Stuck,
    /// Somebody said no.
    Denied,
    /// Somebody interrupted it.
    Interrupted,
    /// Somebody gave it up.
    Abandoned,
}

impl Outcome {
    /// Its name, as listings show it.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
            Outcome::Blocked => "blocked",
            Outcome::RolledBack => "rolled_back",
            Outcome::Stuck => "stuck",
            Outcome::Denied => "denied",
            Outcome::Interrupted => "interrupted",
            Outcome::Abandoned => "abandoned",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

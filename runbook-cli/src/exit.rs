//! Exit codes. Scripts depend on them: they never change their meaning.

use std::process::ExitCode;

use runbook_core::run::{Machine, Outcome};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked for has happened.
    Succeeded = 0,
    /// The run failed, was given up, or could not be kept.
    Failed = 1,
    /// The runbook is not valid, or the request makes no sense.
    Usage = 2,
    /// A precondition or a lock stood in the way; nothing has happened.
    Blocked = 3,
    /// The run failed and was undone.
    RolledBack = 4,
    /// Work is half done: an undo failed or is pending, or a step is in doubt.
    Stuck = 5,
    /// The run waits for people.
    Suspended = 6,
    /// Somebody said no.
    Denied = 7,
    /// Somebody interrupted the run.
    Interrupted = 130,
}

impl Exit {
    /// The code itself.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// What a run that was left like this means.
    pub(crate) fn of_run(outcome: Option<Outcome>, machine: &Machine) -> Self {
        match outcome {
            Some(outcome) => Self::of_outcome(outcome),
            None if machine.state().run_status() == "in_doubt" => Exit::Stuck,
            None => Exit::Suspended,
        }
    }

    fn of_outcome(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Succeeded => Exit::Succeeded,
            Outcome::Blocked => Exit::Blocked,
            Outcome::RolledBack => Exit::RolledBack,
            Outcome::Stuck => Exit::Stuck,
            Outcome::Denied => Exit::Denied,
            Outcome::Interrupted => Exit::Interrupted,
            // `Failed`, `Abandoned`, and whatever is added later and is not known to be good.
            _ => Exit::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn outcomes_have_the_documented_codes() {
        let codes = [
            (Outcome::Succeeded, 0),
            (Outcome::Failed, 1),
            (Outcome::Blocked, 3),
            (Outcome::RolledBack, 4),
            (Outcome::Stuck, 5),
            (Outcome::Denied, 7),
            (Outcome::Interrupted, 130),
            (Outcome::Abandoned, 1),
        ];
        for (outcome, code) in codes {
            assert_eq!(Exit::of_outcome(outcome).code(), code, "{outcome}");
        }
        assert_eq!(Exit::Usage.code(), 2);
        assert_eq!(Exit::Suspended.code(), 6);
    }
}

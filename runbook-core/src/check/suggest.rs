//! "Did you mean", within a budget: a file full of unknown names must not take quadratic time.

use crate::diag::Diagnostic;

/// How many names may be compared for one file.
const BUDGET: usize = 200_000;

/// Counts the comparisons made so far.
#[derive(Debug)]
pub(crate) struct Suggest {
    left: usize,
}

impl Default for Suggest {
    fn default() -> Self {
        Suggest { left: BUDGET }
    }
}

impl Suggest {
    /// Adds to `problem` which of `candidates` may have been meant by `written`.
    pub(crate) fn add<'a, I: Iterator<Item = &'a str>>(
        &mut self,
        problem: Diagnostic,
        written: &str,
        candidates: impl FnOnce() -> I,
    ) -> Diagnostic {
        if self.left == 0 {
            return problem;
        }
        let left = &mut self.left;
        problem.did_you_mean(
            written,
            candidates().take_while(|_| {
                *left = left.saturating_sub(1);
                *left > 0
            }),
        )
    }
}

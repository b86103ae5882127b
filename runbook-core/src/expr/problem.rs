//! What our functions say through minijinja's errors.

use std::ops::Range;

/// A failed evaluation, carried as the source of a minijinja error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct Problem {
    pub(super) message: String,
    pub(super) help: Option<String>,
    /// The part of the expression, when the function knows it.
    pub(super) range: Option<Range<usize>>,
    /// The number of the path that has no value.
    pub(super) path: Option<usize>,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Problem { message: message.into(), help: None, range: None, path: None }
    }

    pub(super) fn missing(path: usize) -> Self {
        Problem { path: Some(path), ..Problem::new("no value") }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn at(mut self, range: Range<usize>) -> Self {
        self.range = Some(range);
        self
    }
}

impl From<Problem> for minijinja::Error {
    fn from(problem: Problem) -> Self {
        minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, problem.message.clone())
            .with_source(problem)
    }
}

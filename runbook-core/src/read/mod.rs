//! From text to a checked [`Runbook`].

use crate::diag::{Diagnostic, Severity};
use crate::kind::Kinds;
use crate::model::Runbook;
use crate::source::Sources;

/// What came of reading a runbook: the runbook when it can be used, and everything there is to say about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The runbook; absent when any diagnostic is an error.
    pub runbook: Option<Runbook>,
    /// The texts the diagnostics point into.
    pub sources: Sources,
    /// Every problem, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Whether anything refuses the text.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }
}

/// Reads and checks the runbook in `text`, called `name` in messages.
pub fn parse(name: &str, text: &str, kinds: &Kinds) -> Loaded {
    let _ = (name, text, kinds);
    Loaded { runbook: None, sources: Sources::default(), diagnostics: Vec::new() }
}

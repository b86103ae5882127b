//! From text to a checked [`Runbook`].

mod book;
mod command;
mod keys;
mod reader;
mod step;

use crate::check;
use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::expr::Template;
use crate::kind::Kinds;
use crate::model::{Retry, Runbook, Shell};
use crate::source::{Source, Sources};
use crate::value::Duration;
use crate::yaml;

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

/// What `defaults` gives to every step.
#[derive(Clone, Debug, Default)]
struct Defaults {
    target: Option<String>,
    timeout: Option<Duration>,
    retry: Option<Retry>,
    shell: Option<Shell>,
    env: Vec<(String, Template)>,
    cwd: Option<Template>,
}

/// Reads and checks the runbook in `text`, called `name` in messages.
///
/// Every problem of the text is reported in one go; nothing panics, whatever the text.
///
/// ```
/// use runbook_core::{kind::Kinds, read};
///
/// let loaded = read::parse("hello.yaml", "
/// apiVersion: runbook/v1
/// kind: Runbook
/// name: hello
/// steps:
///   - {id: greet, run: echo hello, effect: read}
/// ", &Kinds::default());
/// assert!(loaded.diagnostics.is_empty());
/// assert_eq!(loaded.runbook.unwrap().meta.name, "hello");
/// ```
pub fn parse(name: &str, text: &str, kinds: &Kinds) -> Loaded {
    let mut sources = Sources::default();
    let id = sources.add(Source::new(name, text));
    let mut found = Diagnostics::default();
    let runbook = yaml::parse(id, text, &mut found).and_then(|root| {
        let mut reader = reader::Reader { kinds, found: &mut found, defaults: Defaults::default(), depth: 0 };
        reader.book(&root)
    });
    if let Some(runbook) = &runbook {
        check::check(runbook, &mut found);
    }
    let unusable = found.has_errors();
    let mut diagnostics = found.into_sorted();
    if diagnostics.iter().any(|d| d.code == Code::YAML_SYNTAX) {
        // What was not read is not missing.
        diagnostics.retain(|d| !AFTER_A_SYNTAX_ERROR.contains(&d.code));
    }
    Loaded { runbook: runbook.filter(|_| !unusable), sources, diagnostics }
}

/// What a text that breaks off seems to lack.
const AFTER_A_SYNTAX_ERROR: &[Code] = &[
    Code::MISSING_KEY,
    Code::WRONG_TYPE,
    Code::NO_ACTION,
    Code::EMPTY_LIST,
    Code::UNKNOWN_REFERENCE,
    Code::UNKNOWN_OUTPUT,
    Code::UNKNOWN_STEP,
    Code::IRREVERSIBLE_WITHOUT_CONFIRM,
    Code::SHELL_SYNTAX,
];

//! From text to a checked [`Runbook`].

mod book;
mod command;
mod contacts;
mod escalation;
mod expect;
mod fields;
mod flow;
mod foreign;
mod gate;
mod judge;
mod keys;
mod meta;
mod places;
mod reader;
mod sets;
mod share;
mod step;
mod suite;
mod user;

use std::collections::HashSet;

use crate::check::{self, Suggest, Unread};
use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::expr::Template;
use crate::kind::Kinds;
use crate::model::{Become, Policy, Retry, Runbook, Shell, Suite, TargetRef};
use crate::policy::PolicySet;
use crate::source::{Source, SourceId, Sources};
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
    target: Option<TargetRef>,
    timeout: Option<Duration>,
    retry: Option<Retry>,
    shell: Option<Shell>,
    env: Vec<(String, Template)>,
    /// Bytes that a copy of `env` takes.
    env_cost: usize,
    cwd: Option<Template>,
    run_as: Option<Become>,
}

/// Where included files come from. The reader itself opens nothing.
pub trait Files {
    /// The file at `path`, which the file called `from` names.
    ///
    /// # Errors
    /// Why it cannot be read, for people.
    fn read(&self, path: &str, from: &str) -> Result<File, String>;
}

/// An included file.
#[derive(Clone, Debug)]
pub struct File {
    /// What messages call it; the same file always has the same name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// No files at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _path: &str, _from: &str) -> Result<File, String> {
        Err("this program reads no other files".to_owned())
    }
}

/// Reads and checks the runbook in `text`, which includes no other file. See [`parse_with`].
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
    parse_with(name, text, kinds, &NoFiles)
}

/// Reads and checks the runbook in `text`, called `name` in messages.
///
/// Every problem of the text, and of the `files` it includes, is reported in one go; nothing panics,
/// whatever the text.
pub fn parse_with(name: &str, text: &str, kinds: &Kinds, files: &dyn Files) -> Loaded {
    parse_under(name, text, kinds, files, &[])
}

/// The same under `policies` from outside: what they forbid is reported like what the runbook's own do. They
/// do not become a part of the runbook; [`PlanRequest`](crate::plan::PlanRequest) takes them too.
pub fn parse_under(name: &str, text: &str, kinds: &Kinds, files: &dyn Files, policies: &[Policy]) -> Loaded {
    let mut sources = Sources::default();
    let id = sources.add(Source::new(name, text));
    let mut found = Diagnostics::default();
    let root = yaml::parse(id, text, &mut found);
    let is_partial = found.iter().any(|problem| LEAVES_OUT.contains(&problem.code));
    let mut reader = reader::Reader {
        kinds,
        found: &mut found,
        defaults: Defaults::default(),
        depth: 0,
        unread: Unread::default(),
        shared: share::Shared::of(name),
        sources: &mut sources,
        files,
        copied: 0,
        suggest: Suggest::default(),
        body: Vec::new(),
        policies: PolicySet::new(policies.iter().cloned()),
        operands: HashSet::new(),
    };
    let runbook = root.and_then(|root| reader.book(root));
    let unread = reader.unread;
    if let Some(runbook) = runbook.as_ref().filter(|_| !is_partial) {
        check::check(runbook, &unread, &mut found);
    }
    let unusable = found.has_errors();
    let mut diagnostics = found.into_sorted();
    withdraw_what_seems_to_lack(&mut diagnostics, &sources);
    Loaded { runbook: runbook.filter(|_| !unusable), sources, diagnostics }
}

/// Where a file was not read to its end, what seems to be missing in it may be there.
fn withdraw_what_seems_to_lack(diagnostics: &mut Vec<Diagnostic>, sources: &Sources) {
    let source_of = |problem: &Diagnostic| problem.primary.span.source;
    let broken: HashSet<SourceId> =
        diagnostics.iter().filter(|problem| LEAVES_OUT.contains(&problem.code)).map(source_of).collect();
    if broken.is_empty() {
        return;
    }
    diagnostics.retain(|p| !(broken.contains(&source_of(p)) && SEEMS_TO_LACK.contains(&p.code)));
    for file in broken {
        let end = diagnostics.iter().find(|p| p.code == Code::YAML_SYNTAX && source_of(p) == file);
        let end = end.map(|problem| problem.primary.span.start as usize);
        if let (Some(end), Some(source)) = (end, sources.get(file)) {
            diagnostics.retain(|problem| {
                let elsewhere = problem.code == Code::YAML_SYNTAX || source_of(problem) != file;
                elsewhere || !breaks_off(problem, source.text(), end)
            });
        }
    }
}

/// What came of reading a file of tests.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ParsedSuite {
    /// The tests; absent when any diagnostic is an error.
    pub suite: Option<Suite>,
    /// The text the diagnostics point into.
    pub sources: Sources,
    /// Every problem, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads the tests in `text`, called `name` in messages, without looking at the runbook they are for.
/// [`suite::load`](crate::suite::load) looks at both.
pub fn parse_suite(name: &str, text: &str) -> ParsedSuite {
    let mut sources = Sources::default();
    let id = sources.add(Source::new(name, text));
    let mut found = Diagnostics::default();
    let root = yaml::parse(id, text, &mut found);
    let partial = found.iter().any(|problem| LEAVES_OUT.contains(&problem.code));
    let kinds = Kinds::default();
    let mut reader = reader::Reader {
        kinds: &kinds,
        found: &mut found,
        defaults: Defaults::default(),
        depth: 0,
        unread: Unread::default(),
        shared: share::Shared::of(name),
        sources: &mut sources,
        files: &NoFiles,
        copied: 0,
        suggest: Suggest::default(),
        body: Vec::new(),
        policies: PolicySet::default(),
        operands: HashSet::new(),
    };
    let suite = root.and_then(|root| reader.suite(&root));
    let unusable = found.has_errors();
    let mut diagnostics = found.into_sorted();
    if partial {
        diagnostics.retain(|problem| !SEEMS_TO_LACK.contains(&problem.code));
    }
    ParsedSuite { suite: suite.filter(|_| !unusable), sources, diagnostics }
}

/// Whether `problem` is about what stands directly before the place `end` at which the text breaks off.
fn breaks_off(problem: &Diagnostic, text: &str, end: usize) -> bool {
    let between = text.get(problem.primary.span.end as usize..end);
    between.is_some_and(|between| match problem.code {
        Code::UNCLOSED_INTERPOLATION => !between.contains('\n'),
        _ => between.trim().is_empty(),
    })
}

/// Problems after which the tree does not hold all of the text.
const LEAVES_OUT: &[Code] = &[
    Code::YAML_SYNTAX,
    Code::MERGE_KEY,
    Code::ANCHOR_LIMIT,
    Code::TOO_DEEP,
    Code::TOO_LARGE,
    Code::KEY_NOT_TEXT,
    Code::UNKNOWN_ALIAS,
];

/// What such a tree seems to lack: what was not read is not missing.
const SEEMS_TO_LACK: &[Code] = &[
    Code::MISSING_KEY,
    Code::WRONG_TYPE,
    Code::NO_ACTION,
    Code::EMPTY_LIST,
    Code::BAD_NAME,
    Code::IRREVERSIBLE_WITHOUT_CONFIRM,
];

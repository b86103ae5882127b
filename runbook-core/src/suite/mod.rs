//! Tests of runbooks: a file of tests read together with its runbook, what came of a run judged by what was
//! expected, and how much of the runbook the tests reach.
//!
//! Carries nothing out: [`trial`](crate::trial) does.
//!
//! ```
//! use runbook_core::{kind::Kinds, read::{File, Files}, suite};
//!
//! struct Disk;
//! impl Files for Disk {
//!     fn read(&self, path: &str, _from: &str) -> Result<File, String> {
//!         let text = "{apiVersion: runbook/v1, kind: Runbook, name: hello, steps: [{id: greet, run: [echo, hello]}]}";
//!         Ok(File { name: path.to_owned(), text: text.to_owned() })
//!     }
//! }
//!
//! let loaded = suite::load("hello.test.yaml", "
//! apiVersion: runbook/v1
//! kind: RunbookTest
//! runbook: ./hello.yaml
//! tests:
//!   - {name: greets, mocks: {great: ok}}
//! ", &Kinds::default(), &Disk);
//! assert!(loaded.ready.is_none());
//! assert_eq!(loaded.diagnostics[0].help, ["did you mean `greet`?"]);
//! ```

mod check;
mod coverage;
mod judge;
mod names;

pub use coverage::{Coverage, Point, PointKind};
pub use judge::{Failure, Seen, judge};
pub use names::{CHECK_LISTS, base_of};

use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::kind::Kinds;
use crate::model::{Case, Runbook, Suite};
use crate::plan::{Plan, PlanRequest};
use crate::read::{self, Files, Loaded};
use crate::source::{Sources, Spanned};
use crate::value::Value;

/// What came of reading a file of tests and its runbook.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoadedSuite {
    /// The tests, ready to be run; absent when any diagnostic is an error.
    pub ready: Option<Ready>,
    /// The texts the diagnostics point into.
    pub sources: Sources,
    /// Every problem of the file of tests, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// What came of reading the runbook, which has texts and diagnostics of its own.
    pub book: Option<Loaded>,
}

/// Tests that fit their runbook.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ready {
    /// What messages call the file of tests.
    pub file: String,
    /// The tests.
    pub suite: Suite,
    /// The runbook.
    pub runbook: Runbook,
    /// The texts the runbook was read from.
    pub book_sources: Sources,
    /// The plan of each test.
    pub plans: Vec<Plan>,
}

/// Reads the tests in `text`, called `name` in messages, and the runbook they are for, and checks that they fit
/// each other. Every problem is reported in one go.
pub fn load(name: &str, text: &str, kinds: &Kinds, files: &dyn Files) -> LoadedSuite {
    let parsed = read::parse_suite(name, text);
    let (sources, mut found) = (parsed.sources, Diagnostics::default());
    found.extend(parsed.diagnostics);
    let Some(suite) = parsed.suite else {
        return LoadedSuite { ready: None, sources, diagnostics: found.into_sorted(), book: None };
    };
    let book = match files.read(&suite.runbook.value, name) {
        Ok(file) => Some(read::parse_with(&file.name, &file.text, kinds, files)),
        Err(why) => {
            let message = format!("`{}` cannot be read: {why}", suite.runbook.value);
            found.push(
                Diagnostic::error(Code::TEST_OF_NOTHING, suite.runbook.span, message)
                    .help("the path is relative to the file of tests"),
            );
            None
        }
    };
    let mut plans = Vec::new();
    if let Some(loaded) = &book {
        match &loaded.runbook {
            Some(runbook) => {
                check::check(&suite, runbook, &mut found);
                plans = suite
                    .tests
                    .iter()
                    .filter_map(|case| plan(&suite, case, runbook, &loaded.sources, &mut found))
                    .collect();
            }
            None => found.push(not_valid(&suite.runbook, loaded)),
        }
    }
    let usable = !found.has_errors();
    let runbook = book.as_ref().and_then(|loaded| Some((loaded.runbook.clone()?, loaded.sources.clone())));
    let ready = runbook.filter(|_| usable).map(|(runbook, book_sources)| Ready {
        file: name.to_owned(),
        suite,
        runbook,
        book_sources,
        plans,
    });
    LoadedSuite { ready, sources, diagnostics: found.into_sorted(), book }
}

fn not_valid(path: &Spanned<String>, loaded: &Loaded) -> Diagnostic {
    let errors: Vec<&Diagnostic> =
        loaded.diagnostics.iter().filter(|problem| problem.severity == Severity::Error).collect();
    let first = errors.first().map(|first| format!(", the first: {}", first.message)).unwrap_or_default();
    let message = format!("`{}` is not a valid runbook", path.value);
    Diagnostic::error(Code::TEST_OF_NOTHING, path.span, message)
        .note(format!("it has {} error(s){first}", errors.len()))
        .help("`runbook validate` shows them all")
}

/// Problems of what is given to a plan.
const GIVEN: [Code; 4] = [Code::UNKNOWN_INPUT, Code::MISSING_INPUT, Code::BAD_INPUT, Code::UNKNOWN_SELECTION];

/// The values of the inputs of `case`, those of the file first.
fn inputs<'s>(
    suite: &'s Suite,
    case: &'s Case,
) -> impl Iterator<Item = &'s (Spanned<String>, Spanned<Value>)> {
    suite.shared.inputs.iter().chain(&case.script.inputs)
}

fn plan(
    suite: &Suite,
    case: &Case,
    runbook: &Runbook,
    book_sources: &Sources,
    found: &mut Diagnostics,
) -> Option<Plan> {
    let mut request = PlanRequest::default();
    for (name, value) in inputs(suite, case) {
        // What is unknown or does not fit was reported where it is written.
        let input = runbook.inputs.iter().find(|input| input.name.value == name.value)?;
        input.check(&value.value).ok()?;
        request = request.input(name.value.clone(), value.value.clone());
    }
    let env = suite.shared.env.iter().chain(&case.script.env);
    request = request.env(env.map(|(name, value)| (name.value.clone(), value.clone())));
    request.from = case.from.as_ref().map(|name| name.value.clone());
    request.only = case.only.iter().map(|name| name.value.clone()).collect();
    let problems = match Plan::build(runbook, &request) {
        Ok(plan) => return Some(plan),
        Err(problems) => problems,
    };
    // What is given was looked at where it is written.
    let said = found.iter().any(|problem| GIVEN.contains(&problem.code));
    let mut problems = problems.into_iter().filter(|problem| !said || !GIVEN.contains(&problem.code));
    let first = problems.next()?;
    let message = format!("the test `{}` cannot be planned: {}", case.name.value, first.message);
    let mut problem = Diagnostic::error(Code::TEST_CANNOT_BE_PLANNED, case.name.span, message);
    if let Some(source) = book_sources.get(first.primary.span.source) {
        let at = source.line_column(first.primary.span.start as usize);
        problem = problem.note(format!("at {}:{}:{}", source.name(), at.line, at.column));
    }
    for other in problems {
        problem = problem.note(format!("also: {}", other.message));
    }
    found.push(first.help.iter().fold(problem, |problem, help| problem.help(help)));
    None
}

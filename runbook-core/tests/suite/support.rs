//! Files beside the tests, and reports as text.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use runbook_core::diag::{Diagnostic, Place, Severity};
use runbook_core::kind::Kinds;
use runbook_core::model::Effect;
use runbook_core::port::Executor as _;
use runbook_core::read::{File, Files};
use runbook_core::source::Sources;
use runbook_core::suite::{self, Failure, LoadedSuite};
use runbook_core::testing::ScriptedExecutor;
use runbook_core::trial::SuiteReport;

/// The files of one directory.
struct Beside<'p>(&'p Path);

impl Files for Beside<'_> {
    fn read(&self, path: &str, _from: &str) -> Result<File, String> {
        let name = path.trim_start_matches("./");
        let text = fs::read_to_string(self.0.join(name)).map_err(|_| "it is not there".to_owned())?;
        Ok(File { name: name.to_owned(), text })
    }
}

/// `http` is there, and only looks.
pub(crate) fn kinds() -> Kinds {
    let mut kinds = Kinds::default();
    kinds.add_action(ScriptedExecutor::new("http", Effect::Read).kind());
    kinds
}

pub(crate) fn load(path: &Path) -> LoadedSuite {
    let name = path.file_name().unwrap().to_str().unwrap();
    suite::load(name, &fs::read_to_string(path).unwrap(), &kinds(), &Beside(path.parent().unwrap()))
}

/// A runbook and its tests from memory.
pub(crate) fn load_texts(book: &str, tests: &str) -> LoadedSuite {
    struct Memory(Arc<str>);
    impl Files for Memory {
        fn read(&self, path: &str, _from: &str) -> Result<File, String> {
            Ok(File { name: path.to_owned(), text: self.0.as_ref().to_owned() })
        }
    }
    let tests = format!("apiVersion: runbook/v1\nkind: RunbookTest\nrunbook: ./book.yaml\n{tests}");
    let book = format!("apiVersion: runbook/v1\nkind: Runbook\nname: book\n{book}");
    suite::load("book.test.yaml", &tests, &kinds(), &Memory(book.into()))
}

/// Where `span` is, without the directory.
fn at(span: runbook_core::source::Span, sources: &Sources) -> String {
    let place = Place::of(span, sources);
    format!("{}:{}:{}", place.file, place.start.line, place.start.column)
}

pub(crate) fn diagnostics(found: &[Diagnostic], sources: &Sources) -> String {
    let mut out = String::new();
    for one in found {
        let severity = if one.severity == Severity::Error { "error" } else { "warning" };
        writeln!(out, "{severity}[{}]: {}", one.code, one.message).unwrap();
        let label = if one.primary.text.is_empty() { "" } else { " | " };
        writeln!(
            out,
            "  --> {}: `{}`{label}{}",
            at(one.primary.span, sources),
            shown(one, sources),
            one.primary.text
        )
        .unwrap();
        for other in &one.secondary {
            writeln!(out, "  and {}: {}", at(other.span, sources), other.text).unwrap();
        }
        one.notes.iter().for_each(|note| writeln!(out, "  note: {note}").unwrap());
        one.help.iter().for_each(|help| writeln!(out, "  help: {help}").unwrap());
    }
    out
}

fn shown(one: &Diagnostic, sources: &Sources) -> String {
    let text = sources.text(one.primary.span);
    text.lines().next().unwrap_or("").chars().take(60).collect()
}

fn failure(out: &mut String, failure: &Failure, sources: &Sources) {
    writeln!(out, "    {} {}", at(failure.span, sources), failure.what).unwrap();
    writeln!(out, "      expected: {}", failure.expected).unwrap();
    writeln!(out, "      found:    {}", failure.found).unwrap();
    if let Some(help) = &failure.help {
        writeln!(out, "      help:     {help}").unwrap();
    }
}

pub(crate) fn report(report: &SuiteReport, sources: &Sources) -> String {
    let mut out = String::new();
    for case in &report.cases {
        let mark = if case.passed() { "ok" } else { "FAILED" };
        writeln!(out, "{mark} {} ({}, {})", case.name, case.status, case.took).unwrap();
        case.failures.iter().for_each(|one| failure(&mut out, one, sources));
    }
    report.problems.iter().for_each(|one| failure(&mut out, one, sources));
    writeln!(out, "{} % covered", report.coverage.percent()).unwrap();
    for point in report.coverage.missing() {
        writeln!(out, "  {}", point.kind.missing(&point.step)).unwrap();
    }
    out
}

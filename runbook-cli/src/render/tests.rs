//! What came of tests: for people, as JSON, and as JUnit's XML.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use runbook_core::diag::Place;
use runbook_core::source::{Sources, Span};
use runbook_core::suite::{Coverage, Failure, PointKind};
use runbook_core::trial::{CaseReport, FailEach};
use serde_json::{Value, json};

use super::style::Paint;
use crate::commands::test::Tested;
use crate::text::{count, pad, safe, safe_line, width};

/// The names of tests are not aligned further to the right than this.
const WIDEST: usize = 60;

/// The tests of one file: a line each, and everything about those that failed.
pub(crate) fn human(tested: &Tested, paint: Paint) -> String {
    let report = &tested.report;
    let mut text = format!("{} · {}\n", paint.strong(&safe_line(&report.file)), safe_line(&report.runbook));
    let names = report.cases.iter().map(|case| width(&safe_line(&case.name)));
    let columns = names.max().unwrap_or(0).min(WIDEST);
    for case in &report.cases {
        let mark = if case.passed() { paint.good("✓") } else { paint.bad("✗") };
        let came = paint.dim(&format!("{} {}", case.status, case.took));
        text.push_str(&format!("  {mark} {}  {came}\n", pad(&safe_line(&case.name), columns)));
        case.failures.iter().for_each(|failure| text.push_str(&failed(failure, &tested.sources, paint)));
        if !case.passed() && !case.steps.is_empty() {
            text.push_str(&format!("      {}\n", paint.dim(&format!("the run: {}", steps(case)))));
        }
    }
    if !report.problems.is_empty() {
        text.push_str(&format!("  {} the file as a whole\n", paint.bad("✗")));
        report.problems.iter().for_each(|failure| text.push_str(&failed(failure, &tested.sources, paint)));
    }
    if !report.partial {
        text.push_str(&covered(tested, paint));
    }
    if let Some(each) = &tested.fail_each {
        text.push_str(&each_failed(each, paint));
    }
    text
}

fn failed(failure: &Failure, sources: &Sources, paint: Paint) -> String {
    let mut text =
        format!("      {} {}\n", paint.dim(&place(failure.span, sources)), paint.strong(&failure.what));
    let mut line = |label: &str, said: &str| {
        let said = safe(said);
        let indented = said.trim_end().replace('\n', "\n            ");
        text.push_str(&format!("        {label}{indented}\n"));
    };
    line("expected: ", &failure.expected);
    line("found:    ", &failure.found);
    if let Some(help) = &failure.help {
        line("help:     ", help);
    }
    text
}

/// `look succeeded, restart failed (exit code 1)`.
fn steps(case: &CaseReport) -> String {
    let step = |step: &runbook_core::trial::StepSeen| match &step.reason {
        Some(reason) => format!("{} {} ({})", step.key, step.status, safe_line(reason)),
        None => format!("{} {}", step.key, step.status),
    };
    case.steps.iter().map(step).collect::<Vec<_>>().join(", ")
}

fn place(span: Span, sources: &Sources) -> String {
    let place = Place::of(span, sources);
    format!("{}:{}:{}", safe_line(&place.file), place.start.line, place.start.column)
}

fn covered(tested: &Tested, paint: Paint) -> String {
    let coverage = &tested.report.coverage;
    let (reached, all) = coverage.count(None);
    let percent = format!("{} %", coverage.percent());
    let percent = match tested.too_little {
        Some(least) => format!("{}, {least} % are wanted", paint.bad(&percent)),
        None => percent,
    };
    let mut text = format!(
        "  coverage {percent} {}\n",
        paint.dim(&format!("({reached} of {all}: {})", kinds(coverage)))
    );
    for point in coverage.missing() {
        let at = place(point.span, &tested.book_sources);
        text.push_str(&format!("    {} {}\n", paint.dim(&at), point.kind.missing(&point.step)));
    }
    text
}

/// `steps 5/5, rollback steps 1/2`.
fn kinds(coverage: &Coverage) -> String {
    let counted = PointKind::ALL.iter().map(|(kind, name)| (name, coverage.count(Some(*kind))));
    let there = counted.filter(|(_, (_, all))| *all > 0);
    there.map(|(name, (reached, all))| format!("{name} {reached}/{all}")).collect::<Vec<_>>().join(", ")
}

fn each_failed(each: &FailEach, paint: Paint) -> String {
    let mut text = format!("  each step of `{}` fails in turn\n", safe_line(&each.base));
    if let Some(why) = &each.broken {
        text.push_str(&format!("    {} {}\n", paint.bad("✗"), safe_line(why)));
    }
    let columns = each.steps.iter().map(|step| width(&step.step)).max().unwrap_or(0).min(WIDEST);
    for step in &each.steps {
        let mark = if step.broken.is_empty() { paint.good("✓") } else { paint.bad("✗") };
        let undone = match step.undone.is_empty() {
            true => String::new(),
            false => format!(", undone: {}", step.undone.join(", ")),
        };
        let line = format!("{} {}{undone}", pad(&step.step, columns), step.status);
        text.push_str(&format!("    {mark} {}\n", line.trim_end()));
        for broken in &step.broken {
            text.push_str(&format!("        {}\n", safe_line(broken)));
        }
    }
    let left = each.without_rollback();
    if !left.is_empty() {
        text.push_str(&format!("    {} {}\n", paint.warn("nothing undoes:"), left.join(", ")));
    }
    text
}

/// The last line.
pub(crate) fn summary(tested: &[Tested], invalid: usize) -> String {
    let cases = || tested.iter().flat_map(|tested| &tested.report.cases);
    let (all, failed) = (cases().count(), cases().filter(|case| !case.passed()).count());
    let mut text = format!("{}, {failed} failed", count(all, "test"));
    let others = tested.iter().filter(|tested| !tested.report.problems.is_empty()).count();
    if others > 0 {
        text.push_str(&format!(", {} with problems", count(others, "file")));
    }
    let uncovered = tested.iter().filter(|tested| tested.too_little.is_some()).count();
    if uncovered > 0 {
        text.push_str(&format!(", {} below the wanted coverage", count(uncovered, "file")));
    }
    let broken = tested.iter().filter_map(|tested| tested.fail_each.as_ref()).filter(|each| !each.passed());
    let broken = broken.count();
    if broken > 0 {
        text.push_str(&format!(", {} in which a failure is not dealt with", count(broken, "file")));
    }
    if invalid > 0 {
        text.push_str(&format!(", {} not valid", count(invalid, "file")));
    }
    text.push('\n');
    text
}

/// Everything, for programs.
pub(crate) fn json(tested: &[Tested], invalid: usize) -> Value {
    json!({
        "passed": invalid == 0 && tested.iter().all(Tested::passed),
        "invalid_files": invalid,
        "files": tested.iter().map(file).collect::<Vec<_>>(),
    })
}

fn file(tested: &Tested) -> Value {
    let report = &tested.report;
    let failures = |failures: &[Failure]| -> Vec<Value> {
        let one = |failure: &Failure| {
            json!({
                "what": failure.what, "expected": failure.expected, "found": failure.found,
                "help": failure.help, "place": Place::of(failure.span, &tested.sources),
            })
        };
        failures.iter().map(one).collect()
    };
    let case = |case: &CaseReport| {
        let step = |step: &runbook_core::trial::StepSeen| json!({"key": step.key, "status": step.status, "reason": step.reason});
        json!({
            "name": case.name, "description": case.description, "passed": case.passed(), "status": case.status,
            "took_ms": case.took.as_millis(), "failures": failures(&case.failures),
            "steps": case.steps.iter().map(step).collect::<Vec<_>>(),
            "place": Place::of(case.span, &tested.sources),
        })
    };
    let coverage = &report.coverage;
    let (reached, all) = coverage.count(None);
    let missing = coverage.missing().map(|point| {
        json!({
            "kind": point.kind, "step": point.step, "message": point.kind.missing(&point.step),
            "place": Place::of(point.span, &tested.book_sources),
        })
    });
    let each = tested.fail_each.as_ref().map(|each| {
        let step = |step: &runbook_core::trial::FailedStep| {
            json!({
                "step": step.step, "status": step.status, "undone": step.undone, "left": step.left,
                "broken": step.broken,
            })
        };
        json!({
            "base": each.base, "passed": each.passed(), "broken": each.broken,
            "steps": each.steps.iter().map(step).collect::<Vec<_>>(),
            "without_rollback": each.without_rollback(),
        })
    });
    json!({
        "file": report.file, "runbook": report.runbook, "passed": tested.passed(),
        "tests": report.cases.iter().map(case).collect::<Vec<_>>(),
        "problems": failures(&report.problems),
        "coverage": {
            "partial": report.partial, "percent": coverage.percent(), "reached": reached, "all": all, "wanted": tested.too_little,
            "missing": missing.collect::<Vec<_>>(),
        },
        "fail_each": each,
    })
}

/// One suite a file, one case a test. What is wrong with a file as a whole is a case of its own.
pub(crate) fn junit(tested: &[Tested]) -> Result<String, String> {
    let mut report = Report::new("runbook test");
    for tested in tested {
        let mut suite = TestSuite::new(tested.report.file.as_str());
        for case in &tested.report.cases {
            suite.add_test_case(junit_case(&case.name, &tested.report.runbook, &case.failures, tested));
        }
        if !tested.report.problems.is_empty() {
            suite.add_test_case(junit_case(
                "the file as a whole",
                &tested.report.runbook,
                &tested.report.problems,
                tested,
            ));
        }
        if let Some(least) = tested.too_little {
            let percent = tested.report.coverage.percent();
            let message = format!("{percent} % of the runbook are reached, {least} % are wanted");
            suite.add_test_case(other("coverage", &tested.report.runbook, vec![message]));
        }
        for step in tested.fail_each.iter().flat_map(|each| &each.steps) {
            let name = format!("{} fails", step.step);
            suite.add_test_case(other(&name, &tested.report.runbook, step.broken.clone()));
        }
        report.add_test_suite(suite);
    }
    report.to_string().map(|text| format!("{}\n", text.trim_end())).map_err(|error| error.to_string())
}

fn junit_case(name: &str, runbook: &str, failures: &[Failure], tested: &Tested) -> TestCase {
    let lines = failures.iter().map(|failure| {
        let (expected, found) = (safe(&failure.expected), safe(&failure.found));
        let at = place(failure.span, &tested.sources);
        format!("{at} {}: expected {expected}, found {found}", failure.what)
    });
    other(name, runbook, lines.collect())
}

fn other(name: &str, runbook: &str, failures: Vec<String>) -> TestCase {
    let status = match failures.first() {
        None => TestCaseStatus::success(),
        Some(first) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(first.clone()).set_description(failures.join("\n"));
            status
        }
    };
    let mut case = TestCase::new(safe_line(name), status);
    case.set_classname(runbook);
    case
}

//! What holds whatever is written.

use proptest::prelude::*;
use runbook_core::kind::Kinds;
use runbook_core::trial::{fail_each, fail_each_step, run_some, run_tests};

use crate::plans::books;
use crate::support::{kinds, load_texts};

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever fails, a run comes to rest, and what acted and can be undone is undone.
    #[test]
    fn every_failure_of_a_random_runbook_comes_to_rest(book in books()) {
        let plan = book.plan();
        let came = fail_each_step(&plan, &Kinds::default());
        prop_assert!(came.broken.is_none(), "{:?}", came.broken);
        for step in &came.steps {
            // A random group may leave its rollback less time than its own pauses take.
            let broken = step.broken.iter().find(|broken| !broken.contains("took longer than"));
            prop_assert!(broken.is_none(), "{step:#?}");
        }
    }
}

const TWO: &str = "
on_failure: {rollback: auto}
steps:
  - {id: one, run: [one], rollback: [{run: [undo-one]}]}
  - {id: two, run: [two]}
  - {id: three, run: [three], rollback: [{run: [undo-three]}]}
";

#[test]
fn failing_each_step_says_what_is_undone_and_what_is_left() {
    let tests = "tests: [{name: base, mocks: {one: ok, two: ok, three: ok}}]";
    let ready = load_texts(TWO, tests).ready.unwrap();
    let came = fail_each(&ready, &kinds(), 0);
    assert!(came.passed(), "{came:#?}");
    let short: Vec<String> = came
        .steps
        .iter()
        .map(|step| format!("{} {} undone {:?} left {:?}", step.step, step.status, step.undone, step.left))
        .collect();
    assert_eq!(
        short,
        [
            r#"one rolled_back undone ["one"] left []"#,
            r#"two rolled_back undone ["one"] left ["two"]"#,
            r#"three rolled_back undone ["one", "three"] left ["two"]"#,
        ]
    );
    assert_eq!(came.without_rollback(), ["two"]);
}

#[test]
fn an_undo_that_cannot_work_is_found() {
    let book = "
on_failure: {rollback: auto}
steps:
  - id: one
    run: [one]
    rollback: [{run: [undo], expect: {stdout: {equals: undone}}}]
";
    let ready = load_texts(book, "tests: [{name: base, mocks: {one: ok}}]").ready.unwrap();
    let came = fail_each(&ready, &kinds(), 0);
    assert!(!came.passed());
    let said = came.steps[0].broken.join("; ");
    assert!(said.contains("`one` cannot be undone: stdout is ``, expected `undone`"), "{said}");
}

#[test]
fn a_run_that_waits_for_people_does_not_come_to_rest() {
    let book = "
steps:
  - {id: one, run: [one]}
  - {id: look, manual: {instructions: Look., fields: {latency: {type: int}}}}
";
    let ready = load_texts(book, "tests: [{name: base, mocks: {one: ok}, expect: {status: suspended}}]");
    let came = fail_each(&ready.ready.unwrap(), &kinds(), 0);
    let look = came.steps.iter().find(|step| step.step == "look").unwrap();
    assert_eq!(look.status, "failed", "the person can still say no: {look:#?}");
}

#[test]
fn tests_can_be_run_from_inside_of_a_runtime() {
    let ready = load_texts(TWO, "tests: [{name: base, mocks: {one: ok, two: ok, three: ok}}]").ready.unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(runtime.block_on(async { run_tests(&ready, &kinds()) }).passed());
}

#[test]
fn what_is_shared_is_not_missed_when_only_some_tests_are_run() {
    let tests = "
mocks: {one: ok, two: ok, three: ok, one.rollback.1: ok}
tests:
  - {name: good}
  - {name: bad, mocks: {two: fail}, expect: {status: rolled_back}}
";
    let ready = load_texts(TWO, tests).ready.unwrap();
    assert!(run_tests(&ready, &kinds()).passed());
    let some = run_some(&ready, &kinds(), |name| name == "good");
    assert!(some.passed() && some.cases.len() == 1);
}

/// The time of the run is that of its own clock: a year passes at once.
#[test]
fn a_year_passes_at_once() {
    let book = "steps: [{id: one, wait: 365d}, {id: two, run: [two]}]";
    let tests = "tests: [{name: base, mocks: {two: {delay: 1h}}, expect: {duration: {at_least: 365d1h}}}]";
    let came = run_tests(&load_texts(book, tests).ready.unwrap(), &kinds());
    assert!(came.passed(), "{:#?}", came.cases);
    assert_eq!(came.cases[0].took.to_string(), "365d1h");
}

#[test]
fn nothing_of_the_real_world_is_reached() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().to_str().unwrap();
    let book = format!(
        "
preconditions: [{{file: {{path: {place}/not-there}}}}]
steps:
  - {{id: one, run: [touch, {place}/one], verify: [{{run: touch {place}/two, effect_because: a trace that is looked for}}, {{tcp: {{port: 1}}}}]}}
"
    );
    let tests = "
tests:
  - name: base
    mocks: {preconditions.1: {exists: true}, one: ok, one.verify.1: ok, one.verify.2: ok}
    expect: {commands: {one: {contains: touch}, one.verify.1: {contains: touch}}}
";
    let came = run_tests(&load_texts(&book, tests).ready.unwrap(), &kinds());
    assert!(came.passed(), "{:#?}", came.cases);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// Whatever stands in a file of tests, reading it ends with a file that can be run or with a reason.
#[test]
fn a_file_that_is_cut_off_anywhere_is_refused_or_fits() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite");
    let whole = std::fs::read_to_string(folder.join("wrong/kinds.test.yaml")).unwrap();
    let other = std::fs::read_to_string(folder.join("good/time.test.yaml")).unwrap();
    for text in [whole, other] {
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            let parsed = runbook_core::read::parse_suite("cut.test.yaml", &text[..end]);
            assert!(parsed.suite.is_some() || !parsed.diagnostics.is_empty(), "cut at {end}");
        }
    }
}

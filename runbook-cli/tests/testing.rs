//! `runbook test` as scripts see it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;
use tempfile::TempDir;

const BOOK: &str = "\
apiVersion: runbook/v1
kind: Runbook
name: restart
on_failure: {rollback: auto}
steps:
  - {id: drain, run: [touch, /run/drain], rollback: [{run: [rm, /run/drain]}]}
  - {id: restart, confirm: Restart?, run: [systemctl, restart, app]}
  - {id: warm, run: [curl, localhost]}
";

const TESTS: &str = "\
apiVersion: runbook/v1
kind: RunbookTest
runbook: ../restart.yaml
answers: {restart: approve}
mocks: {drain: ok, restart: ok, warm: ok}
tests:
  - name: comes up
    expect: {order: [drain, restart, warm]}
  - name: stays down
    mocks: {restart: {fail: unit not found}, drain.rollback.1: ok}
    expect: {status: rolled_back}
";

/// A test that expects what does not come.
const WRONG: &str = "\
apiVersion: runbook/v1
kind: RunbookTest
runbook: ../restart.yaml
answers: {restart: approve}
mocks: {drain: ok, restart: ok, warm: ok}
tests:
  - name: comes up
    expect: {commands: {restart: systemctl reload app}}
  - name: goes well
";

struct Place(TempDir);

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("tests/.hidden")).unwrap();
        fs::write(dir.path().join("restart.yaml"), BOOK).unwrap();
        for (name, text) in files {
            fs::write(dir.path().join("tests").join(name), text).unwrap();
        }
        Place(dir)
    }

    /// Standard output and standard error of `runbook test`, which ends with `code`.
    fn test(&self, arguments: &[&str], code: i32) -> (String, String) {
        let mut command = cargo_bin_cmd!("runbook");
        command.current_dir(self.0.path()).env("XDG_STATE_HOME", self.0.path().join("state"));
        command.env("NO_COLOR", "1").env("COLUMNS", "100").arg("test").args(arguments);
        let output = command.output().unwrap();
        let (out, err) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(code), "\n--- stdout\n{out}\n--- stderr\n{err}");
        assert!(!self.0.path().join("state").exists(), "tests leave no runs behind");
        (out, err)
    }

    fn json(&self, arguments: &[&str], code: i32) -> Value {
        let arguments = [arguments, &["--format", "json"]].concat();
        serde_json::from_str(&self.test(&arguments, code).0).unwrap()
    }
}

#[test]
fn one_line_a_test_and_what_is_not_reached() {
    let (out, err) = Place::new(&[("a.test.yaml", TESTS)]).test(&["tests"], 0);
    insta::assert_snapshot!(out);
    assert_eq!(err, "2 tests, 0 failed\n");
}

#[test]
fn a_failure_shows_what_was_expected_and_what_was_found() {
    let place = Place::new(&[("a.test.yaml", WRONG)]);
    let (out, err) = place.test(&["tests/a.test.yaml"], 1);
    insta::assert_snapshot!(out);
    assert_eq!(err, "2 tests, 1 failed\n");
    // What passes alone passes.
    let (out, _) = place.test(&["tests/a.test.yaml", "--filter", "goes"], 0);
    assert!(!out.contains("comes up") && !out.contains("coverage"), "{out}");
    place.test(&["tests/a.test.yaml", "--filter", "nothing like it"], 2);
}

#[test]
fn directories_are_searched_for_files_of_tests() {
    let named = TESTS.replace("comes up", "by what it says");
    let files = [
        ("b.test.yaml", TESTS),
        ("a.yaml", named.as_str()),
        ("inventory.yaml", "apiVersion: runbook/v1\nkind: Inventory\n"),
        (".hidden/c.test.yaml", "no yaml at all: ["),
        ("notes.txt", "kind: RunbookTest"),
    ];
    let report = Place::new(&files).json(&["."], 0);
    let files: Vec<&str> =
        report["files"].as_array().unwrap().iter().map(|file| file["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["./tests/a.yaml", "./tests/b.test.yaml"]);
    let (_, err) = Place::new(&[]).test(&["tests"], 2);
    assert!(err.contains("there are no tests in the directory `tests`"), "{err}");
}

#[test]
fn too_little_coverage_fails() {
    let place = Place::new(&[("a.test.yaml", TESTS)]);
    let (out, err) = place.test(&["tests", "--min-coverage", "90"], 1);
    assert!(out.contains("coverage 83 %, 90 % are wanted"), "{out}");
    assert!(out.contains("restart.yaml:7:10 the gate of `restart` is never denied"), "{out}");
    assert_eq!(err, "2 tests, 0 failed, 1 file below the wanted coverage\n");
    place.test(&["tests", "--min-coverage", "83"], 0);
    place.test(&["tests", "--min-coverage", "101"], 2);
}

#[test]
fn files_that_are_not_valid_are_shown_and_the_others_are_run() {
    let misspelt = TESTS.replace("drain.rollback.1: ok}", "drian.rollback.1: ok}");
    let place = Place::new(&[("a.test.yaml", &misspelt), ("b.test.yaml", TESTS)]);
    let (out, err) = place.test(&["tests"], 2);
    assert!(err.contains("RB0700") && err.contains("drian"), "{err}");
    assert!(err.ends_with("2 tests, 0 failed, 1 file not valid\n"), "{err}");
    assert!(out.contains("✓ comes up"), "{out}");
    let (_, err) = place.test(&["restart.yaml", "missing.yaml"], 2);
    assert!(
        err.contains("`Runbook` is not a file of tests") && err.contains("cannot read `missing.yaml`"),
        "{err}"
    );
}

#[test]
fn a_runbook_that_is_not_valid_is_shown_with_its_problems() {
    let place = Place::new(&[("a.test.yaml", TESTS)]);
    fs::write(place.0.path().join("restart.yaml"), BOOK.replace("confirm", "confrim")).unwrap();
    let (_, err) = place.test(&["tests"], 2);
    assert!(err.contains("RB0707") && err.contains("a step has no key `confrim`"), "{err}");
}

#[test]
fn each_step_fails_in_turn() {
    let place = Place::new(&[("a.test.yaml", TESTS)]);
    let (out, _) = place.test(&["tests", "--fail-each"], 0);
    let each = out.split_once("  each step").unwrap().1;
    insta::assert_snapshot!(each);
    let report = place.json(&["tests", "--fail-each", "--base", "stays down"], 0);
    let each = &report["files"][0]["fail_each"];
    assert_eq!(each["base"], "stays down");
    assert_eq!(each["steps"][0]["step"], "drain");
    let (_, err) = place.test(&["tests", "--fail-each", "--base", "no such"], 2);
    assert!(err.contains("its tests are `comes up`, `stays down`"), "{err}");
    place.test(&["tests", "--base", "comes up"], 2);
}

#[test]
fn programs_get_json_and_junit() {
    let place = Place::new(&[("a.test.yaml", WRONG)]);
    let report = place.json(&["tests"], 1);
    assert_eq!(report["passed"], false);
    let case = &report["files"][0]["tests"][0];
    assert_eq!((&case["name"], &case["passed"]), (&"comes up".into(), &false.into()));
    let failure = &case["failures"][0];
    assert_eq!(failure["what"], "commands.restart");
    assert_eq!(failure["found"], "`systemctl restart app`");
    assert_eq!(failure["place"]["start"]["line"], 8);
    assert!(Path::new(failure["place"]["file"].as_str().unwrap()).ends_with("a.test.yaml"));
    let (xml, _) = place.test(&["tests", "--format", "junit"], 1);
    insta::assert_snapshot!(xml);
}

#[test]
fn tests_are_validated_like_runbooks_and_are_none() {
    let misspelt = TESTS.replace("drain.rollback.1: ok}", "drian.rollback.1: ok}");
    let place = Place::new(&[("a.test.yaml", &misspelt), ("b.test.yaml", TESTS)]);
    let run = |arguments: &[&str]| {
        let mut command = cargo_bin_cmd!("runbook");
        let output = command.current_dir(place.0.path()).args(arguments).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, said) = run(&["validate", "tests/a.test.yaml"]);
    assert!(code == Some(2) && said.contains("RB0700"), "{said}");
    assert_eq!(run(&["validate", "tests/b.test.yaml"]).0, Some(0));
    let (code, said) = run(&["plan", "tests/b.test.yaml"]);
    assert!(code == Some(2) && said.contains("is not a runbook"), "{said}");
}

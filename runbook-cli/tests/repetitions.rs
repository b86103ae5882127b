//! Loops, groups of targets, remedies and included files on the command line.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use assert_cmd::cargo::cargo_bin_cmd;

const HOSTS: &str = "\
apiVersion: runbook/v1
kind: Inventory
targets: {web1: {local: {}}, web2: {local: {}}}
groups: {web: [web1, web2]}
";

const BOOK: &str = "\
apiVersion: runbook/v1
kind: Runbook
name: book
include: hosts.yaml
steps:
  - id: loop
    title: Look at ${{ item }}
    for_each: {in: [good, bad], max_failures: 1}
    effect: change
    confirm: Look at ${{ item }}?
    run: [test, '${{ item }}', '!=', bad]
  - id: fix
    remedies:
      goal: {run: [test, -e, up]}
      rungs:
        - {id: pill, effect: change, run: 'false'}
        - {id: cure, effect: change, run: touch up}
        - {id: knife, effect: change, run: echo knife}
  - {id: fan, target: web, effect: read, run: uptime, expect: {exit_code: [0, 1, 127]}}
";

/// Exit code, standard output and standard error of `runbook` with `arguments` beside `files`.
fn runbook(files: &[(&str, &str)], arguments: &[&str]) -> (i32, String, String) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let mut command = cargo_bin_cmd!("runbook");
    command.current_dir(dir.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env("XDG_STATE_HOME", dir.path().join("state")).env("TZ", "UTC").args(arguments);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const FILES: [(&str, &str); 2] = [("book.yaml", BOOK), ("hosts.yaml", HOSTS)];

#[test]
fn failures_that_are_survived_are_not_the_runs_failure() {
    let (code, out, err) = runbook(&FILES, &["run", "book.yaml", "--approve", "loop"]);
    let text = format!("{out}{err}");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("loop#2: failed: exit code 1; the run goes on"), "{text}");
    assert!(text.contains("loop#2  Look at bad: exit code 1\n"), "{text}");
    assert!(text.contains("loop: ok, but 1 of 2 failed"), "{text}");
    assert!(text.contains("  survived     loop#2"), "{text}");
    assert!(!text.contains("  failed       "), "{text}");
    assert!(text.contains("fan@web2: ok"), "{text}");
}

#[test]
fn one_repetition_can_be_approved_alone() {
    let (code, out, err) = runbook(&FILES, &["run", "book.yaml", "--approve", "loop#1"]);
    let text = format!("{out}{err}");
    assert_eq!(code, 6, "{text}");
    assert!(text.contains("loop#1: ok") && text.contains("waits for a yes: Look at bad?"), "{text}");
    let (code, _, err) = runbook(&FILES, &["run", "book.yaml", "--approve", "lop#1"]);
    assert_eq!(code, 2, "{err}");
}

#[test]
fn one_repetition_cannot_be_selected_before_it_exists() {
    let (code, _, err) = runbook(&FILES, &["plan", "book.yaml", "--only", "fan@web1"]);
    assert_eq!(code, 2);
    assert!(err.contains("select `fan`, with all its repetitions"), "{err}");
}

#[test]
fn remedies_that_do_not_help_are_what_failed() {
    let book = BOOK.replace("touch up", "echo cure");
    let files = [("book.yaml", &book[..]), ("hosts.yaml", HOSTS)];
    let (code, out, err) = runbook(&files, &["run", "book.yaml", "--approve", "loop"]);
    let text = format!("{out}{err}");
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("  failed       fix: no remedy has helped: test -e up: exit code 1"), "{text}");
    assert!(text.contains("pill: exit code 1\n"), "{text}");
}

#[test]
fn an_inventory_is_valid_but_nothing_to_run() {
    assert_eq!(runbook(&FILES, &["validate", "hosts.yaml"]).0, 0);
    let (code, _, err) = runbook(&FILES, &["run", "hosts.yaml"]);
    assert_eq!(
        (code, err.as_str()),
        (2, "`hosts.yaml` is not a runbook: it holds what runbooks include, or tests of one\n")
    );
}

#[test]
fn a_problem_in_an_included_file_is_shown_in_that_file() {
    let book = BOOK.replace("hosts.yaml", "[hosts.yaml, sub/more.yaml]");
    let more = "apiVersion: runbook/v1\nkind: Inventory\ntargets: {web1: {local: {}}}\n";
    let files = [("book.yaml", &book[..]), ("hosts.yaml", HOSTS), ("sub/more.yaml", more)];
    let (code, out, err) = runbook(&files, &["validate", "book.yaml"]);
    let text = format!("{out}{err}");
    assert_eq!(code, 2, "{text}");
    assert!(text.contains(" --> sub/more.yaml:3:11") && text.contains(" ::: hosts.yaml:3:11"), "{text}");
}

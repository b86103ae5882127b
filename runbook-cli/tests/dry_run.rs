//! A dry run touches nothing at all: no file, no program, no store.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use assert_cmd::cargo::cargo_bin_cmd;

/// Everything about every file below a directory that a program could change.
fn tree(root: &Path) -> BTreeMap<PathBuf, (u32, i64, i64, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_path_buf()];
    while let Some(path) = left.pop() {
        let facts = std::fs::symlink_metadata(&path).unwrap();
        let content = if facts.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        if facts.is_dir() {
            left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        found.insert(path, (facts.mode(), facts.mtime(), facts.mtime_nsec(), content));
    }
    found
}

/// Programs that betray that they were called.
fn poison(directory: &Path, canary: &Path) {
    std::fs::create_dir(directory).unwrap();
    for program in ["sh", "bash", "rm", "touch", "true", "cat", "tar", "gpg", "python3", "grep", "mktemp"] {
        let path = directory.join(program);
        std::fs::write(&path, format!("#!/bin/sh\necho {program} >> {}\n", canary.display())).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

const EVERYTHING: &str = "\
apiVersion: runbook/v1
kind: Runbook
name: everything
lock: everything
preconditions:
  - {run: touch precondition, effect_because: a trace that is looked for}
  - file: {path: victim, exists: true}
on_failure: {rollback: auto, steps: [{run: touch handler}]}
steps:
  - {id: look, effect: read, run: cat victim, outputs: {text: result.stdout | trim}}
  - {id: wipe, effect: destroy, confirm: Wipe it?, run: 'rm victim; touch wiped', verify: [{run: touch verified, effect_because: a trace}]}
  - id: group
    when: steps.look.outputs.text == 'x'
    parallel:
      - {id: one, run: [touch, one], done_when: [{run: touch asked, effect_because: a trace}], cleanup: [{run: touch cleaned}]}
      - {id: two, run: [touch, two], rollback: [{run: touch undone}]}
  - {id: person, manual: Please look.}
  - {id: pause, wait: 1h}
finally:
  - {run: touch finally}
";

#[test]
fn a_dry_run_of_everything_leaves_no_trace() {
    let place = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let canary = outside.path().join("canary");
    let programs = outside.path().join("bin");
    poison(&programs, &canary);
    std::fs::write(place.path().join("everything.yaml"), EVERYTHING).unwrap();
    std::fs::write(place.path().join("victim"), "x").unwrap();
    std::fs::create_dir(place.path().join("home")).unwrap();

    let before = tree(place.path());
    for arguments in
        [&["--dry-run"][..], &["--dry-run", "--json"], &["--dry-run", "--yes", "--approve", "wipe"]]
    {
        let mut command = cargo_bin_cmd!("runbook");
        command.current_dir(place.path()).env_clear();
        command.env("PATH", &programs).env("HOME", place.path().join("home"));
        command.arg("run").arg("everything.yaml").args(arguments);
        let output = command.assert().code(0).get_output().stdout.clone();
        let text = String::from_utf8(output).unwrap();
        assert!(text.contains("rm victim"), "the walk comes to the dangerous step: {text}");
    }
    assert_eq!(tree(place.path()), before, "a file was made, changed, touched or removed");
    assert!(!canary.exists(), "a program was called: {}", std::fs::read_to_string(&canary).unwrap());
}

/// The test above would notice: the same runbook without `--dry-run` leaves traces everywhere.
#[test]
fn a_real_run_does_leave_traces() {
    let place = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let canary = outside.path().join("canary");
    let programs = outside.path().join("bin");
    poison(&programs, &canary);
    std::fs::write(place.path().join("everything.yaml"), EVERYTHING).unwrap();
    std::fs::write(place.path().join("victim"), "x").unwrap();

    let before = tree(place.path());
    let mut command = cargo_bin_cmd!("runbook");
    command.current_dir(place.path()).env_clear();
    command.env("PATH", &programs).env("HOME", place.path());
    command.args(["run", "everything.yaml", "--non-interactive"]).output().unwrap();
    assert_ne!(tree(place.path()), before);
    assert!(canary.exists());
}

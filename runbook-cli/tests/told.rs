//! Who was told, as `runbook run` and `runbook show` say it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::{Value, json};

const BOOK: &str = r#"apiVersion: runbook/v1
kind: Runbook
name: incident
title: Service is down
severity: P1
channels:
  log: {file: told.log}
  broken: {command: [sh, -c, "echo no such number >&2; exit 3"]}
contacts:
  L1: {role: On-call Engineer, channel: log}
  L2: {role: Tech Lead, channel: broken}
escalation:
  levels:
    - {after: 0s, to: [L1, L2], require: postmortem}
    - {after: 1d, to: L1}
steps:
  - {id: tell, notify: {to: [log, broken], subject: Begun, message: "It is being looked at"}}
  - {id: wait, run: [sleep, "0.3"], effect: read}
"#;

#[test]
fn a_run_says_who_was_told_and_who_was_not() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("incident.yaml"), BOOK).unwrap();
    let runbook = |arguments: &[&str], code: i32| {
        let mut command = cargo_bin_cmd!("runbook");
        command.current_dir(dir.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("XDG_STATE_HOME", dir.path().join("state")).env("TZ", "UTC").args(arguments);
        let output = command.assert().code(code).get_output().clone();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (plan, _) = runbook(&["plan", "incident.yaml"], 0);
    assert!(
        plan.contains("escalation, from the beginning\n    after 0s: L1, L2\n      requires: postmortem\n"),
        "{plan}"
    );
    let (dry, _) = runbook(&["run", "--dry-run", "incident.yaml"], 0);
    assert!(dry.contains("would tell  after 0s: L1, L2") && dry.contains("log, broken: Begun"), "{dry}");
    assert!(!dir.path().join("told.log").exists(), "a dry run tells nobody");

    let (_, said) = runbook(&["run", "incident.yaml"], 0);
    let expected = "escalation, level 1: told L1; not told: L2 (exit code 3: no such number)";
    assert!(said.contains(expected), "{said}");
    assert!(said.contains("ok, but not told: broken (exit code 3: no such number)"), "{said}");

    let (runs, _) = runbook(&["runs", "--format", "json"], 0);
    let runs: Value = serde_json::from_str(&runs).unwrap();
    let id = runs[0]["id"].as_str().or_else(|| runs["runs"][0]["id"].as_str()).unwrap();
    let (shown, _) = runbook(&["show", id, "--format", "json"], 0);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let told = shown["told"].as_array().unwrap();
    let level = told.iter().find(|one| one["level"] == json!(1)).unwrap();
    assert_eq!(level["sent"], json!(["L1"]));
    assert_eq!(level["failed"], json!([{"to": "L2", "reason": "exit code 3: no such number"}]));
    assert_eq!(level["require"], "postmortem");
    let step = told.iter().find(|one| one["step"] == "tell").unwrap();
    assert_eq!(step["sent"], json!(["log"]));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0]["at"].as_str() <= told[1]["at"].as_str());

    let (shown, _) = runbook(&["show", id], 0);
    assert!(
        shown.contains("level 1: told L1; not told: L2 (exit code 3: no such number); requires postmortem"),
        "{shown}"
    );
    assert!(shown.contains("tell: told log; not told: broken"), "{shown}");
    let log = fs::read_to_string(dir.path().join("told.log")).unwrap();
    assert!(log.contains("\tL1\tP1 · Service is down: level 1\tP1 · Service is down: level 1\\nto: L1 (On-call Engineer), L2 (Tech Lead)\\nsince "), "{log}");
    assert!(log.contains(&format!("\t{id}\tlog\tBegun\tIt is being looked at\n")), "{log}");
}

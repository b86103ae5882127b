//! `explain`, `schema` and `schedule`, as people and scripts see them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;
use tempfile::TempDir;

fn place(book: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("book.yaml"), book).unwrap();
    dir
}

/// Standard output and standard error.
fn runbook(dir: &TempDir, arguments: &[&str], code: i32) -> (String, String) {
    let mut command = cargo_bin_cmd!("runbook");
    command.current_dir(dir.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env("XDG_STATE_HOME", dir.path().join("state")).env("TZ", "UTC").args(arguments);
    let output = command.assert().code(code).get_output().clone();
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

const BOOK: &str = "\
apiVersion: runbook/v1
kind: Runbook
name: nightly
title: Ночная копия
schedule: {cron: 30 3 * * mon-fri, timezone: Europe/Moscow}
inputs:
  keep: {type: int}
  note: {default: none}
steps:
  - {id: look, effect: read, run: [echo, hello]}
";

#[test]
fn a_key_is_explained_by_its_name_and_its_place() {
    let dir = place(BOOK);
    let (text, _) = runbook(&dir, &["explain", "step.retry"], 0);
    assert!(
        text.starts_with("step.retry: map\n") && text.contains("  retry: {attempts: 3, every: 5s}"),
        "{text}"
    );
    let (text, _) = runbook(&dir, &["explain", "retry"], 0);
    assert!(text.contains("consecutive") && text.contains("check.retry"), "{text}");
    let (text, _) = runbook(&dir, &["explain", "settle"], 0);
    assert!(text.starts_with("step.settle: duration\n"), "{text}");
    let (text, _) = runbook(&dir, &["explain", "timeout"], 0);
    assert!(
        text.contains("several places") && text.contains("step.timeout") && text.contains("confirm.timeout"),
        "{text}"
    );
    let (text, _) = runbook(&dir, &["explain", "target.become"], 0);
    assert!(text.contains("Not supported yet"), "{text}");
}

#[test]
fn a_code_is_explained_as_before() {
    let dir = place(BOOK);
    for written in ["RB0101", "rb0101", "101"] {
        let (text, _) = runbook(&dir, &["explain", written], 0);
        assert!(text.starts_with("RB0101: ") && text.contains("cure:"), "{text}");
    }
    let (_, said) = runbook(&dir, &["explain", "RB0199"], 2);
    assert!(said.contains("no diagnostic code `RB0199`") && said.contains("did you mean `RB01"), "{said}");
}

#[test]
fn a_slip_in_a_key_is_answered_with_what_was_meant() {
    let dir = place(BOOK);
    for (written, meant) in
        [("retyr", "`retry`"), ("step.retyr", "`step.retry`"), ("precondition", "`preconditions`")]
    {
        let (out, said) = runbook(&dir, &["explain", written], 2);
        assert!(out.is_empty() && said.contains(&format!("did you mean {meant}?")), "{said}");
    }
    assert!(runbook(&dir, &["explain", "qzqzqzqz"], 2).1.contains("keys look like `retry`"));
    assert!(runbook(&dir, &["explain", ""], 2).1.contains("no key"));
}

#[test]
fn the_schema_has_the_executors_of_this_program() {
    let dir = place(BOOK);
    let (text, said) = runbook(&dir, &["schema"], 0);
    assert_eq!(said, "");
    let schema: Value = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::draft7::new(&schema).unwrap();
    let book = |step: &str| -> Value {
        serde_yaml::from_str(&format!("apiVersion: runbook/v1\nkind: Runbook\nname: a\nsteps:\n  - {step}\n"))
            .unwrap()
    };
    for step in [
        "run: uptime",
        "http: {get: \"https://a.example.net\"}",
        "docker: {stop: a, timeout: \"${{ inputs.t }}\"}",
    ] {
        assert!(validator.is_valid(&book(step)), "{step}");
    }
    for step in ["rnu: uptime", "http: {gte: \"https://a.example.net\"}", "docker: {stop: a, timeout: 10}"] {
        assert!(!validator.is_valid(&book(step)), "{step}");
    }
    assert!(validator.is_valid(&serde_yaml::from_str(BOOK).unwrap()));
}

#[test]
fn a_plan_shows_the_next_three_times() {
    let dir = place(BOOK);
    let (text, _) = runbook(&dir, &["plan", "book.yaml", "-i", "keep=3"], 0);
    assert!(text.contains("schedule: 30 3 * * mon-fri (Europe/Moscow)\n"), "{text}");
    let times: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("  next: ")).collect();
    assert_eq!(times.len(), 3, "{text}");
    for time in times {
        assert!(time.ends_with(" 03:30 +03:00") && !time.starts_with('S'), "{time}");
    }
    let (json, _) = runbook(&dir, &["plan", "book.yaml", "-i", "keep=3", "--format", "json"], 0);
    assert!(!json.contains("  next: ") && json.contains("Europe/Moscow"), "{json}");
}

#[test]
fn a_schedule_is_printed_for_each_program() {
    let dir = place(BOOK);
    let shown = |form: &str, more: &[&str]| {
        let mut arguments =
            vec!["schedule", "book.yaml", "--as", form, "-i", "keep=3", "-i", "note=50% of it"];
        arguments.extend(more);
        let (text, said) = runbook(&dir, &arguments, 0);
        assert_eq!(said, "");
        text.replace(dir.path().to_str().unwrap(), "/opt")
    };
    let texts = [
        shown("crontab", &[]),
        shown("systemd", &[]),
        shown("kubernetes", &["--image", "a:1"]),
        shown("github", &[]),
    ];
    insta::assert_snapshot!(texts.join("----\n"));
}

#[test]
fn what_cannot_be_scheduled_is_refused() {
    let dir = place(BOOK);
    let (out, said) = runbook(&dir, &["schedule", "book.yaml", "--as", "crontab"], 2);
    assert!(out.is_empty() && said.contains("keep"), "an input without a value: {said}");
    let (out, said) = runbook(&dir, &["schedule", "book.yaml", "--as", "kubernetes", "-i", "keep=3"], 2);
    assert!(out.is_empty() && said.contains("--image"), "{said}");
    let dir = place(&BOOK.replace("Europe/Moscow", "Europe/Berlin"));
    let (out, said) = runbook(&dir, &["schedule", "book.yaml", "--as", "github", "-i", "keep=3"], 2);
    assert!(out.is_empty() && said.contains("changes its clocks"), "{said}");
    let without: String =
        BOOK.lines().filter(|line| !line.starts_with("schedule")).map(|line| format!("{line}\n")).collect();
    let dir = place(&without);
    let (out, said) = runbook(&dir, &["schedule", "book.yaml", "--as", "crontab", "-i", "keep=3"], 2);
    assert!(out.is_empty() && said.contains("has no `schedule`"), "{said}");
}

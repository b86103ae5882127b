//! `runbook classify`: the verdict, for people and for programs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;

fn run(arguments: &[&str], input: &str) -> String {
    let mut command = cargo_bin_cmd!("runbook");
    let assert = command.env_clear().arg("classify").args(arguments).write_stdin(input).assert().code(0);
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&run(&[&["--format", "json"], arguments].concat(), "")).unwrap()
}

#[test]
fn parts_that_decide_are_underlined() {
    let shown = run(&["tail -1 журнал | sudo sh -c 'rm -rf /data' && $x"], "");
    let expected = "\
effect:  destroy
secrets: none

  tail -1 журнал | sudo sh -c 'rm -rf /data' && $x
                               ^^^^^^^^^^^^ destroy: files are deleted

  tail -1 журнал | sudo sh -c 'rm -rf /data' && $x
                                                ^^ unknown: which program runs is not known

  tail -1 журнал | sudo sh -c 'rm -rf /data' && $x
  ^^^^^^^^^^^^^^ read: `tail` only reads
";
    assert_eq!(shown, expected);
}

#[test]
fn the_line_of_a_script_is_shown() {
    let shown = run(&["-"], "ls\ncat .env # secret\nls\n");
    assert!(shown.contains("secrets: it may show or carry some\n"), "{shown}");
    assert!(shown.contains("  cat .env # secret\n      ^^^^ secrets: `.env` may hold secrets\n"), "{shown}");
}

#[test]
fn what_deceives_the_eye_is_shown_for_what_it_is() {
    let shown = run(&["ls \u{202e}/data"], "");
    assert!(shown.contains("  ls \\u{202e}/data\n     ^^^^^^^^ unknown:"), "{shown}");
}

#[test]
fn programs_get_effect_secrets_and_reasons() {
    let found = json(&["cat .env > /backup"]);
    assert_eq!(found["effect"], "destroy");
    assert_eq!(found["secrets"], true);
    assert_eq!(found.as_object().unwrap().len(), 3);
    let reason = &found["reasons"][0];
    assert_eq!(reason["text"], "what was in `/backup` is lost");
    assert_eq!(reason["bytes"], serde_json::json!([9, 18]));
    assert_eq!(json(&["ls"])["effect"], "read");
    assert_eq!(json(&["$x"])["effect"], "unknown");
    assert_eq!(json(&["touch x"])["effect"], "change");
}

#[test]
fn several_arguments_are_a_program_that_no_shell_reads() {
    assert_eq!(json(&["--", "git", "status"])["effect"], "read");
    assert_eq!(json(&["git", "reset", "--hard"])["effect"], "destroy");
    assert_eq!(json(&["echo", "a; rm x", "$(rm y)"])["effect"], "read");
    assert_eq!(json(&["sh", "-c", "rm x"])["effect"], "destroy");
}

#[test]
fn the_shell_decides() {
    assert_eq!(json(&["[[ -f x ]]"])["effect"], "unknown");
    assert_eq!(json(&["--shell", "bash", "[[ -f x ]]"])["effect"], "read");
}

#[test]
fn a_command_is_needed() {
    cargo_bin_cmd!("runbook").arg("classify").assert().code(2);
}

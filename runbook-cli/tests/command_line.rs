//! The program as scripts see it: exit codes, standard output, standard error.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A directory with files and a state directory of its own.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        Place { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn runbook(&self, arguments: &[&str]) -> Command {
        let mut command = cargo_bin_cmd!("runbook");
        command.current_dir(self.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("XDG_STATE_HOME", self.path().join("state")).env("TZ", "UTC").args(arguments);
        command
    }

    fn stdout(&self, arguments: &[&str], code: i32) -> String {
        let output = self.runbook(arguments).assert().code(code).get_output().clone();
        String::from_utf8(output.stdout).unwrap()
    }

    fn stderr(&self, arguments: &[&str], code: i32) -> String {
        let output = self.runbook(arguments).assert().code(code).get_output().clone();
        String::from_utf8(output.stderr).unwrap()
    }

    fn json(&self, arguments: &[&str], code: i32) -> Value {
        serde_json::from_str(&self.stdout(arguments, code)).unwrap()
    }
}

const GOOD: &str = "\
apiVersion: runbook/v1
kind: Runbook
name: good
steps:
  - {id: look, effect: read, run: [echo, hello]}
";

const BAD: &str = "\
apiVersion: runbook/v1
kind: Runbook
name: bad
title: Ключ, 100% неверный
steps:
  - {id: look, effect: read, rnu: [echo, hello]}
";

const GATED: &str = "\
apiVersion: runbook/v1
kind: Runbook
name: gated
title: С вопросом
steps:
  - id: look
    effect: read
    run: [echo, hello]
  - id: make
    title: Создать файл
    effect: change
    confirm: Создать файл?
    run: touch made
    rollback:
      - run: rm made
  - id: check
    effect: read
    when: inputs.fail
    run: echo 'it is broken' >&2; exit 3
inputs:
  fail: {type: bool, default: false}
";

#[test]
fn wrong_usage_ends_with_2() {
    let place = Place::new(&[]);
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["validate"],
        &["run"],
        &["abandon", "last"],
        &["runs", "--format", "xml"],
        &["resume", "last", "--resolve", "a=maybe"],
        &["run", "a.yaml", "-i", "novalue"],
        &["run", "a.yaml", "--jobs", "0"],
        &["explain", "RB9999"],
    ] {
        place.runbook(arguments).assert().code(2);
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    let place = Place::new(&[]);
    assert!(place.stdout(&["--help"], 0).contains("Exit codes:"));
    assert!(place.stdout(&["--version"], 0).starts_with("runbook 0."));
    assert!(!place.path().join("state").exists());
}

#[test]
fn a_valid_file_is_quiet_but_for_the_summary() {
    let place = Place::new(&[("good.yaml", GOOD)]);
    assert_eq!(place.stdout(&["validate", "good.yaml"], 0), "");
    assert_eq!(place.stderr(&["validate", "good.yaml"], 0), "1 file, 0 errors, 0 warnings\n");
}

#[test]
fn every_file_of_a_directory_is_checked() {
    let place = Place::new(&[("good.yaml", GOOD), ("bad.yml", BAD), ("notes.txt", "not a runbook")]);
    let found = place.json(&["validate", ".", "--format", "json"], 2);
    let files: Vec<(&str, bool)> = found["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (file["file"].as_str().unwrap(), file["ok"].as_bool().unwrap()))
        .collect();
    assert_eq!(files, [("./bad.yml", false), ("./good.yaml", true)]);
}

#[test]
fn problems_as_json_have_code_place_and_help() {
    let place = Place::new(&[("bad.yaml", BAD)]);
    let found = place.json(&["validate", "bad.yaml", "--format", "json"], 2);
    let all = found["files"][0]["diagnostics"].as_array().unwrap();
    let unknown = all.iter().find(|one| one["code"] == "RB0101").unwrap();
    assert_eq!(unknown["severity"], "error");
    assert_eq!(unknown["place"]["file"], "bad.yaml");
    assert_eq!(unknown["place"]["start"], json!({"line": 6, "column": 30}));
    assert_eq!(unknown["place"]["end"], json!({"line": 6, "column": 33}));
    let bytes = unknown["place"]["bytes"].as_array().unwrap();
    let range = bytes[0].as_u64().unwrap() as usize..bytes[1].as_u64().unwrap() as usize;
    assert_eq!(&BAD[range], "rnu");
    assert_eq!(unknown["help"], json!(["did you mean `run`?"]));
}

#[test]
fn problems_for_github_are_workflow_commands() {
    let place = Place::new(&[("bad.yaml", BAD)]);
    let shown = place.stdout(&["validate", "bad.yaml", "--format", "github"], 2);
    assert!(!shown.is_empty());
    for line in shown.lines() {
        assert!(line.starts_with("::error file=bad.yaml,line=6,col="), "{line}");
        assert!(line.contains(",title=RB0"), "{line}");
    }
}

#[test]
fn standard_input_can_be_checked() {
    let place = Place::new(&[]);
    place.runbook(&["validate", "-"]).write_stdin(GOOD).assert().code(0);
    let bad = place.runbook(&["validate", "-"]).write_stdin(BAD).assert().code(2).get_output().clone();
    assert!(String::from_utf8(bad.stdout).unwrap().contains("<stdin>:6:30"));
}

#[test]
fn what_cannot_be_read_is_a_diagnostic_and_the_other_files_are_checked() {
    let place = Place::new(&[("good.yaml", GOOD)]);
    std::fs::write(place.path().join("latin1.yaml"), b"name: caf\xe9\n").unwrap();
    let found = place.json(&["validate", "absent.yaml", "latin1.yaml", "good.yaml", "--format", "json"], 2);
    assert_eq!(found["files"][0]["diagnostics"][0]["code"], "RB0506");
    assert_eq!(found["files"][1]["diagnostics"][0]["code"], "RB0002");
    assert_eq!(found["files"][1]["diagnostics"][0]["place"]["start"], json!({"line": 1, "column": 10}));
    assert_eq!(found["files"][2]["ok"], true);
    let shown = place.stdout(&["validate", "absent.yaml", "latin1.yaml"], 2);
    assert!(shown.contains("cannot read `absent.yaml`: no such file or directory"), "{shown}");
    assert!(shown.contains("the byte 0xe9 is not UTF-8 text"), "{shown}");
}

#[test]
fn nothing_in_a_file_reaches_the_terminal_raw() {
    let text = format!("{GOOD}title: \"a\u{202e}b\x1b[31mc\u{9b}d\"\n\x07: 1\n");
    let place = Place::new(&[("evil\x1b[2J.yaml", &text)]);
    let shown = place.stdout(&["validate", "evil\x1b[2J.yaml"], 2);
    let raw = |c: char| c != '\n' && (c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
    assert!(!shown.contains(raw), "{shown:?}");
}

#[test]
fn colour_is_off_unless_it_is_asked_for() {
    let place = Place::new(&[("bad.yaml", BAD)]);
    assert!(!place.stdout(&["validate", "bad.yaml"], 2).contains('\x1b'));
    assert!(place.stdout(&["--color", "always", "validate", "bad.yaml"], 2).contains('\x1b'));
}

#[test]
fn a_code_is_explained() {
    let place = Place::new(&[]);
    let shown = place.stdout(&["explain", "rb0101"], 0);
    assert!(shown.starts_with("RB0101: a key the language does not know\n"), "{shown}");
    assert!(shown.contains("\ncause: ") && shown.contains("\ncure:  "), "{shown}");
}

#[test]
fn completions_know_the_commands() {
    let place = Place::new(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.stdout(&["completions", shell], 0);
        assert!(script.contains("rollback") && script.contains("non-interactive"), "{shell}");
    }
}

#[test]
fn looking_makes_no_state_directory() {
    let place = Place::new(&[]);
    assert_eq!(place.json(&["runs", "--format", "json"], 0), json!([]));
    assert_eq!(place.stderr(&["runs"], 0), "no runs yet\n");
    let shown = place.stderr(&["show", "last"], 2);
    assert!(shown.starts_with("error: there is no run `last`\n"), "{shown}");
    assert!(!place.path().join("state").exists());
}

#[test]
fn a_gate_without_anybody_suspends_and_the_run_is_finished_later() {
    let place = Place::new(&[("gated.yaml", GATED)]);
    let said = place.stderr(&["run", "gated.yaml"], 6);
    assert!(said.contains("suspended"), "{said}");
    assert!(!place.path().join("made").exists());

    let runs = place.json(&["runs", "--format", "json"], 0);
    let id = runs[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(runs[0]["status"], "suspended");
    assert_eq!(runs[0]["runbook"], "gated");
    assert_eq!(runs[0]["alive"], false);
    let shown = place.json(&["show", &id, "--format", "json"], 0);
    assert_eq!(shown["waiting"][0]["step"], "make");
    assert_eq!(shown["waiting"][0]["kind"], "gate");
    assert_eq!(shown["next"], format!("runbook approve {id} make"));

    let wrong = place.stderr(&["approve", "last", "look"], 2);
    assert!(wrong.contains("does not wait") && wrong.contains("these steps wait: make"), "{wrong}");
    let misspelt = place.stderr(&["approve", "last", "mkae"], 2);
    assert!(misspelt.contains("did you mean `make`?"), "{misspelt}");

    let approved = place.stderr(&["approve", &id[..id.len() - 1], "make"], 0);
    assert!(approved.contains(&format!("next: runbook resume {id}")), "{approved}");
    let again = place.stderr(&["deny", "last", "make"], 2);
    assert!(again.contains("answered already"), "{again}");
    assert_eq!(place.json(&["show", "last", "--format", "json"], 0)["next"], format!("runbook resume {id}"));

    place.runbook(&["resume", "last"]).assert().code(0);
    assert!(place.path().join("made").exists());
    let shown = place.json(&["show", "last", "--format", "json"], 0);
    assert_eq!(shown["status"], "succeeded");
    assert_eq!(shown["next"], Value::Null);
    assert_eq!(shown["steps"][0]["stdout"], "hello\n");
    assert_eq!(shown["steps"][1]["approved_by"]["how"], "runbook approve");
    assert!(place.stderr(&["resume", "last"], 2).contains("the run is over"));
}

#[test]
fn a_denied_step_does_not_act() {
    let place = Place::new(&[("gated.yaml", GATED)]);
    place.runbook(&["run", "gated.yaml"]).assert().code(6);
    place.runbook(&["deny", "last", "make"]).assert().code(0);
    place.runbook(&["resume", "last"]).assert().code(7);
    assert!(!place.path().join("made").exists());
}

#[test]
fn a_failure_is_offered_for_rollback_or_rolled_back_at_once() {
    let place = Place::new(&[("gated.yaml", GATED)]);
    let failing = ["run", "gated.yaml", "--yes", "-i", "fail=true"];
    let said = place.stderr(&failing, 5);
    assert!(said.contains("it is broken") && said.contains("next         runbook rollback "), "{said}");
    assert!(place.path().join("made").exists());
    place.runbook(&["rollback", "last"]).assert().code(4);
    assert!(!place.path().join("made").exists());
    assert!(place.stderr(&["rollback", "last"], 2).contains("nothing to undo"));

    place.runbook(&[&failing[..], &["--rollback", "auto"]].concat()).assert().code(4);
    assert!(!place.path().join("made").exists());
    place.runbook(&[&failing[..], &["--rollback", "never"]].concat()).assert().code(1);
    assert!(place.path().join("made").exists());
}

#[test]
fn a_run_can_be_given_up() {
    let place = Place::new(&[("gated.yaml", GATED)]);
    place.runbook(&["run", "gated.yaml"]).assert().code(6);
    place.runbook(&["abandon", "last", "--reason", " "]).assert().code(2);
    place.runbook(&["abandon", "last", "--reason", "не нужно"]).assert().code(0);
    let shown = place.json(&["show", "last", "--format", "json"], 0);
    assert_eq!((&shown["status"], &shown["abandoned"]), (&json!("abandoned"), &json!("не нужно")));
}

#[test]
fn the_log_can_be_followed_as_json() {
    let place = Place::new(&[("gated.yaml", GATED)]);
    let stream = place.stdout(&["run", "gated.yaml", "--json", "--approve", "make"], 0);
    let lines: Vec<Value> = stream.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (end, entries) = lines.split_last().unwrap();
    assert_eq!(
        (&end["event"], &end["status"], &end["exit_code"]),
        (&json!("end"), &json!("succeeded"), &json!(0))
    );
    let runs = place.json(&["runs", "--format", "json"], 0);
    for (at, entry) in entries.iter().enumerate() {
        assert_eq!(entry["seq"], at as u64 + 1);
        assert_eq!(entry["run"], runs[0]["id"]);
        assert_eq!(entry.get("node").is_some(), entry.get("key").is_some(), "{entry}");
    }
    let decided = entries.iter().find(|entry| entry["event"] == "gate_decided").unwrap();
    assert_eq!((&decided["key"], &decided["by"]["how"]), (&json!("make"), &json!("--approve")));
}

#[test]
fn inputs_come_from_the_command_line_then_a_file_then_the_environment_then_the_default() {
    let book = "\
apiVersion: runbook/v1
kind: Runbook
name: inputs
inputs:
  who: {type: string, default: default}
  many: {type: int, default: 1}
steps:
  - {id: say, effect: read, run: [echo, \"${{ inputs.who }} ${{ inputs.many }}\"]}
";
    let place = Place::new(&[("book.yaml", book), ("inputs.yaml", "who: file\nmany: 2\n")]);
    let said = |arguments: &[&str], environment: Option<&str>| {
        let mut command = place.runbook(&[&["run", "book.yaml"], arguments].concat());
        if let Some(value) = environment {
            command.env("RUNBOOK_INPUT_WHO", value);
        }
        command.assert().code(0);
        place.json(&["show", "last", "--format", "json"], 0)["steps"][0]["stdout"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(said(&[], None), "default 1\n");
    assert_eq!(said(&[], Some("environment")), "environment 1\n");
    assert_eq!(said(&["--inputs", "inputs.yaml"], Some("environment")), "file 2\n");
    assert_eq!(said(&["--inputs", "inputs.yaml", "-i", "who=a=b"], Some("environment")), "a=b 2\n");

    let wrong = place.stderr(&["run", "book.yaml", "-i", "whom=x"], 2);
    assert!(wrong.contains("RB0501") && wrong.contains("`who`"), "{wrong}");
    assert!(place.stderr(&["run", "book.yaml", "-i", "many=x"], 2).contains("RB0503"));
    assert!(place.stderr(&["run", "book.yaml", "--inputs", "absent"], 2).contains("cannot read `absent`"));
}

#[test]
fn misspelt_approvals_are_refused_before_anything_happens() {
    let place = Place::new(&[("gated.yaml", GATED)]);
    let said = place.stderr(&["run", "gated.yaml", "--approve", "mkae"], 2);
    assert!(said.contains("did you mean `make`?"), "{said}");
    assert!(!place.path().join("state").exists());
}

#[test]
fn a_manual_step_is_answered_by_flags_or_later() {
    let book = "\
apiVersion: runbook/v1
kind: Runbook
name: manual
steps:
  - id: pick
    manual:
      instructions: Выбери копию
      fields:
        archive: {type: string}
        size: {type: int, min: 1}
  - {id: say, effect: read, run: [echo, \"${{ steps.pick.outputs.archive }}\"]}
";
    let place = Place::new(&[("book.yaml", book)]);
    let answers = ["run", "book.yaml", "--answer", "pick.archive=a.tar", "--answer", "pick.size=3"];
    place.runbook(&answers).assert().code(0);
    let shown = place.json(&["show", "last", "--format", "json"], 0);
    assert_eq!(shown["steps"][0]["outputs"], json!({"archive": "a.tar", "size": 3}));
    assert_eq!(shown["steps"][1]["stdout"], "a.tar\n");
    assert!(place.stderr(&["run", "book.yaml", "--answer", "pick.size=0"], 2).contains("too small"));

    place.runbook(&["run", "book.yaml"]).assert().code(6);
    assert!(
        place.stderr(&["approve", "last", "pick", "--field", "size=4"], 2).contains("`archive` has no value")
    );
    place
        .runbook(&["approve", "last", "pick", "--field", "size=4", "--field", "archive=b.tar"])
        .assert()
        .code(0);
    place.runbook(&["resume", "last"]).assert().code(0);
    assert_eq!(place.json(&["show", "last", "--format", "json"], 0)["steps"][1]["stdout"], "b.tar\n");
}

#[test]
fn a_phrase_must_be_given_exactly() {
    let book = "\
apiVersion: runbook/v1
kind: Runbook
name: phrase
steps:
  - id: wipe
    effect: destroy
    confirm: {message: Стереть?, phrase: стереть всё, self: allow}
    run: touch wiped
";
    let place = Place::new(&[("book.yaml", book)]);
    place.runbook(&["run", "book.yaml", "--yes", "--approve", "wipe"]).assert().code(6);
    assert!(place.stderr(&["approve", "last", "wipe"], 2).contains("asks for a phrase"));
    assert!(
        place.stderr(&["approve", "last", "wipe", "--phrase", "Стереть всё"], 2).contains("not the phrase")
    );
    place.runbook(&["approve", "last", "wipe", "--phrase", "стереть всё"]).assert().code(0);
    place.runbook(&["resume", "last"]).assert().code(0);
    assert!(place.path().join("wiped").exists());
}

#[test]
fn a_dry_run_touches_nothing() {
    let place = Place::new(&[("gated.yaml", GATED)]);
    let walk = place.stdout(&["run", "gated.yaml", "--dry-run"], 0);
    assert!(walk.contains("touch made"), "{walk}");
    let steps = place.json(&["run", "gated.yaml", "--dry-run", "--json"], 0)["steps"].clone();
    assert_eq!((&steps[1]["key"], &steps[1]["verdict"]), (&json!("make"), &json!("would_run")));
    let left: Vec<_> =
        std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["gated.yaml"]);
}

#[test]
fn what_a_cleanup_took_away_is_not_left_behind() {
    let text = "\
apiVersion: runbook/v1
kind: Runbook
name: tidy
on_failure: {rollback: auto}
steps:
  - {id: scratch, run: touch scratch, cleanup: [{run: rm scratch}]}
  - {id: other, run: touch other}
  - {id: fail, effect: read, run: exit 1}
";
    let place = Place::new(&[("tidy.yaml", text)]);
    let told = place.stderr(&["run", "tidy.yaml"], 1);
    let left = told.lines().find(|line| line.contains("not undone")).unwrap();
    assert!(left.contains("other"), "{told}");
    assert!(
        !told.lines().skip_while(|line| !line.contains("not undone")).any(|l| l.contains("scratch")),
        "{told}"
    );
    assert!(!place.path().join("scratch").exists());
}

#[test]
#[cfg(target_os = "linux")]
fn commands_with_an_effect_are_held_by_a_keeper_that_goes_with_the_run() {
    let text = "\
apiVersion: runbook/v1
kind: Runbook
name: kept
steps:
  - {id: tell, effect: change, effect_because: the files are its own, run: \"echo $PPID >pid; tr '\\\\0' ' ' </proc/$PPID/cmdline >line\"}
";
    let place = Place::new(&[("kept.yaml", text)]);
    place.runbook(&["run", "kept.yaml"]).assert().code(0);
    let line = std::fs::read_to_string(place.path().join("line")).unwrap();
    assert!(line.ends_with("runbook local-keeper "), "{line}");
    let pid = std::fs::read_to_string(place.path().join("pid")).unwrap();
    let line = format!("/proc/{}/cmdline", pid.trim());
    let start = std::time::Instant::now();
    while std::fs::read(&line).is_ok_and(|line| !line.is_empty()) {
        assert!(start.elapsed().as_secs() < 20, "the keeper stays");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    // It is nothing that people would type.
    assert!(!place.stdout(&["--help"], 0).contains("keeper"));
    assert_eq!(place.stderr(&["local-keeper"], 1), "");
}

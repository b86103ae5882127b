//! Who may say yes, for how long, and what a log shows afterwards: as people at terminals see it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::{Value, json};

struct Place(tempfile::TempDir);

impl Place {
    fn new(book: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let head = "apiVersion: runbook/v1\nkind: Runbook\nname: book\n";
        fs::write(dir.path().join("book.yaml"), format!("{head}{}", book.replace("ME", &me()))).unwrap();
        Place(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = cargo_bin_cmd!("runbook");
        command.current_dir(self.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("XDG_STATE_HOME", self.path().join("state")).env("TZ", "UTC").args(arguments);
        command
    }

    /// Standard output and standard error.
    fn runbook(&self, arguments: &[&str], code: i32) -> (String, String) {
        let output = self.command(arguments).assert().code(code).get_output().clone();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    fn said(&self, arguments: &[&str], code: i32) -> String {
        self.runbook(arguments, code).1
    }

    fn show(&self) -> Value {
        serde_json::from_str(&self.runbook(&["show", "last", "--format", "json"], 0).0).unwrap()
    }

    fn has(&self, name: &str) -> bool {
        self.path().join(name).exists()
    }
}

/// Whoever runs these tests, as the program knows them.
fn me() -> String {
    let run = std::process::Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(run.stdout).unwrap().trim().to_owned()
}

#[test]
fn who_started_a_run_does_not_agree_to_what_destroys_unless_the_runbook_says_so() {
    let book = "steps: [{id: wipe, effect: destroy, confirm: Wipe it?, run: touch wiped}]\n";
    let place = Place::new(book);
    let plan = place.runbook(&["plan", "book.yaml"], 0).0;
    assert!(plan.contains("not whoever starts the run"), "{plan}");
    for flags in [&["--yes"][..], &["--approve", "wipe"]] {
        let said = place.said(&[&["run", "book.yaml"], flags].concat(), 6);
        assert!(said.contains("somebody else than who started the run"), "{said}");
    }
    let said = place.said(&["approve", "last", "wipe"], 2);
    assert!(said.contains("whoever started the run cannot agree") && said.contains("self: allow"), "{said}");
    place.runbook(&["resume", "last"], 6);
    assert!(!place.has("wiped"));
    // To say no, one is enough.
    place.runbook(&["deny", "last", "wipe"], 0);
    place.runbook(&["resume", "last"], 7);

    let place = Place::new(&book.replace("confirm: Wipe it?", "confirm: {message: Wipe it?, self: allow}"));
    let plan = place.runbook(&["plan", "book.yaml"], 0).0;
    assert!(plan.contains("whoever starts the run may agree"), "{plan}");
    place.runbook(&["run", "book.yaml", "--yes"], 6);
    assert!(!place.has("wiped"), "`--yes` never covers it");
    place.runbook(&["run", "book.yaml", "--approve", "wipe"], 0);
    let by = &place.show()["steps"][0]["approvals"][0]["by"];
    assert_eq!(*by, json!({"who": me(), "how": "--approve"}), "it is on record who agreed");
}

#[test]
fn one_of_two_people_is_not_enough_and_counts_once() {
    let place = Place::new(
        "roles: {dba: [ME, nobody-else]}\nsteps:\n  - id: gated\n    run: touch ran\n    \
         confirm: {message: Really?, roles: [dba], approvers_min: 2}\n",
    );
    let said = place.said(&["run", "book.yaml", "--yes"], 6);
    assert!(said.contains(&format!("needs 2 people of dba ({}, nobody-else)", me())), "{said}");
    assert!(
        place.show()["waiting"][0]["approvals"].as_array().unwrap().is_empty(),
        "`--yes` says nothing here"
    );
    let said = place.said(&["approve", "last", "gated"], 0);
    assert!(said.contains("question  Really?") && said.contains("action    touch ran"), "{said}");
    assert!(said.contains(&format!("approved by {}; 1 more person must agree", me())), "{said}");
    assert!(place.said(&["approve", "last", "gated"], 2).contains("they have agreed already"));
    let said = place.said(&["resume", "last", "--approve", "gated"], 6);
    assert!(said.contains("1 more person must agree"), "{said}");
    let waits = &place.show()["waiting"][0];
    assert_eq!(waits["needs"], 1);
    assert_eq!(waits["answered"], false);
    assert_eq!(waits["approvals"][0]["by"]["who"], me());
    assert!(!place.has("ran"));
}

#[test]
fn who_has_no_role_decides_nothing() {
    let place = Place::new(
        "roles: {dba: [nobody-else]}\nsteps:\n  - {id: gated, run: touch ran, confirm: {message: Really?, roles: dba}}\n  \
         - {id: by_hand, needs: [], manual: {instructions: Look, roles: [no-such-group]}}\n",
    );
    place.runbook(&["run", "book.yaml", "--approve", "gated", "--approve", "by_hand"], 6);
    for command in ["approve", "deny"] {
        let said = place.said(&[command, "last", "gated"], 2);
        assert!(said.contains("somebody of dba (nobody-else) can"), "{said}");
        assert!(place.said(&[command, "last", "by_hand"], 2).contains("no-such-group"));
    }
}

#[test]
fn the_groups_of_the_operating_system_are_roles() {
    let run = std::process::Command::new("id").arg("-gn").output().unwrap();
    let group = String::from_utf8(run.stdout).unwrap();
    let place = Place::new(&format!(
        "steps: [{{id: gated, run: touch ran, confirm: {{message: Really?, roles: [{}]}}}}]\n",
        group.trim()
    ));
    place.runbook(&["run", "book.yaml"], 6);
    place.runbook(&["approve", "last", "gated"], 0);
    place.runbook(&["resume", "last"], 0);
    assert_eq!(place.show()["steps"][0]["approvals"][0]["by"]["roles"], json!([group.trim()]));
}

#[test]
fn a_yes_expires() {
    let place = Place::new("steps: [{id: gated, run: touch ran, confirm: Really?}]\n");
    place.runbook(&["run", "book.yaml"], 6);
    place.runbook(&["approve", "last", "gated", "--expires", "1ms"], 0);
    let said = place.said(&["resume", "last"], 6);
    assert!(said.contains("approve"), "{said}");
    assert!(place.said(&["approve", "last", "gated", "--expires", "0s"], 2).contains("no time at all"));
    let said = place.said(&["approve", "last", "gated", "--expires", "1h"], 0);
    assert!(said.contains("the step must begin before"), "{said}");
    place.runbook(&["resume", "last"], 0);
    assert!(place.has("ran"));
}

#[test]
fn what_is_asked_cannot_steer_the_terminal_of_whoever_looks() {
    let evil = r"\e[2J\e]0;title\a\u202Egnp\u2066\u200b\u009b31m\rok";
    let place = Place::new(&format!(
        "steps:\n  - id: gated\n    run: [echo, \"{evil}\"]\n    confirm: {{message: \"Go {evil}?\", show: \"{evil}\", roles: [\"r{evil}\"]}}\n  \
         - {{id: by_hand, needs: [], manual: \"{evil}\"}}\n  - {{id: plain, needs: [], run: [echo, \"{evil}\"], confirm: \"{evil}\"}}\n"
    ));
    let clean = |text: &str| {
        let bad = |c: char| {
            c.is_control() && c != '\n'
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}')
        };
        assert!(!text.contains(bad), "{text:?}");
        assert!(text.contains(r"\u{1b}[2J"), "it is shown, made visible: {text}");
    };
    clean(&place.runbook(&["plan", "book.yaml"], 0).0);
    clean(&place.said(&["run", "book.yaml"], 6));
    clean(&place.runbook(&["show", "last"], 0).0);
    clean(&place.said(&["approve", "last", "gated"], 2));
    clean(&place.said(&["approve", "last", "plain"], 0));
}

#[test]
fn a_log_is_checked_where_it_is_and_after_it_was_exported() {
    let place = Place::new("steps: [{id: a, run: 'true'}, {id: b, run: 'true'}]\n");
    place.runbook(&["run", "book.yaml"], 0);
    let (whole, note) = place.runbook(&["audit", "verify", "last"], 0);
    let head = whole.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(whole.starts_with("whole: ") && head.len() == 64, "{whole}");
    assert!(note.contains("--head"), "{note}");
    let (exported, _) = place.runbook(&["audit", "export", "last"], 0);
    let file = place.path().join("log.jsonl");
    let verify = |text: &str, arguments: &[&str], code: i32| {
        fs::write(&file, text).unwrap();
        place.runbook(&[&["audit", "verify", "log.jsonl"], arguments].concat(), code).0
    };
    assert_eq!(verify(&exported, &["--head", &head], 0), whole);
    assert!(verify(&exported, &["--head", &"0".repeat(64)], 1).contains("missing at the end"));
    assert!(verify(&exported.replacen("\"ok\":true", "\"ok\":false", 1), &[], 1).contains("was changed"));

    let lines: Vec<&str> = exported.lines().collect();
    let without: Vec<&str> =
        lines.iter().enumerate().filter(|(at, _)| *at != 3).map(|(_, line)| *line).collect();
    assert!(verify(&without.join("\n"), &[], 1).contains("line 4: entry 3 is missing"));
    let mut swapped = lines.clone();
    swapped.swap(2, 3);
    assert!(verify(&swapped.join("\n"), &[], 1).contains("line 3: "));
    let cut = lines[..lines.len() - 1].join("\n");
    let found: Value = serde_json::from_str(&verify(&cut, &["--format", "json"], 1)).unwrap();
    assert_eq!((&found["whole"], &found["line"]), (&json!(false), &json!(lines.len())));
    place.runbook(&["audit", "verify", "no-such-run"], 2);
}

const CANARY: &str = "c4n4ry-Zwölf/+x9";

/// Every byte of every file below `directory`.
fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut found, mut left) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(here) = left.pop() {
        for entry in fs::read_dir(here).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                found.push((path.clone(), fs::read(path).unwrap_or_default()));
            }
        }
    }
    found
}

#[test]
fn a_secret_is_in_no_file_no_output_and_no_list_of_processes() {
    let place = Place::new(
        "inputs: {password: {type: string, sensitive: true, pattern: '.{8,}'}}\n\
         secrets: {token: {env: TOKEN}, key: {file: vault/key}}\n\
         steps:\n  \
         - id: use\n    env: {PASSWORD: '${{ inputs.password }}', TOKEN: '${{ secrets.token }}', KEY: '${{ secrets.key }}'}\n    \
           stdin: 'login ${{ inputs.password }}'\n    \
           run: |\n      \
             cat; echo; echo \"$PASSWORD $TOKEN $KEY\"; echo \"$PASSWORD\" | base64 >&2; printf %s \"$PASSWORD\" | wc -c > length\n      \
             for each in /proc/[0-9]*/cmdline; do tr '\\0' ' ' 2>/dev/null < \"$each\" || true; echo; done > processes\n    \
           outputs: {said: result.stdout}\n    evidence: true\n  \
         - {id: gated, run: 'true', confirm: {message: Go on?, show: '${{ steps.use.outputs.said }}'}}\n  \
         - id: again\n    env: {PASSWORD: '${{ inputs.password }}'}\n    run: 'echo \"$PASSWORD\"; exit 3'\n",
    );
    fs::create_dir(place.path().join("vault")).unwrap();
    fs::write(place.path().join("vault/key"), CANARY).unwrap();
    let mut outputs = Vec::new();
    let mut run = |arguments: &[&str], code: i32| {
        let mut command = place.command(arguments);
        command.env("TOKEN", CANARY).env("RUNBOOK_INPUT_PASSWORD", CANARY);
        let output = command.assert().code(code).get_output().clone();
        outputs.push((arguments.join(" "), [output.stdout, output.stderr].concat()));
    };
    run(&["validate", "book.yaml"], 0);
    run(&["plan", "book.yaml"], 0);
    run(&["plan", "book.yaml", "--format", "json"], 0);
    run(&["run", "book.yaml", "--dry-run"], 0);
    run(&["run", "book.yaml", "--json"], 6);
    run(&["show", "last"], 0);
    run(&["approve", "last", "gated"], 0);
    run(&["resume", "last"], 1);
    run(&["show", "last"], 0);
    run(&["show", "last", "--format", "json"], 0);
    run(&["runs"], 0);
    run(&["audit", "export", "last"], 0);
    run(&["audit", "verify", "last"], 0);

    let length = fs::read_to_string(place.path().join("length")).unwrap();
    assert_eq!(length.trim(), CANARY.len().to_string(), "it was used");
    assert!(
        fs::read_to_string(place.path().join("processes")).unwrap().contains("runbook"),
        "it was looked for"
    );
    // `echo $PASSWORD | base64` and the line break that goes with it.
    let spellings = [CANARY.as_bytes().to_vec(), b"YzRuNHJ5LVp3w7ZsZi8reD".to_vec()];
    let holds = |bytes: &[u8]| spellings.iter().any(|s| bytes.windows(s.len()).any(|window| window == s));
    let seen: Vec<_> = files(place.path())
        .into_iter()
        .filter(|(path, bytes)| !path.ends_with("vault/key") && holds(bytes))
        .map(|(path, _)| path)
        .collect();
    assert!(seen.is_empty(), "in files: {seen:?}");
    for (command, output) in &outputs {
        assert!(!holds(output), "`runbook {command}` shows it: {}", String::from_utf8_lossy(output));
    }
    let log =
        String::from_utf8(outputs.iter().find(|(c, _)| c.starts_with("audit export")).unwrap().1.clone());
    let log = log.unwrap();
    assert_eq!(log.matches("\"event\":\"secret_seen\"").count(), 3, "once each, also after the resume");
}

#[test]
fn another_secret_at_the_resume_is_noticed_and_its_value_is_not_kept() {
    let place = Place::new(
        "inputs: {password: {type: string, sensitive: true}}\nsteps:\n  \
         - {id: use, env: {P: '${{ inputs.password }}'}, run: 'test -n \"$P\"'}\n  \
         - {id: gated, run: 'true', confirm: Go on?}\n  - {id: again, env: {P: '${{ inputs.password }}'}, run: 'test -n \"$P\"'}\n",
    );
    fs::write(place.path().join("in.yaml"), "password: first-secret\n").unwrap();
    place.runbook(&["run", "book.yaml", "--inputs", "in.yaml"], 6);
    place.runbook(&["approve", "last", "gated"], 0);
    // The value was kept nowhere, so without it the step cannot begin.
    let said = place.said(&["resume", "last"], 1);
    assert!(said.contains("RUNBOOK_INPUT_PASSWORD"), "{said}");

    place.runbook(&["run", "book.yaml", "--inputs", "in.yaml"], 6);
    place.runbook(&["approve", "last", "gated"], 0);
    assert!(place.said(&["resume", "last", "-i", "other=x"], 2).contains("not a sensitive input"));
    let said = place.said(&["resume", "last", "-i", "password=second-secret"], 0);
    assert!(said.contains("can be seen in the list of processes"), "{said}");
    let log = place.runbook(&["audit", "export", "last"], 0).0;
    assert!(log.contains("\"changed\":true"), "{log}");
    assert!(!log.contains("first-secret") && !log.contains("second-secret"));
}

#[test]
fn a_sensitive_input_stands_only_where_secrets_may() {
    let place = Place::new(
        "inputs: {password: {type: string, sensitive: true}}\nvars: {x: '${{ inputs.password }}'}\nsteps:\n  \
         - {id: a, run: 'echo ${{ inputs.password }}'}\n  - {id: b, when: inputs.password == 'x', run: 'true'}\n",
    );
    let said = place.runbook(&["validate", "book.yaml"], 2).0;
    assert_eq!(said.matches("a secret would be seen here").count(), 3, "{said}");
    let place = Place::new(
        "inputs: {n: {type: int, sensitive: true}, d: {sensitive: true, default: x}}\nsteps: [{run: 'true'}]\n",
    );
    let said = place.runbook(&["validate", "book.yaml"], 2).0;
    assert_eq!(said.matches("RB0861").count(), 2, "{said}");
    let place =
        Place::new("inputs: {password: {type: string, sensitive: true, min: 8}}\nsteps: [{run: 'true'}]\n");
    let said = place.said(&["plan", "book.yaml", "-i", "password=short77"], 2);
    assert!(!said.contains("short77"), "what does not fit is a secret all the same: {said}");
}

//! `runbook lint`, and findings as SARIF.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

const HABITS: &str = "apiVersion: runbook/v1
kind: Runbook
name: habits
review_by: 2026-01-31
defaults: {timeout: 1m}
steps:
  - id: restart
    title: Перезапуск
    run: systemctl restart app; sleep 5
  - id: follow
    effect: read
    run: journalctl -u app || true
    lint_exceptions: {swallowed_status: \"the journal may be \\\"rotated\\\" away\"}
";

struct Place(tempfile::TempDir);

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let place = Place(tempfile::tempdir().unwrap());
        for (name, text) in files {
            fs::write(place.0.path().join(name), text).unwrap();
        }
        place
    }

    fn runbook(&self, arguments: &[&str]) -> Output {
        Command::cargo_bin("runbook").unwrap().args(arguments).current_dir(self.0.path()).output().unwrap()
    }
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[test]
fn findings_end_with_1_problems_with_2_and_nothing_with_0() {
    let well = HABITS
        .replace("; sleep 5", "\n    verify: [{run: systemctl is-active app}]")
        .replace("2026-01", "2099-01");
    let place = Place::new(&[
        ("habits.yaml", HABITS),
        ("well.yaml", &well),
        ("broken.yaml", "apiVersion: runbook/v1\nkind: Runbook\nname: x\nsteps: []\n"),
    ]);
    assert_eq!(code(&place.runbook(&["lint", "habits.yaml"])), 1);
    assert_eq!(code(&place.runbook(&["lint", "well.yaml"])), 0);
    assert_eq!(code(&place.runbook(&["lint", "well.yaml", "broken.yaml"])), 2);
    assert_eq!(code(&place.runbook(&["lint", "no-such.yaml"])), 2);
}

#[test]
fn people_see_the_lines() {
    let place = Place::new(&[("habits.yaml", HABITS)]);
    let output = place.runbook(&["lint", "habits.yaml", "--date", "2026-02-01"]);
    let shown =
        format!("{}{}", String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    insta::assert_snapshot!(shown);
}

#[test]
fn the_day_can_be_given() {
    let place = Place::new(&[("habits.yaml", HABITS)]);
    let overdue = |day: &str| {
        let output = place.runbook(&["lint", "habits.yaml", "--format", "github", "--date", day]);
        String::from_utf8(output.stdout).unwrap().contains("RB0407")
    };
    assert!(!overdue("2026-01-31"));
    assert!(overdue("2026-02-01"));
}

#[test]
fn programs_see_what_is_silenced_and_why() {
    let place = Place::new(&[("habits.yaml", HABITS)]);
    let found = json(&place.runbook(&["lint", "habits.yaml", "--format", "json"]));
    let silenced = &found["files"][0]["silenced"][0];
    assert_eq!(silenced["code"], "RB0907");
    assert_eq!(silenced["reason"], "the journal may be \"rotated\" away");
    assert_eq!(found["files"][0]["ok"], false);
}

/// The parts of the schema of SARIF 2.1.0 that consumers rely on.
fn is_sarif(log: &Value) {
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().unwrap().contains("sarif-2.1.0"));
    let run = &log["runs"].as_array().unwrap()[0];
    let driver = &run["tool"]["driver"];
    assert!(!driver["name"].as_str().unwrap().is_empty());
    let rules = driver["rules"].as_array().unwrap();
    let ids: Vec<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    let mut unique = ids.clone();
    unique.dedup();
    assert_eq!(ids, unique);
    for rule in rules {
        for key in ["shortDescription", "fullDescription", "help"] {
            assert!(!rule[key]["text"].as_str().unwrap().is_empty(), "{rule}");
        }
    }
    assert!(["unicodeCodePoints", "utf16CodeUnits"].contains(&run["columnKind"].as_str().unwrap()));
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(result["ruleId"], ids[index]);
        assert!(["none", "note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        assert_eq!(result["locations"].as_array().unwrap().len(), 1);
        let related = result["relatedLocations"].as_array().cloned().unwrap_or_default();
        for location in result["locations"].as_array().unwrap().iter().chain(&related) {
            let place = &location["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().unwrap();
            assert!(!uri.contains([' ', '\\', '<', '"']) && uri.is_ascii(), "{uri}");
            let region = |key: &str| place["region"][key].as_u64().unwrap();
            assert!(region("startLine") >= 1 && region("startColumn") >= 1);
            let (start, end) =
                ((region("startLine"), region("startColumn")), (region("endLine"), region("endColumn")));
            assert!(start <= end, "{location}");
        }
        for one in result["suppressions"].as_array().cloned().unwrap_or_default() {
            assert_eq!(one["kind"], "inSource");
            assert!(!one["justification"].as_str().unwrap().is_empty());
        }
    }
}

#[test]
fn sarif_has_what_code_scanning_needs() {
    let place = Place::new(&[
        ("habits.yaml", HABITS),
        ("с пробелом.yaml", "apiVersion: runbook/v1\nkind: Runbook\nname: x\nname: y\nsteps: [{rum: x}]\n"),
    ]);
    let log = json(&place.runbook(&["lint", ".", "--format", "sarif", "--date", "2026-02-01"]));
    is_sarif(&log);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let ids: Vec<&str> = results.iter().map(|one| one["ruleId"].as_str().unwrap()).collect();
    for id in ["RB0407", "RB0901", "RB0906", "RB0907", "RB0007"] {
        assert!(ids.contains(&id), "{id} is not in {ids:?}");
    }
    let silenced: Vec<_> = results.iter().filter(|one| one.get("suppressions").is_some()).collect();
    assert_eq!(silenced.len(), 1);
    let sleep = results.iter().find(|one| one["ruleId"] == "RB0906").unwrap();
    assert_eq!(sleep["locations"][0]["physicalLocation"]["region"]["startColumn"], 33);
    let validated = json(&place.runbook(&["validate", ".", "--format", "sarif"]));
    is_sarif(&validated);
    is_sarif(&json(&place.runbook(&["validate", "habits.yaml", "--format", "sarif"])));
}

#[test]
fn there_is_nothing_to_say_about_the_examples() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples");
    let mut files = Vec::new();
    for directory in fs::read_dir(&examples).unwrap() {
        let directory = directory.unwrap().path();
        for file in fs::read_dir(directory).unwrap() {
            let file = file.unwrap().path();
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(&file).unwrap_or_default();
            if name.ends_with(".yaml") && text.contains("\nkind: Runbook\n") {
                files.push(file);
            }
        }
    }
    assert!(files.len() >= 9, "{files:?}");
    // What is still said of the patterns stands in a snapshot, for all to see.
    let (patterns, files): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| file.parent().unwrap().ends_with("patterns"));
    let output = Command::cargo_bin("runbook").unwrap().arg("lint").args(&files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let output = Command::cargo_bin("runbook").unwrap().arg("lint").args(&patterns).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let titles: BTreeSet<&str> = said.lines().filter(|line| line.starts_with("warning[")).collect();
    insta::assert_snapshot!("patterns", titles.into_iter().collect::<Vec<_>>().join("\n"));
}

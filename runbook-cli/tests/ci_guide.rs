//! The snippets of docs/guide/ci.md: they are YAML, and every command in them does what the guide says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_yaml::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The blocks that are marked `yml`, read.
fn snippets() -> Vec<Value> {
    let text = fs::read_to_string(root().join("docs/guide/ci.md")).unwrap();
    let blocks = text.split("```yml\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    blocks
        .map(|block| serde_yaml::from_str(block).unwrap_or_else(|error| panic!("{error}\n{block}")))
        .collect()
}

/// Every text under `run` and `entry`, and in the list under `script`.
fn commands(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Mapping(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    (Some("run" | "entry"), Value::String(text)) => {
                        let takes_files = key.as_str() == Some("entry")
                            && map.get("pass_filenames").is_none_or(|one| one.as_bool() != Some(false));
                        let files = if takes_files { " runbooks/deploy.yaml" } else { "" };
                        found.push(format!("{text}{files}"));
                    }
                    (Some("script"), Value::Sequence(lines)) => {
                        found.extend(lines.iter().map(|line| line.as_str().unwrap().to_owned()));
                    }
                    _ => commands(value, found),
                }
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| commands(item, found)),
        _ => {}
    }
}

#[test]
fn every_command_of_the_snippets_succeeds_on_a_careful_runbook() {
    let place = tempfile::tempdir().unwrap();
    let runbooks = place.path().join("runbooks");
    fs::create_dir(&runbooks).unwrap();
    let example = |name: &str| fs::read_to_string(root().join("examples/quickstart").join(name)).unwrap();
    fs::write(runbooks.join("deploy.yaml"), example("hello.yaml")).unwrap();
    let tests = example("hello.test.yaml").replace("./hello.yaml", "./deploy.yaml");
    fs::write(runbooks.join("deploy.test.yaml"), tests).unwrap();
    let program = assert_cmd::cargo::cargo_bin("runbook");
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());

    let mut all = Vec::new();
    snippets().iter().for_each(|snippet| commands(snippet, &mut all));
    assert_eq!(snippets().len(), 3, "GitHub Actions, GitLab CI, pre-commit");
    for kind in
        ["validate --strict", "lint", "test runbooks", "--dry-run", "--format sarif", "--format junit"]
    {
        assert!(all.iter().any(|command| command.contains(kind)), "no snippet has `{kind}`");
    }
    for command in &all {
        assert!(command.starts_with("runbook "), "{command}");
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(place.path())
            .env("PATH", &path)
            .env("XDG_STATE_HOME", place.path().join("state"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let sarif = fs::read_to_string(place.path().join("runbook.sarif")).unwrap();
    assert!(sarif.contains("\"version\": \"2.1.0\""));
    assert!(fs::read_to_string(place.path().join("tests.xml")).unwrap().contains("<testsuites"));
}

#[test]
fn the_table_of_lints_is_complete() {
    let text = fs::read_to_string(root().join("docs/guide/ci.md")).unwrap();
    for lint in runbook_core::lint::lints() {
        let row = format!("| `{}` | {} |", lint.name, lint.code);
        assert!(text.contains(&row), "{row}");
    }
}

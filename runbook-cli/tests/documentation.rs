//! The documentation speaks of commands that exist.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn documents() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    let mut left = vec![root().join("docs")];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => left.push(path),
                false => found.push(path),
            }
        }
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    found
}

/// Blocks that need an executor are valid with the executors of this program.
#[test]
fn what_executors_do_in_the_documentation_is_valid() {
    let mut kinds = runbook_core::kind::Kinds::default();
    runbook_ssh::register(&mut kinds);
    runbook_docker::register(&mut kinds);
    runbook_http::register(&mut kinds);
    let (mut seen, mut wrong) = (0, Vec::new());
    for path in documents().into_iter().filter(|path| !path.ends_with("reference/language.md")) {
        let text = fs::read_to_string(&path).unwrap();
        for block in text.split("\n```yaml").skip(1) {
            let (info, block) = block.split_once('\n').unwrap();
            let block = block.split("\n```").next().unwrap();
            if !["http:", "docker:", "compose:"].iter().any(|key| block.contains(key)) {
                continue;
            }
            seen += 1;
            let mut whole = match info.trim() {
                "fragment" => format!("apiVersion: runbook/v1\nkind: Runbook\nname: fragment\n{block}\n"),
                _ => format!("{block}\n"),
            };
            if !whole.contains("\nsteps:") {
                whole.push_str("steps:\n  - {id: nothing, run: [\"true\"], effect: read}\n");
            }
            let loaded = runbook_core::read::parse("block.yaml", &whole, &kinds);
            wrong.extend(
                loaded.diagnostics.iter().map(|found| format!("{}: {found:?}\n{whole}", path.display())),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen >= 4, "only {seen} blocks");
}

/// Every line of a ```` ```sh ```` block that calls the program, without the way to call it.
fn calls() -> Vec<(String, Vec<String>)> {
    let mut calls = Vec::new();
    for path in documents() {
        let mut inside = false;
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            if let Some(info) = line.trim().strip_prefix("```") {
                inside = !inside && info == "sh";
                continue;
            }
            let call = line.trim().strip_prefix("runbook ");
            let call = call.or_else(|| line.split_once("-p runbook-cli -- ").map(|(_, call)| call));
            if let (true, Some(call)) = (inside, call) {
                let words = call.split_whitespace().map(str::to_owned).collect();
                calls.push((format!("{}:{}", path.display(), number + 1), words));
            }
        }
    }
    calls
}

fn help(arguments: &[&str]) -> String {
    let output = Command::cargo_bin("runbook").unwrap().args(arguments).arg("--help").output().unwrap();
    assert!(output.status.success(), "`runbook {}` is no command", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn commands_and_options_exist() {
    let calls = calls();
    assert!(calls.len() >= 15, "only {} calls were found", calls.len());
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    for (place, words) in calls {
        let command = words.first().unwrap_or_else(|| panic!("{place}: no command"));
        let help = helps.entry(command.clone()).or_insert_with(|| help(&[command]));
        for option in words.iter().filter(|word| word.starts_with('-')) {
            let known = help.split([' ', ',', '\n']).any(|word| word == option);
            assert!(known, "{place}: `runbook {command}` has no option `{option}`");
        }
    }
}

#[test]
fn exit_codes_are_those_of_the_program() {
    let page = fs::read_to_string(root().join("docs/reference/exit-codes.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let codes: Vec<(&str, &str)> = rows.filter(|(code, _)| code.parse::<u8>().is_ok()).collect();
    assert_eq!(codes.len(), 9);
    let help = help(&[]);
    for (code, meaning) in codes {
        let first_word = meaning.split([' ', ',', ';', ':']).next().unwrap();
        assert!(
            help.contains(&format!("{code} {first_word}")),
            "`{code} {first_word}` is not in `runbook --help`"
        );
    }
}

//! The table of the language and the executors of this program know the same keys.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use runbook_core::diag::{Code, Diagnostic, Severity};
use runbook_core::kind::Kinds;
use runbook_core::language::{self, place, places};
use runbook_core::{read, source, yaml};

/// Places that belong to executors.
const OURS: &[&str] = &[
    "ssh",
    "container",
    "service",
    "service.compose",
    "http",
    "http.basic",
    "http.tls",
    "docker",
    "compose",
];

fn kinds() -> Kinds {
    let mut kinds = Kinds::default();
    runbook_ssh::register(&mut kinds);
    runbook_docker::register(&mut kinds);
    runbook_http::register(&mut kinds);
    kinds
}

/// What the executor of `place` says of `keys`.
fn asked(name: &str, keys: &str) -> Vec<Diagnostic> {
    let whole = place(name).unwrap().whole(keys);
    let mut found = runbook_core::diag::Diagnostics::default();
    let root = yaml::parse(source::SourceId(0), &whole, &mut found).unwrap();
    let kinds = kinds();
    let first = name.split('.').next().unwrap();
    // Executors that cannot act in this version are not asked by the reader.
    if let Some(kind) = kinds.action(first) {
        let step = root.get("steps").and_then(|steps| steps.as_seq()?.first()).unwrap();
        kind.check(step.get(first).unwrap(), &mut found);
    } else {
        let targets = root.get("targets").unwrap().as_map().unwrap();
        let params = targets.iter().find_map(|(_, target)| target.get(first)).unwrap();
        kinds.target(first).unwrap().check(params, &mut found);
    }
    found.into_sorted()
}

#[test]
fn executors_and_the_table_know_the_same_keys() {
    for name in OURS {
        let problems = asked(name, "qzqzqzqzqz: 1");
        let known = problems.iter().filter(|problem| problem.code == Code::UNKNOWN_KEY);
        let known =
            known.flat_map(|problem| &problem.help).find_map(|help| help.strip_prefix("known keys: "));
        let known = known.unwrap_or_else(|| panic!("`{name}`: {problems:#?}"));
        let known: BTreeSet<&str> = known.split(", ").collect();
        let table: BTreeSet<&str> = place(name).unwrap().keys.iter().map(|key| key.name).collect();
        assert_eq!(table, known, "keys of `{name}` in the table (left) and in its executor");
    }
}

#[test]
fn examples_are_what_executors_accept() {
    let mut wrong = Vec::new();
    for name in OURS {
        for key in place(name).unwrap().keys {
            // One key is there to be warned of.
            for problem in
                asked(name, key.example).iter().filter(|problem| problem.severity == Severity::Error)
            {
                wrong.push(format!("{name}.{}: {} {}", key.name, problem.code, problem.message));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn keys_that_mean_something_only_beside_others_are_refused_elsewhere() {
    for name in ["docker", "compose"] {
        let place = place(name).unwrap();
        let operations: BTreeSet<&str> = place.one_of.iter().chain(place.any_of).copied().collect();
        for key in place.keys.iter().filter(|key| !key.beside.is_empty()) {
            for operation in &operations {
                let problems = asked(name, &format!("{operation}: x\n{}: x", key.name));
                let misplaced = problems.iter().any(|problem| problem.code == Code::KEY_NOT_HERE);
                let expected = !key.beside.contains(operation);
                assert_eq!(
                    misplaced, expected,
                    "`{name}`: `{}` beside `{operation}`: {problems:?}",
                    key.name
                );
            }
        }
    }
}

#[test]
fn every_example_of_the_language_is_valid_or_not_supported_yet() {
    let kinds = kinds();
    let schema = jsonschema::draft7::new(&language::schema(&kinds)).unwrap();
    let mut wrong = Vec::new();
    for place in places() {
        for key in place.keys {
            let whole = place.whole(key.example);
            let loaded = read::parse("example.yaml", &whole, &kinds);
            let calls = matches!(key.name, "call" | "with") || key.name == "include";
            for problem in &loaded.diagnostics {
                // The rule of an exception would stand in a policy.
                let warned = [Code::CERTIFICATE_NOT_CHECKED, Code::USELESS_EXCEPTION].contains(&problem.code);
                if problem.code != Code::NOT_SUPPORTED_YET && !calls && !warned {
                    wrong.push(format!("{}.{}: {} {}", place.name, key.name, problem.code, problem.message));
                }
            }
            let mut found = runbook_core::diag::Diagnostics::default();
            let value = yaml::parse(source::SourceId(0), &whole, &mut found).unwrap().to_value();
            wrong.extend(
                schema.iter_errors(&value).map(|error| format!("{}.{}: {error}", place.name, key.name)),
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

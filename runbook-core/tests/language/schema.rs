//! The JSON Schema and the reader say the same of the same files, as far as a schema can.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use runbook_core::diag::{Code, Diagnostics};
use runbook_core::language;
use runbook_core::read;
use runbook_core::source::SourceId;
use runbook_core::value::Value;
use runbook_core::yaml;

use crate::kinds::kinds;

fn validator() -> Validator {
    let schema = language::schema(&kinds());
    assert!(jsonschema::draft7::meta::is_valid(&schema), "not a schema of draft 7");
    jsonschema::draft7::options().should_validate_formats(true).build(&schema).unwrap()
}

/// What editors see of a file; nothing when the text has more problems than that.
fn value(text: &str) -> Option<Value> {
    let mut found = Diagnostics::default();
    let node = yaml::parse(SourceId(0), text, &mut found)?;
    (!found.has_errors()).then(|| node.to_value())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn corpus(name: &str) -> Vec<PathBuf> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language").join(name), "yaml")
}

fn complaints(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{}: {error:.300}", error.instance_path())).collect()
}

#[test]
fn what_the_reader_accepts_the_schema_accepts() {
    let validator = validator();
    let mut texts: Vec<(String, String)> = Vec::new();
    for path in corpus("valid").into_iter().chain(files(&root().join("examples"), "yaml")) {
        let text = fs::read_to_string(&path).unwrap();
        if text.contains("apiVersion") {
            texts.push((path.display().to_string(), text));
        }
    }
    for path in files(&root().join("docs"), "md").into_iter().chain([root().join("README.md")]) {
        let text = fs::read_to_string(&path).unwrap();
        for block in text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            texts.push((path.display().to_string(), block.to_owned()));
        }
    }
    for place in language::places() {
        for key in place.keys {
            texts.push((format!("{}.{}", place.name, key.name), place.whole(key.example)));
        }
    }
    assert!(texts.len() > 350, "only {} texts", texts.len());
    let mut wrong = Vec::new();
    for (name, text) in &texts {
        let value = value(text).unwrap_or_else(|| panic!("{name} is no YAML"));
        let said = complaints(&validator, &value);
        if !said.is_empty() {
            wrong.push(format!("{name}: {said:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a schema can see, and must.
const MUST: &[Code] = &[
    Code::UNKNOWN_KEY,
    Code::MISSING_KEY,
    Code::WRONG_TYPE,
    Code::BAD_DURATION,
    Code::BAD_DATE,
    Code::BAD_API_VERSION,
    Code::BAD_KIND,
    Code::NO_ACTION,
    Code::SEVERAL_ACTIONS,
];

/// What a schema sees in part: words of an enumeration, empty lists, names, keys that need another key.
const IN_PART: &[Code] = &[
    Code::BAD_VALUE,
    Code::EMPTY_LIST,
    Code::BAD_NAME,
    Code::KEY_NOT_HERE,
    Code::LOSSY_SCALAR,
    Code::BAD_CASE,
    Code::BAD_ROLLOUT,
];

/// Files with problems of `MUST` that the schema lets through all the same, each with the reason.
const BLIND: &[(&str, &str)] = &[
    ("expect_matchers.yaml", "what executors expect is theirs"),
    ("executor_parameters.yaml", "parameters of an executor that the table does not know"),
    ("for_each_two_expressions.yaml", "what an expression yields"),
    ("test_of_nothing.yaml", "the table does not hold the keys of files of tests"),
];

#[test]
fn what_only_keys_and_types_make_wrong_the_schema_refuses() {
    let validator = validator();
    let (mut must, mut refused, mut wrong, mut alarms) = (0, 0, Vec::new(), Vec::new());
    for path in corpus("invalid") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let Some(value) = value(&text) else { continue };
        let loaded = read::parse(&name, &text, &kinds());
        let codes: BTreeSet<Code> = loaded.diagnostics.iter().map(|problem| problem.code).collect();
        let said = complaints(&validator, &value);
        let forms = |code: &Code| MUST.contains(code) || IN_PART.contains(code);
        if codes.iter().any(|code| MUST.contains(code)) {
            must += 1;
            match said.is_empty() {
                false => refused += 1,
                true if BLIND.iter().any(|(file, _)| *file == name) => {}
                true => wrong.push(format!("{name}: {codes:?}")),
            }
        }
        // Without its executor the reader does not look at the parameters of an action.
        let unread = codes.contains(&Code::UNKNOWN_ACTION_KIND);
        if !said.is_empty() && !unread && !codes.iter().any(forms) {
            alarms.push(format!("{name}: {codes:?} {said:?}"));
        }
    }
    println!("{refused} of {must} files with mistakes in keys and types are refused by the schema");
    assert!(must >= 60, "only {must} files");
    assert!(wrong.is_empty(), "let through:\n{}", wrong.join("\n"));
    assert!(alarms.is_empty(), "refused for what the reader does not mind:\n{}", alarms.join("\n"));
}

/// Mistakes that an author makes in an editor, each alone.
#[test]
fn single_slips_are_seen() {
    let validator = validator();
    let whole = |step: &str| format!("apiVersion: runbook/v1\nkind: Runbook\nname: a\nsteps:\n  - {step}\n");
    let good = "{run: uptime, effect: read, retry: {attempts: 3}, timeout: 30s}";
    assert!(complaints(&validator, &value(&whole(good)).unwrap()).is_empty());
    for slip in [
        "{rnu: uptime}",
        "{run: uptime, efect: read}",
        "{run: uptime, effect: reads}",
        "{run: uptime, timeout: 30}",
        "{run: uptime, timeout: 30 s}",
        "{run: uptime, timeout: 5m1h}",
        "{run: uptime, timeout: s}",
        "{run: uptime, wait: 30s}",
        "{title: nothing}",
        "{run: uptime, retry: 3}",
        "{run: uptime, retry: {every: 3s}}",
        "{run: uptime, id: a-b}",
        "{run: uptime, idempotent: 'yes'}",
        "{run: uptime, expect: {exit_cod: 0}}",
        "{run: uptime, expect: {stdout: {contain: a}}}",
        "{run: uptime, verify: []}",
        "{run: uptime, verify: [{rnu: a}]}",
        "{manual: go, cwd: /tmp}",
        "{wait: 30}",
        "{write: {path: /a}}",
        "{http: {gte: 'https://a.example.net'}}",
        "{docker: {restart: a, tail: 3}}",
        "{choose: [{steps: [{run: a}]}]}",
        "{run: uptime, confirm: {phrase: a}}",
        "{run: uptime, env: {A-B: c}}",
    ] {
        let value = value(&whole(slip)).unwrap();
        assert!(!complaints(&validator, &value).is_empty(), "{slip}");
    }
}

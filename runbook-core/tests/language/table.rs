//! The table of the language and the reader know the same keys, and every example of the table is valid.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use runbook_core::diag::Code;
use runbook_core::kind::Kinds;
use runbook_core::language::{self, Shape, find, known_names, place, places};
use runbook_core::read;

/// The reader's tables of keys, each with the place of the language table that it belongs to.
const TABLES: &[(&str, &[&str])] = &[
    ("RUNBOOK", &["runbook"]),
    ("LINK", &["link"]),
    ("INPUT", &["input"]),
    ("DEFAULTS", &["defaults"]),
    ("LOCK", &["lock"]),
    ("BECOME", &["become"]),
    ("BOOK_FAILURE", &["runbook.on_failure"]),
    ("INVENTORY", &["inventory"]),
    ("SECRET", &["secret"]),
    ("TARGET", &["target"]),
    ("TARGET_KINDS", &["target"]),
    ("PROCEDURE", &["procedure"]),
    ("CASE", &["case"]),
    ("REMEDIES", &["remedies"]),
    ("FOR_EACH", &["for_each"]),
    ("ROLLOUT", &["rollout"]),
    ("STEP", &["step"]),
    ("ACTIONS", &["step"]),
    ("EXECUTORS", &["step", "check"]),
    ("CONFIRM", &["confirm"]),
    ("MANUAL", &["manual"]),
    ("WAIT", &["wait"]),
    ("ASSERTION", &["assert"]),
    ("EVIDENCE", &["evidence"]),
    ("EXCEPTION", &["policy_exception"]),
    ("RETRY", &["retry"]),
    ("CHECK", &["check"]),
    ("QUESTIONS", &["check"]),
    ("TCP", &["tcp"]),
    ("FILE", &["file"]),
    ("TEXT_MATCHER", &["text"]),
    ("SCHEDULE", &["schedule"]),
    ("CONTACT", &["contact"]),
    ("CHANNEL", &["channel"]),
    ("CHANNEL_KINDS", &["channel"]),
    ("NOTIFY", &["notify"]),
    ("ESCALATION", &["escalation"]),
    ("CLOCK", &["escalation.clock"]),
    ("LEVEL", &["escalation.level"]),
    ("LINT_EXCEPTIONS", &["lint_exceptions"]),
];

/// Tables for files of tests, which the table of the language does not hold: docs/reference/testing.md does.
const OF_TESTS: &[&str] = &[
    "SUITE",
    "SCRIPT",
    "TEST",
    "MOCK",
    "ANSWER",
    "EXPECTED",
    "EXPECTED_STEP",
    "EXPECTED_GATE",
    "EXPECTED_DURATION",
    "EXPECTED_TEXT",
];

/// Places whose keys are not in the reader's tables: others check them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("local", "has no keys"),
    ("expect", "listed where the reader reads it; see `expect_has_these_keys`"),
    ("write", "`kind::files`; see `kinds_of_the_core_know_these_keys`"),
    ("edit", "the same"),
    ("copy", "the same"),
    ("edit.line", "`edit::params`; see `parts_of_edit_know_these_keys`"),
    ("edit.remove", "the same"),
    ("edit.block", "the same"),
    ("ssh", "the crate runbook-ssh; see runbook-cli/tests/language.rs"),
    ("container", "the crate runbook-docker; see there"),
    ("service", "the same"),
    ("service.compose", "the same"),
    ("docker", "the same"),
    ("compose", "the same"),
    ("http", "the crate runbook-http; see there"),
    ("http.basic", "the same"),
    ("http.tls", "the same"),
    ("http.expect", "the same"),
    ("policy", "`policy::read`; see `policies_have_these_keys`"),
    ("runbook.policy", "the same as policy"),
    ("policy.confirm", "the same"),
    ("policy.rule", "the same"),
    ("policy.reads", "the same"),
];

/// What stands in the sources of the reader: name of the table, keys, whether each is refused.
fn reader() -> BTreeMap<String, BTreeMap<String, bool>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/read/keys.rs");
    let text = fs::read_to_string(path).unwrap();
    let mut tables = BTreeMap::new();
    for part in text.split("const ").skip(1) {
        let Some((name, rest)) = part.split_once(": &[Key] =") else { continue };
        let body = &rest[..rest.find("];").unwrap()];
        let keys = body.split("(\"").skip(1).map(|entry| {
            let (key, rest) = entry.split_once('"').unwrap();
            (key.to_owned(), rest.split(')').next().unwrap().contains("Later"))
        });
        tables.insert(name.to_owned(), keys.collect());
    }
    tables
}

/// Who does not know a key is told all there are.
#[test]
fn policies_have_these_keys() {
    let cases = [
        ("policy", "apiVersion: runbook/v1\nkind: Policy\nname: x\nzzz: 1\n"),
        ("policy.confirm", "apiVersion: runbook/v1\nkind: Policy\nname: x\nconfirm: {effects: [], zzz: 1}\n"),
        (
            "policy.rule",
            "apiVersion: runbook/v1\nkind: Policy\nname: x\nforbid: [{id: a, effect: change, reason: b, zzz: 1}]\n",
        ),
        ("policy.reads", "apiVersion: runbook/v1\nkind: Policy\nname: x\nreads: {zzz: 1}\n"),
        (
            "runbook.policy",
            "apiVersion: runbook/v1\nkind: Runbook\nname: x\nsteps: [{run: uptime}]\npolicy: {zzz: 1}\n",
        ),
    ];
    for (name, text) in cases {
        let loaded = read::parse("policy.yaml", text, &Kinds::default());
        let help = loaded.diagnostics.iter().find(|d| d.code == Code::UNKNOWN_KEY).unwrap().help[0].clone();
        let known: BTreeSet<&str> = help.strip_prefix("known keys: ").unwrap().split(", ").collect();
        let table: BTreeSet<&str> = place(name).unwrap().keys.iter().map(|key| key.name).collect();
        assert_eq!(known, table, "{name}");
    }
}

#[test]
fn the_reader_and_the_table_know_the_same_keys() {
    let mut reader = reader();
    reader.retain(|name, _| !OF_TESTS.contains(&name.as_str()));
    let names: BTreeSet<&str> = reader.keys().map(String::as_str).collect();
    let known: BTreeSet<&str> = TABLES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, known, "tables of keys.rs and those in TABLES: give a new one its place");
    let mut keys: BTreeMap<&str, BTreeMap<&str, bool>> = BTreeMap::new();
    for (table, places) in TABLES {
        for place in *places {
            let entry = keys.entry(place).or_default();
            entry.extend(reader[*table].iter().map(|(key, later)| (key.as_str(), *later)));
        }
    }
    for (name, expected) in &keys {
        let place = place(name).unwrap_or_else(|| panic!("the table has no place `{name}`"));
        let found: BTreeMap<&str, bool> = place.keys.iter().map(|key| (key.name, key.later)).collect();
        assert_eq!(&found, expected, "keys of `{name}` in the table (left) and in the reader, with `later`");
    }
    for place in places() {
        let elsewhere = ELSEWHERE.iter().any(|(name, _)| *name == place.name);
        assert!(elsewhere != keys.contains_key(place.name), "who checks the keys of `{}`?", place.name);
    }
}

/// What the reader says it knows when it meets a key that is like no other.
fn offered(name: &str) -> BTreeSet<String> {
    let around = place(name).unwrap();
    let loaded = read::parse("x.yaml", &around.whole("qzqzqzqzqz: 1"), &Kinds::default());
    let unknown = loaded.diagnostics.iter().find(|problem| problem.code == Code::UNKNOWN_KEY);
    let help =
        unknown.and_then(|problem| problem.help.iter().find_map(|help| help.strip_prefix("known keys: ")));
    let help = help.unwrap_or_else(|| panic!("`{name}`: {:#?}", loaded.diagnostics));
    help.split(", ").map(str::to_owned).collect()
}

fn in_table(name: &str) -> BTreeSet<String> {
    place(name).unwrap().keys.iter().map(|key| key.name.to_owned()).collect()
}

#[test]
fn kinds_of_the_core_know_these_keys() {
    for name in ["write", "edit", "copy"] {
        assert_eq!(in_table(name), offered(name), "`{name}` in the table and in its kind");
    }
}

#[test]
fn expect_has_these_keys() {
    assert_eq!(in_table("expect"), offered("expect"));
}

#[test]
fn parts_of_edit_know_these_keys() {
    for name in ["edit.line", "edit.remove", "edit.block"] {
        let around = place(name).unwrap();
        let loaded = read::parse("x.yaml", &around.whole("qzqzqzqzqz: 1"), &Kinds::default());
        let said = loaded.diagnostics.iter().find_map(|problem| problem.message.split_once("known are "));
        let (_, known) = said.unwrap_or_else(|| panic!("`{name}`: {:#?}", loaded.diagnostics));
        let known = known.split(';').next().unwrap();
        let known: BTreeSet<String> = known.split(", ").map(str::to_owned).collect();
        assert_eq!(in_table(name), known, "`{name}`");
    }
}

#[test]
fn keys_that_need_another_one_are_those_of_the_reader() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/read/keys.rs")).unwrap();
    let line = text.lines().find(|line| line.contains("const COMMAND_ONLY")).unwrap();
    let listed: BTreeSet<&str> = line.split('"').skip(1).step_by(2).collect();
    for name in ["step", "check"] {
        let place = place(name).unwrap();
        let beside: BTreeSet<&str> =
            place.keys.iter().filter(|key| key.beside == ["run"]).map(|key| key.name).collect();
        assert_eq!(beside, listed, "`{name}`");
    }
}

#[test]
fn keys_that_must_be_there_are_missed_by_the_reader() {
    for place in
        places().filter(|place| !matches!(place.name, "ssh" | "container" | "service" | "docker" | "compose"))
    {
        for key in place
            .keys
            .iter()
            .filter(|key| key.required && !place.name.starts_with("http") && !place.name.contains("edit."))
        {
            let whole = place.whole("qzqzqzqzqz: 1");
            let filled = place.fill.iter().find(|(name, _)| *name == key.name);
            let (_, line) =
                filled.unwrap_or_else(|| panic!("`{}.{}` must be filled in", place.name, key.name));
            assert!(whole.contains(line), "`{line}` is not in\n{whole}");
            let without = whole.replace(line, "zqzqzqzqzq: 1");
            let loaded = read::parse("x.yaml", &without, &Kinds::default());
            let missed = loaded.diagnostics.iter().any(|problem| {
                problem.code == Code::MISSING_KEY && problem.message.contains(&format!("`{}`", key.name))
            });
            assert!(missed, "{}.{}\n{without}\n{:#?}", place.name, key.name, loaded.diagnostics);
        }
    }
}

#[test]
fn every_example_is_valid_where_it_belongs() {
    let mut wrong = Vec::new();
    for place in places() {
        for key in place.keys {
            let has = key.example.lines().any(|line| line.starts_with(&format!("{}:", key.name)));
            assert!(has, "the example of `{}.{}` does not show it", place.name, key.name);
            let whole = match key.name {
                // An example calls what it needs.
                "call" | "with" if place.name == "step" => format!(
                    "{}procedures:\n  probe: {{inputs: {{port: {{type: int, default: 80}}}}, steps: [{{run: uptime}}]}}\n",
                    place.whole(key.example)
                ),
                "include" => continue,
                _ => place.whole(key.example),
            };
            let loaded = read::parse("example.yaml", &whole, &Kinds::default());
            let expected: &[Code] = match ELSEWHERE.iter().find(|(name, _)| *name == place.name) {
                Some((_, said))
                    if !said.contains("kind::") && said.contains("runbook-") || said_same(place.name) =>
                {
                    &[Code::UNKNOWN_ACTION_KIND]
                }
                _ if key.later => &[Code::NOT_SUPPORTED_YET],
                // The rule would stand in a policy.
                _ if key.name == "policy_exception" => &[Code::USELESS_EXCEPTION],
                _ if matches!(key.name, "http" | "docker" | "compose" | "ssh" | "container" | "service") => {
                    &[Code::UNKNOWN_ACTION_KIND]
                }
                _ => &[],
            };
            let said: Vec<_> = loaded
                .diagnostics
                .iter()
                .filter(|problem| !expected.contains(&problem.code))
                .map(|problem| format!("{} {}", problem.code, problem.message))
                .collect();
            if !said.is_empty() {
                wrong.push(format!("{}.{}: {said:?}\n{whole}", place.name, key.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a place belongs to an executor that this crate does not have.
fn said_same(name: &str) -> bool {
    ["ssh", "container", "service", "docker", "compose", "http"]
        .iter()
        .any(|kind| name.split('.').next() == Some(kind))
}

#[test]
fn places_that_shapes_name_exist() {
    fn look(shape: &Shape, wrong: &mut Vec<String>) {
        match shape {
            Shape::Place(name) if place(name).is_none() => wrong.push((*name).to_owned()),
            Shape::List(inner) | Shape::Items(inner) | Shape::Map(_, inner) => look(inner, wrong),
            Shape::Either(shapes) => shapes.iter().for_each(|shape| look(shape, wrong)),
            _ => {}
        }
    }
    let mut wrong = Vec::new();
    for place in places() {
        place.keys.iter().for_each(|key| look(&key.shape, &mut wrong));
        let names =
            place.one_of.iter().chain(place.any_of).chain(place.keys.iter().flat_map(|key| key.beside));
        wrong.extend(
            names.filter(|name| place.key(name).is_none()).map(|name| format!("{}.{name}", place.name)),
        );
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn texts_of_the_table_are_sentences() {
    for place in places() {
        let names: BTreeSet<&str> = place.keys.iter().map(|key| key.name).collect();
        assert_eq!(names.len(), place.keys.len(), "a key twice in `{}`", place.name);
        let meanings = place.keys.iter().map(|key| (key.name, key.meaning)).chain([("", place.meaning)]);
        for (name, meaning) in meanings {
            let sentences = meaning.matches(". ").count() + 1;
            let fits = meaning.ends_with('.') && sentences <= 4 && meaning.len() > 10;
            assert!(fits, "{}.{name}: {meaning}", place.name);
        }
    }
}

#[test]
fn everything_known_can_be_found_and_explained() {
    for name in known_names() {
        let found = find(&name);
        assert!(!found.is_empty(), "{name}");
        assert!(language::explain(&found).len() > 20, "{name}");
    }
    assert_eq!(language::suggestion("step.retyr").as_deref(), Some("step.retry"));
}

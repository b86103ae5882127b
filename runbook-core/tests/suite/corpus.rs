//! One snapshot for every file of the corpus.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use runbook_core::diag::{Code, codes};
use runbook_core::trial::run_tests;

use crate::support::{diagnostics, kinds, load, load_texts, report};

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite").join(name)
}

#[test]
fn good_tests_pass() {
    insta::glob!("good/**/*.test.yaml", |path| {
        let loaded = load(path);
        let said = diagnostics(&loaded.diagnostics, &loaded.sources);
        assert!(said.is_empty(), "{}\n{said}", path.display());
        let ready = loaded.ready.unwrap();
        let came = run_tests(&ready, &kinds());
        let text = report(&came, &loaded.sources);
        assert!(came.passed(), "{}\n{text}", path.display());
        insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(text) });
    });
}

#[test]
fn wrong_files_are_explained() {
    insta::glob!("wrong/*.test.yaml", |path| {
        let loaded = load(path);
        assert!(loaded.ready.is_none(), "nothing is wrong with {}", path.display());
        let said = diagnostics(&loaded.diagnostics, &loaded.sources);
        insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(said) });
    });
}

#[test]
fn failures_say_what_was_expected_and_what_was_found() {
    insta::glob!("failing/*.test.yaml", |path| {
        let loaded = load(path);
        let said = diagnostics(&loaded.diagnostics, &loaded.sources);
        assert!(said.is_empty(), "{}\n{said}", path.display());
        let came = run_tests(&loaded.ready.unwrap(), &kinds());
        let text = report(&came, &loaded.sources);
        assert!(!came.passed(), "everything passes in {}", path.display());
        for case in &came.cases {
            assert!(!case.passed() || !came.problems.is_empty(), "`{}` passes", case.name);
        }
        insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(text) });
    });
}

/// The fenced blocks of YAML in a document.
fn blocks(document: &str) -> Vec<String> {
    let parts = document.split("```yaml\n").skip(1);
    parts.map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_tests_in_the_guide_pass_and_reach_everything() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/testing.md");
    let blocks = blocks(&fs::read_to_string(path).unwrap());
    let body = |text: &str, header: &str| text.strip_prefix(header).unwrap().to_owned();
    let book = body(&blocks[0], "apiVersion: runbook/v1\nkind: Runbook\nname: restart\n");
    let tests = body(&blocks[1], "apiVersion: runbook/v1\nkind: RunbookTest\nrunbook: ./restart.yaml\n");
    let loaded = load_texts(&book, &tests);
    assert!(loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics);
    let came = run_tests(&loaded.ready.unwrap(), &kinds());
    assert!(came.passed(), "{}", report(&came, &loaded.sources));
    assert_eq!(came.coverage.percent(), 100, "{}", report(&came, &loaded.sources));
}

#[test]
fn the_example_in_the_description_of_the_language_is_the_one_that_is_run() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/testing.md");
    let example = blocks(&fs::read_to_string(path).unwrap()).remove(0);
    assert_eq!(example, fs::read_to_string(folder("good/language/deploy.test.yaml")).unwrap());
}

#[test]
fn the_same_tests_come_out_the_same() {
    for name in ["good/service.test.yaml", "good/flow.test.yaml", "good/time.test.yaml"] {
        let loaded = load(&folder(name));
        let ready = loaded.ready.unwrap();
        let first = report(&run_tests(&ready, &kinds()), &loaded.sources);
        for _ in 0..3 {
            assert_eq!(report(&run_tests(&ready, &kinds()), &loaded.sources), first);
        }
    }
}

#[test]
fn every_code_of_tests_occurs() {
    let seen: BTreeSet<Code> = fs::read_dir(folder("wrong"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(".test.yaml"))
        .flat_map(|path| load(&path).diagnostics)
        .map(|diagnostic| diagnostic.code)
        .collect();
    for info in codes().iter().filter(|info| (700..730).contains(&info.code.0)) {
        assert!(seen.contains(&info.code), "no file shows {} ({})", info.code, info.title);
    }
}

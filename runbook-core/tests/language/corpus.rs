//! One snapshot for every file of the corpus.
//!
//! `invalid/` holds one theme a file, and its snapshot is what an author is told. `valid/` holds what the
//! language offers, and its snapshot is what was understood.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use runbook_core::diag::{Code, codes};
use runbook_core::read::{self, Loaded};

use crate::files::Included;
use crate::kinds::kinds;
use crate::outline::outline;
use crate::report::report;

/// Codes that do not come from reading a text, with who gives them.
const FROM_ELSEWHERE: &[(Code, &str)] = &[
    (Code::NOT_UTF8, "whoever reads the file's bytes; `parse` takes text"),
    (Code::REVIEW_OVERDUE, "`check::overdue`, which is told what day it is"),
    (Code::VAR_FAILED, "planning"),
    (Code::UNKNOWN_SELECTION, "planning"),
    (Code::CANNOT_READ, "whoever opens the file"),
    (Code::VALUE_IN_CONTAINER_SCRIPT, "the kinds of `runbook-docker`"),
    (Code::TEST_UNKNOWN_STEP, "`suite::load`, which looks at tests and their runbook"),
    (Code::TEST_UNKNOWN_CHECK, "`suite::load`, which looks at tests and their runbook"),
    (Code::TEST_NOTHING_TO_MOCK, "`suite::load`, which looks at tests and their runbook"),
    (Code::TEST_MOCK_MISFIT, "`suite::load`, which looks at tests and their runbook"),
    (Code::TEST_NOTHING_ASKED, "`suite::load`, which looks at tests and their runbook"),
    (Code::TEST_ANSWER_MISFIT, "`suite::load`, which looks at tests and their runbook"),
    (Code::DUPLICATE_TEST, "`suite::load`, which looks at tests and their runbook"),
    (Code::CREDENTIAL_WRITTEN, "the executor `http`"),
    (Code::BAD_URL, "the executor `http`"),
    (Code::IMPOSSIBLE_EXPECTATION, "the executor `http`"),
    (Code::CERTIFICATE_NOT_CHECKED, "the executor `http`"),
    (Code::BAD_HEADER, "the executor `http`"),
    (Code::TEST_OF_NOTHING, "`suite::load`, which looks at tests and their runbook"),
    (Code::TEST_CANNOT_BE_PLANNED, "`suite::load`, which looks at tests and their runbook"),
    (Code::TEST_EXPECTATION_MISFIT, "`suite::load`, which looks at tests and their runbook"),
    (Code::SSH_OPTION, "the crate runbook-ssh, which checks its own parameters"),
    (Code::NO_VERIFY, "`lint::lint`, which looks at valid runbooks"),
    (Code::NO_UNDO, "`lint::lint`, which looks at valid runbooks"),
    (Code::NO_CONFIRM, "`lint::lint`, which looks at valid runbooks"),
    (Code::NO_TIMEOUT, "`lint::lint`, which looks at valid runbooks"),
    (Code::ENDLESS_COMMAND, "`lint::lint`, which looks at valid runbooks"),
    (Code::SLEEP_IN_SCRIPT, "`lint::lint`, which looks at valid runbooks"),
    (Code::STATUS_SWALLOWED, "`lint::lint`, which looks at valid runbooks"),
    (Code::SECRET_IN_ARGV, "`lint::lint`, which looks at valid runbooks"),
    (Code::LATEST_UNCHECKED, "`lint::lint`, which looks at valid runbooks"),
    (Code::RESTORE_WITHOUT_COPY, "`lint::lint`, which looks at valid runbooks"),
    (Code::UNUSED_INPUT, "`lint::lint`, which looks at valid runbooks"),
    (Code::UNUSED_LINT_EXCEPTION, "`lint::lint`, which looks at valid runbooks"),
    (Code::TOO_LARGE, "texts too large for a corpus: see `limits`"),
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language").join(name)
}

fn files(folder_name: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder(folder_name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    files
}

fn load(path: &Path) -> Loaded {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let bytes = fs::read(path).unwrap();
    read::parse_with(&name, &String::from_utf8(bytes).unwrap(), &kinds(), &Included { own: path })
}

#[test]
fn invalid_files_are_explained() {
    insta::glob!("invalid/*.yaml", |path| {
        let loaded = load(path);
        assert!(loaded.has_errors(), "nothing is wrong with {}", path.display());
        assert!(loaded.runbook.is_none(), "{} must not be usable", path.display());
        insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(report(&loaded)) });
    });
}

#[test]
fn valid_files_are_understood() {
    insta::glob!("valid/*.yaml", |path| {
        let loaded = load(path);
        let warnings = report(&loaded);
        let runbook = loaded.runbook.unwrap_or_else(|| panic!("{}\n{warnings}", path.display()));
        let text = format!("{warnings}{}", outline(&runbook));
        insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(text) });
    });
}

#[test]
fn the_corpus_is_large_enough() {
    assert!(files("invalid").len() >= 300, "{} invalid files", files("invalid").len());
    assert!(files("valid").len() >= 95, "{} valid files", files("valid").len());
}

#[test]
fn every_snapshot_belongs_to_a_file() {
    let inputs: BTreeSet<String> = ["invalid", "valid"]
        .into_iter()
        .flat_map(files)
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    for entry in fs::read_dir(folder("snapshots")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let input = name.split_once('@').map(|(_, rest)| rest.trim_end_matches(".snap").to_owned());
        assert!(input.is_some_and(|input| inputs.contains(&input)), "no file for the snapshot {name}");
    }
}

#[test]
fn every_code_occurs() {
    let seen: BTreeSet<Code> = ["invalid", "valid"]
        .into_iter()
        .flat_map(files)
        .flat_map(|path| load(&path).diagnostics)
        .map(|diagnostic| diagnostic.code)
        .collect();
    for info in codes() {
        let elsewhere = FROM_ELSEWHERE.iter().find(|(code, _)| *code == info.code);
        match elsewhere {
            Some((code, from)) => assert!(!seen.contains(code), "{code} is said to come from {from}"),
            None => assert!(seen.contains(&info.code), "no file shows {} ({})", info.code, info.title),
        }
    }
}

/// A text never says the same thing of the same place twice.
#[test]
fn nothing_is_said_twice() {
    for path in files("invalid") {
        let loaded = load(&path);
        let mut said = BTreeSet::new();
        for diagnostic in &loaded.diagnostics {
            // Keys that are missing are missing at one place.
            if diagnostic.code == Code::MISSING_KEY {
                continue;
            }
            let place = (diagnostic.code, diagnostic.primary.span);
            assert!(said.insert(place), "{}: {} twice at one place", path.display(), diagnostic.code);
        }
    }
}

/// A file that only others use is looked at, but there is nothing to run.
#[test]
fn an_inventory_alone_is_no_runbook() {
    let path = folder("included").join("hosts.yaml");
    let loaded = load(&path);
    assert_eq!(report(&loaded), "");
    assert!(loaded.runbook.is_none());
}

//! The rules of the house, kept by reading its own sources: which module may look at which, how long a file
//! may be, and what the pure half must not touch.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Modules from the ground up. A module uses only modules of lower floors.
///
/// Where architecture.md puts several modules that know each other on one floor, they are in order here:
/// `expr` reports and `shell` refuses through `diag`, `edit` suggests with it, `kind` speaks of `model`, `read` ends with `check`.
const FLOORS: &[&[&str]] = &[
    &["ids", "source", "value"],
    &["diag", "mask", "page"],
    &["yaml", "expr", "shell", "edit"],
    &["command", "schedule"],
    &["model"],
    &["kind"],
    &["language"],
    &["policy"],
    &["check"],
    &["read"],
    &["lint"],
    &["plan"],
    &["run"],
    &["render"],
    &["handbook", "report"],
    &["suite"],
    &["port"],
    &["local", "store", "files"],
    &["drive"],
    &["testing"],
    &["trial"],
];

/// Modules with clock, files, processes and tasks; all others are pure.
const EFFECTFUL: &[&str] = &["port", "local", "store", "files", "drive", "testing", "trial"];

/// What the pure modules do not mention.
const IMPURE: &[&str] = &[
    "std::env",
    "std::fs",
    "stdin()",
    "stdout()",
    "stderr()",
    "std::net",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "println!",
    "print!",
    "eprintln!",
    "eprint!",
    "tokio",
    "async_trait",
    "rusqlite",
    "rustix",
    "tempfile",
    "async fn",
];

/// Files past 500 lines, each with the reason why it is one room.
const LONG: &[(&str, &str)] = &[
    ("command/special/sql.rs", "one language, with its tables"),
    ("command/syntax/grammar.rs", "one grammar"),
    ("expr/parse.rs", "one grammar"),
    ("language/engines.rs", "one table of what executors take"),
    ("run/flow.rs", "how nodes hand over: every rule needs the others"),
    ("shell/programs.rs", "one table of programs"),
    ("shell/word.rs", "one grammar of words"),
    ("yaml/build.rs", "one walk over parser events"),
];

/// No file is longer than this.
const LIMIT: usize = 800;

/// A file longer than this needs a reason.
const COMFORTABLE: usize = 500;

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file, by its path under `src`.
fn sources() -> BTreeMap<String, String> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => walk(&path, found),
                false => found.push(path),
            }
        }
    }
    let mut files = Vec::new();
    walk(&src(), &mut files);
    let rust = files.into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "rs"));
    let named = rust.map(|path| {
        let name = path.strip_prefix(src()).unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(&path).unwrap())
    });
    named.collect()
}

/// Whether a file holds unit tests only; they may look anywhere.
fn is_tests(file: &str) -> bool {
    file.split(['/', '.']).any(|part| part == "tests" || part.ends_with("_tests"))
}

fn module(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap()
}

fn floor(module: &str) -> usize {
    let floor = FLOORS.iter().position(|floor| floor.contains(&module));
    floor.unwrap_or_else(|| {
        panic!("the module `{module}` is on no floor: add it to FLOORS and ARCHITECTURE.md")
    })
}

/// The code of a file: without comments, so that documentation may point upwards, and without unit tests.
fn code(text: &str) -> String {
    let end = text.find("#[cfg(test)]").unwrap_or(text.len());
    let lines = text[..end].lines().map(|line| match line.find("//") {
        Some(at) if !line[..at].contains('"') => &line[..at],
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The modules of this crate that `code` names after `crate::`, `crate::{…}` included.
fn used(code: &str) -> Vec<String> {
    let mut used = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => used.extend(group_members(group)),
            None => used.push(identifier(rest)),
        }
    }
    used.retain(|name| !name.is_empty());
    used
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The first names of the members of `a::b, c::{d, e}}…`.
fn group_members(text: &str) -> Vec<String> {
    let (mut depth, mut starts) = (1, true);
    let mut members = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => starts = true,
            _ if starts && !c.is_whitespace() => {
                members.push(identifier(&text[at..]));
                starts = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    members
}

#[test]
fn modules_look_only_down() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let own = module(&file);
        if own == "lib" || is_tests(&file) {
            continue;
        }
        for other in used(&code(&text)) {
            if other != own && floor(&other) >= floor(own) {
                wrong.push(format!("{file} (floor {}) uses {other} (floor {})", floor(own), floor(&other)));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_module_is_on_one_floor_and_every_floor_exists() {
    let modules: Vec<String> = sources().keys().map(|file| module(file).to_owned()).collect();
    for name in FLOORS.concat() {
        assert!(modules.iter().any(|module| module == name), "there is no module `{name}`");
        assert_eq!(FLOORS.concat().iter().filter(|other| **other == name).count(), 1, "`{name}`");
    }
    for name in modules.iter().filter(|name| *name != "lib") {
        floor(name);
    }
}

#[test]
fn the_reader_of_sources_sees_what_is_there() {
    let text = "use crate::{ids::{A, B}, value};\nuse crate::plan::Plan; // crate::drive\nlet a = crate::run::X; my_crate::no;\n\
                #[cfg(test)]\nmod tests { use crate::testing; }";
    assert_eq!(used(&code(text)), ["ids", "value", "plan", "run"]);
    assert!(code("let url = \"http://x\"; // tokio").contains("http://x"));
}

#[test]
fn files_stay_small() {
    let mut wrong = Vec::new();
    let sources = sources();
    for (file, text) in &sources {
        let lines = text.lines().count();
        let excused = LONG.iter().any(|(name, _)| name == file);
        if lines > LIMIT {
            wrong.push(format!("{file} has {lines} lines: a room is missing"));
        } else if lines > COMFORTABLE && !excused {
            wrong.push(format!("{file} has {lines} lines: split it, or say in LONG why it is one room"));
        }
    }
    for (file, _) in LONG {
        let lines = sources.get(*file).map_or(0, |text| text.lines().count());
        if lines <= COMFORTABLE {
            wrong.push(format!("{file} needs no excuse any more"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_pure_half_is_pure() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        if module(&file) == "lib" || is_tests(&file) || EFFECTFUL.contains(&module(&file)) {
            continue;
        }
        let code = code(&text);
        wrong
            .extend(IMPURE.iter().filter(|word| code.contains(**word)).map(|word| format!("{file}: {word}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_pure_half_needs_no_runtime_and_no_database() {
    let tree = |features: &[&str]| {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--offline", "--locked", "-p", "runbook-core", "-e", "normal", "--prefix", "none"])
            .args(features)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let pure = tree(&["--no-default-features"]);
    let has = |tree: &str, name: &str| tree.lines().any(|line| line.split(' ').next() == Some(name));
    assert!(has(&pure, "runbook-core") && has(&pure, "minijinja"), "{pure}");
    for name in ["tokio", "rusqlite", "rustix", "async-trait", "tempfile"] {
        assert!(!has(&pure, name), "{name} in the pure half");
    }
    assert!(has(&tree(&[]), "tokio"), "the default features have the engine");
}

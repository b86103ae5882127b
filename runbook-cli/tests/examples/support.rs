//! A scratch place to run examples in, and what came of a run.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The directory with the examples.
pub(crate) fn examples() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")).unwrap()
}

/// Every runbook among the examples, relative to their directory, in order.
pub(crate) fn every_file() -> Vec<String> {
    let mut found = Vec::new();
    for project in fs::read_dir(examples()).unwrap().map(|entry| entry.unwrap().path()) {
        for file in fs::read_dir(&project).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            let yaml = file.extension().is_some_and(|extension| extension == "yaml");
            let is_test = file.to_string_lossy().ends_with(".test.yaml");
            // Policies and inventories are tested with what uses them.
            if yaml
                && !is_test
                && fs::read_to_string(&file).unwrap().lines().any(|line| line == "kind: Runbook")
            {
                found.push(file.strip_prefix(examples()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Whether `program` is here. A machine without it skips loudly, unless everything is required.
pub(crate) fn has(program: &str) -> bool {
    let status = Process::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let here = status.is_ok_and(|status| status.success());
    if !here {
        let required = std::env::var_os("RUNBOOK_REQUIRE_E2E").is_some_and(|value| value == "1");
        assert!(!required, "`{program}` is missing, and RUNBOOK_REQUIRE_E2E=1 requires it");
        eprintln!("SKIPPED: `{program}` is missing; install it, RUNBOOK_REQUIRE_E2E=1 makes this a failure");
    }
    here
}

/// A directory of its own, with a state directory in it.
pub(crate) struct Place {
    dir: TempDir,
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Place { dir: tempfile::Builder::new().prefix("rb").tempdir().unwrap() }
    }

    /// The path of `name` in this place.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The same as text.
    pub(crate) fn text(&self, name: &str) -> String {
        self.at(name).to_str().unwrap().to_owned()
    }

    /// `name=path in this place`, as `-i` takes it.
    pub(crate) fn input(&self, input: &str, name: &str) -> String {
        format!("{input}={}", self.text(name))
    }

    /// The program, with the directory of examples as its working directory.
    pub(crate) fn process(&self, arguments: &[&str]) -> Process {
        let mut process = Process::new(env!("CARGO_BIN_EXE_runbook"));
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("RUNBOOK_"))
        {
            process.env_remove(name);
        }
        process.current_dir(examples()).env("XDG_STATE_HOME", self.at("state")).env("TZ", "UTC");
        process.env("LC_ALL", "C.UTF-8").env("GNUPGHOME", self.at("gpg")).args(arguments);
        process.stdin(Stdio::null());
        process
    }

    /// Runs the program to its end.
    pub(crate) fn runbook(&self, arguments: &[&str]) -> Ended {
        let output = self.process(arguments).output().unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs the example `file` with `inputs`, saying yes to plain confirmations.
    pub(crate) fn run(&self, file: &str, inputs: &[&str]) -> Ended {
        let mut arguments = vec!["run", file, "--yes"];
        arguments.extend(inputs.iter().flat_map(|input| ["-i", *input]));
        self.runbook(&arguments)
    }

    /// The last run, as `show` tells it.
    pub(crate) fn last(&self) -> Value {
        let ended = self.runbook(&["show", "last", "--format", "json"]);
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.stderr))
    }

    /// The status of a step of the last run.
    pub(crate) fn status(&self, step: &str) -> String {
        let run = self.last();
        let found = run["steps"].as_array().unwrap().iter().find(|one| one["key"] == step).cloned();
        found.unwrap_or_else(|| panic!("no step {step}"))["status"].as_str().unwrap().to_owned()
    }
}

impl Ended {
    /// Fails the test unless the program ended with `code`; says what it wrote.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless the program said `part`.
    #[track_caller]
    pub(crate) fn says(self, part: &str) -> Self {
        assert!(self.stderr.contains(part), "{part:?} is not in\n{}", self.stderr);
        self
    }
}

/// Everything under `root`: kind and mode, and the contents of files.
pub(crate) fn tree(root: &Path) -> BTreeMap<PathBuf, (u32, Option<Vec<u8>>)> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(path) = left.pop() {
        let facts = fs::symlink_metadata(&path).unwrap();
        let contents = facts.is_file().then(|| fs::read(&path).unwrap());
        found.insert(path.strip_prefix(root).unwrap().to_owned(), (facts.permissions().mode(), contents));
        if facts.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}

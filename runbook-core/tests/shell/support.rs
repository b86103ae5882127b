//! Scripts with `${{v}}` for holes, and real shells.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use runbook_core::shell::{Dialect, Lowered, Part, Refusal, assignments, lower};

/// The shells that must agree, with the dialect that each is promised.
pub(crate) const SHELLS: [(&str, Dialect); 3] =
    [("dash", Dialect::Sh), ("bash", Dialect::Sh), ("bash", Dialect::Bash)];

/// The pieces of a script.
pub(crate) fn parts(script: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    for (index, text) in script.split("${{v}}").enumerate() {
        if index > 0 {
            parts.push(Part::Hole);
        }
        parts.push(Part::Text(text));
    }
    parts
}

pub(crate) fn lower_text(script: &str, dialect: Dialect) -> Result<Lowered, Vec<Refusal>> {
    lower(&parts(script), dialect)
}

/// `script` with `value` in every hole, as one text that a shell runs.
pub(crate) fn rendered(script: &str, value: &str, dialect: Dialect) -> String {
    let lowered = lower_text(script, dialect).unwrap_or_else(|refused| panic!("{script:?}: {refused:?}"));
    let values = vec![value.to_owned(); lowered.holes.len()];
    format!("{}{}\n", assignments(&lowered.holes, &values).unwrap(), lowered.text)
}

/// Runs `script` in `directory`, with nothing on its standard input; what it printed as errors.
pub(crate) fn run(shell: &str, script: &str, directory: &Path) -> String {
    // Outside of the directory, so that the directory holds only what the script made.
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, script.as_bytes()).unwrap();
    let output = Command::new(shell)
        .arg(file.path())
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{shell} is needed for this test: {error}"));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Every file in `directory`.
pub(crate) fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let content = std::fs::read(entry.path()).unwrap_or_default();
            (entry.file_name().to_string_lossy().into_owned(), content)
        })
        .collect()
}

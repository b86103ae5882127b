//! From files to checked runbooks.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use runbook_core::diag::{Code, Diagnostic, Diagnostics, Severity};
use runbook_core::kind::Kinds;
use runbook_core::model::Runbook;
use runbook_core::read::{self, Files, Loaded};
use runbook_core::source::{Source, SourceId, Sources, Span};
use runbook_core::suite::{self, LoadedSuite};
use runbook_core::yaml;

use crate::fault::{Fault, reason};
use crate::policies::Outside;

/// Larger files are not read at all; no runbook that people review comes near.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// One file, read and checked.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The file, as the user named it.
    pub(crate) file: String,
    /// The runbook, when it can be used.
    pub(crate) runbook: Option<Runbook>,
    /// The texts the diagnostics point into.
    pub(crate) sources: Sources,
    /// Every problem, in the order of the text.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Checked {
    /// How many errors and warnings there are.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let errors = self.diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
        (errors, self.diagnostics.len() - errors)
    }

    fn refused(
        file: String,
        text: String,
        span: std::ops::Range<usize>,
        code: Code,
        message: String,
    ) -> Self {
        let mut sources = Sources::default();
        let id = sources.add(Source::new(file.clone(), text));
        let diagnostics = vec![Diagnostic::error(code, Span::new(id, span), message)];
        Checked { file, runbook: None, sources, diagnostics }
    }
}

/// Reads and checks the runbook in `path`; `-` is standard input. Whatever is wrong is a diagnostic.
pub(crate) fn check(path: &Path, kinds: &Kinds, policies: &Outside) -> Checked {
    let (file, text) = match text_of(path) {
        Ok(read) => read,
        Err(refused) => return *refused,
    };
    if is_suite(&text) {
        let LoadedSuite { sources, diagnostics, .. } = suite::load(&file, &text, kinds, &Disk);
        return Checked { file, runbook: None, sources, diagnostics };
    }
    let Loaded { runbook, sources, diagnostics, .. } =
        read::parse_under(&file, &text, kinds, &Disk, policies.policies());
    Checked { file, runbook, sources, diagnostics }
}

/// Reads the tests in `path` together with their runbook. `Err`: the file itself cannot be read.
pub(crate) fn check_tests(path: &Path, kinds: &Kinds) -> Result<(String, LoadedSuite), Box<Checked>> {
    let (file, text) = text_of(path)?;
    let loaded = suite::load(&file, &text, kinds, &Disk);
    Ok((file, loaded))
}

/// What messages call `path`, and what it holds.
pub(crate) fn text_of(path: &Path) -> Result<(String, String), Box<Checked>> {
    let file = name_of(path);
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("cannot read `{file}`: {}", reason(&error));
            return Err(Box::new(Checked::refused(file, String::new(), 0..0, Code::CANNOT_READ, message)));
        }
    };
    String::from_utf8(bytes).map(|text| (file.clone(), text)).map_err(|error| {
        // Up to the first bad byte the shown text is the same as the file.
        let at = error.utf8_error().valid_up_to();
        let bad = error.as_bytes().get(at).copied().unwrap_or_default();
        let shown = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let message = format!("the byte 0x{bad:02x} is not UTF-8 text");
        let end = at + char::REPLACEMENT_CHARACTER.len_utf8();
        let mut refused = Checked::refused(file, shown, at..end, Code::NOT_UTF8, message);
        refused.diagnostics =
            refused.diagnostics.into_iter().map(|d| d.help("save the file as UTF-8")).collect();
        Box::new(refused)
    })
}

/// What messages call standard input.
const STDIN: &str = "<stdin>";

/// Files beside the runbook.
struct Disk;

impl Files for Disk {
    fn read(&self, path: &str, from: &str) -> Result<read::File, String> {
        // What comes from standard input names files relative to where the command runs.
        let beside = Path::new(from).parent().filter(|_| from != STDIN).unwrap_or(Path::new(""));
        let path = plain(&beside.join(path));
        let bytes = read_file(&path).and_then(limited).map_err(|error| reason(&error))?;
        let text = String::from_utf8(bytes)
            .map_err(|error| format!("it is not UTF-8 text (byte {})", error.utf8_error().valid_up_to()))?;
        Ok(read::File { name: path.to_string_lossy().into_owned(), text })
    }
}

/// `path` without detours, so that one file has one name.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !is_stdin(path) {
        return read_file(path).and_then(limited);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    limited(bytes)
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let meta = file.metadata()?;
    if meta.is_dir() {
        return Err(io::Error::other("it is a directory"));
    }
    let mut bytes = Vec::new();
    bytes.reserve_exact(usize::try_from(meta.len().min(MAX_FILE_BYTES)).unwrap_or(0) + 1);
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn limited(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other(format!("it has more than {} MiB", MAX_FILE_BYTES >> 20)));
    }
    Ok(bytes)
}

/// Whether `path` stands for standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// What messages call `path`.
fn name_of(path: &Path) -> String {
    if is_stdin(path) { STDIN.to_owned() } else { path.to_string_lossy().into_owned() }
}

/// `paths`, with each directory replaced by the runbooks directly in it, in the order of their names.
pub(crate) fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Fault> {
    let mut files = Vec::new();
    for path in paths {
        if is_stdin(path) || !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let refuse = |error: io::Error| {
            Fault::usage(format!("cannot read the directory `{}`: {}", path.display(), reason(&error)))
        };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path).map_err(refuse)? {
            let file = entry.map_err(refuse)?.path();
            let is_yaml = file.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
            if is_yaml && !file.is_dir() {
                found.push(file);
            }
        }
        if found.is_empty() {
            return Err(Fault::usage(format!("there is no `*.yaml` in the directory `{}`", path.display())));
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

/// `paths`, with each directory replaced by the files of tests in it, at any depth, in the order of their names.
pub(crate) fn expand_tests(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Fault> {
    let mut files = Vec::new();
    for path in paths {
        if is_stdin(path) || !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        tests_in(path, &mut files)?;
        if files.len() == before {
            let message = format!("there are no tests in the directory `{}`", path.display());
            return Err(Fault::usage(message).help("files of tests say `kind: RunbookTest`"));
        }
    }
    Ok(files)
}

fn tests_in(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Fault> {
    let refuse = |error: io::Error| {
        Fault::usage(format!("cannot read the directory `{}`: {}", directory.display(), reason(&error)))
    };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(refuse)? {
        let entry = entry.map_err(refuse)?;
        // A link to a directory may lead back here.
        let is_directory = entry.file_type().map_err(refuse)?.is_dir();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !hidden {
            entries.push((entry.path(), is_directory));
        }
    }
    entries.sort();
    for (path, is_directory) in entries {
        if is_directory {
            tests_in(&path, files)?;
        } else if holds_tests(&path) {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether `path` is a file of tests: by its name, or by what it says of itself.
fn holds_tests(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some(stem) = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml")) else { return false };
    if stem.ends_with(".test") {
        return true;
    }
    let text = read_file(path).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.is_some_and(|text| is_suite(&text))
}

/// Whether `text` says of itself that it holds tests.
fn is_suite(text: &str) -> bool {
    // Most files need not be parsed for that.
    text.contains("RunbookTest")
        && yaml::parse(SourceId::default(), text, &mut Diagnostics::default())
            .is_some_and(|root| root.get("kind").and_then(|kind| kind.as_str()) == Some("RunbookTest"))
}

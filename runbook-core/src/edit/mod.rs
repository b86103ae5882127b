//! What `edit` does to a text: operations in, a new text and its difference out.
//!
//! Knows no files and no targets. Applying the same edits twice is applying them once, lines that an operation is not
//! about stay as they are byte for byte, and what could be meant in two ways is refused.

mod document;
mod env;
mod ini;
mod lines;
mod params;

use std::fmt;

use serde::{Deserialize, Serialize};
use similar::TextDiff;

pub use params::ParamError;

use document::Document;

/// Most bytes of a text that is edited.
pub const MAX_BYTES: usize = 16 << 20;
/// Largest compiled regular expression, in bytes.
const REGEX_SIZE: usize = 1 << 20;

/// All that one `edit` does, in the order of the fields: `remove`, `set`, `line`, `block`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Edits {
    /// What `set` takes the text for; without it the path decides.
    pub format: Option<Format>,
    /// How `set` writes values that are not plain words into an env file.
    pub quote: Quote,
    /// Lines that shall not be there.
    pub remove: Vec<Removal>,
    /// Keys that shall have a value.
    pub set: Vec<Setting>,
    /// Lines that shall be there.
    pub line: Vec<EnsuredLine>,
    /// Blocks of lines that belong to the runbook, between markers.
    pub block: Vec<Block>,
}

/// What `set` takes a text for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `KEY=value`, as `.env` files and environment files of systemd have it.
    Env,
    /// `key = value` or `key: value` under `[section]`s.
    Ini,
}

/// How `set` writes values that are not plain words into an env file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quote {
    /// In quotes, as shells, systemd, Compose and dotenv libraries read them.
    #[default]
    Auto,
    /// As they are, for readers that take everything after `=` for the value (`docker run --env-file`).
    Never,
}

/// Lines that shall not be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Removal {
    /// All lines that are exactly this text.
    Text(String),
    /// All lines in which this regular expression matches.
    Match(String),
}

/// A key that shall have a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// The section of an ini file; without it what stands before the first.
    #[serde(default)]
    pub section: Option<String>,
    /// The key.
    pub key: String,
    /// The value, without quotes.
    pub value: String,
}

/// A line that shall be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnsuredLine {
    /// The whole line.
    pub text: String,
    /// The one line in which this regular expression matches is replaced.
    #[serde(default, rename = "match")]
    pub matching: Option<String>,
    /// Where the line comes when nothing is replaced.
    #[serde(default)]
    pub insert: Place,
}

/// Lines between two markers that belong to the runbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Tells the block from others in the same text.
    pub name: String,
    /// The lines; with none the block and its markers are taken out.
    pub content: String,
    /// What begins a comment in this text, for the markers.
    #[serde(default = "Block::default_comment")]
    pub comment: String,
    /// Where the block comes when it is not there yet.
    #[serde(default)]
    pub insert: Place,
}

impl Block {
    fn default_comment() -> String {
        "#".to_owned()
    }
}

/// Where something new comes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// After the last line.
    #[default]
    End,
    /// Before the first line.
    Start,
    /// Before the one line in which this regular expression matches.
    Before(String),
    /// After the one line in which this regular expression matches.
    After(String),
}

/// Why a text cannot be edited. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}{message}")]
pub struct EditError {
    /// Which operation it is about, such as `set.PORT` or `line`, or nothing when it is about the text.
    pub operation: String,
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    at: Separated,
}

/// The operation with a colon after it, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Separated(String);

impl fmt::Display for Separated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", self.0) }
    }
}

impl EditError {
    fn new(operation: impl Into<String>, message: impl Into<String>) -> Self {
        let operation = operation.into();
        EditError { at: Separated(operation.clone()), operation, message: message.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A text and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The text as it was.
    pub old: String,
    /// The text as it shall be.
    pub new: String,
}

impl Edited {
    /// Whether anything is different.
    pub fn changed(&self) -> bool {
        self.old != self.new
    }

    /// The difference in the unified format, with `name` in its header; empty when nothing changes.
    ///
    /// It shows the text: mask it before it is shown.
    pub fn diff(&self, name: &str) -> String {
        unified_diff(&self.old, &self.new, name)
    }
}

/// The difference between two texts in the unified format; empty when there is none.
pub fn unified_diff(old: &str, new: &str, name: &str) -> String {
    if old == new {
        return String::new();
    }
    TextDiff::from_lines(old, new).unified_diff().context_radius(3).header(name, name).to_string()
}

impl Format {
    /// What the file name of `path` says, if it says something.
    pub fn of_path(path: &str) -> Option<Format> {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name == ".env" || name.starts_with(".env.") || name.ends_with(".env") || name == "environment" {
            return Some(Format::Env);
        }
        let extension = name.rsplit_once('.').map(|(_, extension)| extension)?;
        let ini = [
            "ini",
            "cfg",
            "cnf",
            "desktop",
            "properties",
            "gitconfig",
            "service",
            "timer",
            "socket",
            "mount",
            "path",
            "target",
            "slice",
            "netdev",
            "network",
            "link",
        ];
        ini.contains(&extension).then_some(Format::Ini)
    }
}

/// Applies `edits` to `old`, the contents of the file at `path`; the path only says what format it has.
///
/// A file that does not exist yet is an empty text.
///
/// # Errors
///
/// When the text is not UTF-8 or too large, when it is not clear which lines are meant, when a value cannot be
/// written, and when the operations contradict each other.
pub fn apply(edits: &Edits, path: &str, old: &[u8]) -> Result<Edited, EditError> {
    let old = text(old)?;
    let once = apply_once(edits, path, old)?;
    let twice = apply_once(edits, path, &once).map_err(|error| contradiction(Some(error)))?;
    if once != twice {
        return Err(contradiction(None));
    }
    Ok(Edited { old: old.to_owned(), new: once })
}

fn contradiction(error: Option<EditError>) -> EditError {
    let why = error.map_or_else(String::new, |error| format!(" ({error})"));
    EditError::new(
        "",
        format!("the operations undo each other: done again, they would change the text again{why}"),
    )
    .help("split them into several steps, or drop one of them")
}

fn text(bytes: &[u8]) -> Result<&str, EditError> {
    if bytes.len() > MAX_BYTES {
        return Err(EditError::new("", format!("the file has more than {} MiB", MAX_BYTES >> 20)));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
        EditError::new("", format!("the file is not UTF-8 text: line {line}"))
            .help("convert it first, or change it with a command")
    })?;
    match text.contains('\0') {
        true => Err(EditError::new("", "the file has NUL characters: it is not a text")),
        false => Ok(text),
    }
}

fn apply_once(edits: &Edits, path: &str, text: &str) -> Result<String, EditError> {
    let mut document = Document::new(text);
    for (index, removal) in edits.remove.iter().enumerate() {
        lines::remove(&mut document, removal, &operation("remove", index, edits.remove.len()))?;
    }
    if !edits.set.is_empty() {
        let format = edits.format.or_else(|| Format::of_path(path)).ok_or_else(|| {
            EditError::new("set", "the file's name does not say what format it has")
                .help("write `format: env` or `format: ini`, or use `line`")
        })?;
        for setting in &edits.set {
            let name = match &setting.section {
                Some(section) => format!("set.{section}.{}", setting.key),
                None => format!("set.{}", setting.key),
            };
            match format {
                Format::Env => env::set(&mut document, setting, edits.quote, &name)?,
                Format::Ini => ini::set(&mut document, setting, &name)?,
            }
        }
    }
    for (index, line) in edits.line.iter().enumerate() {
        lines::ensure(&mut document, line, &operation("line", index, edits.line.len()))?;
    }
    for block in &edits.block {
        lines::block(&mut document, block, &format!("block.{}", block.name))?;
    }
    Ok(document.text())
}

fn operation(name: &str, index: usize, count: usize) -> String {
    if count == 1 { name.to_owned() } else { format!("{name}[{index}]") }
}

fn regex(pattern: &str) -> Result<regex::Regex, String> {
    regex::RegexBuilder::new(pattern).size_limit(REGEX_SIZE).build().map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("{pattern:?} is not a regular expression: {reason}")
    })
}

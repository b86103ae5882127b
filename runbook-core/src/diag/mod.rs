//! What can be wrong with a text, said so that its author can put it right.
//!
//! A [`Diagnostic`] is plain data: a stable [`Code`], a message, the places it is about, why it is a
//! problem and what to do. How it looks on a screen is decided elsewhere.

mod codes;

pub use codes::{CodeInfo, code_info, codes};

use std::fmt;

use serde::{Serialize, Serializer};

use crate::source::{LineColumn, Sources, Span};

/// The stable name of a kind of problem, shown as `RB0123`; each has a page in the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RB{:04}", self.0)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// Worth a look; nothing is refused.
    Warning,
    /// The text is refused.
    Error,
}

/// A place and what to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What to write under it; may be empty.
    pub text: String,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Its kind.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong: a lower-case fragment without a full stop.
    pub message: String,
    /// Where.
    pub primary: Label,
    /// Other places that matter (the first of two equal keys, …).
    pub secondary: Vec<Label>,
    /// Why it is a problem.
    pub notes: Vec<String>,
    /// What to do about it.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span, message)
    }

    /// A warning at `span`.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span, message)
    }

    fn new(severity: Severity, code: Code, span: Span, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            severity,
            message: message.into(),
            primary: Label { span, text: String::new() },
            secondary: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Writes `text` under the primary place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Points at another place as well.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// Says why.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Adds "did you mean" when one of `candidates` is close to `written`.
    #[must_use]
    pub fn did_you_mean<'a>(self, written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        match closest(written, candidates) {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }
}

/// The candidate closest to `written`, if one is close enough to be what was meant.
pub fn closest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let a = written.to_lowercase();
    let score = |name: &str| {
        // Texts of very different lengths are never close, and nearly all candidates are of that sort.
        if a.len().abs_diff(name.len()) > a.len().max(name.len()) / 2 + 1 {
            return 0.0;
        }
        let b = name.to_lowercase();
        if a.replace(['-', '_'], "") == b.replace(['-', '_'], "") {
            1.0
        } else if a.len() > 2 && strsim::osa_distance(&a, &b) == 1 {
            // A single slip in a short word, such as `rum` for `run`, is less alike than it is likely.
            0.99_f64.min(0.9 + strsim::jaro_winkler(&a, &b) / 10.0)
        } else {
            strsim::jaro_winkler(&a, &b)
        }
    };
    candidates
        .into_iter()
        .filter(|name| *name != written)
        .map(|name| (score(name), name))
        .filter(|(score, _)| *score >= 0.84)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// The problems found so far, with what is needed to show them.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds a problem.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.items.push(diagnostic);
    }

    /// Whether anything found refuses the text.
    pub fn has_errors(&self) -> bool {
        self.items.iter().any(|d| d.severity == Severity::Error)
    }

    /// The problems by place in the text, each once.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.items.sort_by(|a, b| {
            (a.primary.span, a.code).cmp(&(b.primary.span, b.code)).then_with(|| a.message.cmp(&b.message))
        });
        self.items.dedup();
        self.items
    }

    /// What was found so far, in the order found.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.items.iter()
    }

    /// How many were found.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether none was found.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: impl IntoIterator<Item = Diagnostic>) {
        self.items.extend(other);
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

/// A place as machines read it: file, 1-based lines and character columns, byte offsets.
#[derive(Clone, Debug, Serialize)]
pub struct Place {
    /// The file, as the user named it.
    pub file: String,
    /// Where it begins.
    pub start: LineColumn,
    /// Where it ends (one past the last character).
    pub end: LineColumn,
    /// First byte and one past the last byte.
    pub bytes: [u32; 2],
}

impl Place {
    /// `span` in `sources`.
    pub fn of(span: Span, sources: &Sources) -> Self {
        let none = LineColumn { line: 1, column: 1 };
        let source = sources.get(span.source);
        Place {
            file: source.map_or_else(String::new, |s| s.name().to_owned()),
            start: source.map_or(none, |s| s.line_column(span.start as usize)),
            end: source.map_or(none, |s| s.line_column(span.end as usize)),
            bytes: [span.start, span.end],
        }
    }
}

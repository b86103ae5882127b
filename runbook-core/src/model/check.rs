//! Questions to the world that change nothing, and what counts as a good answer.

use serde::{Deserialize, Serialize};

use super::TargetRef;
use super::{CustomAction, Run, ValueTemplate};
use crate::diag::Severity;
use crate::expr::{Expr, Template};
use crate::source::Span;
use crate::value::{Duration, Value};

/// One question, with what counts as a good answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Where it is written.
    #[serde(skip)]
    pub span: Span,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Template>,
    /// The question.
    pub kind: CheckKind,
    /// Where it is asked.
    pub target: TargetRef,
    /// What counts as a good answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
    /// How long to keep asking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Hard limit for one try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Shown when the answer is bad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Template>,
    /// Whether a bad answer only warns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warn_only: bool,
    /// Why its author knows that it only looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect_because: Option<String>,
}

impl Check {
    /// How bad a bad answer is.
    pub fn severity(&self) -> Severity {
        if self.warn_only { Severity::Warning } else { Severity::Error }
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CheckKind {
    /// An expression.
    Expr(Expr),
    /// A command that only looks.
    Run(Run),
    /// Whether a port accepts a connection.
    Tcp(TcpProbe),
    /// What is known of a file.
    File(FileProbe),
    /// A check of an executor that plugs in.
    Custom(CustomAction),
}

/// Whether a port accepts a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TcpProbe {
    /// The host, as the target sees it.
    pub host: Template,
    /// The port, 1 to 65535.
    pub port: Template,
}

/// What must be true of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileProbe {
    /// Its path on the target.
    pub path: Template,
    /// Whether it must exist.
    pub exists: bool,
    /// How old it may be at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newer_than: Option<Duration>,
    /// How many bytes it must have at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_size: Option<u64>,
}

/// What counts as success.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// An expression over `result`.
    Expr(Expr),
    /// Matchers by field of the result; all must hold.
    Fields(Vec<(String, Matcher)>),
}

/// What a field of a result must look like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Matcher {
    /// One of these values.
    OneOf(Vec<Value>),
    /// A text with these properties.
    Text(TextMatcher),
    /// What an executor's own field must be (`status: 2xx`, `json: {…}`).
    Field(ValueTemplate),
}

impl Matcher {
    /// The keys of a map of matchers for one field. A map without any of them holds paths into the field.
    pub const KEYS: [&'static str; 8] =
        ["equals", "contains", "matches", "not_matches", "empty", "exists", "min", "max"];

    /// Every expression in it.
    pub fn expressions(&self) -> Vec<&Expr> {
        match self {
            Matcher::OneOf(_) => Vec::new(),
            Matcher::Text(text) => {
                let templates = text.equals.iter().chain(&text.contains);
                templates.flat_map(|template| template.expressions()).collect()
            }
            Matcher::Field(wanted) => wanted.expressions(),
        }
    }
}

/// Properties of a text; those that are set must all hold. Texts are compared without trailing line breaks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TextMatcher {
    /// Exactly this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Template>,
    /// This somewhere in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<Template>,
    /// A regular expression that matches somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// A regular expression that matches nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_matches: Option<String>,
    /// Nothing but white space, or something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty: Option<bool>,
}

/// How often and how long to try. At least one of `attempts` and `within` limits it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// How many tries in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Pause between tries.
    pub every: Duration,
    /// How long in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Duration>,
    /// Factor by which the pause grows, in hundredths (`200` doubles it).
    pub backoff_percent: u32,
    /// The longest pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_every: Option<Duration>,
    /// How many good answers in a row are needed.
    pub consecutive: u32,
    /// Only while this holds (over `result`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Expr>,
}

impl Default for Retry {
    /// Every second, without an end.
    fn default() -> Self {
        Retry {
            attempts: None,
            every: Duration::from_secs(1),
            within: None,
            backoff_percent: 100,
            max_every: None,
            consecutive: 1,
            when: None,
        }
    }
}

impl Retry {
    /// How long somebody who asks to be left alone is at most, when the author names no longest pause.
    pub const LONGEST_REQUEST: Duration = Duration::from_secs(3600);

    /// The pause after try number `attempt` (from 1), when whoever was asked wants to be left alone for `asked`.
    pub fn pause(&self, attempt: u32, asked: Option<Duration>) -> Duration {
        let most = self.max_every.unwrap_or(Self::LONGEST_REQUEST);
        self.pause_after(attempt).max(asked.unwrap_or_default().min(most))
    }

    /// The pause after try number `attempt` (from 1).
    pub fn pause_after(&self, attempt: u32) -> Duration {
        let factor = f64::from(self.backoff_percent) / 100.0;
        let grown = self.every.as_millis() as f64 * factor.powi(attempt.saturating_sub(1).min(64) as i32);
        let longest = self.max_every.map_or(u64::MAX, Duration::as_millis);
        Duration::from_millis((grown.min(86_400_000.0 * 365.0) as u64).min(longest))
    }
}

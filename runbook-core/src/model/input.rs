//! Values that people give: inputs of a runbook, fields of a manual step.

use regex_syntax::hir::{Class, Hir, HirKind};
use serde::{Deserialize, Serialize};

use crate::expr::Template;
use crate::source::Spanned;
use crate::value::{Duration, Value, display, type_name};

/// A value that a person gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Input {
    /// Its name.
    pub name: Spanned<String>,
    /// What values it takes.
    pub r#type: InputType,
    /// The value when none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Whether a value must be given.
    pub required: bool,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The only values allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Value>,
    /// The list of values allowed, when an earlier step finds it; only for fields of a manual step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options_from: Option<Template>,
    /// A regular expression the whole text must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Smallest number, shortest text or list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Largest number, longest text or list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// A value to show as an example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<Value>,
    /// Whether its value is a secret: in no plan, in no log, and only where secrets may stand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
}

/// What values an input takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum InputType {
    /// Any text.
    #[default]
    String,
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// One of `options`.
    Enum,
    /// A length of time; expressions see it as text such as `1h30m`.
    Duration,
    /// An absolute URL.
    Url,
    /// A path of a file.
    Path,
    /// A list of texts.
    List,
}

impl InputType {
    /// Every type, with its name.
    pub const ALL: [(&'static str, InputType); 9] = [
        ("string", InputType::String),
        ("int", InputType::Int),
        ("number", InputType::Number),
        ("bool", InputType::Bool),
        ("enum", InputType::Enum),
        ("duration", InputType::Duration),
        ("url", InputType::Url),
        ("path", InputType::Path),
        ("list", InputType::List),
    ];

    /// The type called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(n, _)| *n == name).map(|(_, t)| *t)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, t)| *t == self).map_or("string", |(n, _)| n)
    }
}

/// How texts that match a pattern may begin.
struct First {
    /// With a dash.
    dash: bool,
    /// With what comes after the pattern, because it may match nothing.
    nothing: bool,
}

fn first(pattern: &Hir) -> First {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => First { dash: false, nothing: true },
        HirKind::Literal(text) => First { dash: text.0.starts_with(b"-"), nothing: false },
        HirKind::Class(Class::Unicode(class)) => {
            let holds = class.iter().any(|range| (range.start()..=range.end()).contains(&'-'));
            First { dash: holds, nothing: false }
        }
        HirKind::Class(Class::Bytes(class)) => {
            let holds = class.iter().any(|range| (range.start()..=range.end()).contains(&b'-'));
            First { dash: holds, nothing: false }
        }
        HirKind::Repetition(repeated) => {
            let inner = first(&repeated.sub);
            First { dash: inner.dash, nothing: inner.nothing || repeated.min == 0 }
        }
        HirKind::Capture(capture) => first(&capture.sub),
        HirKind::Alternation(ways) => {
            let ways: Vec<First> = ways.iter().map(first).collect();
            First { dash: ways.iter().any(|way| way.dash), nothing: ways.iter().any(|way| way.nothing) }
        }
        HirKind::Concat(parts) => {
            let mut begun = First { dash: false, nothing: true };
            for part in parts.iter().map(first) {
                if begun.nothing {
                    begun = First { dash: begun.dash || part.dash, nothing: part.nothing };
                }
            }
            begun
        }
    }
}

/// Why a value does not fit its input.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct InputError(pub String);

impl Input {
    /// Whether no value of it begins with a dash, so that a program cannot take one for an option.
    pub fn never_begins_with_dash(&self) -> bool {
        let dashed = |value: &Value| display(value).starts_with('-');
        let by_pattern =
            |pattern: &String| regex_syntax::parse(pattern).is_ok_and(|pattern| !first(&pattern).dash);
        match self.r#type {
            InputType::Bool | InputType::Url | InputType::Duration => true,
            InputType::Int | InputType::Number if self.min.is_some_and(|min| min >= 0.0) => true,
            InputType::List => false,
            _ if !self.options.is_empty() => !self.options.iter().any(dashed),
            _ => self.pattern.as_ref().is_some_and(by_pattern),
        }
    }

    /// A text as given on a command line, turned into a value of this input's type and checked.
    ///
    /// A list is written with commas between its texts, or as JSON.
    pub fn parse(&self, text: &str) -> Result<Value, InputError> {
        let wrong = || InputError(format!("`{text}` is not {}", self.expected()));
        let value = match self.r#type {
            InputType::Int => Value::from(text.trim().parse::<i64>().map_err(|_| wrong())?),
            InputType::Number => {
                let number = text.trim().parse::<f64>().map_err(|_| wrong())?;
                serde_json::Number::from_f64(number).map(Value::Number).ok_or_else(wrong)?
            }
            InputType::Bool => match text.trim() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => return Err(wrong()),
            },
            InputType::List if text.trim_start().starts_with('[') => {
                serde_json::from_str(text).map_err(|_| wrong())?
            }
            InputType::List if text.is_empty() => Value::Array(Vec::new()),
            InputType::List => Value::Array(text.split(',').map(|t| Value::from(t.trim())).collect()),
            InputType::Enum => self
                .options
                .iter()
                .find(|option| display(option) == text)
                .cloned()
                .unwrap_or_else(|| Value::from(text)),
            _ => Value::from(text),
        };
        self.check(&value)?;
        Ok(value)
    }

    /// Whether `text` fits a sensitive input. What is said of it holds nothing of the text.
    pub fn check_secret(&self, text: &str) -> Result<(), InputError> {
        if self.parse(text).is_ok() {
            return Ok(());
        }
        let pattern = self.pattern.iter().map(|pattern| format!("matching `{pattern}`"));
        let min = self.min.iter().map(|min| format!("not shorter than {min}"));
        let max = self.max.iter().map(|max| format!("not longer than {max}"));
        let limits: Vec<String> = pattern.chain(min).chain(max).collect();
        let limits = if limits.is_empty() { String::new() } else { format!(", {}", limits.join(", ")) };
        Err(InputError(format!("it takes {}{limits}", self.expected())))
    }

    /// Whether `value` fits; a value of another type is never converted.
    pub fn check(&self, value: &Value) -> Result<(), InputError> {
        let shown = display(value);
        let refuse = |why: String| Err(InputError(why));
        let fits = match self.r#type {
            InputType::Int => value.is_i64() || value.is_u64(),
            InputType::Number => value.is_number(),
            InputType::Bool => value.is_boolean(),
            InputType::List => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
            InputType::Enum => true,
            _ => value.is_string(),
        };
        if !fits {
            return refuse(format!("expected {}, found {} `{shown}`", self.expected(), type_name(value)));
        }
        if shown.contains('\0') {
            return refuse("a value cannot contain a NUL character".to_owned());
        }
        match self.r#type {
            InputType::Duration => {
                if let Err(why) = shown.parse::<Duration>() {
                    return refuse(format!("`{shown}`: {why}"));
                }
            }
            InputType::Url if !is_url(&shown) => {
                return refuse(format!(
                    "`{shown}` is not an absolute URL such as `https://app.example.net/`"
                ));
            }
            InputType::Path if shown.is_empty() => return refuse("a path cannot be empty".to_owned()),
            _ => {}
        }
        if !self.options.is_empty() && !self.options.contains(value) {
            let options: Vec<_> = self.options.iter().map(|o| format!("`{}`", display(o))).collect();
            return refuse(format!("`{shown}` is not one of {}", options.join(", ")));
        }
        self.check_pattern(value)?;
        self.check_limits(value)
    }

    fn check_pattern(&self, value: &Value) -> Result<(), InputError> {
        let Some(pattern) = &self.pattern else { return Ok(()) };
        let whole = regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(1 << 20).build();
        let whole = whole.map_err(|e| InputError(format!("the pattern `{pattern}` is unusable: {e}")))?;
        let texts: Vec<String> = match value {
            Value::Array(items) => items.iter().map(display).collect(),
            other => vec![display(other)],
        };
        match texts.iter().find(|text| !whole.is_match(text)) {
            Some(text) => Err(InputError(format!("`{text}` does not match the pattern `{pattern}`"))),
            None => Ok(()),
        }
    }

    fn check_limits(&self, value: &Value) -> Result<(), InputError> {
        let (measured, what) = match value {
            Value::Number(number) => (number.as_f64().unwrap_or(f64::NAN), "value"),
            Value::Array(items) => (items.len() as f64, "number of entries"),
            Value::String(text) if self.r#type == InputType::Duration => {
                (text.parse::<Duration>().map_or(f64::NAN, |d| d.as_millis() as f64 / 1000.0), "seconds")
            }
            Value::String(text) => (text.chars().count() as f64, "length"),
            _ => return Ok(()),
        };
        if let Some(min) = self.min.filter(|min| measured < *min) {
            return Err(InputError(format!(
                "`{}` is too small: the {what} must be at least {min}",
                display(value)
            )));
        }
        if let Some(max) = self.max.filter(|max| measured > *max) {
            return Err(InputError(format!(
                "`{}` is too large: the {what} must be at most {max}",
                display(value)
            )));
        }
        Ok(())
    }

    /// What values it takes, for messages.
    pub fn expected(&self) -> &'static str {
        match self.r#type {
            InputType::String => "a text",
            InputType::Int => "a whole number",
            InputType::Number => "a number",
            InputType::Bool => "`true` or `false`",
            InputType::Enum => "one of the options",
            InputType::Duration => "a duration such as `5m`",
            InputType::Url => "an absolute URL",
            InputType::Path => "a path",
            InputType::List => "a list of texts",
        }
    }

    /// Whether a value that starts with `-` cannot be mistaken for an option, because the author
    /// has listed or limited the values.
    pub fn allows_leading_dash(&self) -> bool {
        matches!(self.r#type, InputType::Int | InputType::Number) || !self.options.is_empty()
    }
}

/// Whether `text` looks like an absolute URL: scheme, `://`, and a host.
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let scheme_fits = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let host = rest.split(['/', '?', '#']).next().unwrap_or("");
    scheme_fits && !host.is_empty() && !text.contains(char::is_whitespace)
}

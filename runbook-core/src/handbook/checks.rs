//! Checks as things to look at.

use super::doing::custom;
use super::fill::Fill;
use crate::model::{Check, CheckKind, Expect, Matcher, Retry, TextMatcher};
use crate::value::display;

/// Something to look at, and what must be seen.
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// One line for people; may be empty.
    pub(super) title: String,
    /// A command and the shell that reads it, when there is one to type.
    pub(super) command: Option<(&'static str, String)>,
    /// What must be true; may be empty.
    pub(super) wanted: String,
    /// What it means when it is not.
    pub(super) otherwise: String,
    /// Whether it is only worth a warning.
    pub(super) warns: bool,
}

pub(super) fn tasks(fill: &Fill<'_>, checks: &[Check]) -> Vec<Task> {
    checks.iter().map(|check| task(fill, check)).collect()
}

fn task(fill: &Fill<'_>, check: &Check) -> Task {
    let (command, mut wanted) = match &check.kind {
        CheckKind::Expr(expr) => (None, fill.expression(expr)),
        CheckKind::Run(run) => {
            let wanted =
                check.expect.as_ref().map_or_else(|| "it succeeds".to_owned(), |one| expect(fill, one));
            (Some((run.shell.program(), fill.command(run))), wanted)
        }
        CheckKind::Tcp(tcp) => {
            (None, format!("{}:{} accepts connections", fill.text(&tcp.host), fill.text(&tcp.port)))
        }
        CheckKind::File(file) => {
            let path = fill.text(&file.path);
            let mut wanted = format!("{path} {}", if file.exists { "is there" } else { "is not there" });
            wanted.extend(file.newer_than.map(|age| format!(", not older than {age}")));
            wanted.extend(file.min_size.map(|size| match size {
                0 | 1 => ", and is not empty".to_owned(),
                size => format!(", at least {size} bytes"),
            }));
            (None, wanted)
        }
        CheckKind::Custom(action) => {
            let wanted =
                check.expect.as_ref().map_or_else(|| "it succeeds".to_owned(), |one| expect(fill, one));
            (Some(("sh", custom(fill, action))), wanted)
        }
    };
    if let Some(retry) = &check.retry {
        wanted.push_str(&patience(retry));
    }
    Task {
        title: check.title.as_ref().map(|title| fill.text(title)).unwrap_or_default(),
        command,
        wanted,
        otherwise: check.message.as_ref().map(|message| fill.text(message)).unwrap_or_default(),
        warns: check.warn_only,
    }
}

fn patience(retry: &Retry) -> String {
    let mut parts = vec![format!("; look every {}", retry.every)];
    parts.extend(retry.within.map(|within| format!("for {within}")));
    parts.extend(retry.attempts.map(|attempts| format!("up to {attempts} times")));
    if retry.consecutive > 1 {
        parts.push(format!("until it holds {} times in a row", retry.consecutive));
    }
    parts.join(" ")
}

/// What counts as success.
pub(super) fn expect(fill: &Fill<'_>, expect: &Expect) -> String {
    match expect {
        Expect::Expr(expr) => fill.expression(expr),
        Expect::Fields(fields) => {
            let field = |(name, matcher): &(String, Matcher)| {
                let name = match name.as_str() {
                    "stdout" => "the output",
                    "stderr" => "standard error",
                    "exit_code" => "the exit code",
                    other => other,
                };
                match matcher {
                    Matcher::OneOf(values) => {
                        let values: Vec<String> = values.iter().map(display).collect();
                        format!("{name} is {}", values.join(" or "))
                    }
                    Matcher::Text(text) => matches(fill, name, text),
                    Matcher::Field(wanted) => format!("{name} is {}", fill.value(wanted)),
                }
            };
            fields.iter().map(field).collect::<Vec<_>>().join(", ")
        }
    }
}

fn matches(fill: &Fill<'_>, name: &str, text: &TextMatcher) -> String {
    let TextMatcher { equals, contains, matches, not_matches, empty } = text;
    let mut parts = Vec::new();
    parts.extend(equals.iter().map(|text| format!("{name} is “{}”", fill.text(text))));
    parts.extend(contains.iter().map(|text| format!("{name} contains “{}”", fill.text(text))));
    parts.extend(matches.iter().map(|pattern| format!("{name} matches {pattern}")));
    parts.extend(not_matches.iter().map(|pattern| format!("{name} does not match {pattern}")));
    parts.extend(empty.map(|empty| format!("{name} is {}empty", if empty { "" } else { "not " })));
    parts.join(", ")
}

//! What the parts of a step say, in a few words.

use crate::model::{Check, CheckKind, Confirm, Effect, Expect, Matcher, Requester, Retry, Role, TextMatcher};
use crate::plan::Preview;
use crate::value::{Value, parse_size};

/// What a check asks.
pub(crate) fn check(preview: &Preview, check: &Check) -> String {
    match &check.kind {
        CheckKind::Expr(expr) => expr.source().to_owned(),
        CheckKind::Run(run) => preview.command(run),
        CheckKind::Tcp(tcp) => format!("{}:{}", preview.text(&tcp.host), preview.text(&tcp.port)),
        CheckKind::File(file) => {
            let mut what = format!(
                "{} {}",
                preview.text(&file.path),
                if file.exists { "exists" } else { "does not exist" }
            );
            if let Some(age) = file.newer_than {
                what += &format!(", newer than {age}");
            }
            if let Some(size) = file.min_size {
                what += &format!(", at least {}", size_text(size));
            }
            what
        }
        CheckKind::Custom(custom) => preview.custom(custom),
    }
}

/// Whose yes a gate before something with this effect takes, when it is not simply anybody's.
pub(super) fn who_agrees(gate: &Confirm, effect: Effect) -> Option<String> {
    let mut said = Vec::new();
    if gate.approvers_min > 1 {
        said.push(format!("{} people must agree", gate.approvers_min));
    }
    if !gate.roles.is_empty() {
        said.push(format!("of {}", roles(&gate.roles)));
    }
    match gate.requester {
        Some(Requester::Allow) => said.push("whoever starts the run may agree".to_owned()),
        _ if !gate.allows_requester(effect) => said.push("not whoever starts the run".to_owned()),
        _ => {}
    }
    (!said.is_empty()).then(|| said.join(", "))
}

/// `dba (anna, boris), admins`.
pub(crate) fn roles(roles: &[Role]) -> String {
    let one = |role: &Role| match &role.people {
        Some(people) => format!("{} ({})", role.name, people.join(", ")),
        None => role.name.clone(),
    };
    roles.iter().map(one).collect::<Vec<_>>().join(" or ")
}

/// The key of a check's kind.
pub(super) fn check_kind(check: &Check) -> &str {
    match &check.kind {
        CheckKind::Expr(_) => "expression",
        CheckKind::Run(_) => "run",
        CheckKind::Tcp(_) => "tcp",
        CheckKind::File(_) => "file",
        CheckKind::Custom(custom) => &custom.kind,
    }
}

fn size_text(bytes: u64) -> String {
    let units = ["GiB", "MiB", "KiB"];
    let exact = units.iter().find_map(|unit| {
        let one = parse_size(&format!("1{unit}"))?;
        (bytes >= one && bytes.is_multiple_of(one)).then(|| format!("{}{unit}", bytes / one))
    });
    exact.unwrap_or_else(|| format!("{bytes} bytes"))
}

/// What counts as success.
pub(super) fn expect(preview: &Preview, expect: &Expect) -> String {
    match expect {
        Expect::Expr(expr) => expr.source().to_owned(),
        Expect::Fields(fields) => {
            let field = |(name, matcher): &(String, Matcher)| matcher_text(preview, name, matcher);
            fields.iter().map(field).collect::<Vec<_>>().join(", ")
        }
    }
}

fn matcher_text(preview: &Preview, name: &str, matcher: &Matcher) -> String {
    match matcher {
        Matcher::OneOf(values) => {
            let values: Vec<String> = values.iter().map(Value::to_string).collect();
            format!("{name} is {}", values.join(" or "))
        }
        Matcher::Text(text) => {
            let TextMatcher { equals, contains, matches, not_matches, empty } = text;
            let quoted = |text: String| Value::String(text).to_string();
            let mut parts = Vec::new();
            parts.extend(equals.iter().map(|t| format!("{name} equals {}", quoted(preview.text(t)))));
            parts.extend(contains.iter().map(|t| format!("{name} contains {}", quoted(preview.text(t)))));
            parts.extend(matches.iter().map(|pattern| format!("{name} matches /{pattern}/")));
            parts.extend(not_matches.iter().map(|pattern| format!("{name} does not match /{pattern}/")));
            parts.extend(empty.map(|empty| format!("{name} is {}empty", if empty { "" } else { "not " })));
            parts.join(", ")
        }
        Matcher::Field(wanted) => format!("{name} is {}", wanted_text(&preview.value(wanted))),
    }
}

/// What a field must be: a value, one of several, matchers or paths.
fn wanted_text(wanted: &Value) -> String {
    match wanted {
        Value::Array(choices) => choices.iter().map(wanted_text).collect::<Vec<_>>().join(" or "),
        Value::String(text) if text.len() == 3 && text.ends_with('x') => text.clone(),
        other => other.to_string(),
    }
}

/// How often and how long to try.
pub(super) fn retry(retry: &Retry) -> String {
    let mut parts = Vec::new();
    parts.extend(retry.attempts.map(|attempts| format!("up to {attempts} tries")));
    parts.push(format!("every {}", retry.every));
    parts.extend(retry.within.map(|within| format!("within {within}")));
    if retry.backoff_percent != 100 {
        let factor = f64::from(retry.backoff_percent) / 100.0;
        let longest = retry.max_every.map_or_else(String::new, |max| format!(" up to {max}"));
        parts.push(format!("the pause grows ×{factor}{longest}"));
    }
    if retry.consecutive > 1 {
        parts.push(format!("{} good answers in a row", retry.consecutive));
    }
    parts.extend(retry.when.as_ref().map(|when| format!("while {}", when.source())));
    parts.join(", ")
}

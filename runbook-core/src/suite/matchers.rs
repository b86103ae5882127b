//! Matchers that executors bring, for results that no executor has made.

use regex::Regex;

use crate::model::{Expect, Matcher};
use crate::run::StepResult;
use crate::value::{Value, display};

/// Whether `result` fits the matchers of `expect` that an executor would judge: a value, a list of values one of
/// which fits, a class such as `2xx`, a text matcher, or a map of paths into the field to any of these.
///
/// `Err` says what does not fit.
pub fn custom_matchers(expect: Option<&Expect>, result: &StepResult) -> Result<(), String> {
    let Some(Expect::Fields(fields)) = expect else { return Ok(()) };
    for (name, matcher) in fields {
        if let Matcher::Custom(wanted) = matcher {
            let found = result.fields.get(name).unwrap_or(&Value::Null);
            fits(name, wanted, found)?;
        }
    }
    Ok(())
}

fn fits(name: &str, wanted: &Value, found: &Value) -> Result<(), String> {
    let differs = || {
        let shown = if found.is_null() { "nothing".to_owned() } else { format!("`{}`", display(found)) };
        Err(format!("{name} is {shown}, expected `{}`", display(wanted)))
    };
    let holds = match wanted {
        Value::Array(choices) => choices.iter().any(|choice| fits(name, choice, found).is_ok()),
        Value::Object(map) if map.keys().all(|key| is_text_matcher(key)) => {
            return map.iter().try_for_each(|(key, wanted)| text(name, key, wanted, found));
        }
        Value::Object(paths) => {
            return paths.iter().try_for_each(|(path, wanted)| {
                let inner = at(found, path).unwrap_or(&Value::Null);
                fits(&format!("{name}.{path}"), wanted, inner)
            });
        }
        Value::String(class) if is_class(class) && found.is_number() => {
            let digits = display(found);
            digits.len() == class.len() && digits.starts_with(class.trim_end_matches('x'))
        }
        other => other == found || display(other) == display(found),
    };
    if holds { Ok(()) } else { differs() }
}

/// `2xx`, `40x`.
fn is_class(text: &str) -> bool {
    let digits = text.trim_end_matches('x');
    text.len() == 3 && digits.len() < 3 && !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
}

fn is_text_matcher(key: &str) -> bool {
    matches!(key, "equals" | "contains" | "matches" | "not_matches" | "empty")
}

fn text(name: &str, key: &str, wanted: &Value, found: &Value) -> Result<(), String> {
    let (shown, wanted_text) = (display(found), display(wanted));
    let pattern = || Regex::new(&wanted_text).map_err(|error| error.to_string());
    let holds = match key {
        "equals" => shown.trim_end() == wanted_text.trim_end(),
        "contains" => shown.contains(&wanted_text),
        "matches" => pattern()?.is_match(&shown),
        "not_matches" => !pattern()?.is_match(&shown),
        _ => shown.trim().is_empty() == (*wanted == Value::Bool(true)),
    };
    if holds { Ok(()) } else { Err(format!("{name} is `{shown}`, expected {key} `{wanted_text}`")) }
}

/// What stands at `a.b.0` in `value`.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    if let Some(whole) = value.get(path) {
        return Some(whole);
    }
    path.trim_start_matches("$.").split('.').try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}

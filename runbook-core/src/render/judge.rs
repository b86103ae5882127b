//! Whether a result is good, and what it yields.

use regex::Regex;

use super::action::RenderError;
use super::matchers::field_fits;
use crate::expr::{Expr, Template};
use crate::model::{Check, CheckKind, Command, Expect, Matcher, TextMatcher};
use crate::run::{Ending, StepResult};
use crate::value::{Object, Value, display};

/// Whether `result` is a success. `Err` says why not, for people.
///
/// Without an `expect` that says otherwise, a command must end with exit code 0, and a status must be 2xx.
pub fn judge(expect: Option<&Expect>, result: &StepResult, scope: &Object) -> Result<(), String> {
    if result.ending != Ending::Completed {
        return Err(result.reason.clone().unwrap_or_else(|| "did not complete".to_owned()));
    }
    let wants = |field: &str| matches!(expect, Some(Expect::Fields(fields)) if fields.iter().any(|(name, _)| name == field));
    match expect {
        Some(Expect::Expr(expr)) => match expr.eval_bool(scope) {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!("expected `{}`{}", expr.source().trim(), exit_text(result))),
            Err(error) => Err(RenderError::from(error).to_string()),
        },
        Some(Expect::Fields(fields)) => {
            if !wants("exit_code") {
                exit_code_is_zero(result)?;
            }
            if !wants("status") {
                status_is_good(result)?;
            }
            fields.iter().try_for_each(|(name, matcher)| field(name, matcher, result, scope))
        }
        None => exit_code_is_zero(result).and_then(|()| status_is_good(result)),
    }
}

fn exit_text(result: &StepResult) -> String {
    result.exit_code.map(|code| format!(" (exit code {code})")).unwrap_or_default()
}

fn exit_code_is_zero(result: &StepResult) -> Result<(), String> {
    match result.exit_code {
        None | Some(0) => Ok(()),
        Some(code) => Err(exit_reason(code)),
    }
}

fn status_is_good(result: &StepResult) -> Result<(), String> {
    match result.fields.get("status").and_then(Value::as_u64) {
        Some(status) if !(200..300).contains(&status) => {
            let text = result.fields.get("status_text").map(|text| format!(" {}", display(text)));
            let wait = result.retry_after.map(|wait| format!(" (the server asks to wait {wait})"));
            Err(format!("status {status}{}{}", text.unwrap_or_default(), wait.unwrap_or_default()))
        }
        _ => Ok(()),
    }
}

/// What an exit code says, for people.
fn exit_reason(code: i32) -> String {
    match code {
        126 => "exit code 126 (found, but it cannot be executed)".to_owned(),
        127 => "exit code 127 (command not found)".to_owned(),
        129..=192 => format!("exit code {code} (ended by signal {})", code - 128),
        _ => format!("exit code {code}"),
    }
}

fn field(name: &str, matcher: &Matcher, result: &StepResult, scope: &Object) -> Result<(), String> {
    match (name, matcher) {
        ("exit_code", Matcher::OneOf(codes)) => {
            let code = result.exit_code.map(Value::from).unwrap_or(Value::Null);
            if codes.contains(&code) {
                return Ok(());
            }
            let wanted: Vec<_> = codes.iter().map(display).collect();
            Err(format!(
                "{}, expected {}",
                result.exit_code.map(exit_reason).unwrap_or_default(),
                wanted.join(" or ")
            ))
        }
        ("stdout", Matcher::Text(matcher)) => text(name, matcher, result.stdout.whole(), scope),
        ("stderr", Matcher::Text(matcher)) => text(name, matcher, result.stderr.whole(), scope),
        (_, Matcher::OneOf(values)) => {
            let found = result.fields.get(name).unwrap_or(&Value::Null);
            if values.contains(found) { Ok(()) } else { Err(format!("{name} is `{}`", display(found))) }
        }
        (_, Matcher::Field(wanted)) => {
            let wanted = wanted.render(scope).map_err(|error| RenderError::from(error).to_string())?;
            field_fits(name, &wanted, &result.fields)
        }
        (_, Matcher::Text(_)) => Ok(()),
    }
}

fn text(name: &str, matcher: &TextMatcher, found: Option<&str>, scope: &Object) -> Result<(), String> {
    let Some(found) = found else {
        return Err(format!("{name} is too long to be compared"));
    };
    let found = found.trim_end_matches(['\n', '\r']);
    let shown = || {
        let short: String = found.chars().take(200).collect();
        if short.len() < found.len() { format!("`{short}…`") } else { format!("`{short}`") }
    };
    let render = |template: &Template| {
        template
            .render_text(scope)
            .map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
            .map_err(|error| RenderError::from(error).to_string())
    };
    let pattern = |source: &str| Regex::new(source).map_err(|error| error.to_string());
    if let Some(wanted) = &matcher.equals {
        let wanted = render(wanted)?;
        if wanted != found {
            return Err(format!("{name} is {}, expected `{wanted}`", shown()));
        }
    }
    if let Some(part) = &matcher.contains {
        let part = render(part)?;
        if !found.contains(&part) {
            return Err(format!("{name} does not contain `{part}`: {}", shown()));
        }
    }
    if let Some(source) = &matcher.matches
        && !pattern(source)?.is_match(found)
    {
        return Err(format!("{name} does not match `{source}`: {}", shown()));
    }
    if let Some(source) = &matcher.not_matches
        && let Some(hit) = pattern(source)?.find(found)
    {
        return Err(format!("{name} matches `{source}`: `{}`", hit.as_str()));
    }
    match matcher.empty {
        Some(true) if !found.trim().is_empty() => Err(format!("{name} is not empty: {}", shown())),
        Some(false) if found.trim().is_empty() => Err(format!("{name} is empty")),
        _ => Ok(()),
    }
}

/// The declared outputs, from a scope that has `result`.
pub fn evaluate_outputs(outputs: &[(String, Expr)], scope: &Object) -> Result<Object, String> {
    let mut values = Object::new();
    for (name, expr) in outputs {
        let value =
            expr.eval(scope).map_err(|error| format!("output `{name}`: {}", RenderError::from(error)))?;
        values.insert(name.clone(), value);
    }
    Ok(values)
}

/// What a check asks, in a few words.
pub fn describe_check(check: &Check, scope: &Object) -> String {
    let rendered =
        |template: &Template| template.render_text(scope).unwrap_or_else(|_| template.source_text());
    if let Some(title) = &check.title {
        return rendered(title);
    }
    match &check.kind {
        CheckKind::Expr(expr) => expr.source().trim().to_owned(),
        CheckKind::Run(run) => match &run.command {
            Command::Argv(argv) => argv.iter().map(rendered).collect::<Vec<_>>().join(" "),
            Command::Script(script) => {
                let text = rendered(script);
                let mut lines = text.lines().filter(|line| !line.trim().is_empty());
                let first = lines.next().unwrap_or("").trim().to_owned();
                if lines.next().is_some() { format!("{first} …") } else { first }
            }
        },
        CheckKind::Tcp(probe) => format!("tcp {}:{}", rendered(&probe.host), rendered(&probe.port)),
        CheckKind::File(probe) => format!("file {}", rendered(&probe.path)),
        CheckKind::Custom(custom) => custom.kind.clone(),
    }
}

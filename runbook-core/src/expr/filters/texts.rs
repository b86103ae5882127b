//! Filters from text to text or to its parts.

use minijinja::Value;

use super::{Args, Outcome};
use crate::expr::operators::{MAX_TEXT, too_long};
use crate::expr::problem::Problem;

pub(super) fn filter(name: &str, value: &Value, args: &Args<'_>) -> Outcome {
    let text = value.as_str().unwrap_or_default();
    match name {
        "capitalize" => {
            let mut characters = text.chars();
            let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
            Ok(Value::from(first + &characters.as_str().to_lowercase()))
        }
        "title" => Ok(Value::from(minijinja::filters::title(text.into()))),
        "lower" => Ok(Value::from(text.to_lowercase())),
        "upper" => Ok(Value::from(text.to_uppercase())),
        "lines" => Ok(text.lines().map(Value::from).collect()),
        "trim" => Ok(Value::from(match args.text(0) {
            Some(characters) => text.trim_matches(|c| characters.contains(c)),
            None => text.trim(),
        })),
        "replace" => replace(text, args),
        "split" => split(text, args),
        _ => indent(text, args),
    }
}

fn replace(text: &str, args: &Args<'_>) -> Outcome {
    let (old, new) = (args.needed_text(0)?, args.needed_text(1)?);
    if old.is_empty() {
        return Err(Problem::new("`old` of `replace` is empty"));
    }
    let grown = text.matches(old).count().saturating_mul(new.len().saturating_sub(old.len()));
    match text.len().saturating_add(grown) > MAX_TEXT {
        true => Err(too_long()),
        false => Ok(Value::from(text.replace(old, new))),
    }
}

fn split(text: &str, args: &Args<'_>) -> Outcome {
    let parts = args.whole(1, 1, i64::from(u32::MAX))?.and_then(|parts| usize::try_from(parts).ok());
    Ok(match (args.text(0), parts) {
        (Some(""), _) => {
            return Err(Problem::new("the separator of `split` is empty").help("use `| list` for characters"));
        }
        (Some(separator), Some(parts)) => text.splitn(parts, separator).map(Value::from).collect(),
        (Some(separator), None) => text.split(separator).map(Value::from).collect(),
        (None, None) => text.split_whitespace().map(Value::from).collect(),
        (None, Some(parts)) => words(text, parts).into_iter().map(Value::from).collect(),
    })
}

/// At most `limit` words, the last one with all that is left.
pub(super) fn words(text: &str, limit: usize) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(char::is_whitespace).filter(|_| found.len() + 1 < limit).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        found.push(word);
        rest = after.trim_start();
    }
    found
}

fn indent(text: &str, args: &Args<'_>) -> Outcome {
    let width = args.whole(0, 0, 1000)?.and_then(|width| usize::try_from(width).ok()).unwrap_or(0);
    if text.matches('\n').count().saturating_add(1).saturating_mul(width) > MAX_TEXT {
        return Err(too_long());
    }
    let blanks = " ".repeat(width);
    let mut indented = String::new();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        // Lines without anything in them stay so.
        if (number > 0 || args.flag(1)) && !line.trim_end_matches(['\r', '\n']).is_empty() {
            indented.push_str(&blanks);
        }
        indented.push_str(line);
    }
    Ok(Value::from(indented))
}

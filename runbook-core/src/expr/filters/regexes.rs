//! Filters with regular expressions; the engine is linear in the text, and the size of patterns is limited.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use minijinja::Value;
use regex::{Captures, Regex, RegexBuilder};

use super::{Args, Outcome, shown};
use crate::expr::operators::{MAX_TEXT, too_long};
use crate::expr::problem::Problem;

/// Largest compiled regular expression, in bytes.
const REGEX_SIZE: usize = 1 << 20;
/// Most regular expressions kept compiled.
const REGEX_CACHE: usize = 64;

pub(super) fn filter(name: &str, value: &Value, args: &Args<'_>) -> Outcome {
    let text = value.as_str().unwrap_or_default();
    let pattern = args.needed_text(0)?;
    let regex = regex(pattern)?;
    let unmatched = || {
        Problem::new(format!("{} does not match {}", shown(text), shown(pattern)))
            .help(format!("give a value for this case: `{name}(…, default=…)`"))
    };
    match name {
        "regex_capture" => {
            let found = regex.captures(text).map(|captures| captured(&captures));
            args.or_default(1, found.ok_or_else(unmatched))
        }
        "regex_captures" => Ok(regex.captures_iter(text).map(|captures| captured(&captures)).collect()),
        "regex_groups" => {
            let names = named_groups(&regex)?;
            let found = regex.captures(text).map(|captures| {
                Value::from_pairs(names.iter().map(|name| {
                    (*name, captures.name(name).map_or(Value::from(()), |group| Value::from(group.as_str())))
                }))
            });
            args.or_default(1, found.ok_or_else(unmatched))
        }
        _ => replaced(&regex, text, args.needed_text(1)?),
    }
}

/// Compiles `pattern`, or takes it from those compiled before.
pub(in crate::expr) fn regex(pattern: &str) -> Result<Arc<Regex>, Problem> {
    static COMPILED: OnceLock<Mutex<HashMap<String, Arc<Regex>>>> = OnceLock::new();
    let mut compiled = COMPILED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = compiled.get(pattern) {
        return Ok(Arc::clone(regex));
    }
    let regex = RegexBuilder::new(pattern).size_limit(REGEX_SIZE).build().map_err(|error| {
        let message = match error {
            regex::Error::CompiledTooBig(_) => "this regular expression is too large".to_owned(),
            // The last line says what is wrong; those before draw the pattern.
            error => {
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                format!("{} is not a regular expression: {reason}", shown(pattern))
            }
        };
        Problem::new(message)
    })?;
    if compiled.len() >= REGEX_CACHE {
        compiled.clear();
    }
    let regex = Arc::new(regex);
    compiled.insert(pattern.to_owned(), Arc::clone(&regex));
    Ok(regex)
}

fn captured(captures: &Captures<'_>) -> Value {
    // A pattern with a group that took no part in the match captures nothing rather than everything.
    let wanted = if captures.len() > 1 { captures.get(1) } else { captures.get(0) };
    Value::from(wanted.map_or("", |found| found.as_str()))
}

/// The names of the groups in a pattern; without any there is nothing to make a map of.
pub(in crate::expr) fn named_groups(regex: &Regex) -> Result<Vec<&str>, Problem> {
    let names: Vec<&str> = regex.capture_names().flatten().collect();
    match names.is_empty() {
        true => {
            Err(Problem::new("this regular expression has no named groups").help("name them: `(?<name>…)`"))
        }
        false => Ok(names),
    }
}

enum Part<'a> {
    Text(&'a str),
    Group(usize),
}

/// The texts and groups of a replacement: `\1`, `\g<name>`, `\\`.
fn parts<'a>(regex: &Regex, replacement: &'a str) -> Result<Vec<Part<'a>>, Problem> {
    let mut parts = Vec::new();
    let mut rest = replacement;
    while let Some(at) = rest.find('\\') {
        parts.push(Part::Text(&rest[..at]));
        let after = &rest[at + 1..];
        let (part, length) = match after.chars().next() {
            Some('\\') => (Part::Text("\\"), 1),
            Some('g') if after.starts_with("g<") => {
                let name = after[2..].split_once('>').map(|(name, _)| name);
                let name = name.ok_or_else(|| Problem::new("`\\g<` without its `>` in the replacement"))?;
                let group = regex.capture_names().position(|known| known == Some(name));
                let group = group.or_else(|| name.parse().ok()).filter(|group| *group < regex.captures_len());
                (Part::Group(group.ok_or_else(|| no_group(name))?), name.len() + 3)
            }
            Some(digit) if digit.is_ascii_digit() => {
                let group = digit.to_digit(10).and_then(|group| usize::try_from(group).ok()).unwrap_or(0);
                if group >= regex.captures_len() {
                    return Err(no_group(&digit.to_string()));
                }
                (Part::Group(group), 1)
            }
            _ => {
                let problem = Problem::new("a `\\` in the replacement that stands for no group");
                return Err(problem.help("write `\\1`, `\\g<name>`, or `\\\\` for a `\\`"));
            }
        };
        parts.push(part);
        rest = &after[length..];
    }
    parts.push(Part::Text(rest));
    Ok(parts)
}

fn no_group(name: &str) -> Problem {
    Problem::new(format!("the regular expression has no group {}", shown(name)))
}

/// Says what is wrong with a replacement for `pattern`.
pub(in crate::expr) fn check_replacement(pattern: &str, replacement: &str) -> Result<(), Problem> {
    parts(&*regex(pattern)?, replacement).map(|_| ())
}

fn replaced(regex: &Regex, text: &str, replacement: &str) -> Outcome {
    let parts = parts(regex, replacement)?;
    let (mut result, mut last) = (String::new(), 0);
    for captures in regex.captures_iter(text) {
        let Some(whole) = captures.get(0) else { continue };
        result.push_str(&text[last..whole.start()]);
        for part in &parts {
            result.push_str(match part {
                Part::Text(text) => text,
                Part::Group(group) => captures.get(*group).map_or("", |group| group.as_str()),
            });
        }
        last = whole.end();
        if result.len() > MAX_TEXT {
            return Err(too_long());
        }
    }
    result.push_str(&text[last..]);
    Ok(Value::from(result))
}

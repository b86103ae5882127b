//! Ini files: `key = value` under `[section]`s.

use super::document::{Document, numbers};
use super::{EditError, Setting};

/// A line with a key.
struct Entry<'a> {
    indent: &'a str,
    key: &'a str,
    /// `=` or `:` with the blanks around it.
    between: &'a str,
    value: &'a str,
}

pub(super) fn set(document: &mut Document, setting: &Setting, operation: &str) -> Result<(), EditError> {
    check(setting, operation)?;
    let places = places(document, setting.section.as_deref());
    let own: Vec<usize> = places
        .iter()
        .flat_map(|part| part.clone())
        .filter(|index| entry(document.line(*index)).is_some_and(|entry| entry.key == setting.key))
        .collect();
    match own.as_slice() {
        [] => insert(document, setting, &places),
        [index] => replace(document, setting, *index, operation)?,
        several => {
            let message =
                format!("`{}` is set on lines {}: which of them is meant?", setting.key, numbers(several));
            return Err(EditError::new(operation, message).help("use `line` with a `match` for one of them"));
        }
    }
    Ok(())
}

fn check(setting: &Setting, operation: &str) -> Result<(), EditError> {
    let lines = |text: &str| text.contains(['\n', '\r', '\0']);
    let key = &setting.key;
    if key.is_empty()
        || key.trim() != key
        || key.contains(['=', ':', '[', ']'])
        || key.starts_with(['#', ';'])
        || lines(key)
    {
        return Err(EditError::new(operation, format!("{key:?} is not a key of an ini file")));
    }
    if let Some(section) = &setting.section
        && (section.trim() != section || section.is_empty() || section.contains(['[', ']']) || lines(section))
    {
        return Err(EditError::new(operation, format!("{section:?} is not a section of an ini file")));
    }
    if lines(&setting.value) {
        return Err(EditError::new(operation, "a value of several lines is read differently by every tool"));
    }
    if setting.value.trim() != setting.value {
        return Err(EditError::new(operation, "blanks around a value are lost in an ini file")
            .help("put the value in quotes if the reader takes them off"));
    }
    if setting.value.ends_with('\\') {
        return Err(EditError::new(operation, "a value that ends with `\\` would go on in the next line"));
    }
    Ok(())
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with(['#', ';'])
}

/// The name in a line such as `[name]`.
fn header(line: &str) -> Option<&str> {
    let (name, after) = line.trim().strip_prefix('[')?.rsplit_once(']')?;
    let after = after.trim();
    (after.is_empty() || is_comment(after)).then(|| name.trim())
}

fn entry(line: &str) -> Option<Entry<'_>> {
    if is_comment(line) || header(line).is_some() {
        return None;
    }
    let at = line.find(['=', ':'])?;
    let (left, right) = line.split_at(at);
    let key = left.trim();
    let value = right[1..].trim();
    if key.is_empty() {
        return None;
    }
    let indent = &left[..left.len() - left.trim_start().len()];
    let key_end = indent.len() + key.len();
    let value_start = line.len() - right[1..].trim_start().len();
    Some(Entry { indent, key, between: line.get(key_end..value_start)?, value })
}

/// The lines of all parts of the section, headers left out.
fn places(document: &Document, section: Option<&str>) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut start = section.is_none().then_some(0);
    for (index, line) in document.lines().enumerate() {
        if let Some(name) = header(line) {
            found.extend(start.take().map(|start| start..index));
            if Some(name) == section {
                start = Some(index + 1);
            }
        }
    }
    found.extend(start.map(|start| start..document.len()));
    found
}

fn insert(document: &mut Document, setting: &Setting, places: &[std::ops::Range<usize>]) {
    // As the keys beside it are written, or else those of the whole file.
    let beside = places
        .iter()
        .flat_map(|part| part.clone())
        .filter_map(|index| entry(document.line(index)))
        .next_back();
    let like = beside.or_else(|| document.lines().find_map(entry));
    let (indent, between) = like.map_or(("", " = "), |entry| (entry.indent, entry.between));
    let between = if between.trim().len() == between.len() {
        between.to_owned()
    } else {
        format!("{} ", between.trim_end())
    };
    let line = format!("{indent}{}{between}{}", setting.key, setting.value);
    match places.last() {
        Some(part) => {
            // After the last line of the section that is not blank; comments at its end often belong to the next.
            let last = part.clone().rev().find(|index| {
                let line = document.line(*index);
                !line.trim().is_empty() && !is_comment(line)
            });
            let first = if setting.section.is_none() { first_free(document, part) } else { part.start };
            document.insert(last.map_or(first, |last| last + 1), vec![line]);
        }
        None => {
            let mut lines = Vec::new();
            if document.len() > 0 && !document.line(document.len() - 1).trim().is_empty() {
                lines.push(String::new());
            }
            lines.push(format!("[{}]", setting.section.as_deref().unwrap_or_default()));
            lines.push(format!("{}{between}{}", setting.key, setting.value));
            document.insert(document.len(), lines);
        }
    }
}

/// Where the first key of a file comes that has only comments before its first section: after the first of them.
fn first_free(document: &Document, part: &std::ops::Range<usize>) -> usize {
    part.clone().find(|index| !is_comment(document.line(*index))).unwrap_or(part.end)
}

fn replace(
    document: &mut Document,
    setting: &Setting,
    index: usize,
    operation: &str,
) -> Result<(), EditError> {
    let line = document.line(index);
    let Some(entry) = entry(line) else { return Ok(()) };
    let (value, wanted) = (entry.value, setting.value.as_str());
    let quote = ['"', '\''].into_iter().find(|quote| {
        let inner = value.strip_prefix(*quote).and_then(|inner| inner.strip_suffix(*quote));
        inner.is_some_and(|inner| !inner.contains([*quote, '\\']))
    });
    // Quotes stay where they are, unless the new value brings its own or cannot stand in them.
    let kept = quote.filter(|quote| !wanted.contains([*quote, '\\']) && !wanted.starts_with(['"', '\'']));
    let new = kept.map_or_else(|| wanted.to_owned(), |quote| format!("{quote}{wanted}{quote}"));
    if value == wanted || value == new {
        return Ok(());
    }
    let next = if index + 1 < document.len() { document.line(index + 1) } else { "" };
    let goes_on = next.starts_with([' ', '\t'])
        && !next.trim().is_empty()
        && !is_comment(next)
        && header(next).is_none()
        && self::entry(next).is_none_or(|other| other.indent.len() > entry.indent.len());
    if value.ends_with('\\') || goes_on {
        let message = format!("the value on line {} goes on in the next line", index + 1);
        return Err(EditError::new(operation, message).help("put it on one line by hand first"));
    }
    let mut blank = false;
    for c in value.chars() {
        if blank && (c == '#' || c == ';') {
            let message = format!("the value on line {} may end with a comment, or not", index + 1);
            return Err(EditError::new(operation, message)
                .help("use `line` with a `match`, which replaces the whole line"));
        }
        blank = c == ' ' || c == '\t';
    }
    let head = line.get(..entry.indent.len() + entry.key.len() + entry.between.len()).unwrap_or_default();
    // `key =` without a value has no blank to put the value after.
    let gap = if value.is_empty()
        && entry.between.starts_with([' ', '\t'])
        && !entry.between.ends_with([' ', '\t'])
    {
        " "
    } else {
        ""
    };
    let text = format!("{head}{gap}{new}");
    document.replace(index, text);
    Ok(())
}

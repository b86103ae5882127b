//! Env files: `KEY=value`, comments, `export`, quotes, values over several lines.

use super::document::{Document, numbers};
use super::{EditError, Quote, Setting};

/// An assignment and the lines it covers.
struct Entry {
    first: usize,
    last: usize,
    /// Everything up to the value: indentation, `export`, key, `=` and blanks.
    head: String,
    key: String,
    /// What stands after `=`, blanks before it left out; all lines of it.
    rest: String,
    exported: bool,
}

pub(super) fn set(
    document: &mut Document,
    setting: &Setting,
    quote: Quote,
    operation: &str,
) -> Result<(), EditError> {
    if setting.section.is_some() {
        return Err(EditError::new(operation, "an env file has no sections")
            .help("write `format: ini` if it is an ini file"));
    }
    let (key, value) = (&setting.key, &setting.value);
    if !is_key(key) {
        return Err(EditError::new(operation, format!("{key:?} is not a name for a variable"))
            .help("names have letters, digits, `_`, `.` and `-`, and do not begin with a digit"));
    }
    if value.contains(['\n', '\r', '\0']) {
        return Err(EditError::new(operation, "a value of several lines is read differently by every tool")
            .help("keep it in a file of its own, or encode it"));
    }
    if quote == Quote::Never && value.trim() != value {
        return Err(EditError::new(operation, "blanks around a value are lost without quotes"));
    }
    let entries = entries(document, quote);
    // Which lines belong to it cannot be known, and another quote would close it.
    if let Some(open) = entries.iter().find(|entry| quote == Quote::Auto && is_open(&entry.rest)) {
        let message = format!("the quote on line {} is not closed", open.first + 1);
        return Err(EditError::new(operation, message)
            .help("close it, or write `quote: never` if the file has no quotes"));
    }
    for whole in &entries {
        let inner = (whole.first + 1..=whole.last)
            .find(|index| entry(document.line(*index), *index).is_some_and(|inner| inner.key == *key));
        if let Some(inner) = inner {
            let message = format!(
                "line {} sets `{key}`, or belongs to the text that begins on line {}",
                inner + 1,
                whole.first + 1
            );
            return Err(EditError::new(operation, message).help("close the quote there"));
        }
    }
    let same: Vec<&Entry> = entries.iter().filter(|entry| entry.key == *key).collect();
    match same.as_slice() {
        [] => {
            let exported = !entries.is_empty() && entries.iter().all(|entry| entry.exported);
            let export = if exported { "export " } else { "" };
            document.insert(document.len(), vec![format!("{export}{key}={}", written(value, quote, None))]);
        }
        [entry] => {
            let (token, tail) = token(&entry.rest, quote, entry.head.ends_with([' ', '\t']));
            if meaning(token, quote).as_deref() == Some(value) {
                return Ok(());
            }
            // `KEY= # comment` has no blank of its own between value and comment.
            let gap = if tail.starts_with('#') { " " } else { "" };
            let style = token.chars().next().filter(|c| *c == '"' || *c == '\'');
            let line = format!("{}{}{gap}{tail}", entry.head, written(value, quote, style));
            document.remove(entry.first + 1, entry.last + 1);
            document.replace(entry.first, line);
        }
        several => {
            let lines: Vec<usize> = several.iter().map(|entry| entry.first).collect();
            let message = format!("`{key}` is set on lines {}: which of them is meant?", numbers(&lines));
            return Err(EditError::new(operation, message).help("remove the others first"));
        }
    }
    Ok(())
}

fn is_key(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

fn entries(document: &Document, quote: Quote) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut index = 0;
    while index < document.len() {
        if let Some(mut entry) = entry(document.line(index), index) {
            if quote == Quote::Auto && is_open(&entry.rest) {
                continued(document, &mut entry);
            }
            index = entry.last;
            found.push(entry);
        }
        index += 1;
    }
    found
}

fn entry(line: &str, index: usize) -> Option<Entry> {
    let start = line.trim_start();
    let named = match start.strip_prefix("export") {
        Some(after) if after.starts_with([' ', '\t']) => after.trim_start(),
        _ => start,
    };
    let (key, rest) = named.split_once('=')?;
    let key = key.trim_end();
    let rest = rest.trim_start_matches([' ', '\t']);
    is_key(key).then(|| Entry {
        first: index,
        last: index,
        head: line[..line.len() - rest.len()].to_owned(),
        key: key.to_owned(),
        rest: rest.to_owned(),
        exported: named.len() < start.len(),
    })
}

/// Takes the lines up to the closing quote into `entry`; without one it stays a single line.
fn continued(document: &Document, entry: &mut Entry) {
    let mut whole = entry.rest.clone();
    for index in entry.first + 1..document.len() {
        whole.push('\n');
        whole.push_str(document.line(index));
        if let Some(end) = closing(&whole) {
            // What follows a closing quote directly shows that it rather opens another text.
            if is_tail(whole.get(end..).unwrap_or_default()) {
                entry.last = index;
                entry.rest = whole;
            }
            return;
        }
    }
}

/// Where the quoted text at the beginning of `rest` ends, its closing quote included.
fn closing(rest: &str) -> Option<usize> {
    let quote = rest.chars().next().filter(|c| *c == '"' || *c == '\'')?;
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Whether `text` may follow a value: blanks, or a comment after a blank.
fn is_tail(text: &str) -> bool {
    text.trim().is_empty() || (text.starts_with([' ', '\t']) && text.trim_start().starts_with('#'))
}

fn is_open(rest: &str) -> bool {
    rest.starts_with(['"', '\'']) && closing(rest).is_none()
}

/// The value as written, and what follows it: blanks and a comment.
fn token(rest: &str, quote: Quote, blank_before: bool) -> (&str, &str) {
    if quote == Quote::Never {
        return rest.split_at(rest.trim_end().len());
    }
    if let Some(end) = closing(rest)
        && is_tail(&rest[end..])
    {
        return rest.split_at(end);
    }
    let mut before_blank = blank_before;
    for (at, c) in rest.char_indices() {
        if c == '#' && before_blank {
            return rest.split_at(rest[..at].trim_end().len());
        }
        before_blank = c == ' ' || c == '\t';
    }
    rest.split_at(rest.trim_end().len())
}

/// The value that is meant, when all tools agree about it.
fn meaning(token: &str, quote: Quote) -> Option<String> {
    if quote == Quote::Never {
        return Some(token.to_owned());
    }
    match closing(token) {
        Some(end) if end == token.len() => {
            let inner = token.get(1..end - 1)?;
            if token.starts_with('\'') {
                return Some(inner.to_owned());
            }
            let mut value = String::new();
            let mut characters = inner.chars();
            while let Some(c) = characters.next() {
                match c {
                    '$' | '`' => return None,
                    '\\' => match characters.next()? {
                        escaped @ ('"' | '\\' | '$' | '`') => value.push(escaped),
                        _ => return None,
                    },
                    c => value.push(c),
                }
            }
            Some(value)
        }
        _ if token.contains(['$', '`', '\\', '"', '\'']) => None,
        _ => Some(token.to_owned()),
    }
}

/// `value` as it is written, in the quotes that were there before if it can be.
fn written(value: &str, quote: Quote, style: Option<char>) -> String {
    if quote == Quote::Never {
        return value.to_owned();
    }
    let plain = value.chars().all(|c| c.is_alphanumeric() || "_-./:@%+,=".contains(c));
    let single = || format!("'{value}'");
    let double = || {
        let escaped = value.chars().fold(String::new(), |mut text, c| {
            if "\"\\$`".contains(c) {
                text.push('\\');
            }
            text.push(c);
            text
        });
        format!("\"{escaped}\"")
    };
    match style {
        None if plain => value.to_owned(),
        Some('\'') if !value.contains('\'') => single(),
        Some('"') => double(),
        _ if value.contains(['"', '\\', '$', '`']) && !value.contains('\'') => single(),
        _ => double(),
    }
}

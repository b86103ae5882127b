//! Operations on whole lines.

use regex::Regex;

use super::document::{Document, numbers};
use super::{Block, EditError, EnsuredLine, Place, Removal, regex};

fn compiled(pattern: &str, operation: &str) -> Result<Regex, EditError> {
    regex(pattern).map_err(|message| EditError::new(operation, message))
}

fn one_line(text: &str, operation: &str) -> Result<(), EditError> {
    match text.contains(['\n', '\r', '\0']) {
        true => Err(EditError::new(operation, "the text has more than one line, or a NUL character")
            .help("use `block` for several lines")),
        false => Ok(()),
    }
}

/// The places of the lines in which `pattern` matches.
fn matches(document: &Document, pattern: &Regex) -> Vec<usize> {
    document.lines().enumerate().filter(|(_, line)| pattern.is_match(line)).map(|(index, _)| index).collect()
}

pub(super) fn remove(document: &mut Document, removal: &Removal, operation: &str) -> Result<(), EditError> {
    match removal {
        Removal::Text(text) => {
            one_line(text, operation)?;
            document.retain(|line| line != text);
        }
        Removal::Match(pattern) => {
            let pattern = compiled(pattern, operation)?;
            document.retain(|line| !pattern.is_match(line));
        }
    }
    Ok(())
}

pub(super) fn ensure(document: &mut Document, line: &EnsuredLine, operation: &str) -> Result<(), EditError> {
    one_line(&line.text, operation)?;
    if line.text.is_empty() {
        return Err(EditError::new(operation, "the text is empty"));
    }
    let there: Vec<usize> =
        document.lines().enumerate().filter(|(_, text)| *text == line.text).map(|(index, _)| index).collect();
    let matching = match &line.matching {
        Some(pattern) => matches(document, &compiled(pattern, operation)?),
        None => Vec::new(),
    };
    match (matching.as_slice(), there.as_slice()) {
        ([], []) => {
            let index = place(document, &line.insert, operation)?;
            document.insert(index, vec![line.text.clone()]);
        }
        ([], _) => {}
        ([one], []) => document.replace(*one, line.text.clone()),
        ([one], there) if there == [*one] => {}
        ([one], there) => {
            let message = format!(
                "line {} is the text already, and line {} matches: which of them is meant?",
                numbers(there),
                one + 1
            );
            return Err(
                EditError::new(operation, message).help("remove one of them, or make `match` match only one")
            );
        }
        (several, _) => {
            let message = format!("`match` fits lines {}: which of them is meant?", numbers(several));
            return Err(EditError::new(operation, message).help("make `match` match only one"));
        }
    }
    Ok(())
}

/// Where something new comes.
fn place(document: &Document, place: &Place, operation: &str) -> Result<usize, EditError> {
    let (pattern, after) = match place {
        Place::End => return Ok(document.len()),
        Place::Start => return Ok(0),
        Place::Before(pattern) => (pattern, 0),
        Place::After(pattern) => (pattern, 1),
    };
    match matches(document, &compiled(pattern, operation)?).as_slice() {
        [one] => Ok(one + after),
        [] => Err(EditError::new(
            operation,
            format!("no line matches {pattern:?}, so there is no place to insert"),
        )),
        several => {
            let message = format!("lines {} match {pattern:?}: which of them is meant?", numbers(several));
            Err(EditError::new(operation, message))
        }
    }
}

pub(super) fn block(document: &mut Document, block: &Block, operation: &str) -> Result<(), EditError> {
    one_line(&block.name, operation)?;
    one_line(&block.comment, operation)?;
    if block.name.trim().is_empty() || block.comment.trim().is_empty() {
        return Err(EditError::new(operation, "a block needs a name and a comment for its markers"));
    }
    let close = match block.comment.trim() {
        "<!--" => " -->",
        "/*" => " */",
        _ => "",
    };
    let marker =
        |word: &str| format!("{} {word} runbook: {}{close}", block.comment.trim(), block.name.trim());
    let (begin, end) = (marker("BEGIN"), marker("END"));
    let content: Vec<String> = block.content.lines().map(str::to_owned).collect();
    if content.iter().any(|line| line.trim() == begin || line.trim() == end) {
        return Err(EditError::new(operation, "the content has one of the block's own markers"));
    }
    if block.content.contains('\0') {
        return Err(EditError::new(operation, "the content has a NUL character"));
    }
    let find = |marker: &str| -> Vec<usize> {
        document
            .lines()
            .enumerate()
            .filter(|(_, line)| line.trim() == marker)
            .map(|(index, _)| index)
            .collect()
    };
    let present = match (find(&begin).as_slice(), find(&end).as_slice()) {
        ([], []) => None,
        ([first], [last]) if first < last => Some((*first, *last)),
        (begins, ends) => {
            let message = format!(
                "the markers of the block do not form a pair: {} to begin it, {} to end it",
                begins.len(),
                ends.len()
            );
            return Err(EditError::new(operation, message).help("repair the markers by hand"));
        }
    };
    match present {
        Some((first, last)) if content.is_empty() => document.remove(first, last + 1),
        Some((first, last)) => {
            if !document.lines().skip(first + 1).take(last - first - 1).eq(content.iter().map(String::as_str))
            {
                document.remove(first + 1, last);
                document.insert(first + 1, content);
            }
        }
        None if content.is_empty() => {}
        None => {
            let index = place(document, &block.insert, operation)?;
            let mut lines = vec![begin];
            lines.extend(content);
            lines.push(end);
            document.insert(index, lines);
        }
    }
    Ok(())
}

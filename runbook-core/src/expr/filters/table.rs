//! Tables as commands print them.

use std::ops::Range;

use minijinja::Value;

use super::texts::words;
use super::{Args, Outcome};
use crate::expr::convert::to_minijinja;
use crate::expr::operators::elements;
use crate::expr::problem::Problem;
use crate::expr::types::{described, type_of};
use crate::value::{self, Object};

/// Reads a table: one map a row, with the header's names as keys, or the given names when there is no header.
///
/// Without an option columns are aligned: one ends where every line has a blank, so that cells and headers may
/// contain blanks (`CONTAINER ID`, `Up 3 hours`). With `words` a cell is a word and the last takes the rest of
/// the line; with `separator` that stands between cells. Lines of white space are left out, and before the
/// header the first `skip` others.
pub(super) fn parse(value: &Value, args: &Args<'_>) -> Outcome {
    let skip =
        args.whole(3, 0, i64::from(u32::MAX))?.and_then(|skip| usize::try_from(skip).ok()).unwrap_or(0);
    let lines: Vec<&str> = value
        .as_str()
        .unwrap_or_default()
        .lines()
        .filter(|line| !line.trim().is_empty())
        .skip(skip)
        .collect();
    let given = args.given(2).map(names).transpose()?;
    let separator = match args.text(0) {
        Some("") => return Err(Problem::new("the separator of `table` is empty")),
        separator => separator,
    };
    if separator.is_some() && args.flag(1) {
        return Err(Problem::new("`separator` and `words` cannot be used together"));
    }
    let (names, rows) = match separator {
        Some(separator) => {
            separated(&lines, given, |line, _| line.split(separator).map(str::trim).collect())?
        }
        None if args.flag(1) => separated(&lines, given, words)?,
        None => aligned(&lines, given)?,
    };
    if let Some(name) = names.iter().enumerate().find(|(place, name)| names[..*place].contains(name)) {
        return Err(
            Problem::new(format!("two columns are called `{}`", name.1)).help("name them with `columns=[…]`")
        );
    }
    let row = |cells: Vec<String>| {
        let cells = cells.into_iter().map(value::Value::String);
        value::Value::Object(names.iter().cloned().zip(cells).collect::<Object>())
    };
    Ok(to_minijinja(&value::Value::Array(rows.into_iter().map(row).collect())))
}

fn names(columns: &Value) -> Result<Vec<String>, Problem> {
    let name = |name: Value| {
        name.as_str().map(str::to_owned).ok_or_else(|| {
            Problem::new(format!("a column's name is a text, this is {}", described(type_of(&name))))
        })
    };
    elements(columns)?.into_iter().map(name).collect()
}

type Table = (Vec<String>, Vec<Vec<String>>);

fn separated<'a>(
    lines: &[&'a str],
    given: Option<Vec<String>>,
    cells: impl Fn(&'a str, usize) -> Vec<&'a str>,
) -> Result<Table, Problem> {
    let (names, rows) = match (given, lines.split_first()) {
        (Some(names), _) => (names, lines),
        (None, Some((header, rows))) => {
            (cells(header, usize::MAX).into_iter().map(str::to_owned).collect(), rows)
        }
        (None, None) => return Ok((Vec::new(), Vec::new())),
    };
    let row = |line: &&'a str| {
        let found = cells(line, names.len());
        match found.len() == names.len() {
            true => Ok(found.into_iter().map(str::to_owned).collect()),
            false => {
                let message = format!(
                    "{} has {} cells, there are {} columns",
                    super::shown(line),
                    found.len(),
                    names.len()
                );
                Err(Problem::new(message))
            }
        }
    };
    let rows = rows.iter().map(row).collect::<Result<_, _>>()?;
    Ok((names, rows))
}

fn aligned(lines: &[&str], given: Option<Vec<String>>) -> Result<Table, Problem> {
    let lines: Vec<Vec<char>> = lines.iter().map(|line| line.chars().collect()).collect();
    let (header, rows) = match (&given, lines.split_first()) {
        (None, Some((header, rows))) => (header.as_slice(), rows),
        _ => (&[][..], lines.as_slice()),
    };
    let columns = columns(header, rows, given.is_some());
    let names: Vec<String> = match given {
        Some(names) if names.len() == columns.len() || rows.is_empty() => names,
        Some(names) => {
            let message = format!("{} columns are aligned, {} are named", columns.len(), names.len());
            return Err(Problem::new(message).help("use `words=true` or `separator=…`"));
        }
        None => columns.iter().map(|column| cell(header, column)).collect(),
    };
    let row = |line: &Vec<char>| columns.iter().map(|column| cell(line, column)).collect();
    Ok((names, rows.iter().map(row).collect()))
}

fn cell(line: &[char], column: &Range<usize>) -> String {
    let end = column.end.min(line.len());
    let text: String = line.get(column.start..end).unwrap_or_default().iter().collect();
    text.trim().to_owned()
}

/// Where the columns are: between them every line has a blank.
fn columns(header: &[char], rows: &[Vec<char>], unnamed: bool) -> Vec<Range<usize>> {
    let width = rows.iter().map(Vec::len).chain([header.len()]).max().unwrap_or(0);
    // Columns of characters that any row, or the header, fills.
    let (mut used, mut named) = (vec![false; width], vec![false; width]);
    for (at, _) in header.iter().enumerate().filter(|(_, c)| !c.is_whitespace()) {
        named[at] = true;
    }
    for row in rows {
        for (at, _) in row.iter().enumerate().filter(|(_, c)| !c.is_whitespace()) {
            used[at] = true;
        }
    }
    let mut columns: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while at < width {
        if !used[at] && !named[at] {
            at += 1;
            continue;
        }
        let end = (at..width).find(|&end| !used[end] && !named[end]).unwrap_or(width);
        let is_named = unnamed || named[at..end].contains(&true);
        let is_used = used[at..end].contains(&true);
        match columns.last_mut() {
            // Blanks inside cells (`Up 3 hours`), or a second word of the header (`Mounted on`).
            Some(last) if !is_named || (!is_used && !rows.is_empty() && at == last.end + 1) => last.end = end,
            _ => columns.push(at..end),
        }
        at = end;
    }
    columns
}

//! Tables as commands print them: a header line and columns aligned by white space.

use crate::value::{Object, Value};

/// Reads a table: one map a row, with the header's words as keys.
///
/// A column ends where every line has a blank, so cells and headers may contain spaces
/// (`CONTAINER ID`, `Up 3 hours`). Lines of white space are left out.
pub(super) fn parse(text: &str) -> Value {
    let lines: Vec<Vec<char>> =
        text.lines().filter(|line| !line.trim().is_empty()).map(|line| line.chars().collect()).collect();
    let Some((header, rows)) = lines.split_first() else { return Value::Array(Vec::new()) };
    let columns = columns(header, rows);
    let names: Vec<String> = columns.iter().map(|column| cell(header, column)).collect();
    let row = |line: &Vec<char>| {
        let cells = columns.iter().map(|column| Value::String(cell(line, column)));
        Value::Object(names.iter().cloned().zip(cells).collect::<Object>())
    };
    Value::Array(rows.iter().map(row).collect())
}

fn cell(line: &[char], column: &std::ops::Range<usize>) -> String {
    let end = column.end.min(line.len());
    let text: String = line.get(column.start..end).unwrap_or_default().iter().collect();
    text.trim().to_owned()
}

fn columns(header: &[char], rows: &[Vec<char>]) -> Vec<std::ops::Range<usize>> {
    let width = rows.iter().map(Vec::len).chain([header.len()]).max().unwrap_or(0);
    let filled = |line: &[char], at: usize| line.get(at).is_some_and(|c| !c.is_whitespace());
    let any = |at: usize| filled(header, at) || rows.iter().any(|row| filled(row, at));
    let mut columns: Vec<std::ops::Range<usize>> = Vec::new();
    let mut at = 0;
    while at < width {
        if !any(at) {
            at += 1;
            continue;
        }
        let end = (at..width).find(|&end| !any(end)).unwrap_or(width);
        let named = (at..end).any(|at| filled(header, at));
        let used = rows.iter().any(|row| (at..end).any(|at| filled(row, at)));
        match columns.last_mut() {
            // Blanks inside cells (`Up 3 hours`), or a second word of the header (`Mounted on`).
            Some(last) if !named || (!used && !rows.is_empty() && at == last.end + 1) => last.end = end,
            _ => columns.push(at..end),
        }
        at = end;
    }
    columns
}

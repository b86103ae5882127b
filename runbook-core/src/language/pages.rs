//! The table as text: for a terminal, and as the reference page.

use std::fmt::Write as _;

use super::{Entry, Key, Place, Shape, places};

/// What there is to say about `entries`, as [`find`](super::find) has found them: everything about a single one, and a
/// line for each of several.
///
/// ```
/// use runbook_core::language::{explain, find};
/// let text = explain(&find("retry.attempts"));
/// assert!(text.starts_with("retry.attempts: whole number from 1\n"), "{text}");
/// assert!(text.contains("attempts: 5"));
/// ```
pub fn explain(entries: &[Entry]) -> String {
    let mut text = String::new();
    let whole = |entry: &Entry| match entry.key {
        Some(key) => about_key(&entry.name(), key),
        None => about_place(entry.place),
    };
    match entries {
        [] => {}
        [one] => text = whole(one),
        [place, keys @ ..] if place.key.is_none() => {
            text = about_place(place.place);
            text.push_str("\nstands in:\n");
            lines(&mut text, keys);
        }
        several => {
            let name = several.iter().find_map(|entry| entry.key).map_or("", |key| key.name);
            let _ = writeln!(text, "`{name}` stands in several places:\n");
            lines(&mut text, several);
            let first = several.iter().map(Entry::name).next().unwrap_or_default();
            let _ = writeln!(text, "\nmore: `runbook explain {first}`");
        }
    }
    text
}

/// One line for each.
fn lines(text: &mut String, entries: &[Entry]) {
    let width = entries.iter().map(|entry| entry.name().chars().count()).max().unwrap_or(0);
    for entry in entries {
        let meaning = entry.key.map_or(entry.place.meaning, |key| key.meaning);
        let _ = writeln!(text, "  {:width$}  {}", entry.name(), first_sentence(meaning));
    }
}

fn first_sentence(text: &str) -> &str {
    match text.find(". ") {
        Some(end) => text.get(..=end).unwrap_or(text),
        None => text,
    }
}

fn about_key(name: &str, key: &Key) -> String {
    let mut text = format!("{name}: {}\n\n{}\n", plain(&key.shape.describe()), key.meaning);
    for note in notes(key) {
        let _ = writeln!(text, "{note}");
    }
    let _ = writeln!(text, "\nexample:\n");
    for line in key.example.lines() {
        let _ = writeln!(text, "  {}", line.trim_end());
    }
    let inside: Vec<&str> = inner_places(&key.shape);
    if !inside.is_empty() {
        let calls: Vec<String> = inside.iter().map(|name| format!("`runbook explain {name}`")).collect();
        let _ = writeln!(text, "\nits keys: {}", calls.join(", "));
    }
    text
}

fn about_place(place: &Place) -> String {
    let mut text = format!("{}: {}\n\n", place.name, place.meaning);
    let width = place.keys.iter().map(|key| key.name.len()).max().unwrap_or(0);
    if place.keys.is_empty() {
        text.push_str("It has no keys.\n");
    } else {
        text.push_str("keys:\n");
    }
    for key in place.keys {
        let mark = if key.required { " (must be there)" } else { "" };
        let _ = writeln!(text, "  {:width$}  {}{mark}", key.name, first_sentence(key.meaning));
    }
    for rule in rules(place) {
        let _ = writeln!(text, "\n{rule}");
    }
    text
}

/// What else holds for a key, a sentence each.
fn notes(key: &Key) -> Vec<String> {
    let mut notes = Vec::new();
    if key.later {
        notes.push("Not supported yet: this version refuses it.".to_owned());
    }
    if key.required {
        notes.push("It must be there.".to_owned());
    }
    if !key.beside.is_empty() {
        notes.push(format!("Only beside {}.", listed(key.beside)));
    }
    if let Some(default) = key.default {
        notes.push(format!("Default: {default}."));
    }
    notes
}

fn rules(place: &Place) -> Vec<String> {
    let mut rules = Vec::new();
    if !place.one_of.is_empty() {
        rules.push(format!("Exactly one of {}.", listed(place.one_of)));
    }
    if !place.any_of.is_empty() {
        rules.push(format!("At least one of {}.", listed(place.any_of)));
    }
    if place.late {
        rules.push("`${{ }}` may stand wherever a single value fits.".to_owned());
    }
    rules
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn plain(text: &str) -> String {
    text.replace('`', "")
}

/// The places that a value may be.
fn inner_places(shape: &Shape) -> Vec<&'static str> {
    match shape {
        Shape::Place(name) => vec![name],
        Shape::List(inner) | Shape::Items(inner) | Shape::Map(_, inner) => inner_places(inner),
        Shape::Either(shapes) => {
            let mut names: Vec<&'static str> = Vec::new();
            for name in shapes.iter().flat_map(inner_places) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            names
        }
        _ => Vec::new(),
    }
}

/// What hovering over a key shows.
pub(super) fn hover(key: &Key) -> String {
    let mut text = key.meaning.to_owned();
    for note in notes(key) {
        let _ = write!(text, "\n\n{note}");
    }
    let _ = write!(text, "\n\n```yaml\n{}\n```", key.example.trim_end());
    text
}

/// The same without Markdown.
pub(super) fn description(key: &Key) -> String {
    std::iter::once(key.meaning.to_owned()).chain(notes(key)).collect::<Vec<_>>().join(" ")
}

/// The reference page of the whole language, as Markdown.
pub fn page() -> String {
    let mut text = String::from(
        "# The language\n\nEvery key, by the place it stands in. `runbook explain KEY` prints an entry; `runbook schema` prints the same \
         table as\na JSON Schema for editors.\n\nA *duration* is numbers with units: `500ms`, `30s`, `5m`, `1h30m`, `2d`. An *expression* is \
         bare (`steps.disk.outputs.used > 90`);\nin a *text with `${{ }}`* each `${{ expression }}` is replaced by its value. See \
         [expressions](expressions.md). An *identifier* is small\nletters, digits and `_`, and begins with a letter.\n\n",
    );
    for place in places() {
        let _ = writeln!(text, "- [{}](#{})", title(place), anchor(place));
    }
    for place in places() {
        section(&mut text, place);
    }
    text
}

fn title(place: &Place) -> String {
    place.name.to_owned()
}

fn anchor(place: &Place) -> String {
    place.name.replace(['.', ' '], "")
}

fn section(text: &mut String, place: &Place) {
    let _ = write!(text, "\n## {}\n\n{}\n", title(place), place.meaning);
    for rule in rules(place) {
        let _ = write!(text, "\n{rule}\n");
    }
    if place.keys.is_empty() {
        return;
    }
    text.push_str("\n| key | takes | meaning |\n|---|---|---|\n");
    for key in place.keys {
        let mut meaning = key.meaning.to_owned();
        for note in notes(key) {
            let _ = write!(meaning, " {note}");
        }
        let mut takes = key.shape.describe();
        for name in inner_places(&key.shape) {
            let _ = write!(takes, " ([{name}](#{}))", name.replace(['.', ' '], ""));
        }
        let _ = writeln!(text, "| `{}` | {} | {} |", key.name, cell(&takes), cell(&meaning));
    }
    for key in place.keys {
        let example: Vec<&str> = key.example.lines().map(str::trim_end).collect();
        let _ = write!(text, "\n```yaml {}.{}\n{}\n```\n", place.name, key.name, example.join("\n"));
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

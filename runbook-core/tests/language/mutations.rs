//! Valid files with damage: whatever is done to them, the reader says where the problem is and does not panic.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use runbook_core::diag::Severity;
use runbook_core::read::{self, Loaded};
use runbook_core::source::Span;

use crate::kinds::kinds;

fn valid() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language/valid");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// What holds for every text.
fn sound(text: &str) -> Loaded {
    let loaded = read::parse("mutated.yaml", text, &kinds());
    let inside = |span: Span| {
        let range = span.range();
        range.start <= range.end && text.get(range).is_some()
    };
    for diagnostic in &loaded.diagnostics {
        assert!(inside(diagnostic.primary.span), "outside of the text: {diagnostic:?}\n{text}");
        for label in &diagnostic.secondary {
            assert!(inside(label.span), "outside of the text: {diagnostic:?}\n{text}");
        }
        assert!(!diagnostic.message.is_empty());
    }
    let errors = loaded.diagnostics.iter().any(|d| d.severity == Severity::Error);
    assert_eq!(errors, loaded.has_errors());
    assert_eq!(errors, loaded.runbook.is_none(), "errors exactly when there is no runbook:\n{text}");
    loaded
}

/// Every file broken off after, and begun at, each of its characters.
#[test]
fn every_beginning_and_every_end() {
    for text in valid().iter().filter(|text| text.len() < 1_500) {
        for (at, _) in text.char_indices() {
            sound(&text[..at]);
            sound(&text[at..]);
        }
    }
}

#[test]
fn every_line_left_out_or_twice() {
    for text in &valid() {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for index in 0..lines.len() {
            let without: String = [&lines[..index], &lines[index + 1..]].concat().concat();
            sound(&without);
            sound(&[&lines[..=index], &lines[index..]].concat().concat());
        }
    }
}

/// What happens to a file.
#[derive(Clone, Debug)]
enum Damage {
    Delete(usize),
    Duplicate(usize),
    Swap(usize, usize),
    Indent(usize, bool),
    Replace(usize, &'static str),
    Insert(usize, &'static str),
}

const ODD: &[&str] = &[
    "\0",
    "\t",
    "\r",
    "\u{feff}",
    "\u{202e}",
    "\u{85}",
    "\u{2028}",
    "'",
    "\"",
    "`",
    "#",
    "&",
    "*",
    "!",
    "|",
    ">",
    "%",
    "@",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    ": ",
    "- ",
    "? ",
    "<<: ",
    "---\n",
    "...\n",
    "${{",
    "}}",
    "${{ ",
    "$${{",
    "$(",
    "\\",
    "~",
    "0x",
    "+7",
    "é",
    "ш",
    "日",
    "👩‍🚀",
    "\u{301}",
    " ",
    "\n",
    "\n  ",
    "null",
    "steps.a.stdout",
    "0",
];

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<usize>();
    let odd = proptest::sample::select(ODD);
    prop_oneof![
        at.prop_map(Damage::Delete),
        at.prop_map(Damage::Duplicate),
        (at, at).prop_map(|(a, b)| Damage::Swap(a, b)),
        (at, any::<bool>()).prop_map(|(a, more)| Damage::Indent(a, more)),
        (at, odd.clone()).prop_map(|(a, odd)| Damage::Replace(a, odd)),
        (at, odd).prop_map(|(a, odd)| Damage::Insert(a, odd)),
    ]
}

impl Damage {
    fn apply(&self, text: &str) -> String {
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let chars: Vec<char> = text.chars().collect();
        if lines.is_empty() {
            return String::new();
        }
        let line = |at: &usize| at % lines.len();
        match self {
            Damage::Delete(at) => _ = lines.remove(line(at)),
            Damage::Duplicate(at) => lines.insert(line(at), lines[line(at)].clone()),
            Damage::Swap(a, b) => lines.swap(a % text.lines().count(), b % text.lines().count()),
            Damage::Indent(at, more) => {
                let at = line(at);
                lines[at] = match more {
                    true => format!("  {}", lines[at]),
                    false => lines[at].strip_prefix("  ").unwrap_or(&lines[at]).to_owned(),
                };
            }
            Damage::Replace(at, odd) => {
                let at = at % chars.len();
                return chars[..at]
                    .iter()
                    .chain(&odd.chars().collect::<Vec<_>>())
                    .chain(&chars[at + 1..])
                    .collect();
            }
            Damage::Insert(at, odd) => {
                let at = at % chars.len();
                return chars[..at]
                    .iter()
                    .chain(&odd.chars().collect::<Vec<_>>())
                    .chain(&chars[at..])
                    .collect();
            }
        }
        lines.concat()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files(text in proptest::sample::select(valid()), damages in prop::collection::vec(damage(), 1..4)) {
        let mut damaged = text;
        for damage in &damages {
            damaged = damage.apply(&damaged);
        }
        sound(&damaged);
    }

    #[test]
    fn any_text_at_all(text in "(apiVersion|kind|steps|run|id|: |- |\\n|  |\\{|\\}|\\[|\\]|\\$\\{\\{|'|\"|\\PC){0,40}") {
        sound(&text);
    }
}

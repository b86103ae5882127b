//! Diagnostics as text that never changes for any other reason than the diagnostics.

use std::fmt::Write;

use runbook_core::diag::{Diagnostic, Severity};
use runbook_core::read::Loaded;
use runbook_core::source::{Source, Span};

/// Everything there is to say about a text.
pub(crate) fn report(loaded: &Loaded) -> String {
    let mut out = String::new();
    for diagnostic in &loaded.diagnostics {
        one(&mut out, loaded, diagnostic);
    }
    out
}

fn one(out: &mut String, loaded: &Loaded, diagnostic: &Diagnostic) {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        _ => "warning",
    };
    writeln!(out, "{severity}[{}]: {}", diagnostic.code, diagnostic.message).unwrap();
    let source = loaded.sources.get(diagnostic.primary.span.source).expect("a source of the text");
    let at = source.line_column(diagnostic.primary.span.start as usize);
    writeln!(out, "  --> {}:{}:{}", source.name(), at.line, at.column).unwrap();
    place(out, source, diagnostic.primary.span, '^', &diagnostic.primary.text);
    let mut shown = diagnostic.primary.span.source;
    for label in &diagnostic.secondary {
        let source = loaded.sources.get(label.span.source).expect("a source of the text");
        if label.span.source != shown {
            let at = source.line_column(label.span.start as usize);
            writeln!(out, "  ::: {}:{}:{}", source.name(), at.line, at.column).unwrap();
            shown = label.span.source;
        }
        place(out, source, label.span, '-', &label.text);
    }
    for note in &diagnostic.notes {
        writeln!(out, "  note: {note}").unwrap();
    }
    for help in &diagnostic.help {
        writeln!(out, "  help: {help}").unwrap();
    }
    out.push('\n');
}

/// The line of `span`, and a mark under every character of it that the span covers.
fn place(out: &mut String, source: &Source, span: Span, mark: char, text: &str) {
    let start = source.line_column(span.start as usize);
    let end = source.line_column(span.end as usize);
    let line = source.line(start.line);
    let length = line.chars().count();
    let stop = if end.line == start.line { end.column } else { length + 1 };
    let marks = stop.saturating_sub(start.column).max(1);
    // A tab stays a tab, so that both lines shift by the same.
    let lead: String =
        line.chars().take(start.column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let shown: String =
        line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
    let (shown, cut) = match shown.char_indices().nth(160) {
        Some((cut, _)) => (&shown[..cut], "…"),
        None => (&shown[..], ""),
    };
    writeln!(out, "{:4} | {shown}{cut}", start.line).unwrap();
    let marks: String = std::iter::repeat_n(mark, marks.min(160)).collect();
    writeln!(out, "     | {lead}{marks} {text}").unwrap();
}

//! What a command may do, with the parts of its text that say so underlined.

use runbook_core::command::{Analysis, Effect, Reason};
use runbook_core::source::Source;
use unicode_width::UnicodeWidthStr as _;

use super::style::Paint;
use crate::text::safe;

/// How many reasons are shown.
const MOST: usize = 40;

/// The verdict for people: every reason under the line that it is about, the strictest first.
pub(crate) fn human(text: &str, found: &Analysis, paint: Paint) -> String {
    let paint_effect = |effect: Effect, text: &str| match effect {
        Effect::Read => paint.good(text),
        Effect::Change | Effect::Unknown => paint.warn(text),
        Effect::Destroy => paint.bad(text),
    };
    let mut shown = format!("effect:  {}\n", paint_effect(found.effect, found.effect.name()));
    shown.push_str(if found.secrets { "secrets: it may show or carry some\n" } else { "secrets: none\n" });
    let source = Source::new("", text);
    let mut reasons: Vec<&Reason> = found.reasons.iter().collect();
    reasons.sort_by_key(|reason| (std::cmp::Reverse(reason.effect), reason.span.start, reason.span.end));
    for reason in reasons.iter().take(MOST) {
        let (line, marks) = underlined(&source, reason);
        let label = match (reason.effect, reason.secrets) {
            (Effect::Read, true) => "secrets",
            (effect, _) => effect.name(),
        };
        shown.push_str(&format!(
            "\n  {line}\n  {} {}: {}\n",
            paint_effect(reason.effect, &marks),
            paint_effect(reason.effect, label),
            safe(&reason.text)
        ));
    }
    if reasons.len() > MOST {
        shown.push_str(&format!("\nand {} more\n", reasons.len() - MOST));
    }
    shown
}

/// The line that a reason begins on, and marks under the part that it is about.
fn underlined(source: &Source, reason: &Reason) -> (String, String) {
    let place = source.line_column(reason.span.start);
    let line = source.line(place.line);
    let before: String = line.chars().take(place.column - 1).collect();
    let end = reason.span.end.min(reason.span.start + line.len().saturating_sub(before.len()));
    let inside = source.text().get(reason.span.start..end).unwrap_or_default();
    let width = |text: &str| safe(text).width();
    let marks = "^".repeat(width(inside).max(1));
    (safe(line).into_owned(), format!("{}{marks}", " ".repeat(width(&before))))
}

//! Problems of a text: for people with the lines they are about, for programs as JSON, for GitHub.

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use runbook_core::diag::{Diagnostic, Label, Place, Severity};
use runbook_core::source::{Source, Sources, Span};
use serde_json::{Value, json};

use super::style::Paint;
use crate::commands::lint::Looked;
use crate::source::Checked;
use crate::text::{is_deceptive, safe};

/// More text than this is not shown around a problem; only its place is named.
const MAX_SHOWN_BYTES: usize = 16 << 10;

/// Every problem with the lines it is about, for people.
pub(crate) fn human(diagnostics: &[Diagnostic], sources: &Sources, paint: Paint, columns: usize) -> String {
    let renderer = if paint.is_on() { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(columns.max(40));
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&renderer.render(&[group(diagnostic, sources)]));
        text.push_str("\n\n");
    }
    text
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        _ => Level::WARNING,
    };
    let title = level.primary_title(safe(&diagnostic.message)).id(diagnostic.code.to_string());
    let mut group = title.elements(places(diagnostic, sources));
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(safe(note)));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(safe(help)));
    }
    group
}

/// The windows of text to show: one for everything close together, further ones for what is far away.
fn places<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Vec<Element<'a>> {
    let mut windows: Vec<Window<'a>> = Vec::new();
    let labels = std::iter::once((&diagnostic.primary, AnnotationKind::Primary))
        .chain(diagnostic.secondary.iter().map(|label| (label, AnnotationKind::Context)));
    for (label, kind) in labels {
        let Some(source) = sources.get(label.span.source) else { continue };
        let lines = whole_lines(source.text(), label.span.range());
        let close = windows.iter_mut().find(|window| window.takes(label.span, &lines));
        match close {
            Some(window) => {
                window.lines = window.lines.start.min(lines.start)..window.lines.end.max(lines.end);
                window.labels.push((label, kind));
            }
            None => windows.push(Window { source, span: label.span, lines, labels: vec![(label, kind)] }),
        }
    }
    windows.into_iter().map(Window::element).collect()
}

struct Window<'a> {
    source: &'a Source,
    span: Span,
    lines: Range<usize>,
    labels: Vec<(&'a Label, AnnotationKind)>,
}

impl<'a> Window<'a> {
    fn takes(&self, span: Span, lines: &Range<usize>) -> bool {
        let start = self.lines.start.min(lines.start);
        let end = self.lines.end.max(lines.end);
        self.span.source == span.source && end - start <= MAX_SHOWN_BYTES
    }

    fn element(self) -> Element<'a> {
        let place = self.source.line_column(self.span.start as usize);
        let name = safe(self.source.name());
        if self.lines.len() > MAX_SHOWN_BYTES || self.source.text().is_empty() {
            return Origin::path(name).line(place.line).char_column(place.column).into();
        }
        let first = self.source.line_column(self.lines.start).line;
        let shown = visible(&self.source.text()[self.lines.clone()]);
        let annotations: Vec<Annotation<'a>> = self
            .labels
            .iter()
            .map(|(label, kind)| {
                let range = label.span.range();
                let range =
                    shown.place(range.start - self.lines.start)..shown.place(range.end - self.lines.start);
                let text = (!label.text.is_empty()).then(|| safe(&label.text));
                kind.span(range).label(text)
            })
            .collect();
        Snippet::source(shown.text).line_start(first).path(name).annotations(annotations).into()
    }
}

/// The lines that `range` touches.
fn whole_lines(text: &str, range: Range<usize>) -> Range<usize> {
    let bytes = text.as_bytes();
    let start = range.start.min(bytes.len());
    let end = range.end.clamp(start, bytes.len());
    let first = bytes[..start].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    // A range that ends behind a line break does not touch the next line.
    let last = if end > start && bytes[end - 1] == b'\n' { end - 1 } else { end };
    let last = bytes[last..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |at| last + at);
    first..last
}

/// A text in which every character can be seen, and where its places have moved to.
struct Visible {
    text: String,
    /// For each replaced character: where it ended in the original, and by how much what follows moved.
    moves: Vec<(usize, isize)>,
}

impl Visible {
    /// What follows byte `end` of the original goes where the text ends now.
    fn moved(&mut self, end: usize) {
        self.moves.push((end, self.text.len() as isize - end as isize));
    }

    /// Where byte `offset` of the original is now.
    fn place(&self, offset: usize) -> usize {
        let known = self.moves.partition_point(|(end, _)| *end <= offset);
        let moved = known.checked_sub(1).map_or(0, |at| self.moves[at].1);
        offset.saturating_add_signed(moved).min(self.text.len())
    }
}

/// Replaces each character that cannot be seen by one that can, so that columns stay as they are.
fn visible(text: &str) -> Visible {
    let mut shown = Visible { text: String::with_capacity(text.len()), moves: Vec::new() };
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\r' && matches!(chars.peek(), None | Some((_, '\n'))) {
            // Part of a line break.
            shown.moved(at + 1);
            continue;
        }
        let replaced = match c {
            '\0'..='\x1f' if is_deceptive(c) => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
            '\x7f' => '\u{2421}',
            c if is_deceptive(c) => '\u{fffd}',
            c => c,
        };
        shown.text.push(replaced);
        if replaced != c {
            shown.moved(at + c.len_utf8());
        }
    }
    shown
}

/// What was found in every file, for programs. The form is documented and stable.
pub(crate) fn json(files: &[Checked], strict: bool) -> Value {
    let files: Vec<Value> = files
        .iter()
        .map(|checked| {
            let (errors, warnings) = checked.counts();
            let found: Vec<Value> = checked.diagnostics.iter().map(|d| one(d, &checked.sources)).collect();
            json!({
                "file": checked.file,
                "ok": errors == 0 && !(strict && warnings > 0),
                "diagnostics": found,
            })
        })
        .collect();
    json!({ "files": files })
}

/// What lints found in every file, for programs: the form of [`json()`], with what each file silences.
pub(crate) fn looked_json(files: &[Looked]) -> Value {
    let files: Vec<Value> = files
        .iter()
        .map(|Looked { checked, silenced }| {
            let found: Vec<Value> = checked.diagnostics.iter().map(|d| one(d, &checked.sources)).collect();
            let silenced: Vec<Value> = silenced
                .iter()
                .map(|quiet| {
                    let mut shown = one(&quiet.finding, &checked.sources);
                    shown["reason"] = quiet.reason.as_str().into();
                    shown
                })
                .collect();
            json!({
                "file": checked.file,
                "ok": found.is_empty(),
                "diagnostics": found,
                "silenced": silenced,
            })
        })
        .collect();
    json!({ "files": files })
}

fn one(diagnostic: &Diagnostic, sources: &Sources) -> Value {
    let labels: Vec<Value> = diagnostic
        .secondary
        .iter()
        .map(|label| json!({ "place": Place::of(label.span, sources), "text": label.text }))
        .collect();
    json!({
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "place": Place::of(diagnostic.primary.span, sources),
        "label": diagnostic.primary.text,
        "labels": labels,
        "notes": diagnostic.notes,
        "help": diagnostic.help,
    })
}

/// One GitHub workflow command a problem.
pub(crate) fn github(diagnostics: &[Diagnostic], sources: &Sources, strict: bool) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        let place = Place::of(diagnostic.primary.span, sources);
        let command = match diagnostic.severity {
            Severity::Error => "error",
            _ if strict => "error",
            _ => "warning",
        };
        let mut message = diagnostic.message.clone();
        for note in &diagnostic.notes {
            message.push_str(&format!("\nnote: {note}"));
        }
        for help in &diagnostic.help {
            message.push_str(&format!("\nhelp: {help}"));
        }
        text.push_str(&format!(
            "::{command} file={},line={},col={},endLine={},endColumn={},title={}::{}\n",
            escape_property(&place.file),
            place.start.line,
            place.start.column,
            place.end.line,
            place.end.column,
            diagnostic.code,
            escape_data(&message),
        ));
    }
    text
}

/// As the GitHub runner reads messages: percent, carriage return and line feed are escaped.
fn escape_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// As the GitHub runner reads properties: colon and comma as well.
fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use runbook_core::diag::Code;
    use runbook_core::source::SourceId;

    fn sources(text: &str) -> Sources {
        let mut sources = Sources::default();
        sources.add(Source::new("book.yaml", text));
        sources
    }

    fn span_of(text: &str, part: &str) -> Span {
        let at = text.find(part).unwrap();
        Span::new(SourceId(0), at..at + part.len())
    }

    fn shown(text: &str, diagnostic: Diagnostic) -> String {
        human(&[diagnostic], &sources(text), Paint::none(), 100)
    }

    #[test]
    fn columns_are_right_after_cyrillic_and_tabs() {
        let text = "title: Выкатка\nключ:\t значение: oops\n";
        let found = Diagnostic::error(Code::UNKNOWN_KEY, span_of(text, "oops"), "unknown key `oops`")
            .label("not a key of a step")
            .note("unknown keys are refused")
            .help("did you mean `ops`?");
        insta::assert_snapshot!(shown(text, found), @r#"
error[RB0101]: unknown key `oops`
 --> book.yaml:2:18
  |
2 | ключ:     значение: oops
  |                     ^^^^ not a key of a step
  |
  = note: unknown keys are refused
  = help: did you mean `ops`?
"#);
    }

    #[test]
    fn a_second_place_far_away_is_shown_as_well() {
        let filler = "# filler filler filler filler filler filler\n".repeat(1000);
        let text = format!("name: a\n{filler}name: b\n");
        let last = text.rfind("name").unwrap();
        let found = Diagnostic::error(
            Code::DUPLICATE_KEY,
            Span::new(SourceId(0), last..last + 4),
            "duplicate key `name`",
        )
        .also(Span::new(SourceId(0), 0..4), "first written here");
        insta::assert_snapshot!(shown(&text, found), @r#"
error[RB0007]: duplicate key `name`
    --> book.yaml:1002:1
     |
1002 | name: b
     | ^^^^
     |
    ::: book.yaml:1:1
     |
   1 | name: a
     | ---- first written here
"#);
    }

    #[test]
    fn what_cannot_be_seen_is_made_visible_and_columns_stay() {
        let text = "run: \"a\u{202e}b\x1b[2Jc\u{9b}d\u{200b}\" bad\r\n";
        let found =
            Diagnostic::error(Code::BIDI_CHARACTER, span_of(text, "bad"), "here \x1b[31m and \u{202e}");
        let shown = shown(text, found);
        assert!(!shown.contains(|c: char| c != '\n' && (c.is_control() || is_deceptive(c))), "{shown:?}");
        insta::assert_snapshot!(shown, @r#"
error[RB0004]: here \u{1b}[31m and \u{202e}
 --> book.yaml:1:20
  |
1 | run: "a�b␛[2Jc�d�" bad
  |                    ^^^
"#);
    }

    #[test]
    fn a_line_that_is_too_long_is_named_and_not_shown() {
        let text = format!("a: {}\n", "x".repeat(1 << 20));
        let found = Diagnostic::error(Code::TOO_LARGE, Span::new(SourceId(0), 3..1 << 20), "too large");
        let shown = shown(&text, found);
        assert!(shown.contains("book.yaml:1:4"), "{shown}");
        assert!(shown.len() < 200, "{}", shown.len());
    }

    #[test]
    fn an_empty_text_and_a_place_at_its_end_can_be_shown() {
        for text in ["", "a", "a\n", "a: б"] {
            let end = text.len();
            let found = Diagnostic::error(Code::EMPTY_DOCUMENT, Span::new(SourceId(0), end..end), "nothing");
            assert!(shown(text, found).contains("book.yaml:"), "{text:?}");
        }
    }

    #[test]
    fn github_commands_are_escaped() {
        let text = "a: 100%\n";
        let mut sources = Sources::default();
        sources.add(Source::new("a,b:c.yaml", text));
        let found = Diagnostic::warning(Code::BAD_VALUE, span_of(text, "100%"), "`100%` is odd")
            .help("write\r\n`100`");
        assert_eq!(
            github(&[found], &sources, false),
            "::warning file=a%2Cb%3Ac.yaml,line=1,col=4,endLine=1,endColumn=8,title=RB0108::`100%25` is odd%0Ahelp: write%0D%0A`100`\n"
        );
    }
}

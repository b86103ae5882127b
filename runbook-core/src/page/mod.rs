//! Pages for people: HTML that needs nothing but itself, Markdown, and pictures as SVG.
//!
//! Knows nothing of runbooks. Every text that is put into a page goes through the escaping of its form.

mod dag;
mod timeline;

pub(crate) use dag::{Shape, dag};
pub(crate) use timeline::{Bar, Row, timeline};

/// How something ended, as a page colours it: the name of a class of `style.css`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Well.
    Good,
    /// Badly.
    Bad,
    /// Worth a look.
    Warn,
    /// Nothing happened.
    Quiet,
    /// People have a say.
    People,
    /// It is under way.
    Busy,
}

impl Tone {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Tone::Good => "good",
            Tone::Bad => "bad",
            Tone::Warn => "warn",
            Tone::Quiet => "quiet",
            Tone::People => "people",
            Tone::Busy => "busy",
        }
    }
}

const STYLE: &str = include_str!("style.css");

/// A whole page: no script, nothing from elsewhere.
pub(crate) fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        html(title)
    )
}

/// `text` inside of an element or a quoted attribute. What cannot be seen, or turns text around, is made visible.
pub(crate) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if is_deceptive(c) => escaped.extend(c.escape_unicode()),
            c => escaped.push(c),
        }
    }
    escaped
}

/// `text` on one line of a Markdown page, a cell of a table included.
pub(crate) fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '&' => escaped.push_str("&amp;"),
            '\n' => escaped.push(' '),
            c if is_deceptive(c) => escaped.extend(c.escape_unicode().flat_map(|c| match c {
                '\\' => vec!['\\', '\\'],
                c => vec![c],
            })),
            c => escaped.push(c),
        }
    }
    escaped
}

/// `text` as a code block of Markdown, whatever is in it.
pub(crate) fn fence(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let mut shown = String::with_capacity(text.len());
    for c in text.trim_end().chars() {
        match c {
            c if is_deceptive(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    format!("{fence}{language}\n{shown}\n{fence}\n")
}

/// `text` as code within a line of Markdown.
pub(crate) fn code(text: &str) -> String {
    let text = text.replace('\n', " ");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let tick = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{tick}{space}{text}{space}{tick}")
}

/// `text` as code within a cell of a Markdown table.
pub(crate) fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// Whether `c` is not seen, or changes how the text around it is read.
fn is_deceptive(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        c if c.is_control() => true,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}' => true,
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => true,
        '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

/// `text` cut to about `columns` characters.
pub(crate) fn short(text: &str, columns: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= columns {
        return text;
    }
    let mut cut: String = text.chars().take(columns.saturating_sub(1)).collect();
    cut.truncate(cut.trim_end().len());
    cut + "…"
}

/// A length of time as people read it: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`.
pub(crate) fn elapsed(millis: i64) -> String {
    let millis = millis.max(0);
    let seconds = millis / 1000;
    match seconds {
        0..=9 => format!("{seconds}.{} s", millis % 1000 / 100),
        10..=59 => format!("{seconds} s"),
        60..=3599 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_becomes_part_of_the_page() {
        assert_eq!(html("<b a='x' & \"y\">"), "&lt;b a=&#39;x&#39; &amp; &quot;y&quot;&gt;");
        assert_eq!(html("a\u{202e}b\u{1b}c"), r"a\u{202e}b\u{1b}c");
        assert_eq!(markdown("a|b *c* <i>\nd"), r"a\|b \*c\* \<i\> d");
        assert_eq!(fence("sh", "a\n```\nb\n"), "````sh\na\n```\nb\n````\n");
        assert_eq!(code("a`b|c"), "``a`b|c``");
        assert_eq!(cell("a|b"), r"`a\|b`");
    }

    #[test]
    fn lengths_of_time_are_short() {
        assert_eq!(
            [0, 432, 12_300, 65_000, 7_830_000].map(elapsed),
            ["0.0 s", "0.4 s", "12 s", "1 min 05 s", "2 h 10 min"]
        );
    }
}

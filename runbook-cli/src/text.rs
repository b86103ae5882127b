//! Texts on a terminal: what may be shown, how wide it is, how long things took.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// `text` with everything that could move the cursor, hide something or reorder what is read made visible.
///
/// Line breaks stay, tabs become spaces; other control characters, bidirectional controls and invisible
/// characters become `\u{…}`. Joiners that scripts and emoji need stay.
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| is_deceptive(c) || c == '\t') {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\t' => shown.push_str("    "),
            '\r' if chars.peek() == Some(&'\n') => {}
            c if is_deceptive(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// `text` as [`safe`] shows it, on one line: line breaks become `⏎`.
pub(crate) fn safe_line(text: &str) -> String {
    safe(text.trim_end_matches(['\n', '\r'])).replace('\n', " ⏎ ")
}

/// Whether a terminal would show `c` as something else than itself.
pub(crate) fn is_deceptive(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        c if c.is_control() => true,
        // Soft hyphen, Hangul and Khmer fillers, Mongolian vowel separator: nothing is seen.
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{3164}' | '\u{ffa0}' => true,
        // Bidirectional controls.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        // Line and paragraph separators, zero-width characters, deprecated controls, interlinear marks.
        '\u{2028}'
        | '\u{2029}'
        | '\u{200b}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' => true,
        // Tag characters.
        '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

/// The columns that `text` takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// `text`, cut to at most `columns`, with `…` where something is missing.
pub(crate) fn fit(text: &str, columns: usize) -> Cow<'_, str> {
    if text.width() <= columns {
        return Cow::Borrowed(text);
    }
    if columns == 0 {
        return Cow::Borrowed("");
    }
    let mut cut = String::new();
    let mut used = 0;
    for c in text.chars() {
        let more = c.width().unwrap_or(0);
        if used + more > columns - 1 {
            break;
        }
        used += more;
        cut.push(c);
    }
    cut.push('…');
    Cow::Owned(cut)
}

/// `text` followed by spaces up to `columns`.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// A length of time as people read it: `0.4s`, `12s`, `3m05s`, `2h10m`.
pub(crate) fn elapsed(millis: i64) -> String {
    let millis = millis.max(0);
    let seconds = millis / 1000;
    match seconds {
        0..=9 => format!("{}.{}s", seconds, millis % 1000 / 100),
        10..=59 => format!("{seconds}s"),
        60..=3599 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `text` as one word of a POSIX shell.
pub(crate) fn shell_word(text: &str) -> Cow<'_, str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"@%+=:,./-_".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn harmless_texts_stay_as_they_are() {
        for text in ["", "abc", "Перезапуск сервиса", "a\nb", "👩‍👩‍👧", "می‌خواهم", "日本"]
        {
            assert!(matches!(safe(text), Cow::Borrowed(shown) if shown == text), "{text:?}");
        }
    }

    #[test]
    fn control_and_bidi_characters_become_visible() {
        assert_eq!(safe("\x1b[2Jok"), r"\u{1b}[2Jok");
        assert_eq!(safe("a\u{9b}31mb\x7f"), r"a\u{9b}31mb\u{7f}");
        assert_eq!(safe("rm \u{202e}txt"), r"rm \u{202e}txt");
        assert_eq!(safe("a\u{200b}b\u{feff}"), r"a\u{200b}b\u{feff}");
        assert_eq!(safe("yes\rno"), r"yes\u{d}no");
        assert_eq!(safe("a\r\nb\tc"), "a\nb    c");
        assert_eq!(safe("\0"), r"\u{0}");
    }

    #[test]
    fn nothing_deceptive_is_left_in_any_text() {
        for c in (0..=0x10ffff).filter_map(char::from_u32) {
            let shown = safe_line(&format!("a{c}b"));
            assert!(!shown.contains(is_deceptive), "{c:?}");
            assert!(!shown.contains('\n'), "{c:?}");
        }
    }

    #[test]
    fn cutting_counts_columns_and_not_characters() {
        assert_eq!(fit("Перезапуск", 10), "Перезапуск");
        assert_eq!(fit("Перезапуск", 5), "Пере…");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("abc", 0), "");
        for columns in 0..20 {
            assert!(width(&fit("日本 и кириллица e\u{301}", columns)) <= columns);
        }
    }

    #[test]
    fn times_are_short() {
        let shown: Vec<_> = [0, 432, 9_999, 12_300, 65_000, 3_600_000, 7_830_000].map(elapsed).into();
        assert_eq!(shown, ["0.0s", "0.4s", "9.9s", "12s", "1m05s", "1h00m", "2h10m"]);
        assert_eq!(elapsed(-5), "0.0s");
    }

    #[test]
    fn shell_words_survive_a_shell() {
        assert_eq!(shell_word("/var/lib/x"), "/var/lib/x");
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }
}

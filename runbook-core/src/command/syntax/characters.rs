//! Characters that a reviewer cannot see, or that parsers understand differently.

/// The first such character: its place, its length and what it is.
pub(super) fn hidden(text: &str) -> Option<(usize, usize, &'static str)> {
    text.char_indices().find_map(|(at, c)| Some((at, c.len_utf8(), name(c)?)))
}

fn name(c: char) -> Option<&'static str> {
    Some(match c {
        '\n' | '\t' => return None,
        '\r' => "a carriage return",
        c if c.is_control() => "a control character",
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' => {
            "a character that changes the direction of text"
        }
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' => "a character that cannot be seen",
        '\u{200b}'..='\u{200d}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => "a character that cannot be seen",
        '\u{2028}' | '\u{2029}' => "a line separator that shells do not know",
        c if c != ' ' && c.is_whitespace() => "a space that shells do not know",
        _ => return None,
    })
}

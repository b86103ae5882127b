//! Characters that a reviewer cannot see.

use std::borrow::Cow;

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::source::{SourceId, Span};

/// Beyond so many of a kind, more of them tell nobody anything.
const REPORTED: usize = 20;

/// Reports control and bidirectional characters in `text`.
///
/// Returns the text to go on with: control characters are replaced by others of the same length, because the
/// parser would take some of them for the end of the text and hide what else is wrong.
pub(super) fn check<'t>(id: SourceId, text: &'t str, found: &mut Diagnostics) -> Cow<'t, str> {
    let mut controls = 0;
    let mut bidis = 0;
    let mut replace = false;
    for (offset, c) in suspects(text) {
        let span = Span::new(id, offset..offset + c.len_utf8());
        if is_bidi(c) {
            bidis += 1;
            if bidis <= REPORTED {
                found.push(bidi(span, c));
            }
        } else {
            controls += 1;
            replace = true;
            if controls <= REPORTED {
                found.push(control(span, c));
            }
        }
        if controls > REPORTED && bidis > REPORTED {
            break;
        }
    }
    if !replace {
        return Cow::Borrowed(text);
    }
    let visible = |c: char| match is_control(c) {
        true if c.is_ascii() => '_',
        true => '\u{bf}',
        false => c,
    };
    Cow::Owned(text.chars().map(visible).collect())
}

/// The forbidden characters of `text`, looking at bytes first: nearly every text has none.
fn suspects(text: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    text.bytes().enumerate().filter_map(move |(offset, byte)| {
        let may_be = match byte {
            b'\t' | b'\n' | b'\r' => false,
            0..0x20 | 0x7f | 0xc2 | 0xd8 | 0xe2 => true,
            _ => false,
        };
        let c = may_be.then(|| text.get(offset..)?.chars().next()).flatten()?;
        (is_control(c) || is_bidi(c)).then_some((offset, c))
    })
}

fn is_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r')
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn control(span: Span, c: char) -> Diagnostic {
    let escape = format!("\\x{:02x}", c as u32);
    Diagnostic::error(Code::CONTROL_CHARACTER, span, format!("control character U+{:04X}", c as u32))
        .label("cannot be seen")
        .help(format!("remove it, or write `{escape}` in a double-quoted text"))
}

fn bidi(span: Span, c: char) -> Diagnostic {
    let code = c as u32;
    Diagnostic::error(Code::BIDI_CHARACTER, span, format!("bidirectional control character U+{code:04X}"))
        .label("makes the text look different from what it is")
        .help(format!("remove it, or write `\\u{code:04x}` in a double-quoted text"))
}

//! From bytes of a decoded scalar back to bytes of the source.

use std::ops::Range;

use super::tree::Style;
use crate::source::{SourceId, Span};

/// Where the bytes of a decoded text were written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OffsetMap {
    source: SourceId,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// The text stands in the source as it is, from this byte on.
    Verbatim(u32),
    /// The text was put together from pieces, in ascending order of both offsets.
    Pieces(Box<[Piece]>),
    /// Only the place of the whole is known.
    Whole(Range<u32>),
}

/// A part of the decoded text, up to the next piece. If it is as long as its source it was copied;
/// otherwise it is an escape or a line break and counts as a whole.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    decoded: u32,
    source: u32,
    length: u32,
}

impl OffsetMap {
    /// The map of a scalar that decodes to `decoded` and stands in `text` at `range`.
    pub(super) fn of(
        id: SourceId,
        text: &str,
        range: Range<usize>,
        style: Style,
        decoded: &str,
    ) -> OffsetMap {
        let body = match style {
            Style::SingleQuoted | Style::DoubleQuoted if range.len() >= 2 => range.start + 1..range.end - 1,
            _ => range.clone(),
        };
        let whole = Kind::Whole(clamp(range.start)..clamp(range.end));
        let kind = match text.get(body.clone()) {
            Some(written) if written == decoded => Kind::Verbatim(clamp(body.start)),
            None => whole,
            Some(_) => {
                let mut decoder = Decoder::new(text, decoded.len());
                let done = match style {
                    Style::Literal => decoder.literal(range.start, decoded),
                    Style::Folded => decoder.folded(range.start, decoded),
                    _ => decoder.flow(body, style),
                };
                let exact = done.is_some() && decoder.decoded == decoded && !decoded.is_empty();
                if exact { Kind::Pieces(decoder.pieces.into()) } else { whole }
            }
        };
        OffsetMap { source: id, kind }
    }

    pub(super) fn span_of(&self, range: Range<usize>, len: usize) -> Span {
        let start = range.start.min(len);
        let end = range.end.clamp(start, len);
        let range = match &self.kind {
            Kind::Verbatim(base) => *base as usize + start..*base as usize + end,
            Kind::Whole(whole) => whole.start as usize..whole.end as usize,
            Kind::Pieces(pieces) => {
                let from = edge(pieces, start, len, false);
                from..if start == end { from } else { edge(pieces, end, len, true) }
            }
        };
        Span::new(self.source, range)
    }
}

/// The source offset of decoded offset `at`; `as_end` when it is where a range ends.
fn edge(pieces: &[Piece], at: usize, len: usize, as_end: bool) -> usize {
    let before = if as_end { at.saturating_sub(1) } else { at };
    let index = pieces.partition_point(|p| p.decoded as usize <= before).max(1) - 1;
    let Some(piece) = pieces.get(index) else { return 0 };
    let next = pieces.get(index + 1).map_or(len, |p| p.decoded as usize);
    let (source, length) = (piece.source as usize, piece.length as usize);
    let inner = at.saturating_sub(piece.decoded as usize);
    if next - piece.decoded as usize == length {
        source + inner.min(length)
    } else if as_end || at >= len {
        source + length
    } else {
        source
    }
}

fn clamp(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Decodes a scalar a second time, writing down where each part came from.
struct Decoder<'t> {
    text: &'t str,
    decoded: String,
    pieces: Vec<Piece>,
}

impl<'t> Decoder<'t> {
    fn new(text: &'t str, capacity: usize) -> Self {
        Decoder { text, decoded: String::with_capacity(capacity), pieces: Vec::new() }
    }

    fn copy(&mut self, range: Range<usize>) -> Option<()> {
        let text = self.text.get(range.clone())?;
        self.replace(range, text);
        Some(())
    }

    /// Adds `result`, which was written as `range`.
    fn replace(&mut self, range: Range<usize>, result: &str) {
        if !result.is_empty() {
            self.pieces.push(Piece {
                decoded: clamp(self.decoded.len()),
                source: clamp(range.start),
                length: clamp(range.len()),
            });
            self.decoded.push_str(result);
        }
    }

    fn replace_newlines(&mut self, range: Range<usize>, count: usize) {
        self.replace(range, &"\n".repeat(count));
    }

    /// Plain and quoted scalars.
    fn flow(&mut self, body: Range<usize>, style: Style) -> Option<()> {
        let bytes = self.text.as_bytes();
        let mut at = body.start;
        let mut copied = body.start;
        while at < body.end {
            let special = match bytes[at] {
                b' ' | b'\t' | b'\n' | b'\r' => {
                    let (end, breaks) = blank_run(bytes, at, body.end);
                    if breaks == 0 {
                        at = end;
                        continue;
                    }
                    self.copy(copied..at)?;
                    match breaks {
                        1 => self.replace(at..end, " "),
                        _ => self.replace_newlines(at..end, breaks - 1),
                    }
                    end
                }
                b'\'' if style == Style::SingleQuoted => {
                    self.copy(copied..at)?;
                    self.replace(at..at + 2, "'");
                    at + 2
                }
                b'\\' if style == Style::DoubleQuoted => {
                    self.copy(copied..at)?;
                    self.escape(at, body.end)?
                }
                _ => {
                    at += 1;
                    continue;
                }
            };
            at = special;
            copied = special;
        }
        self.copy(copied..body.end)
    }

    /// The escape at `at`; returns where it ends.
    fn escape(&mut self, at: usize, end: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let next = *bytes.get(at + 1).filter(|_| at + 1 < end)?;
        let (c, len) = match next {
            b'\n' | b'\r' => {
                let (after, breaks) = blank_run(bytes, at + 1, end);
                self.replace_newlines(at..after, breaks.saturating_sub(1));
                return Some(after);
            }
            b'x' => (self.hex(at + 2, 2)?, 4),
            b'U' => (self.hex(at + 2, 8)?, 10),
            b'u' => match self.hex(at + 2, 4)? {
                high @ 0xd800..0xdc00 => {
                    let low = self.hex(at + 8, 4)?.checked_sub(0xdc00)?;
                    (0x10000 + ((high - 0xd800) << 10) + low, 12)
                }
                c => (c, 6),
            },
            b'0' => (0, 2),
            b'a' => (7, 2),
            b'b' => (8, 2),
            b't' | b'\t' => (9, 2),
            b'n' => (10, 2),
            b'v' => (11, 2),
            b'f' => (12, 2),
            b'r' => (13, 2),
            b'e' => (27, 2),
            b'N' => (0x85, 2),
            b'_' => (0xa0, 2),
            b'L' => (0x2028, 2),
            b'P' => (0x2029, 2),
            itself => (u32::from(itself), 2),
        };
        let c = char::from_u32(c)?;
        self.replace(at..at + len, c.encode_utf8(&mut [0; 4]));
        Some(at + len)
    }

    fn hex(&self, at: usize, len: usize) -> Option<u32> {
        u32::from_str_radix(self.text.get(at..at + len)?, 16).ok()
    }

    /// A block whose first line that is not blank has its first byte of content at `content`.
    fn literal(&mut self, content: usize, decoded: &str) -> Option<()> {
        let (mut line, indent) = self.block_start(content, decoded);
        while self.decoded.len() < decoded.len() {
            let (end, next) = line_end(self.text.as_bytes(), line)?;
            self.copy((line + indent).min(end)..end)?;
            if self.decoded.len() < decoded.len() {
                self.replace(end..next, "\n");
            }
            line = next;
        }
        Some(())
    }

    fn folded(&mut self, content: usize, decoded: &str) -> Option<()> {
        let bytes = self.text.as_bytes();
        let (mut line, indent) = self.block_start(content, decoded);
        let text_end = decoded.trim_end_matches('\n').len();
        let mut before: Option<(usize, bool)> = None;
        let mut blanks = 0;
        let first = line;
        while self.decoded.len() < text_end {
            let (end, next) = line_end(bytes, line)?;
            let start = (line + indent).min(end);
            if start == end {
                blanks += 1;
            } else {
                let more = matches!(bytes[start], b' ' | b'\t');
                match before {
                    None => self.replace_newlines(first..start, blanks),
                    Some((from, false)) if !more && blanks == 0 => self.replace(from..start, " "),
                    Some((from, false)) if !more => self.replace_newlines(from..start, blanks),
                    Some((from, _)) => self.replace_newlines(from..start, blanks + 1),
                }
                self.copy(start..end)?;
                before = Some((end, more));
                blanks = 0;
            }
            line = next;
        }
        let mut end = before.map_or(first, |(end, _)| end);
        while self.decoded.len() < decoded.len() {
            let (line_end, next) = line_end(bytes, end)?;
            self.replace(line_end..next, "\n");
            end = next;
        }
        Some(())
    }

    /// Start of the first line, leading blank ones included, and the indentation.
    fn block_start(&self, content: usize, decoded: &str) -> (usize, usize) {
        let start_of = |at: usize| self.text[..at].rfind('\n').map_or(0, |n| n + 1);
        let mut line = start_of(content);
        let indent = content - line;
        for _ in 0..decoded.len() - decoded.trim_start_matches('\n').len() {
            line = start_of(line.saturating_sub(1));
        }
        (line, indent)
    }
}

/// End of the white space at `at`, and how many line breaks it holds.
fn blank_run(bytes: &[u8], at: usize, end: usize) -> (usize, usize) {
    let mut breaks = 0;
    let mut i = at;
    while i < end {
        match bytes[i] {
            b' ' | b'\t' => {}
            b'\n' => breaks += 1,
            b'\r' => breaks += usize::from(bytes.get(i + 1) != Some(&b'\n')),
            _ => break,
        }
        i += 1;
    }
    (i, breaks)
}

/// End of the content of the line that starts at `line`, and start of the next one.
fn line_end(bytes: &[u8], line: usize) -> Option<(usize, usize)> {
    if line >= bytes.len() {
        return None;
    }
    let end = bytes[line..].iter().position(|b| matches!(b, b'\n' | b'\r')).map_or(bytes.len(), |n| line + n);
    let next = match bytes.get(end) {
        None => end,
        Some(b'\r') if bytes.get(end + 1) == Some(&b'\n') => end + 2,
        Some(_) => end + 1,
    };
    Some((end, next))
}

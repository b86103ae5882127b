//! Words: quotations, holes, and what expands.

use std::ops::Range;

use super::reader::{HOLE, Read, Reader, is_meta, name_length};
use super::{Kind, Piece, Word};
use crate::command::script::Hole;
use crate::shell::Dialect;

/// What surrounds a piece.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    Bare,
    Double,
    /// A here-document, where quotes are text.
    Document,
}

impl Reader<'_> {
    /// Reads a word up to the next unquoted blank or operator.
    pub(super) fn word(&mut self) -> Read<Word> {
        let start = self.position;
        let mut pieces = Vec::new();
        while let Some(byte) = self.peek() {
            if matches!(byte, b'<' | b'>') && self.peek_at(1) == Some(b'(') {
                let from = self.position;
                self.position += 2;
                let list = self.substitution(from)?;
                pieces.push(Piece { kind: Kind::Process(list), quoted: false, span: self.span(from) });
            } else if is_meta(byte) {
                break;
            } else {
                self.part(&mut pieces, Quoting::Bare)?;
            }
        }
        Ok(Word { pieces, span: self.span(start) })
    }

    /// Reads one character, quotation, hole or expansion.
    pub(super) fn part(&mut self, pieces: &mut Vec<Piece>, quoting: Quoting) -> Read<()> {
        let start = self.position;
        match self.peek() {
            None => Ok(()),
            Some(HOLE) => self.hole(pieces, quoting != Quoting::Bare),
            Some(b'\\') => self.backslash(pieces, quoting),
            Some(b'\'') if quoting == Quoting::Bare => self.single_quoted(pieces),
            Some(b'"') if quoting == Quoting::Bare => self.double_quoted(pieces),
            Some(b'`') => self.backticks(pieces, quoting),
            Some(b'$') => self.dollar(pieces, quoting),
            Some(_) => {
                self.position += self.character();
                self.text(pieces, start..self.position, quoting != Quoting::Bare);
                Ok(())
            }
        }
    }

    /// Adds the text `range` as it stands.
    pub(super) fn text(&self, pieces: &mut Vec<Piece>, range: Range<usize>, quoted: bool) {
        let text = self.slice(range.clone());
        self.decoded(pieces, text, range, quoted);
    }

    /// Adds `text`, which was written as `range`.
    fn decoded(&self, pieces: &mut Vec<Piece>, text: &str, range: Range<usize>, quoted: bool) {
        let span = self.script.origin(range);
        if let Some(Piece { kind: Kind::Text(before), quoted: same, span: last }) = pieces.last_mut() {
            let linear = before.len() == last.len() && text.len() == span.len() && last.end == span.start;
            if *same == quoted && linear {
                before.push_str(text);
                last.end = span.end;
                return;
            }
        }
        pieces.push(Piece { kind: Kind::Text(text.to_owned()), quoted, span });
    }

    fn hole(&mut self, pieces: &mut Vec<Piece>, quoted: bool) -> Read<()> {
        let Some((range, hole)) = self.hole_here() else { return self.unexpected() };
        self.position = range.end;
        let span = self.script.origin(range.clone());
        let kind = match hole {
            Hole::Value => Kind::Value(None),
            Hole::Operand => Kind::Operand,
            Hole::Known(value) => Kind::Value(Some(value.clone())),
            Hole::Code => {
                self.code.get_or_insert(span.clone());
                Kind::Code
            }
        };
        pieces.push(Piece { kind, quoted, span });
        Ok(())
    }

    fn backslash(&mut self, pieces: &mut Vec<Piece>, quoting: Quoting) -> Read<()> {
        let start = self.position;
        self.position += 1;
        match self.peek() {
            Some(b'\n') => self.position += 1,
            None | Some(HOLE) => return self.fault(start..start + 1, "a backslash with nothing behind it"),
            Some(byte) => {
                let escapes = match quoting {
                    Quoting::Bare => true,
                    Quoting::Double => matches!(byte, b'$' | b'`' | b'"' | b'\\'),
                    Quoting::Document => matches!(byte, b'$' | b'`' | b'\\'),
                };
                let from = if escapes { self.position } else { start };
                self.position += self.character();
                let text = self.slice(from..self.position);
                self.decoded(pieces, text, start..self.position, true);
            }
        }
        Ok(())
    }

    fn single_quoted(&mut self, pieces: &mut Vec<Piece>) -> Read<()> {
        let start = self.position;
        self.position += 1;
        let mut from = self.position;
        // An empty quotation makes a word all the same.
        self.decoded(pieces, "", start..start + 1, true);
        loop {
            match self.peek() {
                Some(b'\'') => break,
                Some(HOLE) => {
                    self.text(pieces, from..self.position, true);
                    self.hole(pieces, true)?;
                    from = self.position;
                }
                Some(_) => self.position += 1,
                None => return self.fault(start..start + 1, "this quote is not closed"),
            }
        }
        self.text(pieces, from..self.position, true);
        self.position += 1;
        Ok(())
    }

    pub(super) fn double_quoted(&mut self, pieces: &mut Vec<Piece>) -> Read<()> {
        let start = self.position;
        self.position += 1;
        self.decoded(pieces, "", start..start + 1, true);
        self.nested(|reader| {
            loop {
                match reader.peek() {
                    Some(b'"') => break,
                    Some(_) => reader.part(pieces, Quoting::Double)?,
                    None => return reader.fault(start..start + 1, "this quote is not closed"),
                }
            }
            reader.position += 1;
            Ok(())
        })
    }

    /// Reads `$'…'`.
    pub(super) fn dollar_single(&mut self, pieces: &mut Vec<Piece>) -> Read<()> {
        let start = self.position;
        self.position += 2;
        let mut decoded: Vec<u8> = Vec::new();
        loop {
            let at = self.position;
            match self.peek() {
                Some(b'\'') => break,
                None => return self.fault(start..start + 2, "this quote is not closed"),
                Some(HOLE) => return self.fault(at..at + 1, "a value inside `$'…'`"),
                Some(b'\\') => {
                    if self.dialect() == Dialect::Sh && matches!(self.peek_at(1), Some(b'\'' | b'\\')) {
                        return self.fault(at..at + 2, "shells disagree about where this quotation ends");
                    }
                    self.position += 1;
                    self.ansi(&mut decoded)?;
                }
                Some(byte) => {
                    decoded.push(byte);
                    self.position += 1;
                }
            }
        }
        self.position += 1;
        match String::from_utf8(decoded) {
            Ok(text) if !text.contains('\0') => {
                self.decoded(pieces, &text, start..self.position, true);
                Ok(())
            }
            _ => self.fault(start..self.position, "these escapes make no text"),
        }
    }

    /// Decodes the escape after a backslash in `$'…'`.
    fn ansi(&mut self, into: &mut Vec<u8>) -> Read<()> {
        let at = self.position;
        let Some(byte) = self.peek() else { return self.fault(at..at, "this quote is not closed") };
        self.position += 1;
        let simple = match byte {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'a' => 7,
            b'b' => 8,
            b'e' | b'E' => 27,
            b'f' => 12,
            b'v' => 11,
            b'\\' | b'\'' | b'"' | b'?' => byte,
            b'x' | b'u' | b'U' | b'0'..=b'7' => {
                let (radix, most) = match byte {
                    b'x' => (16, 2),
                    b'u' => (16, 4),
                    b'U' => (16, 8),
                    _ => {
                        self.position -= 1;
                        (8, 3)
                    }
                };
                let (mut value, mut count) = (0u32, 0);
                while let Some(digit) = self.peek().and_then(|b| char::from(b).to_digit(radix)) {
                    if count == most {
                        break;
                    }
                    (value, count) = (value.wrapping_mul(radix).wrapping_add(digit), count + 1);
                    self.position += 1;
                }
                if count == 0 {
                    return self.fault(at..self.position, "an escape without digits");
                }
                if matches!(byte, b'u' | b'U') {
                    let Some(c) = char::from_u32(value) else {
                        return self.fault(at..self.position, "this escape is no character");
                    };
                    let mut buffer = [0; 4];
                    into.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
                } else {
                    into.push((value & 0xff) as u8);
                }
                return Ok(());
            }
            _ => return self.fault(at..at + 1, "an escape that shells read differently"),
        };
        into.push(simple);
        Ok(())
    }

    /// Whether the word here has the form `name=`, `name+=` or `name[…]=`; the length up to its value.
    pub(super) fn assignment_head(&self) -> Option<(usize, usize)> {
        let rest = self.rest();
        let name = name_length(rest);
        if name == 0 {
            return None;
        }
        let mut at = name;
        if rest.get(at) == Some(&b'[') {
            let close = rest.iter().skip(at).take_while(|b| **b != b'\n').position(|b| *b == b']')?;
            at += close + 1;
        }
        match rest.get(at..) {
            Some([b'=', ..]) => Some((name, at + 1)),
            Some([b'+', b'=', ..]) => Some((name, at + 2)),
            _ => None,
        }
    }
}

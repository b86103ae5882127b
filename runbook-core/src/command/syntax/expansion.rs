//! What begins with a dollar sign or a backtick.

use super::reader::{HOLE, Read, Reader, name_length};
use super::word::Quoting;
use super::{Kind, List, Piece};
use crate::command::script::Script;

/// What an operator of `${…}` does with the rest.
enum Rest {
    /// Nothing follows, or a word that is only text.
    Word,
    /// Numbers, or something evaluated as arithmetic.
    Arithmetic,
    /// The content is run in a way nobody can follow.
    Evaluates,
}

impl Reader<'_> {
    pub(super) fn dollar(&mut self, pieces: &mut Vec<Piece>, quoting: Quoting) -> Read<()> {
        let start = self.position;
        let quoted = quoting != Quoting::Bare;
        match self.peek_at(1) {
            Some(b'(') if self.peek_at(2) == Some(b'(') => {
                self.position += 3;
                let (nested, constant) = self.arithmetic(start, b"))")?;
                let kind = Kind::Arithmetic { nested, constant };
                pieces.push(Piece { kind, quoted, span: self.span(start) });
            }
            Some(b'(') => {
                self.position += 2;
                let list = self.substitution(start)?;
                pieces.push(Piece { kind: Kind::Commands(list), quoted, span: self.span(start) });
            }
            Some(b'[') => {
                self.position += 2;
                let (nested, constant) = self.arithmetic(start, b"]")?;
                let kind = Kind::Arithmetic { nested, constant };
                pieces.push(Piece { kind, quoted, span: self.span(start) });
            }
            Some(b'{') => {
                self.position += 2;
                let kind = self.nested(|reader| reader.parameter(start, quoting))?;
                pieces.push(Piece { kind, quoted, span: self.span(start) });
            }
            Some(b'\'') if quoting == Quoting::Bare => self.dollar_single(pieces)?,
            Some(b'"') if quoting == Quoting::Bare => {
                self.position += 1;
                self.double_quoted(pieces)?;
            }
            Some(HOLE) => return self.fault(start..start + 1, "a value right behind `$`"),
            Some(b'\\') if self.peek_at(2) == Some(b'\n') => {
                return self.fault(start..start + 3, "a line break behind `$`");
            }
            Some(byte) if byte.is_ascii_alphanumeric() || byte == b'_' || b"@*#?-$!".contains(&byte) => {
                let length = name_length(self.rest().get(1..).unwrap_or_default()).max(1);
                self.position += 1 + length;
                if self.peek() == Some(b'\\') && self.peek_at(1) == Some(b'\n') {
                    return self.fault(start..self.position, "a line break in a variable's name");
                }
                let name = self.slice(start + 1..self.position).to_owned();
                let kind = Kind::Parameter { name, nested: Vec::new(), evaluates: false };
                pieces.push(Piece { kind, quoted, span: self.span(start) });
            }
            _ => {
                self.position += 1;
                self.text(pieces, start..self.position, quoted);
            }
        }
        Ok(())
    }

    /// Reads commands up to the `)` that belongs to the opening before `self.position`.
    pub(super) fn substitution(&mut self, start: usize) -> Read<List> {
        let outer = std::mem::take(&mut self.pending);
        let list = self.nested(|reader| {
            let mut list = List::default();
            reader.list(&mut list, &[")"])?;
            if reader.peek() != Some(b')') {
                return reader.fault(start..start + 1, "this parenthesis is not closed");
            }
            reader.position += 1;
            Ok(list)
        })?;
        if !self.pending.is_empty() {
            return self.fault(start..self.position, "a here-document that ends with its parenthesis");
        }
        self.pending = outer;
        Ok(list)
    }

    /// Reads arithmetic up to `close`; says whether it is made of constants alone.
    pub(super) fn arithmetic(&mut self, start: usize, close: &[u8]) -> Read<(Vec<Piece>, bool)> {
        let first = self.position;
        let mut nested = Vec::new();
        let mut depth = 0_usize;
        self.nested(|reader| {
            loop {
                match reader.peek() {
                    None => return reader.fault(start..start + 2, "this arithmetic is not closed"),
                    Some(b'(' | b'[') => {
                        depth += 1;
                        reader.position += 1;
                    }
                    Some(_) if depth == 0 && reader.rest().starts_with(close) => {
                        reader.position += close.len();
                        return Ok(());
                    }
                    Some(b')' | b']') if depth > 0 => {
                        depth -= 1;
                        reader.position += 1;
                    }
                    Some(b')' | b']') => {
                        return reader
                            .fault(start..reader.position, "arithmetic or commands: shells disagree");
                    }
                    Some(b'\'' | b'#' | b';') => {
                        return reader.fault(reader.position..reader.position + 1, "this is no arithmetic");
                    }
                    Some(_) => reader.part(&mut nested, Quoting::Double)?,
                }
            }
        })?;
        let inside = self.slice(first..self.position - close.len());
        let number =
            |c: char| c.is_ascii_digit() || c.is_ascii_whitespace() || "+-*/%()<>=!&|^~?:,".contains(c);
        Ok((nested, inside.chars().all(number)))
    }

    /// Reads the rest of `${…}`.
    fn parameter(&mut self, start: usize, quoting: Quoting) -> Read<Kind> {
        let mut evaluates = false;
        let mut nested = Vec::new();
        match self.peek() {
            Some(b'#') if self.peek_at(1) != Some(b'}') => self.position += 1,
            Some(b'!') if self.peek_at(1) != Some(b'}') => {
                evaluates = true;
                self.position += 1;
            }
            _ => {}
        }
        let name_start = self.position;
        let digits = self.rest().iter().take_while(|b| b.is_ascii_digit()).count();
        self.position += match name_length(self.rest()).max(digits) {
            0 if self.peek().is_some_and(|b| b"@*#?-$!".contains(&b)) => 1,
            0 => return self.fault(start..start + 2, "an expansion without a name"),
            length => length,
        };
        let name = self.slice(name_start..self.position).to_owned();
        if self.peek() == Some(b'[') {
            self.position += 1;
            let inside = self.position;
            let (pieces, _) = self.arithmetic(start, b"]")?;
            let subscript = self.slice(inside..self.position - 1);
            evaluates |= !matches!(subscript, "@" | "*") && !subscript.bytes().all(|b| b.is_ascii_digit());
            nested.extend(pieces);
        }
        let rest = match (self.peek(), self.peek_at(1)) {
            (Some(b'}'), _) => Rest::Word,
            (Some(b':'), Some(b'-' | b'=' | b'+' | b'?')) => {
                self.position += 2;
                Rest::Word
            }
            (Some(b':'), _) => {
                self.position += 1;
                Rest::Arithmetic
            }
            (Some(b'-' | b'=' | b'+' | b'?' | b'%' | b'#' | b'/' | b'^' | b','), _) => {
                self.position += 1;
                Rest::Word
            }
            (Some(b'@'), _) => Rest::Evaluates,
            _ => return self.fault(start..self.position, "an expansion that is not understood"),
        };
        let from = self.position;
        loop {
            match self.peek() {
                None => return self.fault(start..start + 2, "this expansion is not closed"),
                Some(b'}') => break,
                Some(b'\'') if quoting != Quoting::Bare => {
                    return self.fault(self.position..self.position + 1, "shells disagree about this quote");
                }
                Some(b'"') => self.double_quoted(&mut nested)?,
                Some(b'\n') => {
                    return self.fault(self.position..self.position + 1, "a line break in an expansion");
                }
                Some(_) => self.part(&mut nested, quoting)?,
            }
        }
        evaluates |= match rest {
            Rest::Word => false,
            Rest::Evaluates => true,
            Rest::Arithmetic => {
                !self.slice(from..self.position).bytes().all(|b| b.is_ascii_digit() || b" :-".contains(&b))
            }
        };
        self.position += 1;
        Ok(Kind::Parameter { name, nested, evaluates })
    }

    /// Reads `` `…` ``: takes the backslashes away and reads what is left as commands.
    pub(super) fn backticks(&mut self, pieces: &mut Vec<Piece>, quoting: Quoting) -> Read<()> {
        let start = self.position;
        self.position += 1;
        let mut inner = Script::mapped(self.dialect());
        loop {
            let at = self.position;
            match self.peek() {
                None => return self.fault(start..start + 1, "this backtick is not closed"),
                Some(HOLE) => return self.fault(at..at + 1, "a value inside backticks"),
                Some(b'`') => break,
                Some(b'\\') => {
                    let next = self.peek_at(1);
                    self.position += 1;
                    if next.is_none() || next == Some(HOLE) {
                        return self.fault(at..at + 1, "a backslash with nothing behind it");
                    }
                    if next == Some(b'"') && quoting == Quoting::Double {
                        return self.fault(at..at + 2, "shells disagree about this backslash");
                    }
                    let escapes = matches!(next, Some(b'`' | b'\\' | b'$'));
                    let from = if escapes { self.position } else { at };
                    self.position += self.character();
                    let text = self.slice(from..self.position);
                    inner.push(text, self.script.origin(at..self.position));
                }
                Some(_) => {
                    let rest = self.rest();
                    let length = rest.iter().take_while(|b| !matches!(**b, b'`' | b'\\' | HOLE)).count();
                    self.position += length;
                    inner.push(self.slice(at..self.position), self.script.origin(at..self.position));
                }
            }
        }
        self.position += 1;
        let mut list = List::default();
        self.nested(|reader| {
            let mut sub = Reader::new(&inner, reader.depth);
            sub.documents = std::mem::take(&mut reader.documents);
            let result = sub.whole(&mut list);
            reader.documents = std::mem::take(&mut sub.documents);
            result
        })?;
        let quoted = quoting != Quoting::Bare;
        pieces.push(Piece { kind: Kind::Commands(list), quoted, span: self.span(start) });
        Ok(())
    }
}

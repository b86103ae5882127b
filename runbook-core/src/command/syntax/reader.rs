//! The reader's state: where it is and what it has met.

use std::ops::Range;

use super::characters;
use super::heredoc::Pending;
use super::{Document, Fault, List, MAX_DEPTH, Tree};
use crate::command::script::{Hole, Script};
use crate::shell::{Dialect, MAX_SCRIPT};

/// Stands for a byte of a hole; no UTF-8 text contains it.
pub(super) const HOLE: u8 = 0xFF;

pub(super) type Read<T> = Result<T, Fault>;

/// Reads a script from left to right.
pub(super) struct Reader<'s> {
    pub(super) script: &'s Script,
    /// The text, with [`HOLE`] for every byte of a hole.
    pub(super) bytes: Vec<u8>,
    pub(super) position: usize,
    /// One past the last byte that may be read.
    pub(super) end: usize,
    pub(super) depth: usize,
    /// Here-documents whose bodies begin after the next newline.
    pub(super) pending: Vec<Pending>,
    pub(super) documents: Vec<Document>,
    pub(super) code: Option<Range<usize>>,
}

impl<'s> Reader<'s> {
    pub(super) fn new(script: &'s Script, depth: usize) -> Self {
        let mut bytes = script.text().as_bytes().to_vec();
        for (range, _) in script.holes() {
            if let Some(hole) = bytes.get_mut(range.clone()) {
                hole.fill(HOLE);
            }
        }
        let end = bytes.len();
        Reader {
            script,
            bytes,
            position: 0,
            end,
            depth,
            pending: Vec::new(),
            documents: Vec::new(),
            code: None,
        }
    }

    pub(super) fn tree(mut self) -> Tree {
        let mut list = List::default();
        let fault = self.whole(&mut list).err();
        Tree { list, documents: self.documents, fault, code: self.code }
    }

    pub(super) fn whole(&mut self, list: &mut List) -> Read<()> {
        if self.bytes.len() > MAX_SCRIPT {
            return self.fault(0..0, "the script is too long to be looked at");
        }
        if let Some((at, length, what)) = self.hidden() {
            return self.fault(at..at + length, what);
        }
        self.list(list, &[])?;
        if self.position < self.end {
            return self.unexpected();
        }
        if !self.pending.is_empty() {
            return self.fault(self.position..self.position, "a here-document without a body");
        }
        Ok(())
    }

    /// The first hidden character outside of holes.
    fn hidden(&self) -> Option<(usize, usize, &'static str)> {
        let (text, mut at) = (self.script.text(), 0);
        let ends = self.script.holes().iter().map(|(range, _)| (range.start, range.end));
        for (start, end) in ends.chain([(text.len(), text.len())]) {
            let found = text.get(at..start).and_then(characters::hidden);
            if let Some((offset, length, what)) = found {
                return Some((at + offset, length, what));
            }
            at = end;
        }
        None
    }

    pub(super) fn fault<T>(&self, range: Range<usize>, what: &'static str) -> Read<T> {
        let text = self.script.text();
        let (mut start, mut end) = (range.start.min(text.len()), range.end.min(text.len()));
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        while !text.is_char_boundary(end) {
            end += 1;
        }
        Err(Fault { span: self.script.origin(start..end.max(start)), what })
    }

    pub(super) fn unexpected<T>(&self) -> Read<T> {
        self.fault(self.position..self.position + 1, "this cannot stand here")
    }

    pub(super) fn span(&self, start: usize) -> Range<usize> {
        self.script.origin(start..self.position)
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<u8> {
        let at = self.position + ahead;
        if at < self.end { self.bytes.get(at).copied() } else { None }
    }

    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.position..self.end).unwrap_or_default()
    }

    pub(super) fn looking_at(&self, text: &str) -> bool {
        self.rest().starts_with(text.as_bytes())
    }

    pub(super) fn slice(&self, range: Range<usize>) -> &'s str {
        self.script.text().get(range).unwrap_or_default()
    }

    /// The hole that begins here.
    pub(super) fn hole_here(&self) -> Option<&'s (Range<usize>, Hole)> {
        let holes = self.script.holes();
        let found = holes.binary_search_by_key(&self.position, |(range, _)| range.start).ok()?;
        holes.get(found)
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.script.dialect()
    }

    /// The length of the character here.
    pub(super) fn character(&self) -> usize {
        self.slice(self.position..self.end).chars().next().map_or(1, char::len_utf8)
    }

    /// Goes one level deeper.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth >= MAX_DEPTH {
            return self.fault(self.position..self.position + 1, "nested deeper than is looked at");
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }
}

/// Whether `byte` ends an unquoted word.
pub(super) fn is_meta(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')')
}

/// The length of the variable name that `text` begins with.
pub(super) fn name_length(text: &[u8]) -> usize {
    match text.first() {
        Some(first) if !first.is_ascii_digit() => {
            text.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count()
        }
        _ => 0,
    }
}

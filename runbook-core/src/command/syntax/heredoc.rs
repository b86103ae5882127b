//! Here-documents.

use std::ops::Range;

use super::reader::{HOLE, Read, Reader};
use super::word::Quoting;
use super::{Document, Kind, Word};

/// A here-document whose body has not been read yet.
#[derive(Debug)]
pub(super) struct Pending {
    delimiter: String,
    quoted: bool,
    tabs: bool,
    /// Its number in the list of documents.
    number: usize,
    span: Range<usize>,
}

impl Reader<'_> {
    /// Notes a here-document whose delimiter is `word`; its number.
    pub(super) fn announce(&mut self, word: &Word, tabs: bool) -> Read<usize> {
        let mut delimiter = String::new();
        let mut quoted = false;
        for piece in &word.pieces {
            match &piece.kind {
                Kind::Text(text) => delimiter.push_str(text),
                _ => {
                    return Err(super::Fault {
                        span: word.span.clone(),
                        what: "a delimiter that is not plain text",
                    });
                }
            }
            quoted |= piece.quoted;
        }
        if delimiter.is_empty() || delimiter.contains('\n') {
            return Err(super::Fault { span: word.span.clone(), what: "a delimiter that is not plain text" });
        }
        let number = self.documents.len();
        self.documents.push(Document::default());
        self.pending.push(Pending { delimiter, quoted, tabs, number, span: word.span.clone() });
        Ok(number)
    }

    /// Takes a newline and the bodies of the here-documents that begin after it.
    pub(super) fn newline(&mut self) -> Read<()> {
        self.position += 1;
        for pending in std::mem::take(&mut self.pending) {
            let document = self.body(&pending)?;
            if let Some(place) = self.documents.get_mut(pending.number) {
                *place = document;
            }
        }
        Ok(())
    }

    fn body(&mut self, pending: &Pending) -> Read<Document> {
        let start = self.position;
        let mut continued = false;
        loop {
            if self.position >= self.end {
                return Err(super::Fault {
                    span: pending.span.clone(),
                    what: "this here-document does not end",
                });
            }
            let line_start = self.position;
            let rest = self.rest();
            let length = rest.iter().take_while(|b| **b != b'\n').count();
            let line = rest.get(..length).unwrap_or_default();
            let tabs = if pending.tabs { line.iter().take_while(|b| **b == b'\t').count() } else { 0 };
            let ends = line.get(tabs..).is_some_and(|line| line == pending.delimiter.as_bytes());
            let escapes = line.iter().rev().take_while(|b| **b == b'\\').count();
            let next = (line_start + length + 1).min(self.end);
            if ends {
                if continued {
                    return self
                        .fault(line_start..line_start + length, "shells disagree whether this ends it");
                }
                let document = self.content(start..line_start, pending.quoted)?;
                // The newline after the delimiter belongs to the commands around.
                self.position = line_start + length;
                return Ok(document);
            }
            continued = !pending.quoted && escapes % 2 == 1;
            self.position = next;
        }
    }

    fn content(&mut self, range: Range<usize>, quoted: bool) -> Read<Document> {
        let mut pieces = Vec::new();
        let (outer_end, outer) = (self.end, std::mem::take(&mut self.pending));
        (self.position, self.end) = (range.start, range.end);
        while let Some(byte) = self.peek() {
            if !quoted {
                self.part(&mut pieces, Quoting::Document)?;
                continue;
            }
            if byte == HOLE {
                return self.fault(self.position..self.position + 1, "a value in a quoted here-document");
            }
            let from = self.position;
            let length = self.rest().iter().take_while(|b| **b != HOLE).count();
            self.position += length;
            self.text(&mut pieces, from..self.position, true);
        }
        (self.end, self.pending) = (outer_end, outer);
        Ok(Document { pieces })
    }
}

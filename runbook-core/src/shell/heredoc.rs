//! Here-documents.

use super::refusal::Reason;
use super::scan::{HOLE, RAW_HOLE, Read, Scanner};

/// A here-document whose body has not been read.
#[derive(Debug)]
pub(super) struct Pending {
    /// Its number in the script.
    pub(super) number: usize,
    /// Where its operator stands.
    position: usize,
    delimiter: Vec<u8>,
    quoted: bool,
    strip_tabs: bool,
    /// Why its body may not contain values.
    pub(super) refusal: Option<Reason>,
}

impl Pending {
    /// Where its operator stands.
    pub(super) fn position(&self) -> usize {
        self.position
    }
}

impl Scanner<'_> {
    /// Reads the delimiter after `<<` or `<<-`.
    pub(super) fn heredoc_delimiter(&mut self, operator: usize, strip_tabs: bool) -> Read<()> {
        let start = self.position;
        let word = self.word(super::word::Place::Ordinary)?;
        let written = self.slice(start..self.position);
        if let Some(hole) = written.iter().position(|b| *b == HOLE) {
            // Without the delimiter, nobody knows where the body ends.
            return self.stop(start + hole, Reason::HeredocDelimiter);
        }
        let strange = |w: &[u8]| {
            w.contains(&b'`')
                || w.contains(&b'$')
                || w.contains(&RAW_HOLE)
                || w.windows(2).any(|p| p == b"\\\n")
        };
        if written.is_empty() {
            return self.stop(start, Reason::Unexpected("end of a here-document's operator"));
        }
        if strange(written) || word.literal.contains(&b'\n') {
            return self.stop(start, Reason::Ambiguous("this delimiter"));
        }
        self.pending.push(Pending {
            number: self.heredocs,
            position: operator,
            delimiter: word.literal,
            quoted: word.quoted,
            strip_tabs,
            refusal: self.current_forbidden(),
        });
        self.heredocs += 1;
        Ok(())
    }

    /// Refuses values in the here-documents numbered `from..to` that are still to be read.
    pub(super) fn refuse_heredocs(&mut self, from: usize, to: usize, reason: &Reason) {
        let first = self.pending.partition_point(|p| p.number < from);
        for pending in self.pending.get_mut(first..).unwrap_or_default() {
            if pending.number >= to {
                break;
            }
            pending.refusal.get_or_insert_with(|| reason.clone());
        }
    }

    /// Reads a newline and the bodies of the here-documents that begin after it.
    pub(super) fn newline(&mut self) -> Read<()> {
        self.take(1);
        if self.pending.is_empty() {
            return Ok(());
        }
        if self.pending_base > 0 {
            return self.ambiguous("a here-document that begins outside of this substitution");
        }
        for pending in std::mem::take(&mut self.pending) {
            self.heredoc_body(pending)?;
        }
        Ok(())
    }

    fn heredoc_body(&mut self, pending: Pending) -> Read<()> {
        let start = self.position;
        let mut line_start = start;
        let mut joined: Option<Vec<u8>> = None;
        let (body_end, after) = loop {
            if line_start >= self.end {
                return self.stop(pending.position, Reason::Unterminated("the here-document"));
            }
            let rest = self.slice(line_start..self.end);
            let length = rest.iter().position(|b| *b == b'\n');
            let line = rest.get(..length.unwrap_or(rest.len())).unwrap_or_default();
            let tabs = if pending.strip_tabs { line.iter().take_while(|b| **b == b'\t').count() } else { 0 };
            let line = line.get(tabs..).unwrap_or_default();
            let is_delimiter = line == pending.delimiter;
            let continues =
                !pending.quoted && line.iter().rev().take_while(|b| **b == b'\\').count() % 2 == 1;
            if let Some(mut whole) = joined.take() {
                // A joined line is compared as a whole by some shells and in pieces by others.
                whole.extend_from_slice(line);
                if is_delimiter || whole == pending.delimiter {
                    return self
                        .stop(line_start, Reason::Ambiguous("a here-document's end after a backslash"));
                }
                if continues {
                    whole.pop();
                    whole.truncate(pending.delimiter.len() + 1);
                    joined = Some(whole);
                }
            } else if is_delimiter {
                break (line_start, line_start + tabs + line.len());
            } else if continues {
                let mut piece = line.to_vec();
                piece.pop();
                piece.truncate(pending.delimiter.len() + 1);
                joined = Some(piece);
            }
            line_start += length.map_or(rest.len(), |l| l + 1);
        };
        self.enter()?;
        let end = std::mem::replace(&mut self.end, body_end);
        let outer = match pending.refusal {
            _ if pending.quoted => Some(self.forbid(Reason::QuotedHeredoc)),
            Some(reason) => Some(self.forbid(reason)),
            None => None,
        };
        if pending.quoted {
            self.take_to(body_end);
        } else {
            while let Some(byte) = self.peek() {
                if byte == b'\\' {
                    self.heredoc_escape();
                } else {
                    self.quoted_part()?;
                }
            }
        }
        if let Some(outer) = outer {
            self.allow(outer);
        }
        self.end = end;
        self.leave();
        self.take_to(after);
        if self.peek() == Some(b'\n') {
            self.take(1);
        }
        Ok(())
    }
}

//! The reader's state: where it is, what it has written, which holes it has met.

use std::collections::HashSet;
use std::ops::Range;

use super::heredoc::Pending;
use super::refusal::Reason;
use super::{Dialect, MAX_NESTING};

/// Stands for a hole in the bytes of a script; no UTF-8 text contains it.
pub(super) const HOLE: u8 = 0xFF;
/// Stands for a raw value that is not known yet.
pub(super) const RAW_HOLE: u8 = 0xFE;
/// What is written for a raw value that is not known yet.
const RAW_WORD: &[u8] = b"RAW";

/// The bytes that stand for `byte` in the output when it is no hole.
pub(super) fn plain(byte: u8) -> &'static [u8] {
    const ALL: [u8; 256] = {
        let mut all = [0; 256];
        let mut index = 0;
        while index < 256 {
            all[index] = index as u8;
            index += 1;
        }
        all
    };
    if byte == RAW_HOLE { RAW_WORD } else { std::slice::from_ref(&ALL[byte as usize]) }
}

/// The script cannot be followed beyond `position`.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) position: usize,
    pub(super) reason: Reason,
}

pub(super) type Read<T> = Result<T, Stop>;

/// The quotation around a hole.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    Bare,
    Double,
    Single,
}

/// Reads a script from left to right and writes it again with references in place of holes.
pub(super) struct Scanner<'a> {
    source: &'a [u8],
    pub(super) position: usize,
    /// One past the last byte that may be read: the end of the script, or of a here-document's body.
    pub(super) end: usize,
    output: Vec<u8>,
    pub(super) dialect: Dialect,
    prefix: &'a str,
    /// The holes met so far, with why they are refused.
    holes: Vec<Option<Reason>>,
    /// Set where no hole is allowed, whatever is nested inside.
    forbidden: Option<Reason>,
    /// Here-documents whose bodies begin after the next newline.
    pub(super) pending: Vec<Pending>,
    /// The first of `pending` that belongs to the current command substitution.
    pub(super) pending_base: usize,
    pub(super) heredocs: usize,
    depth: usize,
    /// Variables that got the value of a hole.
    pub(super) assigned: Vec<(String, Range<usize>)>,
    /// Variables that `declare` and the like gave the value of a hole.
    pub(super) declared: Vec<(String, Range<usize>)>,
    /// Variables that are arrays somewhere: `declare` reads what it gives them as a list, with expansions.
    pub(super) arrays: HashSet<String>,
    /// Whether some variable may be an integer or a reference, which evaluates what it is given.
    pub(super) attributes: bool,
    /// Names that occur in arithmetic.
    pub(super) arithmetic_names: HashSet<String>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(source: &'a [u8], dialect: Dialect, prefix: &'a str) -> Self {
        Scanner {
            source,
            position: 0,
            end: source.len(),
            output: Vec::with_capacity(source.len() + source.len() / 8),
            dialect,
            prefix,
            holes: Vec::new(),
            forbidden: None,
            pending: Vec::new(),
            pending_base: 0,
            heredocs: 0,
            depth: 0,
            assigned: Vec::new(),
            declared: Vec::new(),
            arrays: HashSet::new(),
            attributes: false,
            arithmetic_names: HashSet::new(),
        }
    }

    /// The refused holes, by their number.
    pub(super) fn refused(&self) -> Vec<(usize, Reason)> {
        self.holes.iter().enumerate().filter_map(|(i, r)| Some((i, r.clone()?))).collect()
    }

    pub(super) fn into_output(self) -> Vec<u8> {
        self.output
    }

    /// How many holes were met.
    pub(super) fn hole_count(&self) -> usize {
        self.holes.len()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<u8> {
        let index = self.position + ahead;
        if index < self.end { self.source.get(index).copied() } else { None }
    }

    /// What is left to read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.source.get(self.position..self.end).unwrap_or_default()
    }

    pub(super) fn slice(&self, range: Range<usize>) -> &'a [u8] {
        self.source.get(range).unwrap_or_default()
    }

    pub(super) fn looking_at(&self, text: &[u8]) -> bool {
        self.rest().starts_with(text)
    }

    /// Copies `count` bytes that are not holes.
    pub(super) fn take(&mut self, count: usize) {
        for _ in 0..count {
            if let Some(byte) = self.peek() {
                self.output.extend_from_slice(plain(byte));
                self.position += 1;
            }
        }
    }

    /// Reads a hole and writes its reference; says whether it stood there.
    pub(super) fn take_hole(&mut self, quoting: Quoting) {
        let name = format!("{}{}", self.prefix, self.holes.len());
        let reference = match quoting {
            Quoting::Bare => format!("\"${{{name}}}\""),
            Quoting::Double => format!("${{{name}}}"),
            Quoting::Single => format!("'\"${{{name}}}\"'"),
        };
        self.holes.push(self.forbidden.clone());
        self.output.extend_from_slice(reference.as_bytes());
        self.position += 1;
    }

    /// Copies up to `until`; the holes on the way are refused by the caller's [`Scanner::forbid`].
    pub(super) fn take_to(&mut self, until: usize) {
        while self.position < until {
            if self.peek() == Some(HOLE) { self.take_hole(Quoting::Bare) } else { self.take(1) }
        }
    }

    /// Refuses holes that were already read; the first reason stays.
    pub(super) fn refuse(&mut self, holes: Range<usize>, reason: &Reason) {
        for hole in self.holes.get_mut(holes).unwrap_or_default() {
            hole.get_or_insert_with(|| reason.clone());
        }
    }

    /// Refuses the holes from here on; give what it returns to [`Scanner::allow`].
    #[must_use]
    pub(super) fn forbid(&mut self, reason: Reason) -> Option<Reason> {
        let before = self.forbidden.clone();
        self.forbidden.get_or_insert(reason);
        before
    }

    /// Why no hole is allowed here, if so.
    pub(super) fn current_forbidden(&self) -> Option<Reason> {
        self.forbidden.clone()
    }

    /// Ends what [`Scanner::forbid`] began.
    pub(super) fn allow(&mut self, before: Option<Reason>) {
        self.forbidden = before;
    }

    pub(super) fn stop<T>(&self, position: usize, reason: Reason) -> Read<T> {
        Err(Stop { position, reason })
    }

    pub(super) fn ambiguous<T>(&self, what: &'static str) -> Read<T> {
        self.stop(self.position, Reason::Ambiguous(what))
    }

    pub(super) fn enter(&mut self) -> Read<()> {
        self.depth += 1;
        if self.depth > MAX_NESTING { self.stop(self.position, Reason::TooDeep) } else { Ok(()) }
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Remembers the names in `text`, which is evaluated as arithmetic.
    pub(super) fn note_arithmetic(&mut self, text: Range<usize>) {
        let name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        for word in self.slice(text).split(|b| !name(b)) {
            if word.first().is_some_and(|b| !b.is_ascii_digit()) {
                self.arithmetic_names.insert(String::from_utf8_lossy(word).into_owned());
            }
        }
    }

    /// Refuses the values of variables that are evaluated somewhere in the script.
    pub(super) fn refuse_evaluated(&mut self) {
        for (name, holes) in std::mem::take(&mut self.assigned) {
            if self.attributes || self.arithmetic_names.contains(&name) {
                self.refuse(holes, &Reason::EvaluatedVariable(name));
            }
        }
        for (name, holes) in std::mem::take(&mut self.declared) {
            if self.arrays.contains(&name) {
                self.refuse(holes, &Reason::EvaluatedVariable(name));
            }
        }
    }
}

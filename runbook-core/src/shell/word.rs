//! Words: quotations, expansions and substitutions.

use std::ops::Range;

use super::Dialect;
use super::command::Until;
use super::refusal::Reason;
use super::scan::{HOLE, Quoting, RAW_HOLE, Read, Scanner};

/// A part of a word that is known only when the script runs.
pub(super) const DYNAMIC: u8 = 0;

/// A word as it was read.
#[derive(Debug, Default)]
pub(super) struct Word {
    /// Its text without quotes, with [`DYNAMIC`] for what is not known.
    pub(super) literal: Vec<u8>,
    /// Whether a part of it is quoted.
    pub(super) quoted: bool,
    /// The holes in it.
    pub(super) holes: Range<usize>,
    /// Whether it contains `<(…)` or `>(…)`, or an array.
    pub(super) compound: bool,
    /// The length of `NAME=` or `NAME+=` when it begins like an assignment.
    pub(super) assignment: usize,
    /// Whether it began a subscript and did not end it.
    pub(super) open_subscript: bool,
}

impl Word {
    /// Its text, when all of it is known.
    pub(super) fn fixed(&self) -> Option<&str> {
        if self.literal.contains(&DYNAMIC) { None } else { std::str::from_utf8(&self.literal).ok() }
    }

    /// Its text with the unknown parts marked.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.literal).into_owned()
    }

    pub(super) fn has_holes(&self) -> bool {
        !self.holes.is_empty()
    }
}

/// Where a word stands, as far as it changes how it is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Anywhere.
    Ordinary,
    /// Where `name[subscript]=value` may stand.
    Assignment,
    /// In the list of an array, where `[subscript]=value` may stand.
    Element,
}

/// Whether `byte` ends an unquoted word.
pub(super) fn is_meta(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')')
}

pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The length of the variable name that `text` begins with.
pub(super) fn name_length(text: &[u8]) -> usize {
    match text.first() {
        Some(first) if !first.is_ascii_digit() => text.iter().take_while(|b| is_name_byte(**b)).count(),
        _ => 0,
    }
}

impl Scanner<'_> {
    /// Reads a word up to the next unquoted blank or operator.
    pub(super) fn word(&mut self, place: Place) -> Read<Word> {
        let first_hole = self.hole_count();
        let mut word = Word::default();
        let name = name_length(self.rest());
        let after = self.rest().get(name..).unwrap_or_default();
        if name > 0 {
            word.assignment = match after {
                [b'=', ..] => name + 1,
                [b'+', b'=', ..] => name + 2,
                _ => 0,
            };
        }
        let mut subscript = match place {
            Place::Ordinary => false,
            Place::Assignment => name > 0 && after.first() == Some(&b'['),
            Place::Element => self.peek() == Some(b'['),
        };
        let outer = if subscript { Some(self.forbid(Reason::Subscript)) } else { None };
        let start = self.position;
        while let Some(byte) = self.peek() {
            match byte {
                b'<' | b'>' if self.peek_at(1) == Some(b'(') => {
                    word.compound = true;
                    word.literal.push(DYNAMIC);
                    self.take(1);
                    self.substitution(1)?;
                }
                b'(' if self.position > start && self.opens_pattern(&word) => {
                    word.literal.push(DYNAMIC);
                    self.extended_pattern()?;
                }
                byte if is_meta(byte) => break,
                b']' if subscript => {
                    self.take(1);
                    word.literal.push(b']');
                    if self.looking_at(b"=") || self.looking_at(b"+=") {
                        subscript = false;
                        if let Some(outer) = outer.clone() {
                            self.allow(outer);
                        }
                    }
                }
                _ => self.word_part(&mut word)?,
            }
        }
        word.open_subscript = subscript;
        if let Some(outer) = outer {
            self.allow(outer);
        }
        word.holes = first_hole..self.hole_count();
        Ok(word)
    }

    /// Whether the parenthesis here belongs to a pattern such as `*.@(a|b)`.
    fn opens_pattern(&self, word: &Word) -> bool {
        let before = self.slice(self.position.saturating_sub(1)..self.position);
        word.literal.last() == before.first() && matches!(before, [b'?' | b'*' | b'+' | b'@' | b'!'])
    }

    fn extended_pattern(&mut self) -> Read<()> {
        let outer = self.forbid(Reason::ExtendedPattern);
        self.parenthesized("the pattern")?;
        self.allow(outer);
        Ok(())
    }

    /// Reads `( … )` as text with quotations in it.
    pub(super) fn parenthesized(&mut self, what: &'static str) -> Read<()> {
        let start = self.position;
        let mut depth = 0usize;
        let mut ignored = Word::default();
        while let Some(byte) = self.peek() {
            match byte {
                b'(' | b')' => {
                    self.take(1);
                    depth = if byte == b'(' { depth + 1 } else { depth.saturating_sub(1) };
                    if depth == 0 {
                        return Ok(());
                    }
                }
                b'\n' => return self.ambiguous("a line break in a pattern"),
                _ => self.word_part(&mut ignored)?,
            }
        }
        self.stop(start, Reason::Unterminated(what))
    }

    /// Reads one unquoted character, quotation or expansion.
    pub(super) fn word_part(&mut self, word: &mut Word) -> Read<()> {
        match self.peek() {
            Some(b'\\') => {
                if self.peek_at(1) == Some(b'\n') {
                    self.take(2);
                    return Ok(());
                }
                word.quoted = true;
                self.escape();
                // What follows a backslash is literal, whatever it is.
                let last = self.slice(self.position.saturating_sub(1)..self.position);
                word.literal.push(last.first().copied().filter(|b| *b < RAW_HOLE).unwrap_or(DYNAMIC));
            }
            Some(b'\'') => {
                word.quoted = true;
                let start = self.position;
                self.single_quoted()?;
                self.literal(word, start + 1..self.position - 1);
            }
            Some(b'"') => {
                word.quoted = true;
                self.double_quoted(&mut word.literal)?;
            }
            Some(b'$') => {
                let before = self.position;
                self.dollar(false)?;
                let expanded = self.position > before + 1;
                word.literal.push(if expanded { DYNAMIC } else { b'$' });
            }
            Some(b'`') => {
                word.literal.push(DYNAMIC);
                self.backtick()?;
            }
            Some(HOLE) => {
                word.literal.push(DYNAMIC);
                self.take_hole(Quoting::Bare);
            }
            Some(byte) => {
                word.literal.push(if byte == RAW_HOLE { DYNAMIC } else { byte });
                self.take(1);
            }
            None => {}
        }
        Ok(())
    }

    fn literal(&self, word: &mut Word, range: Range<usize>) {
        let known = |b: &u8| if *b < RAW_HOLE { *b } else { DYNAMIC };
        word.literal.extend(self.slice(range).iter().map(known));
    }

    /// Reads a backslash and what it protects.
    fn escape(&mut self) {
        self.take(1);
        if self.peek() == Some(HOLE) {
            let outer = self.forbid(Reason::AfterBackslash);
            self.take_hole(Quoting::Double);
            self.allow(outer);
        } else {
            self.take(1);
        }
    }

    fn single_quoted(&mut self) -> Read<()> {
        let start = self.position;
        self.take(1);
        while let Some(byte) = self.peek() {
            match byte {
                HOLE => self.take_hole(Quoting::Single),
                _ => self.take(1),
            }
            if byte == b'\'' {
                return Ok(());
            }
        }
        self.stop(start, Reason::Unterminated("the single quote"))
    }

    fn double_quoted(&mut self, literal: &mut Vec<u8>) -> Read<()> {
        let start = self.position;
        self.enter()?;
        self.take(1);
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.take(1);
                    self.leave();
                    return Ok(());
                }
                b'\\' => {
                    let next = self.peek_at(1);
                    self.escape();
                    match next {
                        Some(b'\n') | None => {}
                        Some(b @ (b'$' | b'`' | b'"' | b'\\')) => literal.push(b),
                        Some(b) => literal.extend([b'\\', if b < RAW_HOLE { b } else { DYNAMIC }]),
                    }
                }
                _ => literal.push(self.quoted_part()?),
            }
        }
        self.stop(start, Reason::Unterminated("the double quote"))
    }

    /// Reads one character or expansion inside double quotes or a here-document.
    pub(super) fn quoted_part(&mut self) -> Read<u8> {
        match self.peek() {
            Some(b'$') => {
                let before = self.position;
                self.dollar(true)?;
                return Ok(if self.position > before + 1 { DYNAMIC } else { b'$' });
            }
            Some(b'`') => self.backtick()?,
            Some(HOLE) => self.take_hole(Quoting::Double),
            Some(byte) => {
                self.take(1);
                return Ok(if byte == RAW_HOLE { DYNAMIC } else { byte });
            }
            None => {}
        }
        Ok(DYNAMIC)
    }

    /// Reads a backslash inside a here-document.
    pub(super) fn heredoc_escape(&mut self) {
        self.escape();
    }

    fn backtick(&mut self) -> Read<()> {
        let start = self.position;
        let outer = self.forbid(Reason::Backtick);
        self.take(1);
        while let Some(byte) = self.peek() {
            match byte {
                b'\\' => self.escape(),
                HOLE => self.take_hole(Quoting::Bare),
                _ => self.take(1),
            }
            if byte == b'`' {
                self.allow(outer);
                return Ok(());
            }
        }
        self.stop(start, Reason::Unterminated("the backtick"))
    }

    /// Reads a dollar sign and what belongs to it.
    fn dollar(&mut self, quoted: bool) -> Read<()> {
        match self.peek_at(1) {
            Some(b'(') if self.peek_at(2) == Some(b'(') => self.arithmetic(3),
            Some(b'(') => {
                self.take(1);
                self.substitution(1)
            }
            Some(b'{') => self.parameter(quoted),
            Some(b'[') if self.dialect == Dialect::Bash => self.bracket_arithmetic(),
            Some(b'[') => self.ambiguous("`$[`"),
            Some(b'\'') if !quoted => self.dollar_single(),
            Some(b'"') if !quoted => {
                let outer = self.forbid(Reason::DollarDouble);
                self.take(1);
                self.double_quoted(&mut Vec::new())?;
                self.allow(outer);
                Ok(())
            }
            Some(HOLE) => {
                let outer = self.forbid(Reason::AfterDollar);
                self.take(1);
                self.take_hole(Quoting::Double);
                self.allow(outer);
                Ok(())
            }
            Some(RAW_HOLE) => {
                self.take(2);
                Ok(())
            }
            Some(b'\\') if self.peek_at(2) == Some(b'\n') => self.ambiguous("a line break after `$`"),
            Some(byte) if byte.is_ascii_digit() || b"@*#?-$!".contains(&byte) => {
                self.take(2);
                Ok(())
            }
            Some(byte) if is_name_byte(byte) => {
                let name = name_length(self.slice(self.position + 1..self.end));
                self.take(1 + name);
                if self.peek() == Some(b'\\') && self.peek_at(1) == Some(b'\n') {
                    return self.ambiguous("a line break in a variable's name");
                }
                Ok(())
            }
            _ => {
                self.take(1);
                Ok(())
            }
        }
    }

    fn dollar_single(&mut self) -> Read<()> {
        let start = self.position;
        let outer = self.forbid(Reason::DollarSingle);
        self.take(2);
        while let Some(byte) = self.peek() {
            match byte {
                b'\\' => {
                    if self.dialect == Dialect::Sh && matches!(self.peek_at(1), Some(b'\'' | b'\\')) {
                        return self.ambiguous("a backslash in `$'…'`");
                    }
                    self.escape();
                }
                HOLE => self.take_hole(Quoting::Bare),
                _ => self.take(1),
            }
            if byte == b'\'' {
                self.allow(outer);
                return Ok(());
            }
        }
        self.stop(start, Reason::Unterminated("`$'`"))
    }

    /// Reads `( commands )`, of which the parenthesis is `open` bytes long.
    fn substitution(&mut self, open: usize) -> Read<()> {
        self.enter()?;
        self.take(open);
        let base = std::mem::replace(&mut self.pending_base, self.pending.len());
        self.list(Until::Parenthesis)?;
        if self.pending.len() > self.pending_base {
            return self.stop(self.position, Reason::Unterminated("the here-document"));
        }
        self.pending_base = base;
        self.leave();
        Ok(())
    }

    /// Reads `$(( … ))`, or `(( … ))`, of which the opening is `open` bytes long.
    pub(super) fn arithmetic(&mut self, open: usize) -> Read<()> {
        let start = self.position;
        self.enter()?;
        let outer = self.forbid(Reason::Arithmetic);
        self.take(open);
        let mut depth = 0usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'(' => {
                    depth += 1;
                    self.take(1);
                }
                b')' if depth > 0 => {
                    depth -= 1;
                    self.take(1);
                }
                b')' if self.peek_at(1) == Some(b')') => {
                    self.take(2);
                    self.note_arithmetic(start..self.position);
                    self.allow(outer);
                    self.leave();
                    return Ok(());
                }
                b')' => return self.ambiguous("`((` that is not closed by `))`"),
                _ => self.arithmetic_part()?,
            }
        }
        self.stop(start, Reason::Unterminated("the arithmetic expression"))
    }

    fn bracket_arithmetic(&mut self) -> Read<()> {
        let start = self.position;
        self.enter()?;
        let outer = self.forbid(Reason::Arithmetic);
        self.take(2);
        let mut depth = 1usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'[' | b']' => {
                    depth = if byte == b'[' { depth + 1 } else { depth - 1 };
                    self.take(1);
                    if depth == 0 {
                        self.note_arithmetic(start..self.position);
                        self.allow(outer);
                        self.leave();
                        return Ok(());
                    }
                }
                _ => self.arithmetic_part()?,
            }
        }
        self.stop(start, Reason::Unterminated("the arithmetic expression"))
    }

    fn arithmetic_part(&mut self) -> Read<()> {
        match self.peek() {
            Some(b'\'') => self.harmless_single_quotes(),
            Some(b'"') => self.double_quoted(&mut Vec::new()),
            Some(b'\\') => {
                self.escape();
                Ok(())
            }
            _ => self.quoted_part().map(drop),
        }
    }

    /// Reads `'…'` where some shells take it for a quotation and others do not, if that changes nothing.
    fn harmless_single_quotes(&mut self) -> Read<()> {
        let special = |b: &u8| b"\"$`\\{}()[]'\xff\xfe\n".contains(b);
        let inner = self.rest().get(1..).unwrap_or_default();
        match inner.iter().position(special) {
            Some(length) if inner.get(length) == Some(&b'\'') => {
                self.take(length + 2);
                Ok(())
            }
            _ => self.ambiguous("the single quote here"),
        }
    }

    /// Reads `${ … }`.
    fn parameter(&mut self, quoted: bool) -> Read<()> {
        let start = self.position;
        self.enter()?;
        let outer = self.forbid(Reason::ParameterExpansion);
        self.take(2);
        if matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'|' | b'(' | b'\\')) {
            return self.ambiguous("this `${`");
        }
        while let Some(byte) = self.peek() {
            match byte {
                b'}' => {
                    self.take(1);
                    self.allow(outer);
                    self.leave();
                    return Ok(());
                }
                // Bash takes the apostrophe in `"${x:-it's}"` for a quote, POSIX shells do not.
                b'\'' if quoted => self.harmless_single_quotes()?,
                b'\'' => self.single_quoted()?,
                b'"' => {
                    let from = self.position;
                    self.double_quoted(&mut Vec::new())?;
                    let inside = self.slice(from..self.position);
                    if quoted && inside.iter().any(|b| b"'}(\\".contains(b)) {
                        return self.stop(from, Reason::Ambiguous("quotes inside `\"${…}\"`"));
                    }
                }
                b'\\' => self.escape(),
                b'<' | b'>' if self.peek_at(1) == Some(b'(') => return self.ambiguous("`<(` inside `${…}`"),
                b'$' => self.dollar(quoted)?,
                _ => drop(self.quoted_part()?),
            }
        }
        self.stop(start, Reason::Unterminated("`${`"))
    }
}

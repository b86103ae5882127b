//! Compound commands: conditions, loops, choices, groups, functions.

use super::Dialect;
use super::command::{Interpreter, Until};
use super::refusal::Reason;
use super::scan::{HOLE, Quoting, Read, Scanner};
use super::word::{Place, Word};

/// What the next word of `[[ ]]` is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operand {
    Ordinary,
    Pattern,
    Regex,
    Number,
    Name,
}

impl Scanner<'_> {
    /// Reads a compound command, if one stands here: `None` if not.
    pub(super) fn compound(&mut self) -> Read<Option<Interpreter>> {
        if self.looking_at(b"((") {
            if self.dialect == Dialect::Sh {
                return self.ambiguous("`((`");
            }
            self.arithmetic(2)?;
            return Ok(Some(None));
        }
        if self.peek() == Some(b'(') {
            self.operator(1)?;
            return self.list(Until::Parenthesis).map(Some);
        }
        let Some(word) = self.reserved() else { return Ok(None) };
        let end = match word {
            "{" => Until::Reserved("}"),
            "if" => Until::Reserved("fi"),
            "while" | "until" => Until::Reserved("done"),
            "for" | "select" => return self.for_loop(word.len()).map(Some),
            "case" => return self.case().map(Some),
            "[[" => return self.condition().map(|()| Some(None)),
            "function" => return self.function().map(Some),
            _ => return Ok(None),
        };
        self.take(word.len());
        self.list(end).map(Some)
    }

    fn function(&mut self) -> Read<Interpreter> {
        self.take(b"function".len());
        self.blanks();
        let outer = self.forbid(Reason::FunctionName);
        self.word(Place::Ordinary)?;
        self.allow(outer);
        self.blanks();
        if self.peek() == Some(b'(') {
            return self.function_body();
        }
        self.space()?;
        self.enter()?;
        let body = self.command()?;
        self.leave();
        Ok(body)
    }

    /// Reads `() command`.
    pub(super) fn function_body(&mut self) -> Read<Interpreter> {
        self.take(1);
        self.blanks();
        if self.peek() != Some(b')') {
            return self
                .stop(self.position, Reason::Unexpected("text between the parentheses of a function"));
        }
        self.take(1);
        self.space()?;
        self.enter()?;
        let body = self.command()?;
        self.leave();
        Ok(body)
    }

    fn for_loop(&mut self, keyword: usize) -> Read<Interpreter> {
        self.take(keyword);
        self.blanks();
        if self.looking_at(b"((") {
            if self.dialect == Dialect::Sh {
                return self.ambiguous("`for ((`");
            }
            self.arithmetic(2)?;
        } else {
            let outer = self.forbid(Reason::LoopVariable);
            let variable = self.word(Place::Ordinary)?;
            self.allow(outer);
            self.space()?;
            if self.looking_at(b"in") && self.peek_at(2).is_none_or(super::word::is_meta) {
                self.take(2);
                let first = self.hole_count();
                loop {
                    self.blanks();
                    match self.peek() {
                        None | Some(b'\n' | b';' | b'#') => break,
                        Some(b'<' | b'>') if self.peek_at(1) == Some(b'(') => {}
                        Some(byte) if super::word::is_meta(byte) => {
                            return self.stop(self.position, Reason::Unexpected("operator in a `for`"));
                        }
                        Some(_) => {}
                    }
                    self.word(Place::Ordinary)?;
                }
                if self.hole_count() > first {
                    self.assigned_to(&variable.text(), first..self.hole_count());
                }
            }
        }
        self.space()?;
        if self.peek() == Some(b';') {
            self.take(1);
            self.space()?;
        }
        if self.reserved() == Some("{") {
            self.take(1);
            return self.list(Until::Reserved("}"));
        }
        self.list(Until::Reserved("done"))
    }

    fn case(&mut self) -> Read<Interpreter> {
        let start = self.position;
        let mut interpreter = None;
        self.enter()?;
        self.take(b"case".len());
        self.blanks();
        self.word(Place::Ordinary)?;
        self.space()?;
        if !self.looking_at(b"in") || !self.peek_at(2).is_none_or(super::word::is_meta) {
            return self.stop(start, Reason::Unexpected("`case` without `in`"));
        }
        self.take(2);
        loop {
            self.space()?;
            if self.reserved() == Some("esac") {
                self.take(b"esac".len());
                self.leave();
                return Ok(interpreter);
            }
            if self.peek().is_none() {
                return self.stop(start, Reason::Unterminated("the `case`"));
            }
            self.pattern_list()?;
            let found = self.list(Until::Branch)?;
            interpreter = interpreter.or(found);
            for end in [&b";;&"[..], b";;", b";&"] {
                if self.looking_at(end) {
                    self.take(end.len());
                    break;
                }
            }
        }
    }

    fn pattern_list(&mut self) -> Read<()> {
        let start = self.position;
        let outer = self.forbid(Reason::CasePattern);
        if self.peek() == Some(b'(') {
            self.take(1);
        }
        loop {
            self.blanks();
            match self.peek() {
                Some(b')') => {
                    self.take(1);
                    self.allow(outer);
                    return Ok(());
                }
                Some(b'|') => self.take(1),
                Some(b'\n') | None => {
                    return self.stop(start, Reason::Unterminated("the pattern of a `case`"));
                }
                Some(byte) if super::word::is_meta(byte) => {
                    return self
                        .stop(self.position, Reason::Unexpected("operator in the pattern of a `case`"));
                }
                Some(_) => drop(self.word(Place::Ordinary)?),
            }
        }
    }

    fn condition(&mut self) -> Read<()> {
        let start = self.position;
        self.take(2);
        let outer = (self.dialect == Dialect::Sh).then(|| self.forbid(Reason::TestInSh));
        let mut next = Operand::Ordinary;
        let mut previous: Option<(Word, usize)> = None;
        loop {
            self.space()?;
            let Some(byte) = self.peek() else {
                return self.stop(start, Reason::Unterminated("`[[`"));
            };
            if next == Operand::Regex {
                self.regex()?;
                (next, previous) = (Operand::Ordinary, None);
                continue;
            }
            if matches!(byte, b'(' | b')' | b'&' | b'|' | b'<' | b'>' | b';') && !self.looking_at(b"<(") {
                self.take(1);
                previous = None;
                continue;
            }
            let reason = match next {
                Operand::Ordinary => None,
                Operand::Pattern | Operand::Regex => Some(Reason::TestPattern),
                Operand::Number => Some(Reason::TestNumber),
                Operand::Name => Some(Reason::VariableName("[[ -v".to_owned())),
            };
            let inner = reason.map(|reason| self.forbid(reason));
            let from = self.position;
            let word = self.word(Place::Ordinary)?;
            if let Some(inner) = inner {
                self.allow(inner);
            }
            if next == Operand::Number {
                self.note_arithmetic(from..self.position);
            }
            let operator = word.fixed().filter(|_| !word.quoted && next == Operand::Ordinary);
            next = match operator {
                Some("]]") => break,
                Some("=" | "==" | "!=") => Operand::Pattern,
                Some("=~") => Operand::Regex,
                Some("-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge") => {
                    if let Some((left, at)) = &previous {
                        self.refuse(left.holes.clone(), &Reason::TestNumber);
                        self.note_arithmetic(*at..from);
                    }
                    Operand::Number
                }
                Some("-v" | "-R") => Operand::Name,
                _ => Operand::Ordinary,
            };
            previous = Some((word, from));
        }
        if let Some(outer) = outer {
            self.allow(outer);
        }
        Ok(())
    }

    /// Reads the right side of `=~`.
    fn regex(&mut self) -> Read<()> {
        let outer = self.forbid(Reason::TestPattern);
        let mut depth = 0usize;
        let mut ignored = Word::default();
        while let Some(byte) = self.peek() {
            match byte {
                b'(' => depth += 1,
                b')' => depth = depth.saturating_sub(1),
                b' ' | b'\t' | b'\n' if depth == 0 => break,
                b'\n' => return self.ambiguous("a line break in a regular expression"),
                b'|' | b'<' | b'>' | b'&' | b';' | b' ' | b'\t' => {}
                HOLE => {
                    self.take_hole(Quoting::Bare);
                    continue;
                }
                _ => {
                    self.word_part(&mut ignored)?;
                    continue;
                }
            }
            self.take(1);
        }
        self.allow(outer);
        Ok(())
    }
}

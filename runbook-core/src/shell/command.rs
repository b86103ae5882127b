//! Lists, pipelines, simple commands and redirections.

use super::Dialect;
use super::programs::{self, Verdict};
use super::refusal::Reason;
use super::scan::{HOLE, Read, Scanner};
use super::word::{Place, Word, is_meta};

/// What ends a list of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// The end of the script.
    End,
    /// `)`.
    Parenthesis,
    /// A reserved word.
    Reserved(&'static str),
    /// `;;`, `;&`, `;;&` or `esac`, which are left to the caller.
    Branch,
}

/// What a command does with its standard input: the program in it that takes it for code.
pub(super) type Interpreter = Option<String>;

/// Words that are reserved where a command may begin.
const RESERVED: [&str; 20] = [
    "!", "{", "}", "if", "then", "elif", "else", "fi", "for", "select", "while", "until", "do", "done",
    "case", "esac", "function", "time", "coproc", "[[",
];

impl Scanner<'_> {
    /// Reads a whole script.
    pub(super) fn script(&mut self) -> Read<()> {
        self.list(Until::End)?;
        if let Some(first) = self.pending.first() {
            let position = first.position();
            return self.stop(position, Reason::Unterminated("the here-document"));
        }
        self.refuse_evaluated();
        Ok(())
    }

    /// Reads commands up to and including what ends them.
    pub(super) fn list(&mut self, until: Until) -> Read<Interpreter> {
        let start = self.position;
        self.enter()?;
        let mut interpreter = None;
        loop {
            self.blanks();
            let Some(byte) = self.peek() else {
                self.leave();
                return match until {
                    Until::End => Ok(interpreter),
                    Until::Parenthesis => self.stop(start, Reason::Unterminated("the parenthesis")),
                    Until::Reserved(_) | Until::Branch => {
                        self.stop(start, Reason::Unterminated("the compound command"))
                    }
                };
            };
            match byte {
                b'\n' => self.newline()?,
                b'#' => self.comment(),
                b')' if until == Until::Parenthesis => {
                    self.take(1);
                    self.leave();
                    return Ok(interpreter);
                }
                b')' => return self.stop(self.position, Reason::Unexpected("`)`")),
                b';' if self.looking_at(b";;") || self.looking_at(b";&") => {
                    if until == Until::Branch {
                        self.leave();
                        return Ok(interpreter);
                    }
                    return self.stop(self.position, Reason::Unexpected("`;;`"));
                }
                b'&' if self.peek_at(1) == Some(b'>') => {
                    interpreter = interpreter.or(self.pipeline()?);
                }
                b';' | b'&' => self.operator(1)?,
                b'|' if self.peek_at(1) == Some(b'|') => self.operator(2)?,
                b'|' => return self.stop(self.position, Reason::Unexpected("`|`")),
                _ => match self.reserved() {
                    Some(word @ ("then" | "elif" | "else" | "do")) => self.take(word.len()),
                    Some("esac") if until == Until::Branch => {
                        self.leave();
                        return Ok(interpreter);
                    }
                    Some(word) if until == Until::Reserved(word) => {
                        self.take(word.len());
                        self.leave();
                        return Ok(interpreter);
                    }
                    Some("}") => return self.stop(self.position, Reason::Unexpected("`}`")),
                    Some("fi" | "done" | "esac") => {
                        return self.stop(self.position, Reason::Unexpected("end of a compound command"));
                    }
                    _ => {
                        let found = self.pipeline()?;
                        interpreter = interpreter.or(found);
                    }
                },
            }
        }
    }

    /// The reserved word that stands here.
    pub(super) fn reserved(&self) -> Option<&'static str> {
        let rest = self.rest();
        RESERVED.into_iter().find(|word| {
            rest.strip_prefix(word.as_bytes()).is_some_and(|after| after.first().is_none_or(|b| is_meta(*b)))
        })
    }

    /// Skips blanks and continued lines.
    pub(super) fn blanks(&mut self) {
        loop {
            match (self.peek(), self.peek_at(1)) {
                (Some(b' ' | b'\t'), _) => self.take(1),
                (Some(b'\\'), Some(b'\n')) => self.take(2),
                _ => return,
            }
        }
    }

    /// Skips blanks, newlines and comments.
    pub(super) fn space(&mut self) -> Read<()> {
        loop {
            self.blanks();
            match self.peek() {
                Some(b'\n') => self.newline()?,
                Some(b'#') => self.comment(),
                _ => return Ok(()),
            }
        }
    }

    pub(super) fn comment(&mut self) {
        let outer = self.forbid(Reason::Comment);
        let length = self.rest().iter().take_while(|b| **b != b'\n').count();
        self.take_to(self.position + length);
        self.allow(outer);
    }

    /// Reads an operator that no continued line may split.
    pub(super) fn operator(&mut self, length: usize) -> Read<()> {
        self.take(length);
        if self.looking_at(b"\\\n") && self.peek_at(2).is_some_and(|b| b"<>&|;(-".contains(&b)) {
            return self.ambiguous("a line break inside an operator");
        }
        Ok(())
    }

    fn pipeline(&mut self) -> Read<Interpreter> {
        // Values before a stage that takes its input for code reach it; each is looked at once.
        let (mut holes, mut heredocs) = (self.hole_count(), self.heredocs);
        let mut first = None;
        for stage in 0.. {
            let (stage_holes, stage_heredocs) = (self.hole_count(), self.heredocs);
            let interpreter = self.command()?;
            if stage == 0 {
                first = interpreter;
            } else if let Some(program) = interpreter {
                let reason = Reason::Stdin(program);
                self.refuse(holes..stage_holes, &reason);
                self.refuse_heredocs(heredocs, stage_heredocs, &reason);
                (holes, heredocs) = (stage_holes, stage_heredocs);
            }
            self.blanks();
            if self.peek() != Some(b'|') || self.peek_at(1) == Some(b'|') {
                break;
            }
            self.operator(if self.peek_at(1) == Some(b'&') { 2 } else { 1 })?;
            self.space()?;
        }
        Ok(first)
    }

    /// Reads one command with its redirections.
    pub(super) fn command(&mut self) -> Read<Interpreter> {
        while let Some(word @ ("!" | "time" | "coproc")) = self.reserved() {
            self.take(word.len());
            self.blanks();
            if word == "time" && self.looking_at(b"-p ") {
                self.take(2);
                self.blanks();
            }
        }
        let heredocs = self.heredocs;
        let Some(interpreter) = self.compound()? else {
            return self.simple();
        };
        let mut redirected = false;
        loop {
            self.blanks();
            let at = self.position;
            let digits = self.rest().iter().take_while(|b| b.is_ascii_digit()).count();
            if digits > 0 && matches!(self.peek_at(digits), Some(b'<' | b'>')) {
                self.take(digits);
            }
            match self.peek() {
                Some(b'<' | b'>') => redirected |= self.redirection(interpreter.as_deref())?,
                Some(b'&') if self.peek_at(1) == Some(b'>') => {
                    self.redirection(None)?;
                }
                None | Some(b'\n' | b';' | b'&' | b'|' | b')' | b'#') => break,
                _ if self.reserved().is_some() => break,
                _ => return self.stop(at, Reason::Unexpected("word after a compound command")),
            }
        }
        if let Some(program) = &interpreter {
            self.refuse_heredocs(heredocs, self.heredocs, &Reason::Stdin(program.clone()));
        }
        Ok(if redirected { None } else { interpreter })
    }

    fn simple(&mut self) -> Read<Interpreter> {
        let mut words: Vec<Word> = Vec::new();
        let heredocs = self.heredocs;
        let mut here_strings = Vec::new();
        let mut redirected = false;
        let mut outer = None;
        let start = self.position;
        loop {
            self.blanks();
            match self.peek() {
                None | Some(b'\n' | b';' | b'|' | b')' | b'#') => break,
                Some(b'&') if self.peek_at(1) != Some(b'>') => break,
                Some(b'<' | b'>') if self.peek_at(1) == Some(b'(') => {}
                Some(b'<' | b'>' | b'&') => {
                    let first = self.hole_count();
                    let here_string = self.looking_at(b"<<<");
                    redirected |= self.redirection(None)?;
                    if here_string {
                        here_strings.push(first..self.hole_count());
                    }
                    continue;
                }
                Some(b'(') => {
                    if let ([name], None) = (words.as_slice(), &outer) {
                        let holes = name.holes.clone();
                        self.refuse(holes, &Reason::FunctionName);
                        return self.function_body();
                    }
                    return self.stop(self.position, Reason::Unexpected("`(`"));
                }
                Some(_) => {}
            }
            let declares = words.first().and_then(Word::fixed).is_some_and(programs::declares);
            let place = if words.is_empty() { Place::Assignment } else { Place::Ordinary };
            let word_start = self.position;
            let mut word = self.word(place)?;
            let assigns = word.assignment > 0 || self.is_element(word_start, &word);
            if (words.is_empty() || declares)
                && self.peek() == Some(b'(')
                && self.slice(word_start..self.position).ends_with(b"=")
            {
                self.note_array(word_start);
                self.array()?;
                word.holes.end = self.hole_count();
                word.compound = true;
            }
            if word.open_subscript {
                outer.get_or_insert(self.forbid(Reason::Subscript));
            }
            if self.is_descriptor(&word) {
                continue;
            }
            if words.is_empty() && assigns {
                if word.assignment == 0 {
                    self.note_array(word_start);
                }
                self.assigned(word_start, &word);
                continue;
            }
            words.push(word);
        }
        if let Some(outer) = outer {
            self.allow(outer);
        }
        if let Some(first) = words.first() {
            let plain = first.fixed().filter(|_| !first.quoted);
            if plain.is_some_and(|name| RESERVED.contains(&name)) {
                return self.stop(start, Reason::Ambiguous("a line break in a reserved word"));
            }
        }
        let Verdict { refused, stdin, arithmetic, arrays, attributes } = programs::judge(&words);
        for (holes, reason) in refused {
            self.refuse(holes, &reason);
        }
        for name in arithmetic {
            self.arithmetic_names.insert(name);
        }
        self.arrays.extend(arrays);
        self.attributes |= attributes;
        if programs::declares_words(&words) {
            for word in words.iter().filter(|w| w.assignment > 0 && w.has_holes()) {
                let name = word.text().split(['=', '+']).next().unwrap_or_default().to_owned();
                self.declared.push((name, word.holes.clone()));
                self.assigned_to(&word.text(), word.holes.clone());
            }
        }
        if let Some(program) = &stdin {
            let reason = Reason::Stdin(program.clone());
            self.refuse_heredocs(heredocs, self.heredocs, &reason);
            for holes in here_strings {
                self.refuse(holes, &reason);
            }
        }
        Ok(if redirected { None } else { stdin })
    }

    /// Whether the word just read is the number in `2>file` or the name in `{fd}>file`.
    fn is_descriptor(&self, word: &Word) -> bool {
        let Some(text) = word.fixed().filter(|t| !word.quoted && !t.is_empty()) else { return false };
        let next = matches!(self.peek(), Some(b'<' | b'>')) && self.peek_at(1) != Some(b'(');
        next && (text.bytes().all(|b| b.is_ascii_digit()) || (text.starts_with('{') && text.ends_with('}')))
    }

    /// Whether the word is `name[subscript]=value`.
    fn is_element(&self, start: usize, word: &Word) -> bool {
        let written = self.slice(start..self.position);
        let name = super::word::name_length(written);
        name > 0
            && written.get(name) == Some(&b'[')
            && !word.open_subscript
            && written.windows(2).any(|pair| pair == b"]=" || pair == b"]+")
    }

    /// Remembers that the variable whose name stands at `start` is an array.
    fn note_array(&mut self, start: usize) {
        let written = self.slice(start..self.position);
        let name = written.get(..super::word::name_length(written)).unwrap_or_default();
        self.arrays.insert(String::from_utf8_lossy(name).into_owned());
    }

    /// Remembers that a variable was assigned the holes of `word`.
    fn assigned(&mut self, start: usize, word: &Word) {
        if !word.has_holes() {
            return;
        }
        let written = self.slice(start..self.position);
        let name = super::word::name_length(written);
        let name = String::from_utf8_lossy(written.get(..name).unwrap_or_default()).into_owned();
        self.assigned_to(&name, word.holes.clone());
    }

    pub(super) fn assigned_to(&mut self, word: &str, holes: std::ops::Range<usize>) {
        let name = word.split(['=', '+']).next().unwrap_or_default().to_owned();
        if programs::is_special_variable(&name) {
            self.refuse(holes, &Reason::SpecialVariable(name));
        } else {
            self.assigned.push((name, holes));
        }
    }

    /// Reads the list of an array.
    fn array(&mut self) -> Read<()> {
        let start = self.position;
        self.enter()?;
        self.take(1);
        let mut outer = None;
        loop {
            self.space()?;
            match self.peek() {
                None => return self.stop(start, Reason::Unterminated("the array")),
                Some(b')') => break,
                Some(b'<' | b'>') if self.peek_at(1) == Some(b'(') => {}
                Some(byte) if is_meta(byte) => {
                    return self.stop(self.position, Reason::Unexpected("operator in an array"));
                }
                Some(_) => {}
            }
            if self.word(Place::Element)?.open_subscript {
                outer.get_or_insert(self.forbid(Reason::Subscript));
            }
        }
        if let Some(outer) = outer {
            self.allow(outer);
        }
        self.take(1);
        self.leave();
        Ok(())
    }

    /// Reads a redirection; says whether it gives the command another standard input.
    ///
    /// `interpreter` is the program that would take a here-string for code.
    fn redirection(&mut self, interpreter: Option<&str>) -> Read<bool> {
        const OPERATORS: [&[u8]; 12] =
            [b"<<<", b"<<-", b"<<", b"<&", b"<>", b"<", b"&>>", b"&>", b">>", b">&", b">|", b">"];
        let start = self.position;
        let operator = OPERATORS.into_iter().find(|o| self.looking_at(o)).unwrap_or(b">");
        if operator.starts_with(b"&") && self.dialect == Dialect::Sh {
            return self.ambiguous("`&>`");
        }
        let numbered = start > 0 && self.slice(start - 1..start).iter().all(u8::is_ascii_digit);
        self.operator(operator.len())?;
        self.blanks();
        if operator == b"<<" || operator == b"<<-" {
            self.heredoc_delimiter(start, operator == b"<<-")?;
            return Ok(!numbered);
        }
        let outer = match (operator, interpreter) {
            (b"<&" | b">&", _) => Some(self.forbid(Reason::FdDuplication)),
            (b"<<<", Some(program)) => Some(self.forbid(Reason::Stdin(program.to_owned()))),
            _ => None,
        };
        if matches!(self.peek(), None | Some(HOLE))
            || !self.peek().is_some_and(is_meta)
            || self.opens_process()
        {
            self.word(Place::Ordinary)?;
        } else {
            return self.stop(start, Reason::Unexpected("redirection without a file"));
        }
        if let Some(outer) = outer {
            self.allow(outer);
        }
        Ok(operator.starts_with(b"<") && !numbered)
    }

    fn opens_process(&self) -> bool {
        self.looking_at(b"<(") || self.looking_at(b">(")
    }
}

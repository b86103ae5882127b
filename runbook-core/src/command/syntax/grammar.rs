//! Lists, pipelines, compound and simple commands, redirections.

use super::reader::{HOLE, Read, Reader, is_meta, name_length};
use super::{Assignment, Command, Fallback, Kind, List, Operator, Piece, Redirect, Shape, Target, Word};
use crate::shell::Dialect;

/// Builtins whose arguments may be arrays.
const DECLARE: &[&str] = &["export", "readonly", "local", "declare", "typeset"];

const RESERVED: &[&str] = &[
    "if", "then", "elif", "else", "fi", "while", "until", "do", "done", "for", "case", "esac", "{", "}",
    "[[", "function", "select", "coproc", "time", "!", "in",
];

impl Reader<'_> {
    /// Reads commands until one of the words `ends` stands where a command could begin, or the text ends.
    pub(super) fn list(&mut self, list: &mut List, ends: &[&str]) -> Read<()> {
        loop {
            self.space()?;
            if self.position >= self.end || self.at_end(ends) {
                return Ok(());
            }
            self.and_or(list)?;
            self.blanks();
            match self.peek() {
                Some(b';') if self.peek_at(1) == Some(b';') || self.peek_at(1) == Some(b'&') => {
                    return if ends.contains(&";;") { Ok(()) } else { self.unexpected() };
                }
                Some(b';' | b'&') => self.position += 1,
                Some(b'\n' | b'#') | None => {}
                _ if self.at_end(ends) => return Ok(()),
                _ => return self.unexpected(),
            }
        }
    }

    fn at_end(&self, ends: &[&str]) -> bool {
        ends.iter().any(|end| match *end {
            ")" => self.peek() == Some(b')'),
            ";;" => self.looking_at(";;") || self.looking_at(";&"),
            word => self.at_word(word),
        })
    }

    /// Whether the reserved word `word` stands here.
    pub(super) fn at_word(&self, word: &str) -> bool {
        self.looking_at(word) && self.peek_at(word.len()).is_none_or(is_meta)
    }

    /// Skips blanks and continued lines.
    pub(super) fn blanks(&mut self) {
        loop {
            match (self.peek(), self.peek_at(1)) {
                (Some(b' ' | b'\t'), _) => self.position += 1,
                (Some(b'\\'), Some(b'\n')) => self.position += 2,
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
                Some(b'#') => {
                    while self.peek().is_some_and(|b| b != b'\n') {
                        if self.peek() == Some(HOLE) {
                            // The value could have a line break in it.
                            return self.fault(self.position..self.position + 1, "a value in a comment");
                        }
                        self.position += 1;
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    fn and_or(&mut self, list: &mut List) -> Read<()> {
        let mut after_failure = false;
        loop {
            list.commands.push(self.pipeline()?);
            self.blanks();
            let falls_back = self.looking_at("||");
            let last = !falls_back && !self.looking_at("&&");
            if after_failure {
                list.fallbacks.push(Fallback { by: list.commands.len() - 1, last });
            }
            if last {
                return Ok(());
            }
            after_failure = falls_back;
            self.position += 2;
            self.space()?;
        }
    }

    fn pipeline(&mut self) -> Read<Command> {
        let start = self.position;
        while self.at_word("!") || self.at_word("time") {
            self.position += if self.at_word("!") { 1 } else { 4 };
            self.blanks();
            if self.at_word("-p") {
                self.position += 2;
                self.blanks();
            }
        }
        let mut stages = vec![self.command()?];
        loop {
            self.blanks();
            if self.peek() != Some(b'|') || self.peek_at(1) == Some(b'|') {
                break;
            }
            self.position += if self.peek_at(1) == Some(b'&') { 2 } else { 1 };
            self.space()?;
            stages.push(self.command()?);
        }
        Ok(match (stages.pop(), stages.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                stages.extend(last);
                Command { shape: Shape::Pipeline(stages), redirects: Vec::new(), span: self.span(start) }
            }
        })
    }

    fn command(&mut self) -> Read<Command> {
        let start = self.position;
        if self.position >= self.end {
            return self.fault(start..start, "a command is missing here");
        }
        let Some(shape) = self.nested(Self::compound)? else { return self.simple() };
        let mut redirects = Vec::new();
        loop {
            self.blanks();
            match self.redirect()? {
                Some(redirect) => redirects.push(redirect),
                None => return Ok(Command { shape, redirects, span: self.span(start) }),
            }
        }
    }

    fn take_word(&mut self, word: &str) -> Read<()> {
        self.space()?;
        if !self.at_word(word) {
            return self.fault(self.position..self.position + 1, "another word is expected here");
        }
        self.position += word.len();
        Ok(())
    }

    fn list_until(&mut self, ends: &[&str]) -> Read<List> {
        let mut list = List::default();
        self.list(&mut list, ends)?;
        if list.commands.is_empty() {
            return self.fault(self.position..self.position + 1, "a command is missing here");
        }
        Ok(list)
    }

    fn compound(&mut self) -> Read<Option<Shape>> {
        let start = self.position;
        if self.looking_at("((") {
            if self.dialect() == Dialect::Sh {
                return self.fault(start..start + 2, "arithmetic or commands: shells disagree");
            }
            self.position += 2;
            let (nested, constant) = self.arithmetic(start, b"))")?;
            let kind = Kind::Arithmetic { nested, constant };
            return Ok(Some(Shape::Arithmetic(vec![Piece { kind, quoted: true, span: self.span(start) }])));
        }
        if self.peek() == Some(b'(') {
            self.position += 1;
            return Ok(Some(Shape::Subshell(self.substitution(start)?)));
        }
        let Some(word) = RESERVED.iter().find(|word| self.at_word(word)) else { return Ok(None) };
        self.position += word.len();
        let shape = match *word {
            "{" => {
                let list = self.list_until(&["}"])?;
                self.take_word("}")?;
                Shape::Group { words: Vec::new(), lists: vec![list] }
            }
            "if" => {
                let mut lists = vec![self.list_until(&["then"])?];
                self.take_word("then")?;
                loop {
                    lists.push(self.list_until(&["elif", "else", "fi"])?);
                    if self.at_word("elif") {
                        self.position += 4;
                        lists.push(self.list_until(&["then"])?);
                        self.take_word("then")?;
                    } else if self.at_word("else") {
                        self.position += 4;
                        lists.push(self.list_until(&["fi"])?);
                        break;
                    } else {
                        break;
                    }
                }
                self.take_word("fi")?;
                Shape::Group { words: Vec::new(), lists }
            }
            "while" | "until" => {
                let condition = self.list_until(&["do"])?;
                self.take_word("do")?;
                let body = self.list_until(&["done"])?;
                self.take_word("done")?;
                Shape::Group { words: Vec::new(), lists: vec![condition, body] }
            }
            "for" => self.for_loop(start)?,
            "case" => self.case()?,
            "[[" => self.test(start)?,
            "function" => {
                self.blanks();
                let name = self.function_name()?;
                self.blanks();
                if self.looking_at("()") {
                    self.position += 2;
                }
                self.function_body(name)?
            }
            _ => return self.fault(start..self.position, "this word cannot stand here"),
        };
        Ok(Some(shape))
    }

    fn for_loop(&mut self, start: usize) -> Read<Shape> {
        self.blanks();
        if self.looking_at("((") {
            return self.fault(start..self.position, "a loop whose head is arithmetic");
        }
        let length = name_length(self.rest());
        if length == 0 {
            return self.unexpected();
        }
        let name = self.slice(self.position..self.position + length).to_owned();
        self.position += length;
        self.space()?;
        let mut words = None;
        if self.at_word("in") {
            self.position += 2;
            let mut found = Vec::new();
            loop {
                self.blanks();
                match self.peek() {
                    Some(b'\n' | b';' | b'#') | None => break,
                    Some(byte) if is_meta(byte) && !self.looking_at("<(") => return self.unexpected(),
                    Some(_) => found.push(self.word()?),
                }
            }
            words = Some(found);
        }
        self.blanks();
        if self.peek() == Some(b';') {
            self.position += 1;
        }
        self.take_word("do")?;
        let body = self.list_until(&["done"])?;
        self.take_word("done")?;
        Ok(Shape::For { name, words, body })
    }

    fn case(&mut self) -> Read<Shape> {
        self.blanks();
        let mut words = vec![self.word()?];
        self.take_word("in")?;
        let mut lists = Vec::new();
        loop {
            self.space()?;
            if self.at_word("esac") {
                self.position += 4;
                return Ok(Shape::Group { words, lists });
            }
            if self.peek() == Some(b'(') {
                self.position += 1;
            }
            loop {
                self.blanks();
                let word = self.word()?;
                if word.pieces.is_empty() {
                    return self.unexpected();
                }
                words.push(word);
                self.blanks();
                match self.peek() {
                    Some(b'|') => self.position += 1,
                    Some(b')') => break,
                    _ => return self.unexpected(),
                }
            }
            self.position += 1;
            let mut list = List::default();
            self.list(&mut list, &[";;", "esac"])?;
            lists.push(list);
            if self.looking_at(";;&") {
                self.position += 3;
            } else if self.looking_at(";;") || self.looking_at(";&") {
                self.position += 2;
            } else if !self.at_word("esac") {
                return self.unexpected();
            }
        }
    }

    /// Reads `[[ … ]]`; patterns with parentheses in it are refused.
    fn test(&mut self, start: usize) -> Read<Shape> {
        if self.dialect() == Dialect::Sh {
            return self.fault(start..start + 2, "`[[` means something else to other shells");
        }
        let mut words = Vec::new();
        loop {
            self.space()?;
            match self.peek() {
                None => return self.fault(start..start + 2, "this test is not closed"),
                _ if self.at_word("]]") => {
                    self.position += 2;
                    return Ok(Shape::Test(words));
                }
                Some(b'(' | b')' | b'<' | b'>') if !self.looking_at("<(") => self.position += 1,
                _ if self.looking_at("&&") || self.looking_at("||") => self.position += 2,
                Some(byte) if is_meta(byte) => return self.unexpected(),
                Some(_) => words.push(self.word()?),
            }
        }
    }

    fn function_name(&mut self) -> Read<String> {
        let word = self.word()?;
        let mut name = String::new();
        for piece in &word.pieces {
            match &piece.kind {
                Kind::Text(text) if !piece.quoted => name.push_str(text),
                _ => {
                    return Err(super::Fault {
                        span: word.span.clone(),
                        what: "a function's name is plain text",
                    });
                }
            }
        }
        if name.is_empty() { self.unexpected() } else { Ok(name) }
    }

    fn function_body(&mut self, name: String) -> Read<Shape> {
        self.space()?;
        let body = self.nested(Self::command)?;
        if matches!(body.shape, Shape::Simple { .. }) {
            return Err(super::Fault {
                span: body.span,
                what: "the body of a function is a compound command",
            });
        }
        Ok(Shape::Function { name, body: Box::new(body) })
    }

    fn simple(&mut self) -> Read<Command> {
        let start = self.position;
        let (mut assignments, mut words, mut redirects) = (Vec::new(), Vec::<Word>::new(), Vec::new());
        let mut end = start;
        loop {
            end = self.position.max(end);
            self.blanks();
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                continue;
            }
            match self.peek() {
                None | Some(b'\n' | b';' | b'&' | b'|' | b')') => break,
                Some(b'#') => break,
                Some(b'(') => {
                    let [name] = words.as_slice() else { return self.unexpected() };
                    let quoted = name.pieces.iter().any(|p| p.quoted || !matches!(p.kind, Kind::Text(_)));
                    if quoted || !assignments.is_empty() || !redirects.is_empty() {
                        return self.unexpected();
                    }
                    return self.function(start, &words);
                }
                Some(_) => {}
            }
            let declares = words.first().is_some_and(|word| match word.pieces.as_slice() {
                [Piece { kind: Kind::Text(text), .. }] => DECLARE.contains(&text.as_str()),
                _ => false,
            });
            match self.assignment_head() {
                Some((name, head)) if words.is_empty() || declares => {
                    let assignment = self.assignment(name, head)?;
                    if declares {
                        if assignment.evaluates {
                            return self.fault(start..self.position, "a subscript that is computed");
                        }
                        let text = format!("{}=", assignment.name);
                        let head = assignment.span.start..assignment.span.start + text.len();
                        let mut pieces = vec![Piece { kind: Kind::Text(text), quoted: true, span: head }];
                        pieces.extend(assignment.value);
                        words.push(Word { pieces, span: assignment.span });
                    } else {
                        assignments.push(assignment);
                    }
                }
                _ => words.push(self.word()?),
            }
        }
        if self.position == start {
            return self.unexpected();
        }
        let span = self.script.origin(start..end);
        Ok(Command { shape: Shape::Simple { assignments, words }, redirects, span })
    }

    fn function(&mut self, start: usize, words: &[Word]) -> Read<Command> {
        self.position += 1;
        self.blanks();
        if self.peek() != Some(b')') {
            return self.unexpected();
        }
        self.position += 1;
        let name = words.iter().flat_map(|word| &word.pieces).filter_map(|piece| match &piece.kind {
            Kind::Text(text) => Some(text.as_str()),
            _ => None,
        });
        let shape = self.function_body(name.collect())?;
        Ok(Command { shape, redirects: Vec::new(), span: self.span(start) })
    }

    fn assignment(&mut self, name: usize, head: usize) -> Read<Assignment> {
        let start = self.position;
        let subscript = self.slice(start + name..start + head);
        let subscript = subscript.trim_end_matches(['=', '+']);
        let inside = subscript.trim_start_matches('[').trim_end_matches(']');
        let mut evaluates = !inside.bytes().all(|b| b.is_ascii_digit());
        if evaluates && inside.contains(['$', '`', '"', '\'', '\\']) {
            return self.fault(start..start + head, "a subscript that is computed");
        }
        evaluates |= self.rest().iter().take(head).any(|b| *b == HOLE);
        let name = self.slice(start..start + name).to_owned();
        self.position = start + head;
        let mut value = Vec::new();
        if self.peek() == Some(b'(') {
            self.position += 1;
            loop {
                self.space()?;
                match self.peek() {
                    Some(b')') => break,
                    None => return self.fault(start..start + head, "this array is not closed"),
                    Some(byte) if is_meta(byte) && !self.looking_at("<(") => return self.unexpected(),
                    // `[subscript]=value` evaluates its subscript.
                    Some(b'[') => return self.unexpected(),
                    Some(_) => value.extend(self.word()?.pieces),
                }
            }
            self.position += 1;
        } else {
            value = self.word()?.pieces;
        }
        Ok(Assignment { name, evaluates, value, span: self.span(start) })
    }

    /// Reads a redirection, if one stands here.
    fn redirect(&mut self) -> Read<Option<Redirect>> {
        use Operator::{Append, Duplicate, Read, ReadWrite, Write};
        const OPERATORS: &[(&str, Operator)] = &[
            ("<<<", Operator::String),
            ("<<-", Operator::Document),
            ("<<", Operator::Document),
            ("<&", Duplicate),
            ("<>", ReadWrite),
            ("<", Read),
            ("&>>", Append),
            ("&>", Write),
            (">>", Append),
            (">&", Duplicate),
            (">|", Write),
            (">", Write),
        ];
        let start = self.position;
        let digits = self.rest().iter().take_while(|b| b.is_ascii_digit()).count();
        let mut at = digits;
        let mut named = false;
        if digits == 0 && self.peek() == Some(b'{') {
            let name = name_length(self.rest().get(1..).unwrap_or_default());
            if name > 0 && self.peek_at(name + 1) == Some(b'}') {
                (at, named) = (name + 2, true);
            }
        }
        let sign = matches!(self.peek_at(at), Some(b'<' | b'>')) && self.peek_at(at + 1) != Some(b'(');
        let both = at == 0 && self.looking_at("&>");
        if !sign && !both {
            return Ok(None);
        }
        self.position += at;
        let Some((text, operator)) = OPERATORS.iter().find(|(text, _)| self.looking_at(text)) else {
            self.position = start;
            return Ok(None);
        };
        if named {
            return self.fault(start..self.position, "a redirection that opens a descriptor by name");
        }
        self.position += text.len();
        if self.looking_at("\\\n") {
            return self.fault(start..self.position, "a line break inside an operator");
        }
        let (text, mut operator) = (*text, *operator);
        let number = self.slice(start..start + digits).to_owned();
        self.blanks();
        let stdin = text.starts_with('<') && matches!(number.as_str(), "" | "0");
        let word = match self.peek() {
            Some(byte) if !is_meta(byte) || self.looking_at("<(") || self.looking_at(">(") => self.word()?,
            _ => return self.fault(start..self.position, "a redirection that leads nowhere"),
        };
        if operator == Operator::Document {
            let document = self.announce(&word, text == "<<-")?;
            return Ok(Some(Redirect {
                operator,
                to: Target::Document(document),
                stdin,
                span: self.span(start),
            }));
        }
        if operator == Duplicate {
            let descriptor = match word.pieces.as_slice() {
                [Piece { kind: Kind::Text(text), .. }] => {
                    text == "-" || text.trim_end_matches('-').bytes().all(|b| b.is_ascii_digit())
                }
                _ => false,
            };
            if !descriptor {
                operator = if text == ">&" { Write } else { ReadWrite };
            }
        }
        Ok(Some(Redirect { operator, to: Target::Word(word), stdin, span: self.span(start) }))
    }
}

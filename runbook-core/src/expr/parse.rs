//! Tokens to syntax tree. Knows the grammar (minijinja's expressions, without statements), no values.

use std::ops::Range;

use super::check::check;
use super::fault::Fault;
use super::names;
use super::token::{Kind, Token, tokens};
use super::tree::{Arg, Call, Comparison, Key, Logic, Node, Segment, What};

/// Deepest syntax tree; what minijinja parses stays under its own limit of 150.
const MAX_HEIGHT: usize = 32;
/// Deepest recursion of this parser.
const MAX_DEPTH: usize = 48;
/// Longest chain of equal-ranking operators.
const MAX_CHAIN: usize = 500;

const KEYWORDS: [&str; 7] = ["and", "or", "not", "in", "is", "if", "else"];

/// Binary arithmetic from the loosest to the tightest, ranked as minijinja ranks it.
const ARITHMETIC: [&[&str]; 4] = [&["+", "-"], &["~"], &["*", "/", "//", "%"], &["**"]];

/// Parses an expression; the second part are the problems that do not keep it from being parsed.
pub(super) fn parse(source: &str) -> Result<(Node, Vec<Fault>), Fault> {
    let tokens = tokens(source)?;
    let mut parser = Parser { source, tokens, next: 0, depth: 0, faults: Vec::new() };
    let node = parser.expression()?;
    match parser.peek() {
        None => {
            let mut faults = parser.faults;
            faults.extend(check(&node));
            Ok((node, faults))
        }
        Some(token) => {
            let range = token.range.clone();
            let fault = Fault::syntax(range.clone(), format!("unexpected `{}`", &source[range.clone()]));
            Err(match &source[range] {
                "=" => fault.help("write `==` to compare"),
                _ => fault.help("an expression ended before it; is an operator missing?"),
            })
        }
    }
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token<'a>>,
    next: usize,
    depth: usize,
    faults: Vec<Fault>,
}

type Parsed = Result<Node, Fault>;

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.next)
    }

    fn peek_symbol(&self) -> Option<&'static str> {
        match self.peek()?.kind {
            Kind::Symbol(symbol) => Some(symbol),
            _ => None,
        }
    }

    fn peek_name(&self, ahead: usize) -> Option<&'a str> {
        match self.tokens.get(self.next + ahead)?.kind {
            Kind::Name(name) => Some(name),
            _ => None,
        }
    }

    fn advance(&mut self) -> Range<usize> {
        let range = self.peek().map_or(self.end(), |token| token.range.clone());
        self.next += 1;
        range
    }

    /// The empty range after the last token.
    fn end(&self) -> Range<usize> {
        self.source.len()..self.source.len()
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let there = self.peek_symbol() == Some(symbol);
        self.next += usize::from(there);
        there
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let there = self.peek_name(0) == Some(word);
        self.next += usize::from(there);
        there
    }

    fn expect(&mut self, symbol: &'static str) -> Result<Range<usize>, Fault> {
        if self.peek_symbol() == Some(symbol) {
            Ok(self.advance())
        } else {
            Err(self.expected(&format!("`{symbol}`")))
        }
    }

    fn expected(&self, what: &str) -> Fault {
        match self.peek() {
            Some(token) => {
                let text = &self.source[token.range.clone()];
                Fault::syntax(token.range.clone(), format!("expected {what}, found `{text}`"))
            }
            None => {
                let last = self.tokens.last().map_or(self.end(), |token| token.range.clone());
                Fault::syntax(last, format!("expected {what} after this"))
            }
        }
    }

    fn node(&self, what: What, range: Range<usize>) -> Parsed {
        let node = Node::new(what, range);
        if node.height > MAX_HEIGHT {
            let fault = Fault::syntax(node.range, "this expression is nested too deeply");
            return Err(fault.help("compute parts of it in `vars`"));
        }
        Ok(node)
    }

    fn deeper(&mut self, parse: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let range = self.peek().map_or(self.end(), |token| token.range.clone());
            return Err(Fault::syntax(range, "this expression is nested too deeply"));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn expression(&mut self) -> Parsed {
        self.deeper(Self::conditional)
    }

    fn conditional(&mut self) -> Parsed {
        let value = self.logic(Logic::Or)?;
        if self.peek_name(0) != Some("if") {
            return Ok(value);
        }
        let keyword = self.advance();
        let condition = self.logic(Logic::Or)?;
        if !self.eat_word("else") {
            return Err(Fault::syntax(keyword, "`if` without `else`: what is the value otherwise?")
                .help("write `a if condition else b`"));
        }
        let otherwise = self.expression()?;
        let range = value.range.start..otherwise.range.end;
        self.node(What::If(Box::new([value, condition, otherwise])), range)
    }

    fn logic(&mut self, logic: Logic) -> Parsed {
        let operand = |parser: &mut Self| match logic {
            Logic::Or => parser.logic(Logic::And),
            Logic::And => parser.negation(),
        };
        let mut operands = vec![operand(self)?];
        while self.peek_name(0) == Some(logic.word()) {
            let word = self.advance();
            chain_limit(operands.len(), &word)?;
            operands.push(operand(self)?);
        }
        match operands.pop() {
            Some(only) if operands.is_empty() => Ok(only),
            Some(last) => {
                let range = operands[0].range.start..last.range.end;
                operands.push(last);
                self.node(What::Logic(logic, operands), range)
            }
            None => Err(self.expected("a value")),
        }
    }

    fn negation(&mut self) -> Parsed {
        if self.peek_name(0) != Some("not") {
            return self.comparison();
        }
        let start = self.advance().start;
        let operand = self.deeper(Self::negation)?;
        let range = start..operand.range.end;
        self.node(What::Not(Box::new(operand)), range)
    }

    fn comparison(&mut self) -> Parsed {
        let left = self.arithmetic(0)?;
        let Some((operator, _)) = self.comparison_operator() else { return Ok(left) };
        let right = self.arithmetic(0)?;
        if let Some((_, range)) = self.comparison_operator() {
            return Err(Fault::syntax(range, "comparisons cannot be chained")
                .help("write `a < b and b < c`, or put one comparison in brackets"));
        }
        let range = left.range.start..right.range.end;
        self.node(What::Compare(operator, Box::new([left, right])), range)
    }

    fn comparison_operator(&mut self) -> Option<(Comparison, Range<usize>)> {
        let (operator, tokens) = match (self.peek_symbol(), self.peek_name(0)) {
            (Some(symbol), _) => (Comparison::from_symbol(symbol)?, 1),
            (_, Some("in")) => (Comparison::In, 1),
            (_, Some("not")) if self.peek_name(1) == Some("in") => (Comparison::NotIn, 2),
            _ => return None,
        };
        let start = self.advance();
        let end = if tokens == 2 { self.advance().end } else { start.end };
        Some((operator, start.start..end))
    }

    /// Operands joined by operators of `loosest` rank or tighter.
    fn arithmetic(&mut self, loosest: usize) -> Parsed {
        let mut left = self.filtered()?;
        for rank in (loosest..ARITHMETIC.len()).rev() {
            let mut rest = Vec::new();
            while let Some(operator) = self.peek_symbol().filter(|symbol| ARITHMETIC[rank].contains(symbol)) {
                let range = self.advance();
                chain_limit(rest.len(), &range)?;
                rest.push((operator, self.arithmetic(rank + 1)?));
            }
            if let Some((_, last)) = rest.last() {
                let range = left.range.start..last.range.end;
                left = self.node(What::Arithmetic(Box::new(left), rest), range)?;
            }
        }
        Ok(left)
    }

    /// An operand with its filters and tests.
    fn filtered(&mut self) -> Parsed {
        let mut node = self.signed()?;
        loop {
            if self.eat("|") {
                node = self.filter(node)?;
            } else if self.eat_word("is") {
                node = self.test(node)?;
            } else {
                return Ok(node);
            }
        }
    }

    fn filter(&mut self, base: Node) -> Parsed {
        let (name, name_range) = self.word("the name of a filter")?;
        let mut end = name_range.end;
        let args = if self.peek_symbol() == Some("(") {
            let (args, close) = self.args()?;
            end = close;
            args
        } else {
            Vec::new()
        };
        if matches!(self.peek_symbol(), Some("." | "[")) {
            let range = self.advance();
            return Err(Fault::syntax(range, "a field cannot be taken from a filter directly")
                .help(format!("put the part up to `{name}` in brackets")));
        }
        let range = base.range.start..end;
        self.node(What::Filter(Box::new(base), Call { name: name.to_owned(), name_range, args }), range)
    }

    fn test(&mut self, base: Node) -> Parsed {
        let negated = self.eat_word("not");
        let (name, name_range) = self.word("the name of a test")?;
        let mut end = name_range.end;
        let mut args = Vec::new();
        if self.peek_symbol() == Some("(") {
            (args, end) = self.args()?;
        } else if self.starts_operand() {
            let value = self.signed()?;
            end = value.range.end;
            args.push(Arg { name: None, value });
        }
        let range = base.range.start..end;
        let call = Call { name: name.to_owned(), name_range, args };
        self.node(What::Test { base: Box::new(base), negated, call }, range)
    }

    /// Whether an operand of a test without brackets follows, as in `is divisibleby 3`.
    fn starts_operand(&self) -> bool {
        match self.peek().map(|token| &token.kind) {
            Some(Kind::Name(name)) => !KEYWORDS.contains(name),
            Some(Kind::Number(_) | Kind::Text(_)) => true,
            _ => false,
        }
    }

    fn word(&mut self, what: &str) -> Result<(&'a str, Range<usize>), Fault> {
        match self.peek_name(0) {
            Some(name) => Ok((name, self.advance())),
            None => Err(self.expected(what)),
        }
    }

    fn args(&mut self) -> Result<(Vec<Arg>, usize), Fault> {
        self.expect("(")?;
        let mut args: Vec<Arg> = Vec::new();
        loop {
            if self.peek_symbol() == Some(")") {
                return Ok((args, self.advance().end));
            }
            if !args.is_empty() {
                self.expect(",")?;
                if self.peek_symbol() == Some(")") {
                    continue;
                }
            }
            let named = matches!(self.tokens.get(self.next + 1), Some(Token { kind: Kind::Symbol("="), .. }));
            let name = match self.peek_name(0).filter(|_| named) {
                Some(name) => {
                    let range = self.advance();
                    self.advance();
                    Some((name.to_owned(), range))
                }
                None => None,
            };
            if name.is_none() && args.last().is_some_and(|arg| arg.name.is_some()) {
                return Err(self.expected("`name=value`, since named arguments come last"));
            }
            let value = self.expression()?;
            args.push(Arg { name, value });
        }
    }

    fn signed(&mut self) -> Parsed {
        if self.peek_symbol() != Some("-") {
            let primary = self.primary()?;
            return self.postfix(primary);
        }
        let start = self.advance().start;
        let operand = self.deeper(Self::signed)?;
        let range = start..operand.range.end;
        self.node(What::Minus(Box::new(operand)), range)
    }

    fn primary(&mut self) -> Parsed {
        let Some(token) = self.peek().cloned() else { return Err(self.expected("a value")) };
        let range = token.range;
        match token.kind {
            Kind::Name(name) if KEYWORDS.contains(&name) => Err(self.expected("a value")),
            Kind::Name("true" | "True") => self.leaf(What::Bool(true)),
            Kind::Name("false" | "False") => self.leaf(What::Bool(false)),
            Kind::Name("none" | "None") => self.leaf(What::None),
            Kind::Name("null") => {
                Err(Fault::syntax(range, "`null` is not a value here").help("write `none`"))
            }
            Kind::Name(name) => {
                self.advance();
                if self.peek_symbol() == Some("(") {
                    let (args, end) = self.args()?;
                    let call = Call { name: name.to_owned(), name_range: range.clone(), args };
                    return self.node(What::Call(call), range.start..end);
                }
                self.node(
                    What::Path { root: name.to_owned(), root_range: range.clone(), segments: Vec::new() },
                    range,
                )
            }
            Kind::Number(digits) => self.leaf(What::Number(digits)),
            Kind::Text(text) => self.leaf(What::Text(text)),
            Kind::Symbol("(") => {
                self.advance();
                let mut inner = self.expression()?;
                let end = self.expect(")")?.end;
                // A name is marked without its brackets, everything else with them.
                if !matches!(inner.what, What::Path { .. }) {
                    inner.range = range.start..end;
                }
                Ok(inner)
            }
            Kind::Symbol("[") => {
                self.advance();
                let mut items = Vec::new();
                while self.peek_symbol() != Some("]") {
                    items.push(self.expression()?);
                    if !self.eat(",") {
                        break;
                    }
                }
                let end = self.expect("]")?.end;
                self.node(What::List(items), range.start..end)
            }
            Kind::Symbol("{") => {
                self.advance();
                let mut entries = Vec::new();
                while self.peek_symbol() != Some("}") {
                    let key = self.expression()?;
                    if !matches!(key.what, What::Text(_)) {
                        return Err(Fault::syntax(key.range, "a key of a map is a text in quotes"));
                    }
                    self.expect(":")?;
                    entries.push((key, self.expression()?));
                    if !self.eat(",") {
                        break;
                    }
                }
                let end = self.expect("}")?.end;
                self.node(What::Map(entries), range.start..end)
            }
            Kind::Symbol(_) => Err(self.expected("a value")),
        }
    }

    fn leaf(&mut self, what: What) -> Parsed {
        let range = self.advance();
        self.node(what, range)
    }

    fn postfix(&mut self, mut node: Node) -> Parsed {
        loop {
            if self.eat(".") {
                let (key, range) = self.field()?;
                if self.peek_symbol() == Some("(") {
                    return Err(self.method(&key, range));
                }
                node = self.access(node, Segment { key, range: range.clone() }, range.end)?;
            } else if self.eat("[") {
                node = self.subscript(node)?;
            } else if self.peek_symbol() == Some("(") {
                return Err(Fault::syntax(self.advance(), "only functions can be called"));
            } else {
                return Ok(node);
            }
        }
    }

    fn field(&mut self) -> Result<(Key, Range<usize>), Fault> {
        let key = match self.peek().map(|token| &token.kind) {
            Some(Kind::Name(name)) => Key::Name((*name).to_owned()),
            Some(Kind::Number(digits)) => match digits.parse() {
                Ok(index) => Key::Index(index),
                Err(_) => return Err(self.expected("a field's name")),
            },
            _ => return Err(self.expected("a field's name")),
        };
        Ok((key, self.advance()))
    }

    fn method(&self, key: &Key, range: Range<usize>) -> Fault {
        let name = match key {
            Key::Name(name) => name.clone(),
            Key::Index(index) => index.to_string(),
        };
        let fault = Fault::unknown(range, "method", &name, &[]);
        match names::filters().iter().any(|filter| filter.name == name) {
            true => fault.help(format!("values have no methods; use the filter: `… | {name}`")),
            false => fault.help("values have no methods; use a filter, such as `… | length`"),
        }
    }

    fn access(&self, node: Node, segment: Segment, end: usize) -> Parsed {
        let range = node.range.start..end;
        match node.what {
            What::Path { root, root_range, mut segments } => {
                segments.push(segment);
                self.node(What::Path { root, root_range, segments }, range)
            }
            _ => {
                let what = match segment.key {
                    Key::Name(name) => What::Text(name),
                    Key::Index(index) => What::Number(index.to_string()),
                };
                let index = self.node(what, segment.range)?;
                self.node(What::Item(Box::new([node, index])), range)
            }
        }
    }

    fn subscript(&mut self, node: Node) -> Parsed {
        if self.peek_symbol() == Some(":") {
            return self.slice(node, None);
        }
        let index = self.expression()?;
        if self.peek_symbol() == Some(":") {
            return self.slice(node, Some(index));
        }
        let end = self.expect("]")?.end;
        let on_root = match &node.what {
            What::Path { root, segments, .. } if segments.is_empty() => {
                names::STATIC_ROOTS.contains(&root.as_str())
            }
            _ => false,
        };
        let key = match &index.what {
            What::Text(text) => Some(Key::Name(text.clone())),
            What::Number(digits) if !on_root => digits.parse().ok().map(Key::Index),
            _ => None,
        };
        if let Some(key) = key {
            return self.access(node, Segment { key, range: index.range }, end);
        }
        if on_root {
            self.faults.push(Fault::dynamic(index.range.clone(), &self.source[node.range.clone()]));
        }
        let range = node.range.start..end;
        self.node(What::Item(Box::new([node, index])), range)
    }

    fn slice(&mut self, node: Node, start: Option<Node>) -> Parsed {
        let mut bounds = [start, None, None];
        for bound in &mut bounds[1..] {
            if !self.eat(":") {
                break;
            }
            if !matches!(self.peek_symbol(), Some(":" | "]")) {
                *bound = Some(self.expression()?);
            }
        }
        let end = self.expect("]")?.end;
        let range = node.range.start..end;
        self.node(What::Slice(Box::new(node), Box::new(bounds)), range)
    }
}

fn chain_limit(length: usize, range: &Range<usize>) -> Result<(), Fault> {
    if length < MAX_CHAIN {
        return Ok(());
    }
    let message = format!("more than {MAX_CHAIN} operators in a row");
    Err(Fault::syntax(range.clone(), message).help("use a list with `in`, `join` or `sum`"))
}

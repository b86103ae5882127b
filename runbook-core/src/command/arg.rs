//! Arguments as a program gets them, as far as they are known.

use std::ops::Range;

use super::script::Script;
use super::syntax::{Kind, Piece, Word};
use crate::shell::Dialect;

/// How many words one word may expand to.
const MAX_WORDS: usize = 64;

/// Words with more braces or characters than this are not expanded; nothing is known of them.
const MAX_BRACES: usize = 16;
const MAX_BRACED: usize = 1000;

/// A part of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Its text; none when it is not known.
    pub(super) text: Option<String>,
    pub(super) span: Range<usize>,
}

/// One argument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arg {
    pub(super) parts: Vec<Part>,
    /// Whether it may become several arguments, or none.
    pub(super) splits: bool,
    /// Whether it is a pattern that file names are put in for.
    pub(super) glob: bool,
    /// Whether it is known not to begin with a dash, although its beginning is not known.
    pub(super) operand: bool,
    pub(super) span: Range<usize>,
}

impl Arg {
    /// An argument that is `text`.
    pub(super) fn fixed(text: &str, span: Range<usize>) -> Self {
        let part = Part { text: Some(text.to_owned()), span: span.clone() };
        Arg { parts: vec![part], splits: false, glob: false, operand: false, span }
    }

    /// An argument nobody knows.
    pub(super) fn unknown(span: Range<usize>) -> Self {
        let part = Part { text: None, span: span.clone() };
        Arg { parts: vec![part], splits: false, glob: false, operand: false, span }
    }

    /// Its text, when all of it is known.
    pub(super) fn known(&self) -> Option<String> {
        if self.splits || self.glob {
            return None;
        }
        self.parts.iter().map(|part| part.text.as_deref()).collect()
    }

    /// The known text that it begins with.
    pub(super) fn prefix(&self) -> String {
        self.parts.iter().map_while(|part| part.text.as_deref()).collect()
    }

    /// Whether it could turn out to be an option although it does not look like one.
    pub(super) fn may_be_option(&self) -> bool {
        if self.splits {
            return true;
        }
        let prefix = self.prefix();
        !self.operand
            && self.known().is_none()
            && (prefix.is_empty() || (self.glob && prefix.starts_with(['*', '?', '['])))
    }

    /// The argument from byte `at` of its known beginning.
    pub(super) fn from(&self, at: usize) -> Arg {
        let mut left = at;
        let mut parts = Vec::new();
        for part in &self.parts {
            let length = part.text.as_ref().map_or(0, String::len);
            if left >= length && left > 0 {
                left -= length;
                continue;
            }
            let text = part.text.as_ref().map(|text| text.get(left..).unwrap_or_default().to_owned());
            let linear = part.text.as_ref().is_some_and(|text| text.len() == part.span.len());
            let start = if linear { part.span.start + left } else { part.span.start };
            left = 0;
            parts.push(Part { text, span: start..part.span.end });
        }
        let start = parts.first().map_or(self.span.end, |part| part.span.start);
        Arg {
            parts,
            splits: self.splits,
            glob: self.glob,
            operand: self.operand && at == 0,
            span: start..self.span.end,
        }
    }

    /// The argument with what is not known in place of every `mark`.
    pub(super) fn replace(&self, mark: &str) -> Arg {
        let mut parts = Vec::new();
        for part in &self.parts {
            let Some(text) = part.text.as_ref().filter(|text| !mark.is_empty() && text.contains(mark)) else {
                parts.push(part.clone());
                continue;
            };
            for (number, piece) in text.split(mark).enumerate() {
                if number > 0 {
                    parts.push(Part { text: None, span: part.span.clone() });
                }
                if !piece.is_empty() {
                    parts.push(Part { text: Some(piece.to_owned()), span: part.span.clone() });
                }
            }
        }
        Arg { parts, ..self.clone() }
    }

    /// Adds the argument to a script: what is not known is program text that is not known.
    pub(super) fn add_to(&self, script: &mut Script) {
        for part in &self.parts {
            match part.text.as_deref() {
                Some(text) => script.push(text, part.span.clone()),
                None => script.push_unknown(part.span.clone()),
            }
        }
        if self.splits || self.glob {
            script.push_unknown(self.span.clone());
        }
    }

    /// It as a script of its own.
    pub(super) fn script(&self, dialect: Dialect) -> Script {
        let mut script = Script::mapped(dialect);
        self.add_to(&mut script);
        script
    }

    /// It for people: what is not known is an ellipsis.
    pub(super) fn show(&self) -> String {
        self.parts.iter().map(|part| part.text.as_deref().unwrap_or("…")).collect()
    }
}

/// The arguments that `word` becomes.
pub(super) fn expand(word: &Word) -> Vec<Arg> {
    let units = units(word);
    let mut words = Vec::new();
    match units.iter().filter(|unit| unit.is('{')).count() {
        0 => words.push(units),
        1..=MAX_BRACES if units.len() <= MAX_BRACED => braces(&units, &mut words),
        _ => return vec![Arg { splits: true, ..Arg::unknown(word.span.clone()) }],
    }
    words.into_iter().map(|units| arg(&units, word.span.clone())).collect()
}

/// Pieces as an argument that is neither split nor expanded, such as the value of an assignment.
pub(super) fn joined(pieces: &[Piece], span: Range<usize>) -> Arg {
    let part = |piece: &Piece| {
        let text = match &piece.kind {
            Kind::Text(text) => Some(text.clone()),
            Kind::Value(value) => value.clone(),
            _ => None,
        };
        Part { text, span: piece.span.clone() }
    };
    Arg { parts: pieces.iter().map(part).collect(), splits: false, glob: false, operand: false, span }
}

/// A character or something that expands.
#[derive(Clone)]
struct Unit {
    text: Option<char>,
    value: Option<String>,
    quoted: bool,
    splits: bool,
    /// Whether it is no dash, whatever it is.
    operand: bool,
    span: Range<usize>,
}

impl Unit {
    fn is(&self, c: char) -> bool {
        self.text == Some(c) && !self.quoted
    }
}

fn units(word: &Word) -> Vec<Unit> {
    let mut units = Vec::new();
    for piece in &word.pieces {
        let other = |value: Option<String>, splits: bool| Unit {
            text: None,
            value,
            quoted: piece.quoted,
            splits,
            operand: matches!(piece.kind, Kind::Operand),
            span: piece.span.clone(),
        };
        match &piece.kind {
            Kind::Text(text) if text.is_empty() => units.push(other(Some(String::new()), false)),
            Kind::Text(text) => {
                let linear = text.len() == piece.span.len();
                units.extend(text.char_indices().map(|(at, c)| Unit {
                    text: Some(c),
                    value: None,
                    quoted: piece.quoted,
                    splits: false,
                    operand: false,
                    span: match linear {
                        true => piece.span.start + at..piece.span.start + at + c.len_utf8(),
                        false => piece.span.clone(),
                    },
                }));
            }
            // A value is data: it is quoted when it is put in.
            Kind::Value(value) => units.push(other(value.clone(), false)),
            Kind::Operand => units.push(other(None, false)),
            Kind::Process(_) => {
                units.push(Unit { value: Some("/dev/fd/63".to_owned()), ..other(None, false) })
            }
            Kind::Code => units.push(other(None, true)),
            Kind::Parameter { name, .. } => {
                let list = matches!(name.as_str(), "@" | "*");
                units.push(other(None, !piece.quoted || list));
            }
            Kind::Commands(_) => units.push(other(None, !piece.quoted)),
            Kind::Arithmetic { .. } => units.push(other(None, false)),
        }
    }
    units
}

/// Expands `{a,b}` and `{1..9}` outside of quotes.
fn braces(units: &[Unit], words: &mut Vec<Vec<Unit>>) {
    let mut work = vec![units.to_vec()];
    let mut expanded = 0_usize;
    while let Some(word) = work.pop() {
        let group = if expanded + work.len() + words.len() < MAX_WORDS { first_group(&word) } else { None };
        let Some((open, close, commas)) = group else {
            let limit = expanded + work.len() + words.len() >= MAX_WORDS && first_group(&word).is_some();
            let mut word = word;
            if limit {
                // Too many words to look at each.
                word.iter_mut().for_each(|unit| (unit.text, unit.splits) = (None, true));
            }
            words.push(word);
            continue;
        };
        expanded += 1;
        let before = word.get(..open).unwrap_or_default();
        let after = word.get(close + 1..).unwrap_or_default();
        let mut alternatives = Vec::new();
        if commas.is_empty() {
            // A sequence such as `{1..9}`: what it yields is neither an option nor a program.
            let span = word.get(open).map_or(0..0, |unit| unit.span.clone());
            alternatives.push(vec![Unit {
                text: None,
                value: None,
                quoted: false,
                splits: true,
                operand: false,
                span,
            }]);
        } else {
            let mut from = open + 1;
            for to in commas.iter().copied().chain([close]) {
                alternatives.push(word.get(from..to).unwrap_or_default().to_vec());
                from = to + 1;
            }
        }
        for middle in alternatives.into_iter().rev() {
            work.push(before.iter().cloned().chain(middle).chain(after.iter().cloned()).collect());
        }
    }
}

/// The first braces that expand: where they open and close, and the commas between.
fn first_group(word: &[Unit]) -> Option<(usize, usize, Vec<usize>)> {
    for open in 0..word.len() {
        if !word.get(open)?.is('{') {
            continue;
        }
        let (mut depth, mut commas, mut dots) = (0_usize, Vec::new(), false);
        for (at, unit) in word.iter().enumerate().skip(open + 1) {
            if unit.is('{') {
                depth += 1;
            } else if unit.is('}') && depth > 0 {
                depth -= 1;
            } else if unit.is('}') {
                if !commas.is_empty() || dots {
                    return Some((open, at, commas));
                }
                break;
            } else if unit.is(',') && depth == 0 {
                commas.push(at);
            } else if unit.is('.') && depth == 0 && word.get(at + 1).is_some_and(|next| next.is('.')) {
                dots = true;
            }
        }
    }
    None
}

fn arg(units: &[Unit], span: Range<usize>) -> Arg {
    let operand = units.first().is_some_and(|unit| unit.operand);
    let mut arg = Arg { parts: Vec::new(), splits: false, glob: false, operand, span };
    let last_bracket = units.iter().rposition(|unit| unit.is(']'));
    for (number, unit) in units.iter().enumerate() {
        arg.splits |= unit.splits;
        let class = unit.is('[') && last_bracket.is_some_and(|last| last > number);
        arg.glob |= unit.is('*') || unit.is('?') || class;
        let text = match (unit.text, &unit.value) {
            // A tilde becomes a directory, or stays.
            (Some('~'), _) if number == 0 && !unit.quoted => Some("~".to_owned()),
            (Some(c), _) => Some(c.to_string()),
            (None, value) => value.clone(),
        };
        if let (Some(more), Some(Part { text: Some(before), span })) = (&text, arg.parts.last_mut()) {
            let linear = before.len() == span.len() && more.len() == unit.span.len();
            if linear && span.end == unit.span.start {
                before.push_str(more);
                span.end = unit.span.end;
                continue;
            }
        }
        arg.parts.push(Part { text, span: unit.span.clone() });
    }
    arg
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::super::syntax::{Shape, parse};
    use super::*;

    fn args(text: &str) -> Vec<String> {
        let tree = parse(&Script::new(text, Dialect::Bash), 0);
        assert!(tree.fault.is_none(), "{:?}", tree.fault);
        let Shape::Simple { words, .. } = &tree.list.commands[0].shape else { panic!("{tree:?}") };
        words.iter().flat_map(expand).map(|arg| arg.show()).collect()
    }

    #[test]
    fn words_are_what_the_shell_makes_of_them() {
        assert_eq!(args(r#"r''m \rm $'\x72m' "a b"'c' x\ y"#), ["rm", "rm", "rm", "a bc", "x y"]);
        assert_eq!(
            args("{rm,-rf,/} a{1,{2,3}}b {x} {1..3}"),
            ["rm", "-rf", "/", "a1b", "a2b", "a3b", "{x}", "…"]
        );
        assert_eq!(args("'{a,b}' \"$x\"y $(ls)"), ["{a,b}", "…y", "…"]);
        assert_eq!(args("ls \\\n -la"), ["ls", "-la"]);
    }

    #[test]
    fn a_bomb_of_braces_is_not_expanded() {
        let bomb = "{a,b}".repeat(40);
        assert!(args(&format!("echo {bomb}")).len() <= 2 * MAX_WORDS);
    }

    #[test]
    fn what_may_be_an_option_is_known() {
        let arg = |text: &str| {
            let tree = parse(&Script::new(format!("x {text}"), Dialect::Bash), 0);
            let Shape::Simple { words, .. } = &tree.list.commands[0].shape else { panic!("{tree:?}") };
            expand(&words[1])[0].clone()
        };
        for text in ["\"$x\"", "$x", "a$x", "*", "*.gz", "[a]b", "$(ls)"] {
            assert!(arg(text).may_be_option(), "{text}");
        }
        for text in ["a\"$x\"", "./*", "x", "/data/*.gz"] {
            assert!(!arg(text).may_be_option(), "{text}");
        }
    }
}

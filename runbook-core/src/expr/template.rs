//! Texts with `${{ expressions }}` in them.

use std::borrow::Cow;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::eval::{self, EvalError};
use super::{Expr, Origin};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::value::{Object, Value};

const OPEN: &str = "${{";
const CLOSE: &str = "}}";
const ESCAPED: &str = "$${{";

/// A text in which `${{ expr }}` stands for a value. `$${{` is a literal `${{`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template {
    pieces: Vec<Piece>,
}

/// A part of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Piece {
    /// Text as it will appear.
    Text(String),
    /// What stands between `${{` and `}}`.
    Expr(Expr),
}

impl From<Expr> for Template {
    /// The template that is this expression and nothing else.
    fn from(expr: Expr) -> Self {
        Template { pieces: vec![Piece::Expr(expr)] }
    }
}

impl Template {
    /// Parses `text`. What is wrong with it is added to `found`; without errors the result is some.
    pub fn parse(text: &str, origin: &Origin<'_>, found: &mut Diagnostics) -> Option<Template> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut complete = true;
        let mut at = 0;
        while let Some(dollar) = text[at..].find('$') {
            literal.push_str(&text[at..at + dollar]);
            at += dollar;
            if text[at..].starts_with(ESCAPED) {
                literal.push_str(OPEN);
                at += ESCAPED.len();
                continue;
            }
            if !text[at..].starts_with(OPEN) {
                literal.push('$');
                at += 1;
                continue;
            }
            let start = at + OPEN.len();
            let end = close(text, start).map_err(|quote| unclosed(at, quote, origin, found)).ok()?;
            let place = |range: Range<usize>| (origin.place)(start + range.start..start + range.end);
            let inner = Origin { span: (origin.place)(at..end + CLOSE.len()), place: &place };
            match Expr::parse(&text[start..end], &inner, found) {
                Some(expr) => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    }
                    pieces.push(Piece::Expr(expr));
                }
                None => complete = false,
            }
            at = end + CLOSE.len();
        }
        literal.push_str(&text[at..]);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        complete.then_some(Template { pieces })
    }

    /// A template that is `text` and nothing else, whatever `text` contains.
    pub fn literal(text: impl Into<String>) -> Template {
        let text = text.into();
        Template { pieces: if text.is_empty() { Vec::new() } else { vec![Piece::Text(text)] } }
    }

    /// Its parts in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether it has no expressions.
    pub fn is_literal(&self) -> bool {
        self.expressions().next().is_none()
    }

    /// Its text, when it has no expressions.
    pub fn as_literal(&self) -> Option<Cow<'_, str>> {
        match &self.pieces[..] {
            [] => Some(Cow::Borrowed("")),
            [Piece::Text(text)] => Some(Cow::Borrowed(text)),
            pieces => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => Some(text.as_str()),
                    Piece::Expr(_) => None,
                })
                .collect::<Option<String>>()
                .map(Cow::Owned),
        }
    }

    /// It as it would be written in a file.
    pub fn source_text(&self) -> String {
        let written = |piece: &Piece| match piece {
            Piece::Text(text) => text.replace(OPEN, ESCAPED),
            Piece::Expr(expr) => format!("{OPEN} {} {CLOSE}", expr.source()),
        };
        self.pieces.iter().map(written).collect()
    }

    /// Its expressions in order.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Expr(expr) => Some(expr),
            Piece::Text(_) => None,
        })
    }

    /// The text, when the value of every expression in it is known.
    pub fn known(&self, mut value: impl FnMut(&Expr) -> Option<String>) -> Option<String> {
        let pieces = self.pieces().iter().map(|piece| match piece {
            Piece::Text(text) => Some(text.clone()),
            Piece::Expr(expr) => value(expr),
        });
        pieces.collect()
    }

    /// The text with the values of its expressions. A list, map or nothing inside a text is an error.
    pub fn render_text(&self, scope: &Object) -> Result<String, EvalError> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Expr(expr) => text.push_str(&eval::text(expr.source(), scope)?),
            }
        }
        Ok(text)
    }

    /// The value of its expression with its type when it is exactly one expression, else the text.
    pub fn render_value(&self, scope: &Object) -> Result<Value, EvalError> {
        match &self.pieces[..] {
            [Piece::Expr(expr)] => expr.eval(scope),
            _ => self.render_text(scope).map(Value::String),
        }
    }
}

/// Where the `}}` is that ends the expression at `start`; else the quote that does not end, if one does not.
fn close(text: &str, start: usize) -> Result<usize, Option<usize>> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' => {
                let opened = at;
                at += 1;
                while bytes.get(at).ok_or(Some(opened))? != &byte {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
            }
            b'{' => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            b'}' if bytes.get(at + 1) == Some(&b'}') => return Ok(at),
            _ => {}
        }
        at += 1;
    }
    Err(None)
}

fn unclosed(at: usize, quote: Option<usize>, origin: &Origin<'_>, found: &mut Diagnostics) {
    let span = (origin.place)(at..at + OPEN.len());
    let diagnostic = Diagnostic::error(Code::UNCLOSED_INTERPOLATION, span, "`${{` without its `}}`");
    found.push(match quote {
        Some(quote) => diagnostic
            .also((origin.place)(quote..quote + 1), "the text that starts here does not end")
            .help("close the text, then the expression with `}}`"),
        None => diagnostic.help("close it with `}}`, or write `$${{` for a literal `${{`"),
    });
}

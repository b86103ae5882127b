//! Expressions and templates: `${{ expr }}` in texts, bare expressions in conditions.
//!
//! An expression is parsed here, so that every problem has an exact place and every reference is known before
//! a run, and evaluated by minijinja. It has no clock, no environment and no files, and what it yields is data:
//! a text that contains `${{` is never evaluated again.

mod bind;
mod catalog;
mod check;
mod convert;
mod environment;
mod eval;
mod fault;
mod filters;
mod lower;
mod names;
mod operators;
mod parse;
mod places;
mod problem;
mod template;
mod token;
mod tree;
mod types;

use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use eval::{EvalError, is_unusable, unusable};
pub use names::{Builtin, filters, functions, tests};
pub use template::{Piece, Template};

use crate::diag::Diagnostics;
use crate::source::Span;
use crate::value::{Object, Value};
use fault::Fault;
use places::Places;
use tree::{Key, Node, What};

/// Where a text was written.
pub struct Origin<'a> {
    /// The whole text.
    pub span: Span,
    /// Where a range of the text's bytes was written, which escapes and indentation make differ.
    pub place: &'a dyn Fn(Range<usize>) -> Span,
}

/// A parsed expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Expr {
    source: String,
    #[serde(skip)]
    span: Span,
    #[serde(skip)]
    places: Places,
}

/// A name with its fields, such as `steps.disk.outputs.used`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The names: `["steps", "disk", "outputs", "used"]`; it ends before the first index.
    pub path: Vec<String>,
    /// The bytes of the expression it covers.
    pub range: Range<usize>,
    /// The bytes each name covers; for `["name"]` with the quotes.
    pub segments: Vec<Range<usize>>,
}

impl Expr {
    /// Parses `text`. What is wrong with it is added to `found`; without errors the result is some.
    pub fn parse(text: &str, origin: &Origin<'_>, found: &mut Diagnostics) -> Option<Expr> {
        let source = text.trim_matches(|c: char| c.is_ascii_whitespace());
        let base = text.len() - text.trim_start_matches(|c: char| c.is_ascii_whitespace()).len();
        let place = |range: Range<usize>| (origin.place)(base + range.start..base + range.end);
        if source.is_empty() {
            let fault = Fault::syntax(0..0, "an expression is missing here");
            found.push(fault.diagnostic(|_| origin.span));
            return None;
        }
        let faults = match parse::parse(source) {
            Ok((node, faults)) if faults.is_empty() => match eval::compiles(&node) {
                None => Vec::new(),
                Some(fault) => vec![fault],
            },
            Ok((_, faults)) => faults,
            Err(fault) => vec![fault],
        };
        if faults.is_empty() {
            let tokens = token::tokens(source).unwrap_or_default();
            let places = Places::new(tokens.into_iter().map(|token| token.range), place);
            return Some(Expr { source: source.to_owned(), span: place(0..source.len()), places });
        }
        found.extend(faults.into_iter().map(|fault| fault.diagnostic(place)));
        None
    }

    /// The expression as written, without the white space around it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Where it was written; nowhere in particular for one that was read from a plan.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Every name it refers to, in the order written.
    pub fn references(&self) -> Vec<Reference> {
        let mut references = Vec::new();
        if let Ok((node, _)) = parse::parse(&self.source) {
            collect(&node, &mut references);
        }
        references
    }

    /// Whether the last thing done to the value is the filter `name`, as in `inputs.flags | raw`.
    pub fn ends_with_filter(&self, name: &str) -> bool {
        matches!(parse::parse(&self.source), Ok((Node { what: What::Filter(_, call), .. }, _)) if call.name == name)
    }

    /// Where the bytes `range` of [`source`](Self::source) were written.
    pub fn span_of(&self, range: Range<usize>) -> Span {
        self.places.span_of(range, self.span)
    }

    /// Evaluates it with the names in `scope`.
    pub fn eval(&self, scope: &Object) -> Result<Value, EvalError> {
        eval::eval(&self.source, scope)
    }

    /// Evaluates a condition: a result that is neither true nor false is an error.
    pub fn eval_bool(&self, scope: &Object) -> Result<bool, EvalError> {
        match self.eval(scope)? {
            Value::Bool(value) => Ok(value),
            other => Err(EvalError::not_a_condition(&self.source, &other)),
        }
    }
}

fn collect(node: &Node, references: &mut Vec<Reference>) {
    if let What::Path { root, root_range, segments } = &node.what {
        let mut path = vec![root.clone()];
        let mut ranges = vec![root_range.clone()];
        for segment in segments {
            let Key::Name(name) = &segment.key else { break };
            path.push(name.clone());
            ranges.push(segment.range.clone());
        }
        // The last name's brackets belong to the whole only when nothing follows them.
        let end = match ranges.len() == segments.len() + 1 {
            true => node.range.end,
            false => ranges.last().map_or(node.range.end, |range| range.end),
        };
        references.push(Reference { path, range: node.range.start..end, segments: ranges });
    }
    for child in node.children() {
        collect(child, references);
    }
}

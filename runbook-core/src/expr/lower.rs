//! Syntax tree to the text minijinja runs. Comparisons, conditions and look-ups become calls of strict
//! functions, since minijinja itself compares values of different types and takes anything for a condition.

use std::ops::Range;

use super::bind::{Bound, Family, bind};
use super::tree::{Call, Comparison, Logic, Node, Segment, What};

/// Names of the functions that stand for operators; a runbook's names cannot begin with `__` and be functions.
pub(super) mod function {
    pub(in crate::expr) const MUST: &str = "__must";
    pub(in crate::expr) const ITEM: &str = "__item";
    pub(in crate::expr) const TRY_ITEM: &str = "__try_item";
    pub(in crate::expr) const COMPARE: &str = "__compare";
    pub(in crate::expr) const TRUTH: &str = "__truth";
    pub(in crate::expr) const TEXT: &str = "__text";
    pub(in crate::expr) const MINUS: &str = "__minus";
    pub(in crate::expr) const CHAIN: &str = "__chain";
    pub(in crate::expr) const SLICE: &str = "__slice";
}

/// A path whose value is put into the context under [`variable`] before evaluation.
pub(super) struct Path<'a> {
    pub(super) root: &'a str,
    pub(super) segments: &'a [Segment],
    pub(super) range: Range<usize>,
}

/// What minijinja runs.
pub(super) struct Lowered<'a> {
    pub(super) text: String,
    pub(super) paths: Vec<Path<'a>>,
    marks: Vec<(Range<usize>, Range<usize>)>,
}

/// A name that has no value.
const ABSENT: &str = "absent";

/// The name in minijinja's context of path number `index`.
pub(super) fn variable(index: usize) -> String {
    format!("p{index}")
}

pub(super) fn lower(node: &Node) -> Lowered<'_> {
    let mut lowered = Lowered { text: String::new(), paths: Vec::new(), marks: Vec::new() };
    lowered.node(node);
    lowered
}

impl<'a> Lowered<'a> {
    /// The part of the expression that `range` of the lowered text stands for.
    pub(super) fn origin(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let covering = self.marks.iter().filter(|(out, _)| out.start <= range.start && range.end <= out.end);
        covering.min_by_key(|(out, _)| out.len()).map(|(_, source)| source.clone())
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn node(&mut self, node: &'a Node) {
        self.marked(node, false);
    }

    fn marked(&mut self, node: &'a Node, optional: bool) {
        let start = self.text.len();
        self.emit(node, optional);
        self.marks.push((start..self.text.len(), node.range.clone()));
    }

    /// Writes `node`; when it is `optional`, a missing value is left undefined for a filter or test to see.
    fn emit(&mut self, node: &'a Node, optional: bool) {
        match &node.what {
            What::None => self.push("none"),
            What::Bool(value) => self.push(if *value { "true" } else { "false" }),
            What::Number(digits) => self.push(digits),
            What::Text(text) => self.text_constant(text),
            What::List(items) => {
                self.push("[");
                for item in items {
                    self.node(item);
                    self.push(", ");
                }
                self.push("]");
            }
            What::Map(entries) => {
                self.push("{");
                for (key, value) in entries {
                    self.node(key);
                    self.push(": ");
                    self.node(value);
                    self.push(", ");
                }
                self.push("}");
            }
            What::Path { root, segments, .. } => {
                let index = self.paths.len();
                self.paths.push(Path { root, segments, range: node.range.clone() });
                match optional {
                    true => self.push(&variable(index)),
                    false => self.push(&format!("{}({}, {index})", function::MUST, variable(index))),
                }
            }
            What::Item(parts) => {
                self.push(if optional { function::TRY_ITEM } else { function::ITEM });
                self.push("(");
                self.marked(&parts[0], optional);
                self.push(", ");
                self.node(&parts[1]);
                self.end_call(&node.range);
            }
            What::Slice(base, bounds) => self.slice(base, bounds, &node.range),
            What::Call(call) => self.call(Family::Function, call),
            What::Filter(base, call) => {
                self.marked(base, call.name == "default");
                self.push("|");
                self.call(Family::Filter, call);
            }
            What::Test { base, negated, call } => {
                self.push("(");
                self.marked(base, matches!(call.name.as_str(), "defined" | "undefined"));
                self.push(if *negated { " is not " } else { " is " });
                self.call(Family::Test, call);
                self.push(")");
            }
            What::Not(operand) => {
                self.push("(not ");
                self.condition(operand);
                self.push(")");
            }
            What::Minus(operand) => {
                self.push(function::MINUS);
                self.push("(");
                self.node(operand);
                self.end_call(&node.range);
            }
            What::Arithmetic(first, rest) => self.arithmetic(first, rest, &node.range),
            What::Compare(comparison, parts) => self.compare(*comparison, parts, &node.range),
            What::Logic(logic, operands) => {
                for (index, operand) in operands.iter().enumerate() {
                    self.push(match (index, logic) {
                        (0, _) => "(",
                        (_, Logic::And) => " and ",
                        (_, Logic::Or) => " or ",
                    });
                    self.condition(operand);
                }
                self.push(")");
            }
            What::If(parts) => {
                let [value, condition, otherwise] = &**parts;
                self.push("(");
                self.node(value);
                self.push(" if ");
                self.condition(condition);
                self.push(" else ");
                self.node(otherwise);
                self.push(")");
            }
        }
    }

    fn text_constant(&mut self, text: &str) {
        let constant = serde_json::Value::from(text).to_string();
        self.push(&constant);
    }

    fn end_call(&mut self, range: &Range<usize>) {
        self.push(&format!(", {}, {})", range.start, range.end));
    }

    fn slice(&mut self, base: &'a Node, bounds: &'a [Option<Node>; 3], range: &Range<usize>) {
        self.push(&format!("{}({}, {}, ", function::SLICE, range.start, range.end));
        self.node(base);
        for bound in bounds {
            self.push(", ");
            match bound {
                Some(bound) => self.node(bound),
                None => self.push("none"),
            }
        }
        self.push(")");
    }

    /// A call with one argument for each parameter; one that was not given is undefined.
    fn call(&mut self, family: Family, call: &'a Call) {
        let start = self.text.len();
        match bind(family, call) {
            Ok(bound) => self.bound(&bound),
            // It was reported; nothing runs it.
            Err(_) => self.push(&call.name),
        }
        self.marks.push((start..self.text.len(), call.name_range.clone()));
    }

    fn bound(&mut self, bound: &Bound<'a>) {
        self.push(bound.builtin.name);
        self.push("(");
        let inner = bound.inner.iter().flat_map(|inner| &inner.args);
        for (_, arg) in bound.args.iter().chain(inner) {
            match arg {
                Some(node) => self.node(node),
                None => self.push(ABSENT),
            }
            self.push(", ");
        }
        self.push(")");
    }

    fn arithmetic(&mut self, first: &'a Node, rest: &'a [(&'static str, Node)], range: &Range<usize>) {
        if rest.first().is_some_and(|(operator, _)| *operator == "~") {
            return self.joined(first, rest);
        }
        self.push(&format!("{}({}, {}, ", function::CHAIN, range.start, range.end));
        self.node(first);
        for (operator, node) in rest {
            self.push(&format!(", \"{operator}\", "));
            self.node(node);
        }
        self.push(")");
    }

    fn joined(&mut self, first: &'a Node, rest: &'a [(&'static str, Node)]) {
        let mut operand = |node: &'a Node, between: &str| {
            self.push(between);
            self.push(function::TEXT);
            self.push("(");
            self.node(node);
            self.end_call(&node.range);
        };
        operand(first, "(");
        for (_, node) in rest {
            operand(node, " ~ ");
        }
        self.push(")");
    }

    fn compare(&mut self, comparison: Comparison, parts: &'a [Node; 2], range: &Range<usize>) {
        self.push(function::COMPARE);
        self.push("(");
        self.node(&parts[0]);
        self.push(", \"");
        self.push(comparison.symbol());
        self.push("\", ");
        self.node(&parts[1]);
        self.end_call(range);
    }

    fn condition(&mut self, node: &'a Node) {
        if node.is_condition() {
            return self.node(node);
        }
        self.push(function::TRUTH);
        self.push("(");
        self.node(node);
        self.end_call(&node.range);
    }
}

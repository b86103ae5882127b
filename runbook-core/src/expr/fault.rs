//! What is wrong with an expression, before it is known where the expression was written.

use std::ops::Range;

use super::names::{self, Builtin};
use super::problem::Problem;
use crate::diag::{self, Code, Diagnostic};
use crate::source::Span;

/// A problem at a range of the expression.
#[derive(Debug)]
pub(super) struct Fault {
    code: Code,
    range: Range<usize>,
    message: String,
    help: Vec<String>,
}

impl Fault {
    fn new(code: Code, range: Range<usize>, message: impl Into<String>) -> Self {
        Fault { code, range, message: message.into(), help: Vec::new() }
    }

    /// The text is no expression.
    pub(super) fn syntax(range: Range<usize>, message: impl Into<String>) -> Self {
        Fault::new(Code::BAD_EXPRESSION, range, message)
    }

    /// `${{` inside an expression.
    pub(super) fn nested(range: Range<usize>) -> Self {
        Fault::new(Code::INTERPOLATION_IN_CONDITION, range, "`${{` inside an expression")
            .help("remove `${{` and `}}`: this is an expression already")
    }

    /// A constant text that should be a regular expression.
    pub(super) fn pattern(range: Range<usize>, message: impl Into<String>) -> Self {
        Fault::new(Code::BAD_PATTERN, range, message)
    }

    /// A filter, test, function or method that does not exist.
    pub(super) fn unknown(range: Range<usize>, what: &str, name: &str, known: &[Builtin]) -> Self {
        let fault = Fault::new(Code::UNKNOWN_FILTER, range, format!("there is no {what} `{name}`"));
        if let Some(advice) = names::elsewhere(name) {
            return fault.help(advice);
        }
        match diag::closest(name, known.iter().map(|builtin| builtin.name)) {
            Some(close) => fault.help(format!("did you mean `{close}`?")),
            None => fault,
        }
    }

    /// A call with arguments that what is called does not take.
    pub(super) fn arguments(range: Range<usize>, message: impl Into<String>) -> Self {
        Fault::new(Code::BAD_ARGUMENTS, range, message)
    }

    /// An operand that can never be of a type that the operator takes.
    pub(super) fn operand(range: Range<usize>, message: impl Into<String>) -> Self {
        Fault::new(Code::WRONG_OPERAND, range, message)
    }

    /// A comparison that fails whatever the values are.
    pub(super) fn comparison(problem: Problem) -> Self {
        Fault::of(Code::MIXED_COMPARISON, problem)
    }

    /// An operand of `not`, `and`, `or` or `if` that is never true or false.
    pub(super) fn condition(problem: Problem) -> Self {
        Fault::of(Code::NOT_A_BOOL, problem)
    }

    fn of(code: Code, problem: Problem) -> Self {
        let fault = Fault::new(code, problem.range.unwrap_or_default(), problem.message);
        problem.help.into_iter().fold(fault, Fault::help)
    }

    /// A computed field where fields are known before the run.
    pub(super) fn dynamic(range: Range<usize>, root: &str) -> Self {
        Fault::new(
            Code::DYNAMIC_REFERENCE,
            range,
            format!("a computed name in `{root}` cannot be checked before the run"),
        )
        .help(format!("write the name: `{root}.name`"))
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// The same, found only when it is evaluated.
    pub(super) fn into_problem(self) -> Problem {
        let problem = Problem::new(self.message).at(self.range);
        self.help.into_iter().fold(problem, Problem::help)
    }

    pub(super) fn diagnostic(self, place: impl Fn(Range<usize>) -> Span) -> Diagnostic {
        let diagnostic = Diagnostic::error(self.code, place(self.range), self.message);
        self.help.into_iter().fold(diagnostic, Diagnostic::help)
    }
}

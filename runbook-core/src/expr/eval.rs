//! Evaluation: the syntax tree lowered, run by minijinja, its errors brought back to the expression.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::ops::Range;

use minijinja::ErrorKind;

use super::convert::{from_minijinja, to_minijinja};
use super::environment::environment;
use super::fault::Fault;
use super::lower::{Lowered, Path, lower, variable};
use super::operators::{as_text, not_a_condition};
use super::parse;
use super::problem::Problem;
use super::tree::{Key, Node};
use crate::value::{Object, Value, type_name};

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The bytes of the expression it is about.
    pub range: Option<Range<usize>>,
    /// The expression.
    pub expr: String,
}

impl EvalError {
    fn new(source: &str, problem: Problem) -> Self {
        let range = problem.range.filter(|range| source.get(range.clone()).is_some());
        EvalError { message: problem.message, help: problem.help, range, expr: source.to_owned() }
    }

    pub(super) fn not_a_condition(source: &str, value: &Value) -> Self {
        EvalError::new(source, not_a_condition(type_name(value)).at(0..source.len()))
    }
}

/// The value of `source` as text.
pub(super) fn text(source: &str, scope: &Object) -> Result<String, EvalError> {
    let value = eval(source, scope)?;
    as_text(&value).map_err(|problem| EvalError::new(source, problem.at(0..source.len())))
}

pub(super) fn eval(source: &str, scope: &Object) -> Result<Value, EvalError> {
    // An expression from a plan was checked when it was planned; a plan from elsewhere may say anything.
    let (node, faults) =
        parse::parse(source).map_err(|fault| EvalError::new(source, fault.into_problem()))?;
    if let Some(fault) = faults.into_iter().next() {
        return Err(EvalError::new(source, fault.into_problem()));
    }
    let lowered = lower(&node);
    if let Some(problem) = lowered.paths.iter().find_map(|path| unusable_at(path, source, scope)) {
        return Err(EvalError::new(source, problem));
    }
    run(&lowered, scope).map_err(|error| {
        let problem = explain(&error, &lowered, source, scope);
        EvalError::new(source, problem)
    })
}

/// What keeps minijinja from running a parsed expression, if anything does.
pub(super) fn compiles(node: &Node) -> Option<Fault> {
    let lowered = lower(node);
    let error = environment().compile_expression(&lowered.text).err()?;
    let range = error.range().and_then(|range| lowered.origin(&range));
    Some(Fault::syntax(range.unwrap_or(node.range.clone()), message(&error)))
}

fn run(lowered: &Lowered<'_>, scope: &Object) -> Result<Value, minijinja::Error> {
    let mut context: BTreeMap<String, minijinja::Value> = BTreeMap::new();
    for (index, path) in lowered.paths.iter().enumerate() {
        if let Ok(value) = resolve(path, scope) {
            context.insert(variable(index), to_minijinja(value));
        }
    }
    let expression = environment().compile_expression(&lowered.text)?;
    Ok(from_minijinja(&expression.eval(minijinja::Value::from(context))?)?)
}

/// The value of `path`, or how far it goes: the number of segments that exist and the value there.
fn resolve<'a>(path: &Path<'_>, scope: &'a Object) -> Result<&'a Value, Option<(usize, &'a Value)>> {
    let mut value = scope.get(path.root).ok_or(None)?;
    for (index, segment) in path.segments.iter().enumerate() {
        let next = match (&segment.key, value) {
            (Key::Name(name), Value::Object(object)) => object.get(name),
            (Key::Index(at), Value::Array(items)) => usize::try_from(*at).ok().and_then(|at| items.get(at)),
            _ => None,
        };
        value = next.ok_or(Some((index, value)))?;
    }
    Ok(value)
}

/// The key of what stands where a value is that no expression may use.
const UNUSABLE: &str = "(unusable)";

/// A value that exists, and that every expression with it fails for because of `why`, `default` included.
pub fn unusable(why: String) -> Value {
    Value::Object(Object::from_iter([(UNUSABLE.to_owned(), Value::String(why))]))
}

/// Whether `value` stands for one that cannot be used.
pub fn is_unusable(value: &Value) -> bool {
    value.get(UNUSABLE).is_some()
}

fn unusable_at(path: &Path<'_>, source: &str, scope: &Object) -> Option<Problem> {
    let (Ok(value) | Err(Some((_, value)))) = resolve(path, scope) else { return None };
    let why = value.get(UNUSABLE)?.as_str()?;
    let whole = &source[path.range.clone()];
    Some(Problem::new(format!("`{whole}` cannot be used in an expression: {why}")).at(path.range.clone()))
}

fn explain(error: &minijinja::Error, lowered: &Lowered<'_>, source: &str, scope: &Object) -> Problem {
    let own = own_problem(error);
    let near = error.range().and_then(|range| lowered.origin(&range));
    let problem = match own {
        Some(problem) => match problem.path.and_then(|index| lowered.paths.get(index)) {
            Some(path) => return missing(path, source, scope),
            None => problem.clone(),
        },
        None if error.kind() == ErrorKind::OutOfFuel => Problem::new("this expression takes too long")
            .help("compute less in it, for example with fewer elements"),
        None => Problem::new(message(error)),
    };
    let range = problem.range.clone().or(near).unwrap_or(0..source.len());
    problem.at(range)
}

/// The problem that one of our functions reported, under the errors of filters that called it.
fn own_problem(error: &minijinja::Error) -> Option<&Problem> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(problem) = error.downcast_ref::<Problem>() {
            return Some(problem);
        }
        source = error.source();
    }
    None
}

fn message(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

fn missing(path: &Path<'_>, source: &str, scope: &Object) -> Problem {
    let whole = &source[path.range.clone()];
    let Err(Some((index, value))) = resolve(path, scope) else {
        return Problem::new(format!("`{whole}` has no value: there is no `{}` here", path.root))
            .help("give a value for this case with `| default(…)`")
            .at(path.range.clone());
    };
    let segment = &path.segments[index];
    let there = match index {
        0 => path.root,
        _ => source[path.range.start..path.segments[index - 1].range.end].trim_end(),
    };
    // A bracket before the last name that exists is closed after it.
    let there = if there.ends_with(['"', '\'']) { format!("{there}]") } else { there.to_owned() };
    let what = match (&segment.key, value) {
        (Key::Name(name), Value::Object(_)) => format!("`{there}` has no `{name}`"),
        (Key::Index(at), Value::Array(items)) => {
            format!("`{there}` has {} elements, none at {at}", items.len())
        }
        (_, other) => format!("`{there}` is a {} and has no fields", type_name(other))
            .replace("is a nothing", "is nothing"),
    };
    let message = if source.len() == whole.len() { what } else { format!("`{whole}` has no value: {what}") };
    Problem::new(message).help("give a value for this case with `| default(…)`").at(path.range.clone())
}

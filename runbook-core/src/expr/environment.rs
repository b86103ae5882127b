//! The minijinja environment: what it may call, and the strict functions that stand for operators.

use std::sync::OnceLock;

use minijinja::{Environment, Error, UndefinedBehavior, Value};

use super::catalog::MAP_ATTRIBUTE;
use super::filters;
use super::lower::function;
use super::names;
use super::operators::{calculate, compare, item, negate, slice, text, truth};
use super::problem::Problem;

/// How many instructions one evaluation may take.
const FUEL: u64 = 100_000;

/// The environment all expressions share; it has no state.
pub(super) fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(build)
}

fn build() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_debug(true);
    for builtin in names::filters().iter().chain([&MAP_ATTRIBUTE]) {
        environment.add_filter(builtin.name, move |value: &Value, args: &[Value]| {
            filters::filter(builtin, value, args).map_err(Error::from)
        });
    }
    for builtin in names::tests() {
        environment.add_test(builtin.name, move |value: &Value, args: &[Value]| {
            filters::test(builtin, value, args).map_err(Error::from)
        });
    }
    for builtin in names::functions() {
        environment.add_function(builtin.name, move |args: &[Value]| {
            filters::function(builtin, args).map_err(Error::from)
        });
    }
    operators(&mut environment);
    environment
}

fn operators(environment: &mut Environment<'static>) {
    let at = |start: usize, end: usize| move |problem: Problem| Error::from(problem.at(start..end));
    environment.add_function(function::MUST, |value: &Value, path: usize| match value.is_undefined() {
        true => Err(Error::from(Problem::missing(path))),
        false => Ok(value.clone()),
    });
    environment.add_function(function::ITEM, move |base: &Value, index: &Value, start: usize, end: usize| {
        item(base, index).map_err(at(start, end))
    });
    environment.add_function(
        function::TRY_ITEM,
        |base: &Value, index: &Value, _start: usize, _end: usize| {
            item(base, index).unwrap_or(Value::UNDEFINED)
        },
    );
    environment.add_function(function::SLICE, move |start: usize, end: usize, parts: &[Value]| match parts {
        [base, from, to, step] => slice(base, from, to, step).map_err(at(start, end)),
        _ => Ok(Value::UNDEFINED),
    });
    environment.add_function(
        function::COMPARE,
        move |left: &Value, operator: &str, right: &Value, start: usize, end: usize| {
            compare(left, operator, right).map_err(at(start, end))
        },
    );
    environment.add_function(function::TRUTH, move |condition: &Value, start: usize, end: usize| {
        truth(condition).map_err(at(start, end))
    });
    environment.add_function(function::TEXT, move |value: &Value, start: usize, end: usize| {
        text(value).map_err(at(start, end))
    });
    environment.add_function(function::MINUS, move |value: &Value, start: usize, end: usize| {
        negate(value).map_err(at(start, end))
    });
    environment.add_function(function::CHAIN, move |start: usize, end: usize, parts: &[Value]| {
        chain(parts).map_err(at(start, end))
    });
}

/// `parts` are operands with operators between them, from left to right.
fn chain(parts: &[Value]) -> Result<Value, Problem> {
    let Some((first, rest)) = parts.split_first() else { return Ok(Value::UNDEFINED) };
    let mut result = first.clone();
    for pair in rest.chunks_exact(2) {
        if let [operator, operand] = pair {
            result = calculate(&result, operator.as_str().unwrap_or_default(), operand)?;
        }
    }
    Ok(result)
}

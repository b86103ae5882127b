//! The minijinja environment: what it may call, and the strict functions that stand for operators.

use std::cmp::Ordering;
use std::sync::OnceLock;

use minijinja::value::ValueKind;
use minijinja::{Environment, UndefinedBehavior, Value};

use super::convert::{from_minijinja, no_value};
use super::filters;
use super::lower::function;
use super::problem::Problem;
use crate::value;

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
    filters::register(&mut environment);
    register_tests(&mut environment);
    environment.add_function("range", minijinja::functions::range);
    environment.add_function(function::MUST, must);
    environment.add_function(function::ITEM, |base: &Value, index: &Value, start: usize, end: usize| {
        item(base, index).map_err(|problem| problem.at(start..end)).map_err(minijinja::Error::from)
    });
    environment.add_function(
        function::TRY_ITEM,
        |base: &Value, index: &Value, _start: usize, _end: usize| {
            item(base, index).unwrap_or(Value::UNDEFINED)
        },
    );
    environment.add_function(
        function::COMPARE,
        |left: &Value, operator: &str, right: &Value, start: usize, end: usize| {
            compare(left, operator, right).map_err(|problem| minijinja::Error::from(problem.at(start..end)))
        },
    );
    environment.add_function(function::TRUTH, |condition: &Value, start: usize, end: usize| {
        truth(condition).map_err(|problem| minijinja::Error::from(problem.at(start..end)))
    });
    environment.add_function(function::TEXT, |value: &Value, start: usize, end: usize| {
        text(value).map_err(|problem| minijinja::Error::from(problem.at(start..end)))
    });
    environment
}

fn register_tests(environment: &mut Environment<'static>) {
    use minijinja::tests;
    environment.add_test("boolean", tests::is_boolean);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("divisibleby", tests::is_divisibleby);
    environment.add_test("endingwith", tests::is_endingwith);
    environment.add_test("even", tests::is_even);
    environment.add_test("false", tests::is_false);
    environment.add_test("float", tests::is_float);
    environment.add_test("integer", tests::is_integer);
    environment.add_test("iterable", tests::is_iterable);
    environment.add_test("mapping", tests::is_mapping);
    environment.add_test("none", tests::is_none);
    environment.add_test("number", tests::is_number);
    environment.add_test("odd", tests::is_odd);
    environment.add_test("sequence", tests::is_sequence);
    environment.add_test("startingwith", tests::is_startingwith);
    environment.add_test("string", tests::is_string);
    environment.add_test("true", tests::is_true);
    environment.add_test("undefined", tests::is_undefined);
    environment.add_test("empty", filters::is_empty);
    environment.add_test("matching", filters::is_matching);
    let comparisons =
        [("eq", "=="), ("ne", "!="), ("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">="), ("in", "in")];
    for (name, operator) in comparisons {
        environment.add_test(name, move |left: &Value, right: &Value| {
            compare(left, operator, right).map_err(minijinja::Error::from)
        });
    }
}

fn must(value: &Value, path: usize) -> Result<Value, minijinja::Error> {
    if value.is_undefined() { Err(Problem::missing(path).into()) } else { Ok(value.clone()) }
}

fn item(base: &Value, index: &Value) -> Result<Value, Problem> {
    if base.is_undefined() || index.is_undefined() {
        return Err(no_value());
    }
    let found = base.get_item(index).ok().filter(|found| !found.is_undefined());
    found.ok_or_else(|| {
        let base_type = type_name(base);
        match index.as_str() {
            Some(name) => Problem::new(format!("a {base_type} has no `{name}`")),
            None => Problem::new(format!("the {base_type} has no element {index}")),
        }
        .help("give a value for this case with `| default(…)`")
    })
}

/// What people call the type of `value`.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Bool => "bool",
        ValueKind::Number => "number",
        ValueKind::String => "text",
        ValueKind::Seq | ValueKind::Iterable => "list",
        ValueKind::Map => "map",
        _ => "nothing",
    }
}

/// Compares as `operator` says; values of different types are an error, not unequal.
pub(super) fn compare(left: &Value, operator: &str, right: &Value) -> Result<bool, Problem> {
    if left.is_undefined() || right.is_undefined() {
        return Err(no_value());
    }
    match operator {
        "==" => equal(left, right),
        "!=" => Ok(!equal(left, right)?),
        "in" => contains(left, right),
        "not in" => Ok(!contains(left, right)?),
        _ => {
            let order = order(left, right)?;
            Ok(match operator {
                "<" => order == Ordering::Less,
                "<=" => order != Ordering::Greater,
                ">" => order == Ordering::Greater,
                _ => order != Ordering::Less,
            })
        }
    }
}

fn equal(left: &Value, right: &Value) -> Result<bool, Problem> {
    if left.is_none() || right.is_none() || type_name(left) == type_name(right) {
        return Ok(left == right);
    }
    Err(mismatch(left, right))
}

fn order(left: &Value, right: &Value) -> Result<Ordering, Problem> {
    match (type_name(left), type_name(right)) {
        ("number", "number") | ("text", "text") => Ok(left.cmp(right)),
        (one, other) if one == other => {
            Err(Problem::new(format!("a {one} is neither less nor greater than another {one}")))
        }
        _ => Err(mismatch(left, right)),
    }
}

fn mismatch(left: &Value, right: &Value) -> Problem {
    let (one, other) = (type_name(left), type_name(right));
    let problem = Problem::new(format!("a {one} cannot be compared with a {other}"));
    match (one, other) {
        ("text", "number") | ("number", "text") => {
            problem.help("turn the text into a number with `| int` or `| float`")
        }
        ("text", "bool") | ("bool", "text") => problem.help("turn the text into a bool with `| bool`"),
        ("list", "number") | ("number", "list") => problem.help("compare its `| length`"),
        _ => problem,
    }
}

fn contains(part: &Value, whole: &Value) -> Result<bool, Problem> {
    match type_name(whole) {
        "text" => match (part.as_str(), whole.as_str()) {
            (Some(part), Some(whole)) => Ok(whole.contains(part)),
            _ => Err(Problem::new(format!("a {} cannot be part of a text", type_name(part)))
                .help("turn it into text with `| string`")),
        },
        "map" => match part.as_str() {
            Some(_) => Ok(whole.get_item(part).is_ok_and(|found| !found.is_undefined())),
            None => Err(Problem::new(format!("a {} cannot be a key of a map", type_name(part)))),
        },
        "list" => {
            let Ok(items) = whole.try_iter() else { return Ok(false) };
            let mut other = None;
            let mut comparable = false;
            for item in items {
                match equal(part, &item) {
                    Ok(true) => return Ok(true),
                    Ok(false) => comparable = true,
                    Err(problem) => other = Some(problem),
                }
            }
            // A list of several types may be asked for any of them; one that has none of it is a mistake.
            match other {
                Some(problem) if !comparable => Err(problem),
                _ => Ok(false),
            }
        }
        other => Err(Problem::new(format!("a {other} contains nothing"))
            .help("`in` needs a list, map or text on its right")),
    }
}

fn truth(condition: &Value) -> Result<bool, Problem> {
    if condition.kind() == ValueKind::Bool {
        return Ok(condition.is_true());
    }
    if condition.is_undefined() {
        return Err(no_value());
    }
    Err(not_a_condition(type_name(condition)))
}

/// What to say when a value of the type `found` stands where true or false is needed.
pub(super) fn not_a_condition(found: &str) -> Problem {
    let help = match found {
        "text" => "compare it, such as `… == 'yes'`, or convert `true` and `false` with `| bool`",
        "number" => "compare it, such as `… > 0`",
        "list" | "map" => "compare its length, such as `… | length > 0`",
        _ => "compare it, such as `… != none`",
    };
    Problem::new(
        format!("a condition must be true or false, this is a {found}").replace("a nothing", "nothing"),
    )
    .help(help)
}

fn text(value: &Value) -> Result<String, Problem> {
    let data = from_minijinja(value).map_err(|_| no_value())?;
    as_text(&data)
}

/// `value` as it stands inside a text; lists, maps and nothing have no obvious form there.
pub(super) fn as_text(value: &value::Value) -> Result<String, Problem> {
    match value {
        value::Value::Null => Err(Problem::new("nothing (`none`) inside a text")
            .help("say what to write with `a if condition else b`")),
        value::Value::Array(_) | value::Value::Object(_) => {
            let message = format!("a {} inside a text", value::type_name(value));
            Err(Problem::new(message).help("say how to write it: `| join(', ')` or `| to_json`"))
        }
        other => Ok(value::display(other)),
    }
}

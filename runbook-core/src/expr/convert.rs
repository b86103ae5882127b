//! Runbook values to minijinja values and back, without loss.

use minijinja::value::ValueKind;

use super::problem::Problem;
use crate::value::{Object, Value};

/// Deepest list or map that an expression may yield.
const MAX_DEPTH: usize = 128;

/// `value` as minijinja sees it.
pub(super) fn to_minijinja(value: &Value) -> minijinja::Value {
    minijinja::Value::from(minijinja::value::Serde(value))
}

/// `value` as runbooks see it; undefined values, functions and numbers that JSON cannot say are errors.
pub(super) fn from_minijinja(value: &minijinja::Value) -> Result<Value, Problem> {
    convert(value, 0)
}

fn convert(value: &minijinja::Value, depth: usize) -> Result<Value, Problem> {
    if depth > MAX_DEPTH {
        return Err(Problem::new(format!("lists and maps are nested more than {MAX_DEPTH} deep")));
    }
    match value.kind() {
        ValueKind::None => Ok(Value::Null),
        ValueKind::Bool => Ok(Value::Bool(value.is_true())),
        ValueKind::Number => number(value),
        ValueKind::String => Ok(Value::String(value.as_str().unwrap_or_default().to_owned())),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = iterate(value)?.map(|item| convert(&item, depth + 1));
            Ok(Value::Array(items.collect::<Result<_, _>>()?))
        }
        ValueKind::Map => {
            let mut object = Object::new();
            for key in iterate(value)? {
                let Some(name) = key.as_str() else {
                    return Err(Problem::new("the keys of a map must be texts"));
                };
                object
                    .insert(name.to_owned(), convert(&value.get_item(&key).map_err(unreadable)?, depth + 1)?);
            }
            Ok(Value::Object(object))
        }
        ValueKind::Undefined => Err(no_value()),
        other => Err(Problem::new(format!("a value of the kind {other} is not data"))),
    }
}

fn iterate(value: &minijinja::Value) -> Result<impl Iterator<Item = minijinja::Value> + use<>, Problem> {
    value.try_iter().map_err(unreadable)
}

fn unreadable(error: minijinja::Error) -> Problem {
    Problem::new(error.to_string())
}

/// What to say about an undefined value whose name is not known.
pub(super) fn no_value() -> Problem {
    Problem::new("this has no value").help("give one with `| default(…)`")
}

fn number(value: &minijinja::Value) -> Result<Value, Problem> {
    if value.is_integer() {
        let signed = i64::try_from(value.clone()).map(Value::from);
        return signed.or_else(|_| u64::try_from(value.clone()).map(Value::from)).map_err(|_| {
            Problem::new("this whole number is too large").help("use `| float` before calculating")
        });
    }
    let float = f64::try_from(value.clone()).ok().and_then(serde_json::Number::from_f64);
    float.map(Value::Number).ok_or_else(|| Problem::new("the result is not a finite number"))
}

//! Filters between texts and data.

use minijinja::Value;

use super::{Args, Outcome, shown};
use crate::expr::convert::{from_minijinja, to_minijinja};
use crate::expr::operators::{MAX_LIST, as_text, too_long};
use crate::expr::problem::Problem;
use crate::expr::types::{BOOL, type_of};
use crate::value;

pub(super) fn filter(name: &str, value: &Value, args: &Args<'_>) -> Outcome {
    match name {
        "bool" => args.or_default(0, bool(value)),
        "string" => Ok(Value::from(as_text(&from_minijinja(value)?)?)),
        "from_json" => args.or_default(0, from_json(value)),
        "to_json" => to_json(value, args),
        _ => urlencode(value),
    }
}

fn bool(value: &Value) -> Outcome {
    if type_of(value) == BOOL {
        return Ok(value.clone());
    }
    match value.as_str().unwrap_or_default().trim() {
        "true" => Ok(Value::from(true)),
        "false" => Ok(Value::from(false)),
        other => Err(Problem::new(format!("{} is neither `true` nor `false`", shown(other)))
            .help("compare it, such as `… == 'yes'`")),
    }
}

fn from_json(value: &Value) -> Outcome {
    let text = value.as_str().unwrap_or_default();
    let data: value::Value = serde_json::from_str(text)
        .map_err(|error| Problem::new(format!("{} is not JSON: {error}", shown(text))))?;
    Ok(to_minijinja(&data))
}

fn to_json(value: &Value, args: &Args<'_>) -> Outcome {
    let data = from_minijinja(value)?;
    let Some(width) = args.whole(0, 0, 16)? else { return Ok(Value::from(data.to_string())) };
    if nodes(&data) > MAX_LIST {
        return Err(too_long());
    }
    let spaces = " ".repeat(usize::try_from(width).unwrap_or(0));
    let mut json = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(spaces.as_bytes());
    let mut serializer = serde_json::Serializer::with_formatter(&mut json, formatter);
    serde::Serialize::serialize(&data, &mut serializer).map_err(|error| Problem::new(error.to_string()))?;
    Ok(Value::from(String::from_utf8_lossy(&json)))
}

fn nodes(data: &value::Value) -> usize {
    match data {
        value::Value::Array(items) => 1 + items.iter().map(nodes).sum::<usize>(),
        value::Value::Object(object) => 1 + object.values().map(nodes).sum::<usize>(),
        _ => 1,
    }
}

fn urlencode(value: &Value) -> Outcome {
    if let value::Value::Object(object) = from_minijinja(value)? {
        for (key, value) in &object {
            as_text(value).map_err(|problem| Problem::new(format!("`{key}`: {}", problem.message)))?;
        }
    }
    minijinja::filters::urlencode(value).map(Value::from).map_err(|error| Problem::new(error.to_string()))
}

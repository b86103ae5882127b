//! The operators: strict about types, where minijinja is not.

use std::cmp::Ordering;

use minijinja::Value;

use super::convert::{from_minijinja, no_value};
use super::fault::Fault;
use super::problem::Problem;
use super::types::{self, BOOL, LIST, MAP, NOTHING, NUMBER, TEXT, Types, type_name, type_of};
use crate::value;

/// Longest text and longest list that an expression may make.
pub(super) const MAX_TEXT: usize = 16 << 20;
pub(super) const MAX_LIST: usize = 1_000_000;

/// The element or field `index` of `base`.
pub(super) fn item(base: &Value, index: &Value) -> Result<Value, Problem> {
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

/// The elements or characters from `start` up to `stop`, as Python's slices have them.
pub(super) fn slice(base: &Value, start: &Value, stop: &Value, step: &Value) -> Result<Value, Problem> {
    let bound = |value: &Value| match type_of(value) {
        NOTHING => Ok(None),
        NUMBER if value.is_integer() => {
            i64::try_from(value.clone()).map(Some).map_err(|_| Problem::new("this bound is too large"))
        }
        _ => Err(Problem::new(format!(
            "the bounds of a part are whole numbers, this is {}",
            types::described(type_of(value))
        ))),
    };
    let (start, stop, step) = (bound(start)?, bound(stop)?, bound(step)?.unwrap_or(1));
    if step == 0 {
        return Err(Problem::new("a part cannot be taken in steps of 0"));
    }
    match type_of(base) {
        TEXT => {
            let characters: Vec<char> = base.as_str().unwrap_or_default().chars().collect();
            Ok(Value::from(every(&characters, start, stop, step).into_iter().collect::<String>()))
        }
        LIST => Ok(Value::from(every(&elements(base)?, start, stop, step))),
        0 => Err(no_value()),
        other => Err(Problem::new(format!(
            "a part can be taken of a list or text, this is {}",
            types::described(other)
        ))),
    }
}

fn every<T: Clone>(items: &[T], start: Option<i64>, stop: Option<i64>, step: i64) -> Vec<T> {
    let (length, step) = (items.len() as i128, i128::from(step));
    let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let place = |bound: Option<i64>, absent: i128| match bound.map(i128::from) {
        Some(bound) => (if bound < 0 { bound + length } else { bound }).clamp(low, high),
        None => absent,
    };
    let (mut at, stop) = if step > 0 {
        (place(start, low), place(stop, high))
    } else {
        (place(start, high), place(stop, low))
    };
    let mut found = Vec::new();
    while if step > 0 { at < stop } else { at > stop } {
        found.extend(usize::try_from(at).ok().and_then(|at| items.get(at)).cloned());
        at += step;
    }
    found
}

/// The elements of a list.
pub(super) fn elements(list: &Value) -> Result<Vec<Value>, Problem> {
    Ok(list.try_iter().map_err(|error| Problem::new(error.to_string()))?.collect())
}

enum Number {
    Whole(i128),
    Float(f64),
}

fn number(value: &Value) -> Option<Number> {
    if type_of(value) != NUMBER {
        return None;
    }
    match value.is_integer() {
        true => i128::try_from(value.clone()).ok().map(Number::Whole),
        false => f64::try_from(value.clone()).ok().map(Number::Float),
    }
}

/// `left operator right` for `+ - * / // % **`.
pub(super) fn calculate(left: &Value, operator: &str, right: &Value) -> Result<Value, Problem> {
    if left.is_undefined() || right.is_undefined() {
        return Err(no_value());
    }
    if operator == "+" {
        match (type_of(left), type_of(right)) {
            (TEXT, TEXT) => {
                let (left, right) = (left.as_str().unwrap_or_default(), right.as_str().unwrap_or_default());
                return limited(Value::from([left, right].concat()));
            }
            (LIST, LIST) => {
                let mut all = elements(left)?;
                all.extend(elements(right)?);
                return limited(Value::from(all));
            }
            (NUMBER, NUMBER) => {}
            (one, other) if (one | other) & !(TEXT | LIST | NUMBER) == 0 => {
                let message =
                    format!("{} and {} cannot be added", types::described(one), types::described(other));
                return Err(
                    Problem::new(message).help("join texts with `~`, turn a text into a number with `| int`")
                );
            }
            _ => {}
        }
    }
    let operand = |value: &Value| {
        number(value).ok_or_else(|| {
            let found = type_of(value);
            let problem =
                Problem::new(format!("`{operator}` needs a number, this is {}", types::described(found)));
            if found == TEXT { problem.help(NUMBER_FROM_TEXT) } else { problem }
        })
    };
    let result = match (operand(left)?, operand(right)?) {
        (Number::Whole(left), Number::Whole(right)) => whole(left, operator, right)?,
        (left, right) => {
            let float = |number| match number {
                Number::Whole(number) => number as f64,
                Number::Float(number) => number,
            };
            floating(float(left), operator, float(right))?
        }
    };
    match result {
        Number::Whole(number) => Ok(i64::try_from(number).map_or_else(|_| Value::from(number), Value::from)),
        Number::Float(number) if number.is_finite() => Ok(Value::from(number)),
        Number::Float(_) => Err(Problem::new("the result is not a finite number")),
    }
}

const NUMBER_FROM_TEXT: &str = "turn the text into a number with `| int` or `| float`";

/// Adds how a text becomes a number when the operand is one.
pub(super) fn advise_number(fault: Fault, found: Types) -> Fault {
    if found == TEXT { fault.help(NUMBER_FROM_TEXT) } else { fault }
}

fn whole(left: i128, operator: &str, right: i128) -> Result<Number, Problem> {
    if right == 0 && matches!(operator, "/" | "//" | "%") {
        return Err(Problem::new("division by zero"));
    }
    let floored = |quotient: i128| {
        let remainder = left.checked_rem(right).unwrap_or(0);
        quotient - i128::from(remainder != 0 && (remainder < 0) != (right < 0))
    };
    let result = match operator {
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "//" => left.checked_div(right).map(floored),
        "%" => left.checked_rem(right).map(|remainder| {
            if remainder != 0 && (remainder < 0) != (right < 0) { remainder + right } else { remainder }
        }),
        "**" if right >= 0 => u32::try_from(right).ok().and_then(|right| left.checked_pow(right)),
        _ => return floating(left as f64, operator, right as f64),
    };
    result.map(Number::Whole).ok_or_else(|| {
        Problem::new("this whole number is too large").help("use `| float` before calculating")
    })
}

fn floating(left: f64, operator: &str, right: f64) -> Result<Number, Problem> {
    if right == 0.0 && matches!(operator, "/" | "//" | "%") {
        return Err(Problem::new("division by zero"));
    }
    Ok(Number::Float(match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        "//" => (left / right).floor(),
        "%" => left - right * (left / right).floor(),
        _ => left.powf(right),
    }))
}

/// The number with the other sign.
pub(super) fn negate(value: &Value) -> Result<Value, Problem> {
    calculate(&Value::from(0), "-", value).map(|negative| match number(value) {
        // `0 - 0.0` would lose the sign that `-0.0` has.
        Some(Number::Float(number)) => Value::from(-number),
        _ => negative,
    })
}

/// `value`, unless it is more than expressions may make.
pub(super) fn limited(value: Value) -> Result<Value, Problem> {
    if value.as_str().is_some_and(|text| text.len() > MAX_TEXT) {
        return Err(too_long());
    }
    if type_of(&value) == LIST && value.len().is_some_and(|length| length > MAX_LIST) {
        return Err(Problem::new(format!("a list of more than {MAX_LIST} elements")));
    }
    Ok(value)
}

/// What to say of a text that would be too long.
pub(super) fn too_long() -> Problem {
    Problem::new(format!("a text of more than {} MiB", MAX_TEXT >> 20))
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

/// Whether both are the same; nothing is equal to nothing only.
pub(super) fn equal(left: &Value, right: &Value) -> Result<bool, Problem> {
    let (one, other) = (type_of(left), type_of(right));
    if one == 0 || other == 0 {
        return Err(no_value());
    }
    if (one | other) & NOTHING != 0 {
        return Ok(one == other);
    }
    if one != other {
        return Err(mismatch(one, other));
    }
    match one {
        LIST => {
            let (left, right) = (elements(left)?, elements(right)?);
            if left.len() != right.len() {
                return Ok(false);
            }
            all_equal(left.iter().zip(&right).map(|(left, right)| equal(left, right)))
        }
        MAP => {
            let keys = elements(left)?;
            let there: Option<Vec<(Value, Value)>> = keys
                .iter()
                .map(|key| {
                    Some((left.get_item(key).ok()?, right.get_item(key).ok().filter(|v| !v.is_undefined())?))
                })
                .collect();
            match there.filter(|_| right.len() == Some(keys.len())) {
                Some(pairs) => all_equal(pairs.iter().map(|(left, right)| equal(left, right))),
                None => Ok(false),
            }
        }
        _ => Ok(left == right),
    }
}

/// A part that differs makes the whole differ, whatever cannot be compared beside it.
fn all_equal(parts: impl Iterator<Item = Result<bool, Problem>>) -> Result<bool, Problem> {
    let mut problem = None;
    for part in parts {
        match part {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(found) => problem = Some(found),
        }
    }
    problem.map_or(Ok(true), Err)
}

/// Which of two numbers or texts is less.
pub(super) fn order(left: &Value, right: &Value) -> Result<Ordering, Problem> {
    match (type_of(left), type_of(right)) {
        (NUMBER, NUMBER) | (TEXT, TEXT) => Ok(left.cmp(right)),
        (0, _) | (_, 0) => Err(no_value()),
        (one, other) if one == other => Err(no_order(one)),
        (one, other) => Err(mismatch(one, other)),
    }
}

/// What to say when values of a type have no order.
pub(super) fn no_order(both: Types) -> Problem {
    let one = types::described(both);
    let other =
        if both == NOTHING { "nothing".to_owned() } else { format!("another {}", types::names(both)) };
    Problem::new(format!("{one} is neither less nor greater than {other}"))
}

/// What to say when values of these types are compared.
pub(super) fn mismatch(left: Types, right: Types) -> Problem {
    let (one, other) = (types::described(left), types::described(right));
    let problem = Problem::new(format!("{one} cannot be compared with {other}"));
    match (left, right) {
        (TEXT, NUMBER) | (NUMBER, TEXT) => problem.help(NUMBER_FROM_TEXT),
        (TEXT, BOOL) | (BOOL, TEXT) => problem.help("turn the text into a bool with `| bool`"),
        (LIST, NUMBER) | (NUMBER, LIST) => problem.help("compare its `| length`"),
        _ => problem,
    }
}

/// What to say when nothing can be in a value of this type.
pub(super) fn contains_nothing(whole: Types) -> Problem {
    Problem::new(format!("{} contains nothing", types::described(whole)))
        .help("`in` needs a list, map or text on its right")
}

/// What to say when a value of the type `part` cannot be in one of the type `whole`.
pub(super) fn no_part(part: Types, whole: Types) -> Problem {
    let one = types::described(part);
    match whole {
        TEXT => {
            Problem::new(format!("{one} cannot be part of a text")).help("turn it into text with `| string`")
        }
        _ => Problem::new(format!("{one} cannot be a key of a map")),
    }
}

fn contains(part: &Value, whole: &Value) -> Result<bool, Problem> {
    match type_of(whole) {
        TEXT => match (part.as_str(), whole.as_str()) {
            (Some(part), Some(whole)) => Ok(whole.contains(part)),
            _ => Err(no_part(type_of(part), TEXT)),
        },
        MAP => match part.as_str() {
            Some(_) => Ok(whole.get_item(part).is_ok_and(|found| !found.is_undefined())),
            None => Err(no_part(type_of(part), MAP)),
        },
        LIST => {
            let mut other = None;
            let mut comparable = false;
            for item in elements(whole)? {
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
        other => Err(contains_nothing(other)),
    }
}

/// The value of a condition.
pub(super) fn truth(condition: &Value) -> Result<bool, Problem> {
    match type_of(condition) {
        BOOL => Ok(condition.is_true()),
        0 => Err(no_value()),
        found => Err(not_a_condition(&types::names(found))),
    }
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

/// `value` inside a text.
pub(super) fn text(value: &Value) -> Result<String, Problem> {
    as_text(&from_minijinja(value)?)
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

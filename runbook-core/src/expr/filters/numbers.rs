//! Filters and tests for numbers, and for texts that are one: sizes and durations too.

use minijinja::Value;

use super::{Args, Outcome, shown};
use crate::expr::operators::{calculate, negate};
use crate::expr::problem::Problem;
use crate::expr::types::{NUMBER, type_of};
use crate::value::{Duration, parse_binary_size, parse_size};

pub(super) fn filter(name: &str, value: &Value, args: &Args<'_>) -> Outcome {
    match name {
        "abs" => {
            if value < &Value::from(0) {
                negate(value)
            } else {
                Ok(value.clone())
            }
        }
        "int" => args.or_default(0, int(value)),
        "float" => args.or_default(0, float(value)),
        "round" => round(value, args),
        "size" => args.or_default(0, size(value, args.flag(1))),
        "to_size" => to_size(value),
        "duration" => args.or_default(0, duration(value)),
        _ => to_duration(value),
    }
}

fn int(value: &Value) -> Outcome {
    if value.is_integer() {
        return Ok(value.clone());
    }
    if type_of(value) == NUMBER {
        return whole(as_float(value).trunc())
            .ok_or_else(|| Problem::new("the number is too large for `int`"));
    }
    let text = value.as_str().unwrap_or_default().trim();
    let signed = text.parse::<i64>().map(Value::from);
    signed.or_else(|_| text.parse::<u64>().map(Value::from)).map_err(|_| {
        Problem::new(format!("{} is not a whole number", shown(text)))
            .help("take the number out with `| regex_capture('(\\d+)')`, or give `int(default=…)`")
    })
}

fn float(value: &Value) -> Outcome {
    if type_of(value) == NUMBER {
        return Ok(Value::from(as_float(value)));
    }
    let text = value.as_str().unwrap_or_default().trim();
    let float = text.parse::<f64>().ok().filter(|float| float.is_finite());
    float.map(Value::from).ok_or_else(|| {
        Problem::new(format!("{} is not a number", shown(text)))
            .help("take the number out with `| regex_capture(…)`, or give `float(default=…)`")
    })
}

fn as_float(value: &Value) -> f64 {
    match value.is_integer() {
        true => i128::try_from(value.clone()).map_or(f64::NAN, |number| number as f64),
        false => f64::try_from(value.clone()).unwrap_or(f64::NAN),
    }
}

/// A float without a fraction as a whole number.
fn whole(float: f64) -> Option<Value> {
    let fits = float >= i64::MIN as f64 && float < i64::MAX as f64;
    fits.then(|| Value::from(float as i64))
}

pub(in crate::expr) fn check_method(method: &str) -> Result<(), Problem> {
    match method {
        "common" | "floor" | "ceil" => Ok(()),
        other => Err(Problem::new(format!("{} is not `common`, `floor` or `ceil`", shown(other)))),
    }
}

fn round(value: &Value, args: &Args<'_>) -> Outcome {
    let method = args.text(1).unwrap_or("common");
    check_method(method)?;
    let digits = args.whole(0, 0, 15)?.unwrap_or(0);
    if value.is_integer() {
        return Ok(value.clone());
    }
    let float = as_float(value);
    let factor = 10_f64.powi(i32::try_from(digits).unwrap_or(0));
    let rounded = match method {
        "floor" => (float * factor).floor() / factor,
        "ceil" => (float * factor).ceil() / factor,
        // Written out in decimal, so that 1.005 is not rounded as something else.
        _ => format!("{float:.0$}", usize::try_from(digits).unwrap_or(0)).parse().unwrap_or(float),
    };
    // A number so large that its digits leave the range has no fraction to round.
    let rounded = if rounded.is_finite() { rounded } else { float };
    match digits {
        0 => whole(rounded).ok_or_else(|| Problem::new("the number is too large for `round`")),
        _ => Ok(Value::from(rounded)),
    }
}

fn size(value: &Value, binary: bool) -> Outcome {
    let text = value.as_str().unwrap_or_default();
    let parsed = if binary { parse_binary_size(text) } else { parse_size(text) };
    parsed.map(Value::from).ok_or_else(|| {
        Problem::new(format!("{} is not a size", shown(text.trim())))
            .help("sizes are written as `1000`, `64kB`, `1.5GiB` or `10 MiB`")
    })
}

fn to_size(value: &Value) -> Outcome {
    let bytes = as_float(value);
    if bytes < 0.0 {
        return Err(Problem::new("a size cannot be negative"));
    }
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut scaled, mut unit) = (bytes, 0);
    // What would be shown as 1024.0 belongs to the next unit.
    while unit + 1 < units.len() && scaled >= if unit == 0 { 1024.0 } else { 1023.95 } {
        scaled /= 1024.0;
        unit += 1;
    }
    let number = if unit == 0 { format!("{scaled:.0}") } else { format!("{scaled:.1}") };
    let number = number.strip_suffix(".0").unwrap_or(&number);
    Ok(Value::from(format!("{number} {}", units.get(unit).unwrap_or(&"B"))))
}

fn seconds(millis: u64) -> Value {
    if millis.is_multiple_of(1000) { Value::from(millis / 1000) } else { Value::from(millis as f64 / 1000.0) }
}

fn duration(value: &Value) -> Outcome {
    let text = value.as_str().unwrap_or_default();
    let duration: Duration =
        text.parse().map_err(|error| Problem::new(format!("{}: {error}", shown(text.trim()))))?;
    Ok(seconds(duration.as_millis()))
}

fn to_duration(value: &Value) -> Outcome {
    let millis = (as_float(value) * 1000.0).round();
    if millis.abs() >= u64::MAX as f64 {
        return Err(Problem::new("this duration is too long"));
    }
    let text = Duration::from_millis(millis.abs() as u64).to_string();
    Ok(Value::from(if millis < 0.0 { format!("-{text}") } else { text }))
}

pub(super) fn test(name: &str, value: &Value, other: Option<&Value>) -> Result<bool, Problem> {
    let two = Value::from(2);
    let divisor = if name == "divisibleby" { other.unwrap_or(&two) } else { &two };
    let rest = calculate(value, "%", divisor)?;
    Ok((rest == Value::from(0)) != (name == "odd"))
}

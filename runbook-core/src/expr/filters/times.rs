//! Filters for points in time: RFC 3339 texts in and out. There is no clock here; `now` is a value like any other.

use jiff::civil::Time;
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use minijinja::Value;

use super::{Args, Outcome, shown};
use crate::expr::convert::no_value;
use crate::expr::problem::Problem;
use crate::expr::types::{NUMBER, type_of};
use crate::value::Duration;

pub(super) fn filter(name: &str, value: &Value, args: &Args<'_>) -> Outcome {
    let shifted = |sign: i32| {
        let length = duration(args.needed_text(0)?)?.saturating_mul(sign);
        let moved = instant(value)?.checked_add(length);
        moved.map(|moved| Value::from(moved.to_string())).map_err(|_| too_far())
    };
    match name {
        "plus" => shifted(1),
        "minus" => shifted(-1),
        "unix" => Ok(seconds(SignedDuration::from_nanos_i128(instant(value)?.as_nanosecond()))),
        "age" => {
            let reference = instant(args.given(0).ok_or_else(no_value)?)?;
            Ok(seconds(reference.duration_since(instant(value)?)))
        }
        "date" => {
            let at = args.text(1).map_or(Ok(Offset::UTC), offset)?;
            let local = instant(value)?.to_zoned(TimeZone::fixed(at));
            strtime::format(args.needed_text(0)?, &local)
                .map(Value::from)
                .map_err(|error| wrong_format(&error))
        }
        _ => datetime(value, args),
    }
}

fn too_far() -> Problem {
    Problem::new("this point in time is too far away")
}

fn wrong_format(error: &jiff::Error) -> Problem {
    Problem::new(format!("the format does not fit: {error}"))
}

/// Seconds, whole ones as a whole number.
fn seconds(duration: SignedDuration) -> Value {
    match duration.subsec_nanos() {
        0 => Value::from(duration.as_secs()),
        _ => Value::from(duration.as_secs_f64()),
    }
}

/// The point in time that a value stands for: RFC 3339, or seconds since 1970.
fn instant(value: &Value) -> Result<Timestamp, Problem> {
    if type_of(value) == NUMBER {
        if value.is_integer() {
            let whole = i64::try_from(value.clone()).map_err(|_| too_far())?;
            return Timestamp::from_second(whole).map_err(|_| too_far());
        }
        let float = f64::try_from(value.clone()).unwrap_or(f64::NAN);
        let duration = SignedDuration::try_from_secs_f64(float).map_err(|_| too_far())?;
        return Timestamp::from_duration(duration).map_err(|_| too_far());
    }
    let text = value.as_str().unwrap_or_default().trim();
    if let Ok(whole) = text.parse::<i64>() {
        return Timestamp::from_second(whole).map_err(|_| too_far());
    }
    text.parse().map_err(|_| {
        Problem::new(format!("{} is not a point in time", shown(text)))
            .help("write it as `2026-11-20T10:00:00Z`, or read it with `| datetime(format)`")
    })
}

/// The length of time in an argument.
pub(in crate::expr) fn duration(text: &str) -> Result<SignedDuration, Problem> {
    let length: Duration =
        text.parse().map_err(|error| Problem::new(format!("{}: {error}", shown(text.trim()))))?;
    i64::try_from(length.as_millis()).map(SignedDuration::from_millis).map_err(|_| too_far())
}

/// An offset from UTC such as `+03:00`.
pub(in crate::expr) fn offset(text: &str) -> Result<Offset, Problem> {
    if text == "Z" {
        return Ok(Offset::UTC);
    }
    let parsed = strtime::parse("%:z", text).or_else(|_| strtime::parse("%z", text));
    parsed.ok().and_then(|parsed| parsed.offset()).ok_or_else(|| {
        Problem::new(format!("{} is not an offset from UTC", shown(text))).help("write it as `+03:00`")
    })
}

/// Says what is wrong with a format to write.
pub(in crate::expr) fn check_format(format: &str) -> Result<(), Problem> {
    let any = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    strtime::format(format, &any).map(|_| ()).map_err(|error| wrong_format(&error))
}

/// Says what is wrong with a format to read; what it cannot write it cannot read.
pub(in crate::expr) fn check_parse_format(format: &str) -> Result<(), Problem> {
    check_format(format)
}

fn datetime(value: &Value, args: &Args<'_>) -> Outcome {
    let default = args.text(1).map(offset).transpose()?;
    let text = value.as_str().unwrap_or_default().trim();
    let found = match args.text(0) {
        Some(_) if type_of(value) == NUMBER => {
            return Err(Problem::new("a number of seconds is read without a format"));
        }
        Some(format) => read(format, text, default)?,
        // A text without an offset is taken at the one that is given, if one is.
        None => match (default, text.parse::<jiff::civil::DateTime>()) {
            (Some(default), Ok(local)) if text.parse::<Timestamp>().is_err() => {
                default.to_timestamp(local).map_err(|_| too_far())?
            }
            _ => instant(value)?,
        },
    };
    Ok(Value::from(found.to_string()))
}

fn read(format: &str, text: &str, default: Option<Offset>) -> Result<Timestamp, Problem> {
    let parsed = strtime::parse(format, text).map_err(|error| {
        Problem::new(format!("{} is not of the form {}: {error}", shown(text), shown(format)))
    })?;
    if let Some(timestamp) = parsed.timestamp() {
        return Ok(timestamp);
    }
    let date = parsed.to_date().map_err(|error| wrong_format(&error))?;
    // A format without a time of day means its beginning.
    let time = if parsed.hour().is_none() {
        Time::midnight()
    } else {
        parsed.to_time().map_err(|error| wrong_format(&error))?
    };
    let offset = parsed.offset().or(default).unwrap_or(Offset::UTC);
    offset.to_timestamp(date.to_datetime(time)).map_err(|_| too_far())
}

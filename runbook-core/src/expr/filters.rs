//! The filters: minijinja's own where they are strict enough, ours for what operators do with command output.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, Value};
use regex::{Regex, RegexBuilder};

use super::convert::{from_minijinja, no_value, to_minijinja};
use super::environment::{as_text, type_name};
use super::problem::Problem;
use super::table;
use crate::value::{Duration, parse_size};

/// Largest compiled regular expression, in bytes.
const REGEX_SIZE: usize = 1 << 20;
/// Most regular expressions kept compiled.
const REGEX_CACHE: usize = 64;

pub(super) fn register(environment: &mut Environment<'static>) {
    use minijinja::filters;
    environment.add_filter("abs", filters::abs);
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter(
        "default",
        |value: &Value, other: &Value| {
            if value.is_undefined() { other.clone() } else { value.clone() }
        },
    );
    environment.add_filter("dictsort", filters::dictsort);
    environment.add_filter("first", filters::first);
    environment.add_filter("indent", filters::indent);
    environment.add_filter("items", filters::items);
    environment.add_filter("join", filters::join);
    environment.add_filter("last", filters::last);
    environment.add_filter("length", filters::length);
    environment.add_filter("list", filters::list);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("map", filters::map);
    environment.add_filter("max", filters::max);
    environment.add_filter("min", filters::min);
    environment.add_filter("reject", filters::reject);
    environment.add_filter("rejectattr", filters::rejectattr);
    environment.add_filter("replace", filters::replace);
    environment.add_filter("reverse", filters::reverse);
    environment.add_filter("round", filters::round);
    environment.add_filter("select", filters::select);
    environment.add_filter("selectattr", filters::selectattr);
    environment.add_filter("sort", filters::sort);
    environment.add_filter("split", filters::split);
    environment.add_filter("sum", filters::sum);
    environment.add_filter("title", filters::title);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("unique", filters::unique);
    environment.add_filter("upper", filters::upper);
    environment.add_filter("urlencode", filters::urlencode);
    environment.add_filter("basename", basename);
    environment.add_filter("bool", bool);
    environment.add_filter("dirname", dirname);
    environment.add_filter("duration", duration);
    environment.add_filter("float", float);
    environment.add_filter("from_json", from_json);
    environment.add_filter("int", int);
    environment.add_filter("keys", |value: &Value| entries(value, "keys", |key, _| key));
    environment.add_filter("lines", lines);
    environment.add_filter("raw", |value: &Value| value.clone());
    environment.add_filter("regex_capture", regex_capture);
    environment.add_filter("regex_captures", regex_captures);
    environment.add_filter("size", size);
    environment.add_filter("string", string);
    environment.add_filter("table", |value: &Value| {
        Ok::<_, Error>(to_minijinja(&table::parse(text(value, "table")?)))
    });
    environment.add_filter("to_json", to_json);
    environment.add_filter("values", |value: &Value| entries(value, "values", |_, value| value));
}

fn text<'a>(value: &'a Value, filter: &str) -> Result<&'a str, Problem> {
    match value.as_str() {
        Some(text) => Ok(text),
        None if value.is_undefined() => Err(no_value()),
        None => Err(Problem::new(
            format!("`{filter}` needs a text, this is a {}", type_name(value))
                .replace("a nothing", "nothing"),
        )),
    }
}

/// The `default=` of a filter that may fail, taken only when it does.
fn or_default(result: Result<Value, Problem>, options: &Kwargs) -> Result<Value, Error> {
    // `default=none` is a default too.
    let default = if options.has("default") { Some(options.get::<Value>("default")?) } else { None };
    options.assert_all_used()?;
    match (result, default) {
        (Err(_), Some(default)) => Ok(default),
        (result, _) => Ok(result?),
    }
}

/// A text as a message shows it: quoted and not too long.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    format!("{short:?}{}", if short.len() < text.len() { "…" } else { "" })
}

fn int(value: &Value, options: Kwargs) -> Result<Value, Error> {
    or_default(whole_number(value), &options)
}

fn whole_number(value: &Value) -> Result<Value, Problem> {
    if value.is_integer() {
        return Ok(value.clone());
    }
    if value.kind() == ValueKind::Number {
        let float = f64::try_from(value.clone()).unwrap_or(f64::NAN).trunc();
        let fits = float >= i64::MIN as f64 && float < i64::MAX as f64;
        return fits
            .then(|| Value::from(float as i64))
            .ok_or_else(|| Problem::new("the number is too large for `int`"));
    }
    let text = text(value, "int")?.trim();
    let signed = text.parse::<i64>().map(Value::from);
    signed.or_else(|_| text.parse::<u64>().map(Value::from)).map_err(|_| {
        Problem::new(format!("{} is not a whole number", shown(text)))
            .help("take the number out with `| regex_capture('(\\d+)')`, or give `int(default=…)`")
    })
}

fn float(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let result = match value.kind() {
        ValueKind::Number => {
            f64::try_from(value.clone()).map_err(|_| Problem::new("the number is too large for `float`"))
        }
        _ => text(value, "float").and_then(|text| {
            let float = text.trim().parse::<f64>().ok().filter(|float| float.is_finite());
            float.ok_or_else(|| {
                Problem::new(format!("{} is not a number", shown(text.trim())))
                    .help("take the number out with `| regex_capture(…)`, or give `float(default=…)`")
            })
        }),
    };
    or_default(result.map(Value::from), &options)
}

fn bool(value: &Value) -> Result<bool, Error> {
    if value.kind() == ValueKind::Bool {
        return Ok(value.is_true());
    }
    match text(value, "bool")?.trim() {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(Problem::new(format!("{} is neither `true` nor `false`", shown(other)))
            .help("compare it, such as `… == 'yes'`")
            .into()),
    }
}

fn string(value: &Value) -> Result<String, Error> {
    Ok(as_text(&from_minijinja(value)?)?)
}

fn lines(value: &Value) -> Result<Vec<String>, Error> {
    Ok(text(value, "lines")?.lines().map(str::to_owned).collect())
}

fn from_json(value: &Value) -> Result<Value, Error> {
    let text = text(value, "from_json")?;
    let data: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| Problem::new(format!("{} is not JSON: {error}", shown(text))))?;
    Ok(to_minijinja(&data))
}

fn to_json(value: &Value, options: Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = options.get("indent")?;
    options.assert_all_used()?;
    let data = from_minijinja(value)?;
    let Some(width) = indent else { return Ok(data.to_string()) };
    let spaces = " ".repeat(width.min(16));
    let mut json = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(spaces.as_bytes());
    let mut serializer = serde_json::Serializer::with_formatter(&mut json, formatter);
    serde::Serialize::serialize(&data, &mut serializer).map_err(|error| Problem::new(error.to_string()))?;
    Ok(String::from_utf8_lossy(&json).into_owned())
}

fn entries(value: &Value, filter: &str, part: impl Fn(Value, Value) -> Value) -> Result<Vec<Value>, Error> {
    if value.kind() != ValueKind::Map {
        return Err(Problem::new(
            format!("`{filter}` needs a map, this is a {}", type_name(value)).replace("a nothing", "nothing"),
        )
        .into());
    }
    value.try_iter()?.map(|key| Ok(part(key.clone(), value.get_item(&key)?))).collect()
}

fn basename(value: &Value) -> Result<String, Error> {
    let path = text(value, "basename")?;
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() && !path.is_empty() {
        return Ok("/".to_owned());
    }
    Ok(trimmed.rsplit('/').next().unwrap_or(trimmed).to_owned())
}

fn dirname(value: &Value) -> Result<String, Error> {
    let path = text(value, "dirname")?;
    let trimmed = path.trim_end_matches('/');
    Ok(match trimmed.rfind('/') {
        Some(slash) => match trimmed[..slash].trim_end_matches('/') {
            "" => "/",
            parent => parent,
        },
        None if trimmed.is_empty() && !path.is_empty() => "/",
        None => ".",
    }
    .to_owned())
}

fn size(value: &Value) -> Result<u64, Error> {
    let text = text(value, "size")?;
    parse_size(text).ok_or_else(|| {
        Problem::new(format!("{} is not a size", shown(text.trim())))
            .help("sizes are written as `1000`, `64kB` or `10MiB`")
            .into()
    })
}

fn duration(value: &Value) -> Result<Value, Error> {
    let text = text(value, "duration")?;
    let duration: Duration =
        text.parse().map_err(|error| Problem::new(format!("{}: {error}", shown(text.trim()))))?;
    let millis = duration.as_millis();
    Ok(if millis.is_multiple_of(1000) {
        Value::from(millis / 1000)
    } else {
        Value::from(millis as f64 / 1000.0)
    })
}

/// Compiles `pattern`, or takes it from those compiled before.
pub(super) fn regex(pattern: &str) -> Result<Arc<Regex>, Problem> {
    static COMPILED: OnceLock<Mutex<HashMap<String, Arc<Regex>>>> = OnceLock::new();
    let mut compiled = COMPILED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = compiled.get(pattern) {
        return Ok(Arc::clone(regex));
    }
    let regex = RegexBuilder::new(pattern).size_limit(REGEX_SIZE).build().map_err(|error| {
        let message = match error {
            regex::Error::CompiledTooBig(_) => "this regular expression is too large".to_owned(),
            // The last line says what is wrong; those before draw the pattern.
            error => {
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                format!("{} is not a regular expression: {reason}", shown(pattern))
            }
        };
        Problem::new(message)
    })?;
    if compiled.len() >= REGEX_CACHE {
        compiled.clear();
    }
    let regex = Arc::new(regex);
    compiled.insert(pattern.to_owned(), Arc::clone(&regex));
    Ok(regex)
}

fn captured(captures: &regex::Captures<'_>) -> String {
    // A pattern with a group that took no part in the match captures nothing rather than everything.
    let wanted = if captures.len() > 1 { captures.get(1) } else { captures.get(0) };
    wanted.map_or_else(String::new, |found| found.as_str().to_owned())
}

fn regex_capture(value: &Value, pattern: &str, options: Kwargs) -> Result<Value, Error> {
    let regex = regex(pattern)?;
    let text = text(value, "regex_capture")?;
    let found = regex.captures(text).map(|captures| Value::from(captured(&captures)));
    let result = found.ok_or_else(|| {
        Problem::new(format!("{} does not match {}", shown(text), shown(pattern)))
            .help("give a value for this case: `regex_capture(…, default=…)`")
    });
    or_default(result, &options)
}

fn regex_captures(value: &Value, pattern: &str) -> Result<Vec<String>, Error> {
    let regex = regex(pattern)?;
    Ok(regex.captures_iter(text(value, "regex_captures")?).map(|captures| captured(&captures)).collect())
}

pub(super) fn is_matching(value: &Value, pattern: &str) -> Result<bool, Error> {
    Ok(regex(pattern)?.is_match(text(value, "matching")?))
}

pub(super) fn is_empty(value: &Value) -> Result<bool, Error> {
    let length = value.len();
    let none = || {
        Problem::new(
            format!("a {} is neither empty nor full", type_name(value)).replace("a nothing", "nothing"),
        )
    };
    Ok(length.ok_or_else(none)? == 0)
}

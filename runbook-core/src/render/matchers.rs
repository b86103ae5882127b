//! What fields of a result must be, as executors' authors write it: `status: 2xx`, `json: {state: up}`.
//!
//! A value, a list of which one fits, a class such as `2xx`, a map of matchers, or a map of paths into the field to
//! any of these. Knows no particular executor.

use regex::Regex;

use crate::expr::is_unusable;
use crate::model::Matcher;
use crate::value::{Duration, Object, Value, display, type_name};

/// How long a value is shown at most, in characters.
const SHOWN: usize = 200;

/// Whether the field `name` of `fields` fits `wanted`. `Err` says what was found instead, for people.
pub(super) fn field_fits(name: &str, wanted: &Value, fields: &Object) -> Result<(), String> {
    match fields.get(name) {
        Some(found) => {
            fits(&Place { name: name.to_owned(), of_headers: name == "headers" }, wanted, Some(found))
        }
        None if absent_is_fine(wanted) => Ok(()),
        None => Err(format!("there is no `{name}` in the result")),
    }
}

fn absent_is_fine(wanted: &Value) -> bool {
    wanted.get("exists") == Some(&Value::Bool(false))
}

/// What is compared, for messages.
struct Place {
    name: String,
    /// Names of headers are the same in small and capital letters, and all their values are texts.
    of_headers: bool,
}

impl Place {
    fn inner(&self, path: &str) -> Self {
        Place { name: format!("{}.{path}", self.name), of_headers: self.of_headers }
    }

    fn find<'v>(&self, found: &'v Value, path: &str) -> Option<&'v Value> {
        if self.of_headers {
            return found.get(path.to_ascii_lowercase()).or_else(|| found.get(path));
        }
        at(found, path)
    }
}

fn fits(place: &Place, wanted: &Value, found: Option<&Value>) -> Result<(), String> {
    let name = &place.name;
    if let Some(found) = found.filter(|found| is_unusable(found)) {
        let why = found.as_object().and_then(|map| map.values().next()).map(display).unwrap_or_default();
        return Err(format!("{name} cannot be compared: {why}"));
    }
    match wanted {
        Value::Array(choices) => {
            let fitting = |choice| fits(place, choice, found).is_ok();
            let any = choices.iter().any(fitting);
            if any { Ok(()) } else { Err(differs(name, "one of", wanted, found)) }
        }
        Value::Object(map)
            if !map.is_empty() && map.keys().all(|key| Matcher::KEYS.contains(&key.as_str())) =>
        {
            map.iter().try_for_each(|(key, wanted)| matcher(place, key, wanted, found))
        }
        Value::Object(paths) => paths.iter().try_for_each(|(path, wanted)| {
            fits(&place.inner(path), wanted, found.and_then(|found| place.find(found, path)))
        }),
        Value::String(class) if is_class(class) && found.is_some_and(Value::is_number) => {
            let digits = found.map(display).unwrap_or_default();
            let holds = digits.len() == class.len() && digits.starts_with(class.trim_end_matches('x'));
            if holds { Ok(()) } else { Err(format!("{name} is {digits}, expected {class}")) }
        }
        other => equals(place, other, found),
    }
}

/// `2xx`, `40x`.
fn is_class(text: &str) -> bool {
    let digits = text.trim_end_matches('x');
    text.len() == 3 && digits.len() < 3 && !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
}

fn equals(place: &Place, wanted: &Value, found: Option<&Value>) -> Result<(), String> {
    let holds = match (wanted, found) {
        (Value::Null, None) => false,
        (Value::String(wanted), Some(Value::String(found))) => {
            let end = ['\n', '\r'];
            wanted.trim_end_matches(end) == found.trim_end_matches(end)
        }
        (Value::Number(wanted), Some(Value::Number(found))) => {
            wanted == found || wanted.as_f64() == found.as_f64()
        }
        (wanted, Some(found)) if place.of_headers => display(wanted) == display(found),
        (wanted, Some(found)) => wanted == found,
        (_, None) => false,
    };
    if holds { Ok(()) } else { Err(differs(&place.name, "", wanted, found)) }
}

fn differs(name: &str, how: &str, wanted: &Value, found: Option<&Value>) -> String {
    let space = if how.is_empty() { "" } else { " " };
    let Some(found) = found else {
        return format!("{name} is not there, expected{space}{how} {}", shown(wanted));
    };
    let same_text = display(wanted) == display(found) && !matches!(wanted, Value::Array(_));
    match same_text {
        true => {
            let (is, wants) = (type_name(found), type_name(wanted));
            format!("{name} is the {is} {}, expected the {wants} {}", shown(found), shown(wanted))
        }
        false => format!("{name} is {}, expected{space}{how} {}", shown(found), shown(wanted)),
    }
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.trim_end().to_owned(),
        other => other.to_string(),
    };
    let short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() { format!("`{short}…`") } else { format!("`{short}`") }
}

fn matcher(place: &Place, key: &str, wanted: &Value, found: Option<&Value>) -> Result<(), String> {
    let name = &place.name;
    match (key, found) {
        ("exists", _) => match (wanted == &Value::Bool(true), found.is_some()) {
            (true, false) => Err(format!("{name} is not there")),
            (false, true) => {
                Err(format!("{name} is {}, expected none", found.map(shown).unwrap_or_default()))
            }
            _ => Ok(()),
        },
        ("equals", _) => equals(place, wanted, found),
        (_, None) => Err(format!("{name} is not there")),
        ("contains", Some(found)) => contains(name, wanted, found),
        ("matches" | "not_matches", Some(found)) => pattern(name, key == "matches", wanted, found),
        ("empty", Some(found)) => {
            let empty = is_empty(found);
            match wanted == &Value::Bool(true) {
                true if !empty => Err(format!("{name} is not empty: {}", shown(found))),
                false if empty => Err(format!("{name} is empty")),
                _ => Ok(()),
            }
        }
        (_, Some(found)) => limit(name, key == "max", wanted, found),
    }
}

fn contains(name: &str, wanted: &Value, found: &Value) -> Result<(), String> {
    let holds = match found {
        Value::Array(items) => items.contains(wanted),
        Value::Object(map) => wanted.as_str().is_some_and(|key| map.contains_key(key)),
        Value::String(text) => text.contains(&display(wanted)),
        other => {
            return Err(format!("{name} is {}, a {}, and contains nothing", shown(other), type_name(other)));
        }
    };
    if holds { Ok(()) } else { Err(format!("{name} does not contain {}: {}", shown(wanted), shown(found))) }
}

fn pattern(name: &str, should: bool, wanted: &Value, found: &Value) -> Result<(), String> {
    let pattern = Regex::new(&display(wanted)).map_err(|error| format!("{name}: {error}"))?;
    let text = display(found);
    let hit = pattern.find(text.trim_end_matches(['\n', '\r']));
    match (should, hit) {
        (true, None) => Err(format!("{name} does not match {}: {}", shown(wanted), shown(found))),
        (false, Some(hit)) => Err(format!("{name} matches {}: `{}`", shown(wanted), hit.as_str())),
        _ => Ok(()),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// A number, or a duration in seconds.
fn amount(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let seconds = |duration: Duration| duration.as_millis() as f64 / 1000.0;
            text.trim().parse().ok().or_else(|| text.parse().ok().map(seconds))
        }
        _ => None,
    }
}

fn limit(name: &str, at_most: bool, wanted: &Value, found: &Value) -> Result<(), String> {
    let Some(limit) = amount(wanted) else {
        return Err(format!("{} is neither a number nor a duration", shown(wanted)));
    };
    let Some(amount) = amount(found) else {
        return Err(format!("{name} is {}, not a number", shown(found)));
    };
    let holds = if at_most { amount <= limit } else { amount >= limit };
    let (word, unit) =
        (if at_most { "at most" } else { "at least" }, if wanted.is_string() { " s" } else { "" });
    if holds { Ok(()) } else { Err(format!("{name} is {amount}{unit}, expected {word} {}", display(wanted))) }
}

/// What stands at `a.b.0` in `value`.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    if let Some(whole) = value.get(path) {
        return Some(whole);
    }
    path.trim_start_matches("$.").split('.').try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judged(wanted: Value) -> String {
        let fields = json!({
            "status": 502,
            "headers": {"content-type": "text/html", "content-length": "12"},
            "json": {"state": "up", "count": 3, "version": "1.10", "list": [1, {"id": "a"}], "none": null, "a.b": true},
            "latency": 0.75,
            "body": crate::expr::unusable("9 bytes are too large for it".to_owned()),
        });
        let fields = fields.as_object().cloned().unwrap_or_default();
        let wanted = wanted.as_object().cloned().unwrap_or_default();
        let found = wanted.iter().try_for_each(|(name, wanted)| field_fits(name, wanted, &fields));
        found.err().unwrap_or_else(|| "fits".to_owned())
    }

    #[test]
    fn what_fits() {
        for wanted in [
            json!({"status": 502}),
            json!({"status": "5xx"}),
            json!({"status": [200, "50x"]}),
            json!({"headers": {"Content-Type": "text/html", "content-length": 12, "x-none": {"exists": false}}}),
            json!({"headers": {"content-type": {"contains": "html"}}}),
            json!({"json": {"state": "up", "count": {"min": 2, "max": 3}, "list.1.id": "a", "a.b": true}}),
            json!({"json": {"list": {"contains": 1}, "none": {"empty": true}, "nothing": {"exists": false}}}),
            json!({"json": {"list": {"equals": [1, {"id": "a"}]}, "count": [1, 3]}}),
            json!({"json": {"version": {"matches": r"^1\.\d+$", "not_matches": "beta"}}}),
            json!({"latency": {"max": "1s", "min": "500ms"}}),
            json!({"no_such_field": {"exists": false}}),
        ] {
            assert_eq!(judged(wanted.clone()), "fits", "{wanted}");
        }
    }

    #[test]
    fn what_does_not_fit_is_said() {
        for (wanted, said) in [
            (json!({"status": 200}), "status is `502`, expected `200`"),
            (json!({"status": "2xx"}), "status is 502, expected 2xx"),
            (json!({"status": [200, "3xx"]}), "status is `502`, expected one of `[200,\"3xx\"]`"),
            (json!({"headers": {"X-Id": "1"}}), "headers.X-Id is not there, expected `1`"),
            (json!({"json": {"count": "3"}}), "json.count is the number `3`, expected the text `3`"),
            (json!({"json": {"version": 1.10}}), "json.version is `1.10`, expected `1.1`"),
            (json!({"json": {"state": {"contains": "down"}}}), "json.state does not contain `down`: `up`"),
            (json!({"json": {"count": {"max": 2}}}), "json.count is 3, expected at most 2"),
            (json!({"json": {"state": {"exists": false}}}), "json.state is `up`, expected none"),
            (json!({"json": {"a": {"b": 1}}}), "json.a.b is not there, expected `1`"),
            (json!({"json": {"none": 0}}), "json.none is `null`, expected `0`"),
            (json!({"latency": {"max": "500ms"}}), "latency is 0.75 s, expected at most 500ms"),
            (json!({"body": "x"}), "body cannot be compared: 9 bytes are too large for it"),
            (json!({"text": "x"}), "there is no `text` in the result"),
        ] {
            assert_eq!(judged(wanted), said);
        }
    }
}

//! Data as runbooks see it: JSON values, durations and sizes. Knows nothing of where they come from.

use std::fmt;
use std::time::Duration as StdDuration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Inputs, outputs and results: anything JSON can say.
pub type Value = serde_json::Value;

/// A map of names to values that keeps the order in which they were written.
pub type Object = serde_json::Map<String, Value>;

/// A length of time as runbooks write it: `500ms`, `30s`, `5m`, `1h30m`, `2d`.
///
/// A bare number is refused: nobody can tell whether it means seconds or minutes.
///
/// ```
/// use runbook_core::value::Duration;
/// let d: Duration = "1h30m".parse().unwrap();
/// assert_eq!(d.as_millis(), 5_400_000);
/// assert_eq!(d.to_string(), "1h30m");
/// assert!("90".parse::<Duration>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

/// Why a text is not a [`Duration`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// Only digits: the unit is missing.
    #[error("a duration needs a unit, such as `{0}s` or `{0}m`")]
    NoUnit(String),
    /// Not of the form number-unit, number-unit, ….
    #[error("not a duration: write numbers with units, such as `500ms`, `30s`, `5m`, `1h30m` or `2d`")]
    Malformed,
    /// More than about 292 million years.
    #[error("this duration is too long")]
    TooLong,
}

impl Duration {
    /// Units from longest to shortest, with their milliseconds.
    const UNITS: [(&'static str, u64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

    /// A duration of `millis` milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Duration(millis)
    }

    /// A duration of `secs` seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Duration(secs.saturating_mul(1000))
    }

    /// The whole duration in milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The same length for the standard library.
    pub const fn to_std(self) -> StdDuration {
        StdDuration::from_millis(self.0)
    }
}

impl std::str::FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut rest = text.trim();
        if !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()) {
            return Err(DurationError::NoUnit(rest.to_owned()));
        }
        let mut total: u64 = 0;
        let mut smallest_so_far = u64::MAX;
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, tail) = rest.split_at(digits);
            let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
            let (unit, tail) = tail.split_at(letters);
            let (_, millis) =
                Self::UNITS.iter().find(|(name, _)| *name == unit).ok_or(DurationError::Malformed)?;
            if number.is_empty() || *millis >= smallest_so_far {
                return Err(DurationError::Malformed);
            }
            smallest_so_far = *millis;
            let part = number.parse::<u64>().ok().and_then(|n| n.checked_mul(*millis));
            total = part.and_then(|p| total.checked_add(p)).ok_or(DurationError::TooLong)?;
            rest = tail;
        }
        if smallest_so_far == u64::MAX { Err(DurationError::Malformed) } else { Ok(Duration(total)) }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (name, millis) in Self::UNITS {
            if rest >= millis {
                write!(f, "{}{name}", rest / millis)?;
                rest %= millis;
            }
        }
        Ok(())
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// A number of bytes as runbooks write it: `1000`, `64kB`, `1.5GB`, `10 MiB`.
///
/// Units with an `i` are powers of 1024, the others of 1000. Returns `None` when `text` is not a size.
pub fn parse_size(text: &str) -> Option<u64> {
    size(text, 1000)
}

/// A number of bytes as tools write it whose `K`, `M` and `G` are powers of 1024, such as `df -h` and `ls -h`.
///
/// `kB`, `MB` and `GB` are powers of 1000 nevertheless. Returns `None` when `text` is not a size.
pub fn parse_binary_size(text: &str) -> Option<u64> {
    size(text, 1024)
}

fn size(text: &str, letter_base: u128) -> Option<u64> {
    let text = text.trim();
    let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (whole, rest) = text.split_at(digits(text));
    let (fraction, unit) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    let unit = unit.trim_start();
    let (letter, base) = match unit.strip_suffix("iB").or_else(|| unit.strip_suffix('i')) {
        Some(letter) => (letter, 1024),
        None => match unit.strip_suffix('B') {
            Some(letter) => (letter, 1000),
            None => (unit, letter_base),
        },
    };
    let power = match letter {
        "" if base != 1024 || unit.is_empty() => 0,
        "k" | "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        "P" => 5,
        _ => return None,
    };
    let factor = base.checked_pow(power)?;
    // A part of a byte is none, and `1.` is not a number.
    if rest.starts_with('.') && (fraction.is_empty() || fraction.len() > 15 || factor == 1) {
        return None;
    }
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let number = whole.parse::<u128>().ok()?.checked_mul(scale)?;
    let fraction = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().ok()? };
    let bytes = number.checked_add(fraction)?.checked_mul(factor)? / scale;
    u64::try_from(bytes).ok()
}

/// What people call the type of `value`: `text`, `number`, `list`, ….
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "map",
    }
}

/// `value` as it stands inside a text: strings bare, everything else as JSON.
pub fn display(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The parameters of an action for people, on one line: `get http://localhost/health, timeout 5s`.
pub fn in_words(params: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) if !text.is_empty() && !text.contains(['\n', '"']) => text.clone(),
        other => other.to_string(),
    };
    match params {
        Value::Object(fields) if !fields.is_empty() => {
            let field = |(name, value): (&String, &Value)| format!("{name} {}", text(value));
            fields.iter().map(field).collect::<Vec<_>>().join(", ")
        }
        other => text(other),
    }
}

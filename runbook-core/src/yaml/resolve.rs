//! What a plain scalar means to YAML readers.

use std::fmt;

use super::tree::Scalar;
use crate::value::{Value, display};

/// Why a plain scalar, taken as text, is not what YAML readers make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LossReason {
    /// Nothing, `~` or `null`.
    Nothing,
    /// `true` or `false`.
    Bool,
    /// A number with a fraction or an exponent, `.inf` or `.nan`.
    Float,
    /// A number with a plus sign.
    Plus,
    /// A number with leading zeros; octal to some readers.
    LeadingZero,
    /// A number to the base 2, 8 or 16.
    Base,
    /// A whole number that no reader keeps as it is: minus zero, or more than 64 bits.
    Unrepresentable,
    /// Digits with underscores, a number to YAML 1.1 readers.
    Underscores,
    /// `yes`, `no`, `on`, `off`, `y` or `n`, a bool to YAML 1.1 readers.
    OldBool,
    /// Digits with colons, a number to the base 60 to YAML 1.1 readers.
    Sexagesimal,
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LossReason::Nothing => "YAML reads it as nothing",
            LossReason::Bool => "YAML reads it as a bool",
            LossReason::Float => "YAML reads it as a number with a fraction, which can drop digits",
            LossReason::Plus => "YAML reads it as a number and drops the plus sign",
            LossReason::LeadingZero => "YAML reads it as a number and drops the leading zeros",
            LossReason::Base => "YAML reads it as a number to another base",
            LossReason::Unrepresentable => "YAML reads it as a number that cannot be kept exactly",
            LossReason::Underscores => "YAML 1.1 readers take it as a number and drop the underscores",
            LossReason::OldBool => "YAML 1.1 readers take it as a bool",
            LossReason::Sexagesimal => "YAML 1.1 readers take it as a number to the base 60",
        })
    }
}

impl Scalar {
    /// The value by the core schema of YAML 1.2; quoted texts and blocks are texts.
    ///
    /// Infinity, not-a-number and floats beyond all bounds remain texts, as JSON has no way to say them.
    pub fn resolve(&self) -> Value {
        if self.is_plain() { resolve(self.text()) } else { Value::String(self.text().to_owned()) }
    }

    /// Why the text, taken as text, is not what YAML readers make of it; `None` for quoted texts, blocks,
    /// and whatever comes back as it was written.
    pub fn loses_data_as_text(&self) -> Option<LossReason> {
        if self.is_plain() { loss(self.text()) } else { None }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.is_plain() && is_null(self.text())
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn resolve(text: &str) -> Value {
    match text {
        _ if is_null(text) => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::String(text.to_owned())),
    }
}

/// The number that the core schema sees in `text`, if JSON can hold it.
fn number(text: &str) -> Option<Value> {
    if !starts_like_number(text) {
        return None;
    }
    if let Some((digits, radix)) = based(text) {
        return match u64::from_str_radix(digits, radix) {
            Ok(n) => Some(n.into()),
            Err(_) => big(digits, radix),
        };
    }
    if all_digits(unsigned(text)) {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if let Ok(n) = digits.parse::<i64>() {
            return Some(n.into());
        }
        if let Ok(n) = digits.parse::<u64>() {
            return Some(n.into());
        }
    } else if !is_float(text) {
        return None;
    }
    let float = text.parse::<f64>().ok()?;
    serde_json::Number::from_f64(float).map(Value::Number)
}

/// More than 64 bits, as near as a float comes.
fn big(digits: &str, radix: u32) -> Option<Value> {
    let digit = |c: char| c.to_digit(radix).map(f64::from);
    let sum = digits.chars().try_fold(0.0, |sum, c| Some(sum * f64::from(radix) + digit(c)?))?;
    serde_json::Number::from_f64(sum).map(Value::Number)
}

fn starts_like_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Digits and base of `0o17` or `0x1F`.
fn based(text: &str) -> Option<(&str, u32)> {
    let (digits, radix) = match text.get(..2)? {
        "0o" => (&text[2..], 8),
        "0x" => (&text[2..], 16),
        _ => return None,
    };
    (!digits.is_empty() && digits.chars().all(|c| c.is_digit(radix))).then_some((digits, radix))
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match unsigned(text).split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned(text), None),
    };
    let mantissa = match mantissa.split_once('.') {
        Some(("", fraction)) => all_digits(fraction),
        Some((whole, fraction)) => all_digits(whole) && (fraction.is_empty() || all_digits(fraction)),
        None => all_digits(mantissa),
    };
    mantissa && exponent.is_none_or(|e| all_digits(unsigned(e)))
}

fn loss(text: &str) -> Option<LossReason> {
    if is_null(text) {
        return Some(LossReason::Nothing);
    }
    if let Some(reason) = word(text) {
        return Some(reason);
    }
    if !starts_like_number(text) {
        return None;
    }
    let digits = unsigned(text);
    if all_digits(digits) {
        return match resolve(text) {
            value if display(&value) == text => None,
            _ if text.starts_with('+') => Some(LossReason::Plus),
            _ if digits.len() > 1 && digits.starts_with('0') => Some(LossReason::LeadingZero),
            _ => Some(LossReason::Unrepresentable),
        };
    }
    let infinite = matches!(digits, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN");
    if infinite || is_float(text) {
        return Some(LossReason::Float);
    }
    let plain = digits.replace('_', "");
    if old_base(&plain) {
        return Some(LossReason::Base);
    }
    if is_sexagesimal(&plain) {
        return Some(LossReason::Sexagesimal);
    }
    let separated = digits.contains('_') && digits.starts_with(|c: char| c.is_ascii_digit());
    (separated && (all_digits(&plain) || is_float(&plain))).then_some(LossReason::Underscores)
}

fn word(text: &str) -> Option<LossReason> {
    match text {
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Some(LossReason::Bool),
        "y" | "Y" | "yes" | "Yes" | "YES" | "n" | "N" | "no" | "No" | "NO" | "on" | "On" | "ON" | "off"
        | "Off" | "OFF" => Some(LossReason::OldBool),
        _ => None,
    }
}

/// `0x1F`, `0o17`, `0b11`; YAML 1.1 allows a sign before them.
fn old_base(text: &str) -> bool {
    let binary = |t: &str| {
        t.strip_prefix("0b").is_some_and(|d| !d.is_empty() && d.bytes().all(|b| matches!(b, b'0' | b'1')))
    };
    based(text).is_some() || binary(text)
}

/// `12:30`, `1:02:03.5`: parts after the first are below 60.
fn is_sexagesimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':');
    let first = parts.next().is_some_and(all_digits);
    let mut rest = parts.peekable();
    let sixty = |p: &str| all_digits(p) && p.len() <= 2 && p.parse::<u8>().is_ok_and(|n| n < 60);
    first && rest.peek().is_some() && rest.all(sixty) && fraction.bytes().all(|b| b.is_ascii_digit())
}

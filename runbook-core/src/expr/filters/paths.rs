//! Filters for paths of files; texts only, nothing is looked up.

use minijinja::Value;

use super::Outcome;

pub(super) fn basename(value: &Value) -> Outcome {
    let path = value.as_str().unwrap_or_default();
    let trimmed = path.trim_end_matches('/');
    Ok(Value::from(match trimmed.is_empty() && !path.is_empty() {
        true => "/",
        false => trimmed.rsplit('/').next().unwrap_or(trimmed),
    }))
}

pub(super) fn dirname(value: &Value) -> Outcome {
    let path = value.as_str().unwrap_or_default();
    let trimmed = path.trim_end_matches('/');
    Ok(Value::from(match trimmed.rsplit_once('/') {
        Some((parent, _)) => match parent.trim_end_matches('/') {
            "" => "/",
            parent => parent,
        },
        None if trimmed.is_empty() && !path.is_empty() => "/",
        None => ".",
    }))
}

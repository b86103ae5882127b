//! A project as Compose understands it, without what its environment holds: whoever reads a report may not know its secrets.

use runbook_core::value::Value;

/// What stands in the place of a value.
const HIDDEN: &str = "***";

/// A project that can be shown.
pub(super) struct Shown {
    pub(super) text: String,
    pub(super) json: Value,
}

/// Reads what Compose prints, and hides values.
pub(super) fn masked(text: &str) -> Result<Shown, String> {
    let mut json: Value = serde_yaml::from_str(text)
        .map_err(|error| format!("what Compose prints is not understood: {error}"))?;
    hide_in(&mut json);
    let text = serde_yaml::to_string(&json).map_err(|error| error.to_string())?;
    Ok(Shown { text, json })
}

/// Hides values of environments, build arguments, and inline secrets, at any depth.
fn hide_in(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match key.as_str() {
                    "environment" | "args" => hide_all(value),
                    "content" => hide(value),
                    _ => hide_in(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide_in),
        Value::String(text) => hide_password(text),
        _ => {}
    }
}

/// Hides every value of a map, or of a list of `NAME=value`.
fn hide_all(value: &mut Value) {
    match value {
        Value::Object(object) => object.values_mut().for_each(hide),
        Value::Array(items) => {
            for item in items {
                if let Some((name, value)) = item.as_str().and_then(|item| item.split_once('='))
                    && !is_reference(value)
                {
                    *item = format!("{name}={HIDDEN}").into();
                }
            }
        }
        other => hide(other),
    }
}

fn hide(value: &mut Value) {
    match value {
        Value::Null => {}
        Value::String(text) if is_reference(text) || text.is_empty() => {}
        other => *other = HIDDEN.into(),
    }
}

/// Whether it only says where the value comes from: `${NAME}`, without a default.
fn is_reference(text: &str) -> bool {
    let name =
        text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).or_else(|| text.strip_prefix('$'));
    name.is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

/// Hides the password of a URL in a command or an image: `scheme://user:password@host`.
fn hide_password(text: &mut String) {
    let Some(scheme) = text.find("://") else { return };
    let rest = &text[scheme + 3..];
    let end = rest.find(|c: char| c == '/' || c.is_whitespace()).unwrap_or(rest.len());
    if let Some(at) = rest[..end].rfind('@')
        && let Some(colon) = rest[..at].find(':')
    {
        text.replace_range(scheme + 3 + colon + 1..scheme + 3 + at, HIDDEN);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn no_value_of_an_environment_is_shown() {
        let text = "\
services:
  api:
    build: {context: ., args: {TOKEN: canary-1}}
    command: worker --broker redis://app:canary-2@redis:6379/0
    environment:
      PASSWORD: canary-3
      NUMBER: 424242
      FROM: ${TELEGRAM_BOT_TOKEN}
      DEFAULTED: ${TOKEN:-canary-4}
  db:
    environment: [POSTGRES_PASSWORD=canary-5, EMPTY]
secrets: {key: {content: canary-6}}
";
        let shown = masked(text).unwrap();
        for text in [shown.text.clone(), shown.json.to_string()] {
            assert!(!text.contains("canary") && !text.contains("424242"), "{text}");
        }
        assert!(shown.text.contains("${TELEGRAM_BOT_TOKEN}") && shown.text.contains("POSTGRES_PASSWORD=***"));
        assert_eq!(shown.json["services"]["api"]["command"], "worker --broker redis://app:***@redis:6379/0");
    }
}

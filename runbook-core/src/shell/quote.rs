//! Values as shell words.

/// A value that cannot be carried to a shell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssignmentError {
    /// No shell variable can hold a NUL byte.
    #[error("the value for `{name}` contains a NUL character, which no shell variable can hold")]
    Nul {
        /// The variable.
        name: String,
        /// Which of the values.
        index: usize,
    },
    /// Not as many values as names.
    #[error("{names} variables, but {values} values")]
    Count {
        /// How many names.
        names: usize,
        /// How many values.
        values: usize,
    },
}

/// `value` as one word of a POSIX shell; words that need no quotes stay as they are.
///
/// ```
/// use runbook_core::shell::quote;
/// assert_eq!(quote("a/b.c"), "a/b.c");
/// assert_eq!(quote("it's"), r"'it'\''s'");
/// assert_eq!(quote(""), "''");
/// ```
pub fn quote(value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:,+@%".contains(&b);
    if !value.is_empty() && value.bytes().all(plain) { value.to_owned() } else { single_quoted(value) }
}

fn single_quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// The lines that give `names` their `values`, to stand in front of the script.
///
/// # Errors
///
/// When a value contains a NUL character, or when there are not as many values as names.
pub fn assignments(names: &[String], values: &[String]) -> Result<String, AssignmentError> {
    if names.len() != values.len() {
        return Err(AssignmentError::Count { names: names.len(), values: values.len() });
    }
    let mut text = String::new();
    for (index, (name, value)) in names.iter().zip(values).enumerate() {
        if value.contains('\0') {
            return Err(AssignmentError::Nul { name: name.clone(), index });
        }
        text.push_str(name);
        text.push('=');
        text.push_str(&single_quoted(value));
        text.push('\n');
    }
    Ok(text)
}

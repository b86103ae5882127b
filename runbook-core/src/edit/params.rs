//! The parameters of `edit`, from data with its short forms.

use super::{Block, EditError, Edits, EnsuredLine, Format, Place, Quote, Removal, Setting, regex};
use crate::value::{Object, Value, display, type_name};

/// A parameter that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}`: {message}")]
pub struct ParamError {
    /// Where it is, such as `line.match` or `remove[1]`.
    pub path: String,
    /// What is wrong: a lower-case fragment.
    pub message: String,
}

impl From<ParamError> for EditError {
    fn from(error: ParamError) -> Self {
        EditError::new(error.path, error.message)
    }
}

const KEYS: [&str; 7] = ["format", "quote", "section", "remove", "set", "line", "block"];

/// What is wrong so far.
#[derive(Default)]
struct Problems(Vec<ParamError>);

impl Problems {
    fn push<T>(&mut self, path: &str, message: impl Into<String>) -> Option<T> {
        self.0.push(ParamError { path: path.to_owned(), message: message.into() });
        None
    }

    fn map<'a>(&mut self, path: &str, value: &'a Value, keys: &[&str]) -> Option<&'a Object> {
        let Value::Object(object) = value else {
            return self.push(
                path,
                format!("must be a map, this is a {}", type_name(value)).replace("a nothing", "nothing"),
            );
        };
        for key in object.keys().filter(|key| !keys.contains(&key.as_str())) {
            let close = crate::diag::closest(key, keys.iter().copied());
            let hint = close.map_or_else(
                || format!("known are {}", keys.join(", ")),
                |close| format!("did you mean `{close}`?"),
            );
            self.push::<()>(&join(path, key), format!("is not known here; {hint}"));
        }
        Some(object)
    }

    fn text(&mut self, path: &str, value: &Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            other => self.push(
                path,
                format!("must be a text, this is a {}", type_name(other)).replace("a nothing", "nothing"),
            ),
        }
    }

    fn scalar(&mut self, path: &str, value: &Value) -> Option<String> {
        match value {
            Value::String(_) | Value::Number(_) | Value::Bool(_) => Some(display(value)),
            other => {
                let message = format!("must be a text, number or bool, this is a {}", type_name(other));
                self.push(path, message.replace("a nothing", "nothing"))
            }
        }
    }

    fn pattern(&mut self, path: &str, value: &Value) -> Option<String> {
        let pattern = self.text(path, value)?;
        match regex(&pattern) {
            Ok(_) => Some(pattern),
            Err(message) => self.push(path, message),
        }
    }

    fn word<T: Copy>(&mut self, path: &str, value: &Value, words: &[(&str, T)]) -> Option<T> {
        let found = value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
        match found {
            Some((_, meaning)) => Some(*meaning),
            None => {
                let known: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
                self.push(path, format!("must be {}", known.join(" or ")))
            }
        }
    }

    /// Where something comes: one of `insert`, `before` and `after`.
    fn place(&mut self, path: &str, object: &Object) -> Option<Place> {
        let given: Vec<&str> =
            ["insert", "before", "after"].into_iter().filter(|key| object.contains_key(*key)).collect();
        if let [_, second, ..] = given.as_slice() {
            return self.push(&join(path, second), "only one of `insert`, `before` and `after` can be given");
        }
        let value = |key: &str| object.get(key);
        if let Some(insert) = value("insert") {
            let at_end = self.word(&join(path, "insert"), insert, &[("end", true), ("start", false)])?;
            return Some(if at_end { Place::End } else { Place::Start });
        }
        if let Some(before) = value("before") {
            return self.pattern(&join(path, "before"), before).map(Place::Before);
        }
        match value("after") {
            Some(after) => self.pattern(&join(path, "after"), after).map(Place::After),
            None => Some(Place::End),
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// One thing, or a list of them, each with its path.
fn each<'a>(path: &str, value: &'a Value) -> Vec<(String, &'a Value)> {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| (format!("{path}[{index}]"), item)).collect()
        }
        other => vec![(path.to_owned(), other)],
    }
}

impl Edits {
    /// Reads what stands under `edit`, without `path`.
    ///
    /// `remove`, `line` and `block` are one thing or a list. A removal is a line's text or `{match: pattern}`, a line
    /// its text or `{text, match, insert | before | after}`, a block `{name, content, comment, insert | before |
    /// after}`. `set` is a map from keys to values, in ini files also from sections to such maps; `section` is the
    /// section of keys that stand in none.
    ///
    /// # Errors
    ///
    /// Everything that cannot be understood, each with where it is.
    ///
    /// ```
    /// use runbook_core::edit::{Edits, apply};
    /// let edits = Edits::from_value(&serde_json::json!({"set": {"LOG_LEVEL": "debug"}})).unwrap();
    /// let edited = apply(&edits, "/opt/app/.env", b"# levels\nLOG_LEVEL=info # quiet\n").unwrap();
    /// assert_eq!(edited.new, "# levels\nLOG_LEVEL=debug # quiet\n");
    /// ```
    pub fn from_value(value: &Value) -> Result<Edits, Vec<ParamError>> {
        let mut problems = Problems::default();
        let mut edits = Edits::default();
        if let Some(object) = problems.map("", value, &KEYS) {
            edits = read(object, &mut problems);
        }
        let nothing = edits.remove.is_empty()
            && edits.set.is_empty()
            && edits.line.is_empty()
            && edits.block.is_empty();
        if problems.0.is_empty() && nothing {
            problems.push::<()>("", "nothing to do: give `set`, `line`, `remove` or `block`");
        }
        if problems.0.is_empty() { Ok(edits) } else { Err(problems.0) }
    }
}

fn read(object: &Object, problems: &mut Problems) -> Edits {
    let mut edits = Edits::default();
    if let Some(format) = object.get("format") {
        edits.format = problems.word("format", format, &[("env", Format::Env), ("ini", Format::Ini)]);
    }
    if let Some(quote) = object.get("quote") {
        let quotes = [("auto", Quote::Auto), ("never", Quote::Never)];
        edits.quote = problems.word("quote", quote, &quotes).unwrap_or_default();
    }
    let section = object.get("section").and_then(|section| problems.text("section", section));
    if object.contains_key("section") && !object.contains_key("set") {
        problems.push::<()>("section", "has a meaning only beside `set`");
    }
    for (path, value) in object.get("remove").map(|value| each("remove", value)).unwrap_or_default() {
        edits.remove.extend(removal(&path, value, problems));
    }
    if let Some(set) = object.get("set") {
        edits.set = settings(set, section.as_deref(), problems);
    }
    for (path, value) in object.get("line").map(|value| each("line", value)).unwrap_or_default() {
        edits.line.extend(line(&path, value, problems));
    }
    for (path, value) in object.get("block").map(|value| each("block", value)).unwrap_or_default() {
        edits.block.extend(block(&path, value, problems));
    }
    for (index, one) in edits.block.iter().enumerate() {
        if edits.block.iter().take(index).any(|other| other.name.trim() == one.name.trim()) {
            problems.push::<()>(&format!("block[{index}].name"), "two blocks have the same name");
        }
    }
    edits
}

fn removal(path: &str, value: &Value, problems: &mut Problems) -> Option<Removal> {
    if let Value::String(text) = value {
        return Some(Removal::Text(text.clone()));
    }
    let object = problems.map(path, value, &["text", "match"])?;
    match (object.get("text"), object.get("match")) {
        (Some(text), None) => problems.text(&join(path, "text"), text).map(Removal::Text),
        (None, Some(pattern)) => problems.pattern(&join(path, "match"), pattern).map(Removal::Match),
        _ => problems.push(path, "needs either `text` or `match`"),
    }
}

fn settings(set: &Value, section: Option<&str>, problems: &mut Problems) -> Vec<Setting> {
    let Value::Object(object) = set else {
        let message = format!("must be a map from keys to values, this is a {}", type_name(set));
        problems.push::<()>("set", message.replace("a nothing", "nothing"));
        return Vec::new();
    };
    let mut found = Vec::new();
    for (key, value) in object {
        let path = join("set", key);
        match value {
            Value::Object(inner) => {
                for (name, value) in inner {
                    let value = problems.scalar(&join(&path, name), value);
                    found.extend(value.map(|value| Setting {
                        section: Some(key.clone()),
                        key: name.clone(),
                        value,
                    }));
                }
            }
            other => {
                let value = problems.scalar(&path, other);
                let section = section.map(str::to_owned);
                found.extend(value.map(|value| Setting { section, key: key.clone(), value }));
            }
        }
    }
    found
}

fn line(path: &str, value: &Value, problems: &mut Problems) -> Option<EnsuredLine> {
    if let Value::String(text) = value {
        return Some(EnsuredLine { text: text.clone(), matching: None, insert: Place::End });
    }
    let object = problems.map(path, value, &["text", "match", "insert", "before", "after"])?;
    let text = match object.get("text") {
        Some(text) => problems.text(&join(path, "text"), text),
        None => problems.push(path, "needs `text`, the whole line"),
    };
    let matching = object.get("match").map(|pattern| problems.pattern(&join(path, "match"), pattern));
    let insert = problems.place(path, object);
    Some(EnsuredLine { text: text?, matching: matching.flatten(), insert: insert? })
}

fn block(path: &str, value: &Value, problems: &mut Problems) -> Option<Block> {
    let object = problems.map(path, value, &["name", "content", "comment", "insert", "before", "after"])?;
    let mut text = |key: &str, otherwise: Option<&str>| match (object.get(key), otherwise) {
        (Some(value), _) => problems.text(&join(path, key), value),
        (None, Some(otherwise)) => Some(otherwise.to_owned()),
        (None, None) => problems.push(path, format!("needs `{key}`")),
    };
    let (name, content, comment) = (text("name", None), text("content", None), text("comment", Some("#")));
    let insert = problems.place(path, object);
    Some(Block { name: name?, content: content?, comment: comment?, insert: insert? })
}

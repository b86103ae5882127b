//! Rendered parameters of an action, read as what they are.

use runbook_core::model::Shell;
use runbook_core::port::ExecCommand;
use runbook_core::value::{Duration, Value, display};

use crate::engine::checked_name;
use crate::refusal::{Refusal, not_started};

/// The parameters of one action.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Params<'a>(pub(crate) &'a Value);

impl Params<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(display)
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| text == "true")
    }

    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        match self.get(name) {
            None => Vec::new(),
            Some(Value::Array(items)) => items.iter().map(display).collect(),
            Some(value) => vec![display(value)],
        }
    }

    pub(crate) fn pairs(&self, name: &str) -> Vec<(String, String)> {
        let object = self.get(name).and_then(Value::as_object);
        object.into_iter().flatten().map(|(name, value)| (name.clone(), display(value))).collect()
    }

    /// What `key` is about, each a name that the engine can be asked for.
    pub(crate) fn names(&self, key: &str, what: &str) -> Result<Vec<String>, Refusal> {
        let names = self.texts(key);
        for name in &names {
            checked_name(what, name).map_err(not_started)?;
        }
        Ok(names)
    }

    /// The one thing that `key` is about.
    pub(crate) fn name(&self, key: &str, what: &str) -> Result<String, Refusal> {
        self.names(key, what)?.into_iter().next().ok_or_else(|| not_started(format!("`{key}` names nothing")))
    }

    pub(crate) fn duration(&self, name: &str) -> Result<Option<Duration>, Refusal> {
        let parse = |text: String| {
            text.parse().map_err(|why| not_started(format!("`{name}`: `{text}` is no duration: {why}")))
        };
        self.text(name).map(parse).transpose()
    }

    /// A duration in whole seconds, which is how the engine counts.
    pub(crate) fn seconds(&self, name: &str) -> Result<Option<i32>, Refusal> {
        let seconds = |time: Duration| i32::try_from(time.as_millis().div_ceil(1000)).unwrap_or(i32::MAX);
        Ok(self.duration(name)?.map(seconds))
    }

    /// The parameter `command`, as a list of a program and its arguments or as a script.
    pub(crate) fn command(&self) -> Option<ExecCommand> {
        Some(match self.get("command")? {
            Value::Array(items) => ExecCommand::Argv(items.iter().map(display).collect()),
            text => ExecCommand::Script { shell: Shell::Sh, text: display(text) },
        })
    }

    /// Whether `key` holds one thing: then its result is not a list.
    pub(crate) fn is_about_one(&self, key: &str) -> bool {
        self.get(key).is_some_and(Value::is_string)
    }
}

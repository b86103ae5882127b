//! People to be told, and the ways to reach them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::CustomAction;
use crate::expr::{Expr, Template};
use crate::source::Spanned;
use crate::value::{Duration, Object, Value};

/// Somebody who can be told something.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Contact {
    /// What they are, for example `On-call Engineer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The channel that reaches them; without one they can be looked up, but not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Spanned<String>>,
    /// Their telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Their address for mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What they are called where a channel leads, for example `@anna`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// Free labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl Contact {
    /// What a channel's expressions can ask of it as `contact`.
    pub const FIELDS: [&'static str; 7] = ["id", "role", "name", "phone", "email", "handle", "labels"];

    /// What a channel's expressions see as `contact`; nothing is known of nobody.
    pub fn to_value(id: &str, contact: Option<&Contact>) -> Value {
        let text = |text: Option<&String>| text.cloned().map_or(Value::Null, Value::String);
        let of = |field: fn(&Contact) -> Option<&String>| text(contact.and_then(field));
        let mut value = Object::new();
        value.insert("id".into(), id.into());
        value.insert("role".into(), of(|contact| contact.role.as_ref()));
        value.insert("name".into(), of(|contact| contact.name.as_ref()));
        value.insert("phone".into(), of(|contact| contact.phone.as_ref()));
        value.insert("email".into(), of(|contact| contact.email.as_ref()));
        value.insert("handle".into(), of(|contact| contact.handle.as_ref()));
        let labels = contact.map(|contact| contact.labels.iter()).into_iter().flatten();
        let labels = labels.map(|(name, label)| (name.clone(), label.clone().into()));
        value.insert("labels".into(), Value::Object(labels.collect()));
        Value::Object(value)
    }
}

/// A way to reach people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// How it works.
    pub via: Via,
    /// How long one message may take.
    pub timeout: Duration,
}

impl Channel {
    /// How long one message may take when nothing else is said.
    pub const PATIENCE: Duration = Duration::from_secs(30);

    /// Every expression in it; `true` with those that only the channel itself gets to see.
    pub fn expressions(&self) -> Vec<(&Expr, bool)> {
        fn of(template: &Template, private: bool) -> impl Iterator<Item = (&Expr, bool)> {
            template.expressions().map(move |expr| (expr, private))
        }
        match &self.via {
            Via::Command { argv, env } => {
                let argv = argv.iter().flat_map(|template| of(template, false));
                argv.chain(env.iter().flat_map(|(_, template)| of(template, true))).collect()
            }
            Via::File(path) => of(path, false).collect(),
            Via::Custom(custom) => custom.params.expressions().into_iter().map(|expr| (expr, true)).collect(),
        }
    }
}

/// How a channel works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Via {
    /// A command on the engine's machine, with the message on its standard input.
    Command {
        /// The program and its arguments; no shell reads them.
        argv: Vec<Template>,
        /// Environment variables, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        env: Vec<(String, Template)>,
    },
    /// A line at the end of a file on the engine's machine.
    File(Template),
    /// An action of an executor that plugs in.
    Custom(CustomAction),
}

impl Via {
    /// The key that names it in the language.
    pub fn key(&self) -> &str {
        match self {
            Via::Command { .. } => "command",
            Via::File(_) => "file",
            Via::Custom(custom) => &custom.kind,
        }
    }
}

/// Telling people something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notify {
    /// Names of contacts and channels.
    pub to: Vec<Spanned<String>>,
    /// What they are told.
    pub message: Template,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Template>,
}

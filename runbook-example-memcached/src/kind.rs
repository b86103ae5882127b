//! What is known of an operation before it is carried out. Touches nothing.

use runbook_core::diag::{Code, Diagnostic, Diagnostics};
use runbook_core::kind::{ActionKind, Param, Shape, check_params, choose_one};
use runbook_core::model::Effect;
use runbook_core::value::{Value, display};
use runbook_core::yaml::Node;

const OPERATIONS: [&str; 4] = ["get", "set", "incr", "flush"];

const PARAMS: &[Param] = &[
    Param::required("server", Shape::Text),
    Param::optional("get", Shape::Text),
    Param::optional("set", Shape::TextMap),
    Param::optional("incr", Shape::Text),
    Param::optional("flush", Shape::Bool),
];

/// The longest key that servers take, in bytes.
const LONGEST_KEY: usize = 250;

/// The static half of the action `memcached`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemcachedKind;

impl ActionKind for MemcachedKind {
    fn key(&self) -> &str {
        "memcached"
    }

    fn check(&self, params: &Node, found: &mut Diagnostics) {
        check_params(params, "`memcached`", PARAMS, found);
        choose_one(params, "`memcached`", "operation", &OPERATIONS, found);
        // What an expression yields is looked at when it is known.
        let scalars = [params.get("get"), params.get("incr")].into_iter().flatten();
        for (key, span) in scalars.filter_map(|node| Some((node.as_str()?, node.span))) {
            if !key.contains("${{")
                && let Err(why) = fits(key)
            {
                found.push(Diagnostic::error(Code::BAD_VALUE, span, why).help("keys have no blanks"));
            }
        }
    }

    fn effect(&self, params: &Value) -> Effect {
        // Where it cannot be told, never a look.
        match OPERATIONS.iter().find(|operation| params.get(**operation).is_some()) {
            Some(&"get") => Effect::Read,
            Some(&"flush") => Effect::Destroy,
            _ => Effect::Change,
        }
    }

    fn is_idempotent(&self, params: &Value) -> bool {
        params.get("incr").is_none()
    }

    fn show(&self, params: &Value) -> String {
        let operation = OPERATIONS.iter().find_map(|name| Some((name, params.get(*name)?)));
        let what = match operation {
            Some((name, Value::Object(entries))) => {
                format!("{name} {}", entries.keys().cloned().collect::<Vec<_>>().join(", "))
            }
            Some((name, value)) => format!("{name} {}", display(value)),
            None => "nothing".to_owned(),
        };
        let server = params.get("server").map(display).unwrap_or_default();
        format!("memcached {what} at {server}").split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// What is to be done.
pub(crate) enum Operation {
    Get(String),
    Set(Vec<(String, String)>),
    Incr(String),
    Flush,
}

impl Operation {
    /// The operation and the server in rendered parameters. They were looked at as they were written; what
    /// expressions have made of them was not.
    pub(crate) fn of(params: &Value) -> Result<(Self, String), String> {
        let text = |value: &Value| match value {
            Value::Null | Value::Array(_) | Value::Object(_) => Err("not a text".to_owned()),
            value => Ok(display(value)),
        };
        let key = |value: &Value| text(value).and_then(|key| fits(&key).map(|()| key));
        let server = params.get("server").ok_or("no server is named").map(text)??;
        if !server.contains(':') || server.contains(char::is_whitespace) {
            return Err(format!(
                "`{}` is not a server such as `cache.example.net:11211`",
                server.escape_debug()
            ));
        }
        let mut written = OPERATIONS.iter().filter_map(|name| Some((*name, params.get(*name)?)));
        let (Some((name, value)), None) = (written.next(), written.next()) else {
            return Err(format!("one of {} must be there", OPERATIONS.join(", ")));
        };
        let operation = match name {
            "get" => Operation::Get(key(value)?),
            "incr" => Operation::Incr(key(value)?),
            "flush" if value == &Value::Bool(true) => Operation::Flush,
            "set" => {
                let entries = value.as_object().ok_or("`set` is not a map")?;
                let entry =
                    |(name, value): (&String, &Value)| Ok((key(&name.as_str().into())?, text(value)?));
                Operation::Set(entries.iter().map(entry).collect::<Result<_, String>>()?)
            }
            _ => return Err("`flush: true` is the only way to write it".to_owned()),
        };
        Ok((operation, server))
    }

    pub(crate) fn is_idempotent(&self) -> bool {
        !matches!(self, Operation::Incr(_))
    }
}

/// Whether servers take `key`. One with a line break in it would be a command of its own.
fn fits(key: &str) -> Result<(), String> {
    let blank = key.chars().any(|c| c.is_whitespace() || c.is_control());
    match key.is_empty() || key.len() > LONGEST_KEY || blank {
        true => Err(format!("`{}` is not a key", key.escape_debug())),
        false => Ok(()),
    }
}

//! The actions on files: `write`, `edit`, `copy`, and putting back what was there before.

use super::{ActionKind, Param, Shape, check_params};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::edit::Edits;
use crate::model::Effect;
use crate::value::{Value, display};
use crate::yaml::Node;

/// Permission bits as they are written: three or four octal digits.
pub fn parse_mode(text: &str) -> Option<u32> {
    let fits = (3..=4).contains(&text.len()) && text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    if fits { u32::from_str_radix(text, 8).ok() } else { None }
}

fn field<'v>(params: &'v Value, name: &str) -> Option<&'v Value> {
    params.get(name).filter(|value| !value.is_null())
}

fn shown(params: &Value, name: &str) -> String {
    field(params, name).map(display).unwrap_or_default()
}

fn check_mode(params: &Node, found: &mut Diagnostics) {
    let Some(node) = params.as_map().and_then(|map| map.get("mode")) else { return };
    let Some(text) = node.as_scalar().map(|scalar| scalar.text()) else { return };
    if !text.contains("${{") && parse_mode(text).is_none() {
        let message = format!("`{text}` is not a file mode");
        let problem = Diagnostic::error(Code::BAD_VALUE, node.span, message);
        found.push(problem.help("write three or four octal digits in quotes, such as `\"0640\"`"));
    }
}

/// The action `write`: a file with this content.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriteKind;

const WRITE: &[Param] = &[
    Param::required("path", Shape::Text),
    Param::required("content", Shape::Text),
    Param::optional("mode", Shape::Any),
    Param::optional("owner", Shape::Text),
];

impl ActionKind for WriteKind {
    fn key(&self) -> &str {
        "write"
    }

    fn check(&self, params: &Node, found: &mut Diagnostics) {
        check_params(params, "`write`", WRITE, found);
        check_mode(params, found);
    }

    fn writes(&self) -> &[&str] {
        &["path"]
    }

    fn effect(&self, _params: &Value) -> Effect {
        Effect::Change
    }

    fn is_idempotent(&self, _params: &Value) -> bool {
        true
    }

    fn keeps_before(&self, _params: &Value) -> bool {
        true
    }

    fn show(&self, params: &Value) -> String {
        let content = shown(params, "content");
        let lines = content.lines().count();
        let mode = field(params, "mode").map_or_else(String::new, |mode| format!(", mode {}", display(mode)));
        format!("write {} ({lines} lines{mode})", shown(params, "path"))
    }
}

/// The action `edit`: keys, lines and blocks of a file that is there.
#[derive(Clone, Copy, Debug, Default)]
pub struct EditKind;

const EDIT: &[Param] = &[
    Param::required("path", Shape::Text),
    Param::optional("create", Shape::Bool),
    Param::optional("format", Shape::Text),
    Param::optional("quote", Shape::Text),
    Param::optional("section", Shape::Text),
    Param::optional("set", Shape::Any),
    Param::optional("line", Shape::Any),
    Param::optional("remove", Shape::Any),
    Param::optional("block", Shape::Any),
    Param::optional("mode", Shape::Any),
    Param::optional("owner", Shape::Text),
];

/// What an `edit` does, without what says where.
///
/// # Errors
/// Everything in `params` that cannot be understood, for people.
pub fn edits_of(params: &Value) -> Result<Edits, String> {
    let mut rest = params.clone();
    if let Value::Object(rest) = &mut rest {
        for name in ["path", "create", "mode", "owner"] {
            rest.remove(name);
        }
        // A line that an expression yields may be a number.
        for name in ["line", "remove"] {
            match rest.get_mut(name) {
                Some(Value::Array(items)) => items.iter_mut().for_each(as_text),
                Some(item) => as_text(item),
                None => {}
            }
        }
    }
    Edits::from_value(&rest)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

fn as_text(value: &mut Value) {
    if value.is_number() || value.is_boolean() {
        *value = Value::String(display(value));
    }
}

impl ActionKind for EditKind {
    fn key(&self) -> &str {
        "edit"
    }

    fn check(&self, params: &Node, found: &mut Diagnostics) {
        check_params(params, "`edit`", EDIT, found);
        check_mode(params, found);
        // What stands in templates is known later; the rest can be looked at now.
        let written = params.to_value();
        if params.as_map().is_some()
            && !written.to_string().contains("${{")
            && let Err(why) = edits_of(&written)
        {
            found.push(Diagnostic::error(Code::BAD_VALUE, params.span, format!("`edit`: {why}")));
        }
    }

    fn writes(&self) -> &[&str] {
        &["path"]
    }

    fn effect(&self, _params: &Value) -> Effect {
        Effect::Change
    }

    fn is_idempotent(&self, _params: &Value) -> bool {
        true
    }

    fn keeps_before(&self, _params: &Value) -> bool {
        true
    }

    fn show(&self, params: &Value) -> String {
        let mut what = Vec::new();
        if let Some(Value::Object(set)) = field(params, "set") {
            what.push(format!("set {}", set.keys().cloned().collect::<Vec<_>>().join(", ")));
        }
        for name in ["line", "remove", "block"] {
            what.extend(field(params, name).map(|_| name.to_owned()));
        }
        format!("edit {}: {}", shown(params, "path"), what.join("; "))
    }
}

/// The action `copy`: a file or a tree, from here to a target or back.
#[derive(Clone, Copy, Debug, Default)]
pub struct CopyKind;

const COPY: &[Param] = &[
    Param::required("from", Shape::Text),
    Param::required("to", Shape::Text),
    Param::optional("mode", Shape::Any),
    Param::optional("owner", Shape::Text),
    Param::optional("backup", Shape::Bool),
];

impl ActionKind for CopyKind {
    fn key(&self) -> &str {
        "copy"
    }

    fn check(&self, params: &Node, found: &mut Diagnostics) {
        check_params(params, "`copy`", COPY, found);
        check_mode(params, found);
    }

    fn writes(&self) -> &[&str] {
        &["to"]
    }

    fn effect(&self, _params: &Value) -> Effect {
        Effect::Change
    }

    fn is_idempotent(&self, _params: &Value) -> bool {
        true
    }

    fn keeps_before(&self, params: &Value) -> bool {
        params.get("backup") == Some(&Value::Bool(true))
    }

    fn show(&self, params: &Value) -> String {
        format!("copy {} to {}", shown(params, "from"), shown(params, "to"))
    }
}

/// Puts back what a `write`, `edit` or `copy` has replaced. Authors write it as `rollback: restore`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestoreKind;

impl RestoreKind {
    /// Its key.
    pub const KEY: &'static str = "restore";
}

impl ActionKind for RestoreKind {
    fn key(&self) -> &str {
        Self::KEY
    }

    fn check(&self, params: &Node, found: &mut Diagnostics) {
        let message = "`restore` is not a step of its own";
        let problem = Diagnostic::error(Code::KEY_NOT_HERE, params.span, message);
        found.push(problem.help("write `rollback: restore` at the step that replaces the file"));
    }

    fn writes(&self) -> &[&str] {
        &["path", "to"]
    }

    fn effect(&self, _params: &Value) -> Effect {
        Effect::Change
    }

    fn is_idempotent(&self, _params: &Value) -> bool {
        true
    }

    fn show(&self, params: &Value) -> String {
        format!("put back {}", shown(params, "path"))
    }
}

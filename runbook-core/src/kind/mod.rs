//! The static half of executors: what `validate` and `plan` need to know of an action or a target,
//! without network and without async.

mod files;
mod params;

pub use files::{CopyKind, EditKind, RestoreKind, WriteKind, edits_of, parse_mode};
pub use params::{Param, Shape, check_params, choose_one};

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::diag::Diagnostics;
use crate::model::Effect;
use crate::value::{Object, Value};
use crate::yaml::Node;

/// A place where steps act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its name in the runbook.
    pub name: String,
    /// The key of its kind.
    pub kind: String,
    /// Its parameters.
    pub params: Value,
    /// Working directory of commands that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// What expressions see as `target.vars`.
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub vars: Object,
}

impl Target {
    /// The engine's own machine: the one target that needs no declaration.
    pub fn local() -> Self {
        Target {
            name: "local".into(),
            kind: "local".into(),
            params: Value::Null,
            cwd: None,
            vars: Object::new(),
        }
    }

    /// `path` as the target's own directory makes it: one that is relative begins there, where the target has one.
    pub fn path(&self, path: &str) -> String {
        match &self.cwd {
            Some(cwd) if !path.starts_with('/') => format!("{}/{path}", cwd.trim_end_matches('/')),
            _ => path.to_owned(),
        }
    }

    /// What expressions see as `target`.
    pub fn to_value(&self) -> Value {
        let mut value = Object::new();
        value.insert("name".into(), self.name.clone().into());
        value.insert("kind".into(), self.kind.clone().into());
        value.insert("vars".into(), Value::Object(self.vars.clone()));
        Value::Object(value)
    }
}

/// What is known of one kind of action before it runs.
pub trait ActionKind: Send + Sync {
    /// The key that names it in a step.
    fn key(&self) -> &str;

    /// Whether this build can carry it out. When not, a step that uses it is reported as not supported yet.
    fn available(&self) -> bool {
        true
    }

    /// Looks at the parameters as written and reports every problem.
    fn check(&self, params: &Node, found: &mut Diagnostics);

    /// Looks at the `expect` of such an action where it is a map of fields, and reports what can never be met.
    /// The form of the matchers is looked at already.
    fn check_expect(&self, expect: &Node, found: &mut Diagnostics) {
        let _ = (expect, found);
    }

    /// What it may do to the world with these parameters (templates in them are shown as written).
    fn effect(&self, params: &Value) -> Effect;

    /// Whether doing it again does no harm, whatever became of the time before. Its author can say otherwise.
    fn is_idempotent(&self, params: &Value) -> bool {
        self.effect(params) == Effect::Read
    }

    /// Whether it keeps what it replaces, so that `rollback: restore` can put it back.
    fn keeps_before(&self, params: &Value) -> bool {
        let _ = params;
        false
    }

    /// The parameters that are paths of files which it writes, for the `writes` of policies.
    fn writes(&self) -> &[&str] {
        &[]
    }

    /// Whether it can be a way to reach people with these parameters: it tells them something and changes nothing
    /// else. In such a place expressions see `message`, `subject`, `to` and `contact`.
    fn is_channel(&self, params: &Value) -> bool {
        let _ = params;
        false
    }

    /// One line for people, with rendered or partly rendered parameters.
    fn show(&self, params: &Value) -> String;
}

/// What is known of one kind of target before it is reached.
pub trait TargetKind: Send + Sync {
    /// The key that names it in `targets`.
    fn key(&self) -> &str;

    /// Whether this build can reach it.
    fn available(&self) -> bool {
        true
    }

    /// Looks at the parameters as written and reports every problem.
    fn check(&self, params: &Node, found: &mut Diagnostics);
}

/// The kinds of actions and targets that a program was built with.
#[derive(Clone)]
pub struct Kinds {
    actions: BTreeMap<String, Arc<dyn ActionKind>>,
    targets: BTreeMap<String, Arc<dyn TargetKind>>,
}

impl Default for Kinds {
    /// The kinds that the core itself brings.
    fn default() -> Self {
        let mut kinds = Kinds { actions: BTreeMap::new(), targets: BTreeMap::new() };
        kinds.add_action(Arc::new(CopyKind));
        kinds.add_action(Arc::new(EditKind));
        kinds.add_action(Arc::new(RestoreKind));
        kinds.add_action(Arc::new(WriteKind));
        kinds
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kinds")
            .field("actions", &self.actions.keys())
            .field("targets", &self.targets.keys())
            .finish()
    }
}

impl Kinds {
    /// Adds a kind of action; one with the same key is replaced.
    pub fn add_action(&mut self, kind: Arc<dyn ActionKind>) {
        self.actions.insert(kind.key().to_owned(), kind);
    }

    /// Adds a kind of target; one with the same key is replaced.
    pub fn add_target(&mut self, kind: Arc<dyn TargetKind>) {
        self.targets.insert(kind.key().to_owned(), kind);
    }

    /// The kind of action called `key`.
    pub fn action(&self, key: &str) -> Option<&Arc<dyn ActionKind>> {
        self.actions.get(key)
    }

    /// The kind of target called `key`.
    pub fn target(&self, key: &str) -> Option<&Arc<dyn TargetKind>> {
        self.targets.get(key)
    }

    /// The keys of all kinds of target.
    pub fn target_keys(&self) -> impl Iterator<Item = &str> {
        self.targets.keys().map(String::as_str)
    }

    /// The keys of all kinds of action.
    pub fn action_keys(&self) -> impl Iterator<Item = &str> {
        self.actions.keys().map(String::as_str)
    }
}

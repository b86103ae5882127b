//! Where steps act.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ValueTemplate;
use crate::expr::Template;
use crate::source::Spanned;
use crate::value::Object;

/// Where a step acts or a check is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub enum TargetRef {
    /// The target with this name.
    Named(String),
    /// Where the step around it acts: a call, or a step that is repeated on the targets of a group.
    Around,
    /// The target whose name this yields.
    Computed(Template),
}

/// A target as a plan stores it: a name is a text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Named(String),
    Other(Other),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Other {
    Around {},
    Computed(Template),
}

impl From<Stored> for TargetRef {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Named(name) => TargetRef::Named(name),
            Stored::Other(Other::Around {}) => TargetRef::Around,
            Stored::Other(Other::Computed(template)) => TargetRef::Computed(template),
        }
    }
}

impl From<TargetRef> for Stored {
    fn from(target: TargetRef) -> Self {
        match target {
            TargetRef::Named(name) => Stored::Named(name),
            TargetRef::Around => Stored::Other(Other::Around {}),
            TargetRef::Computed(template) => Stored::Other(Other::Computed(template)),
        }
    }
}

impl TargetRef {
    /// The engine's own machine.
    pub fn local() -> Self {
        TargetRef::Named("local".into())
    }

    /// Its name, when that is known before the run.
    pub fn name(&self) -> Option<&str> {
        match self {
            TargetRef::Named(name) => Some(name),
            TargetRef::Around | TargetRef::Computed(_) => None,
        }
    }

    /// Whether it is the engine's own machine, for certain.
    pub fn is_local(&self) -> bool {
        self.name() == Some("local")
    }
}

impl From<&str> for TargetRef {
    fn from(name: &str) -> Self {
        TargetRef::Named(name.to_owned())
    }
}

impl fmt::Display for TargetRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetRef::Named(name) => f.write_str(name),
            TargetRef::Around => f.write_str("each target"),
            TargetRef::Computed(template) => f.write_str(&template.source_text()),
        }
    }
}

/// The targets that a runbook knows, and the groups they form.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Declared targets, in the order written. `local` is there without being declared.
    pub targets: Vec<NamedTarget>,
    /// Groups with their members, in the order written; every member is a target.
    pub groups: Vec<(Spanned<String>, Vec<String>)>,
}

/// A declared target.
#[derive(Clone, Debug)]
pub struct NamedTarget {
    /// Its name.
    pub name: Spanned<String>,
    /// The key of its kind.
    pub kind: String,
    /// Its parameters, as its kind understands them.
    pub params: ValueTemplate,
    /// Working directory of commands that name none.
    pub cwd: Option<Template>,
    /// What expressions see as `target.vars`.
    pub vars: Vec<(String, ValueTemplate)>,
    /// One line for people.
    pub title: Option<String>,
}

impl Inventory {
    /// The target called `name`.
    pub fn target(&self, name: &str) -> Option<&NamedTarget> {
        self.targets.iter().find(|target| target.name.value == name)
    }

    /// The members of the group called `name`.
    pub fn group(&self, name: &str) -> Option<&[String]> {
        self.groups.iter().find(|(group, _)| group.value == name).map(|(_, members)| members.as_slice())
    }

    /// Every name that can stand under `target`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let targets = self.targets.iter().map(|target| target.name.value.as_str());
        let groups = self.groups.iter().map(|(name, _)| name.value.as_str());
        targets.chain(groups).chain(["local"])
    }
}

/// What a plan knows of a target.
impl NamedTarget {
    /// What expressions see as `target.vars`, computed from `scope`.
    pub fn render_vars(&self, scope: &Object) -> Result<Object, crate::expr::EvalError> {
        self.vars.iter().map(|(name, value)| Ok((name.clone(), value.render(scope)?))).collect()
    }
}

//! What people forbid, and what they want to be asked about, as data. [`policy`](crate::policy) reads and applies it.

use serde::{Deserialize, Serialize};

use super::Effect;
use crate::command::{CommandPattern, PathPattern};

/// What one file of `kind: Policy` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Which effects need a confirmation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirm: Vec<Effect>,
    /// What is forbidden.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Requests that only read; none when the policy has no opinion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<Reads>,
    /// What becomes of commands that cannot be read from the text.
    pub unreadable: Unreadable,
}

impl Policy {
    /// A policy that asks for nothing and forbids nothing yet.
    pub fn named(name: impl Into<String>) -> Self {
        Policy {
            name: name.into(),
            confirm: Vec::new(),
            rules: Vec::new(),
            reads: None,
            unreadable: Unreadable::default(),
        }
    }
}

/// Something that is forbidden. What it says about an action must all be the case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Rule {
    /// Its name, for exceptions and reports.
    pub id: String,
    /// Commands, of which one is among those of the action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<CommandPattern>,
    /// Paths, of which one is written, moved or deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<PathPattern>,
    /// What the action does at least; with `command`, what that command does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// Why, for people.
    pub reason: String,
    /// Whether a step may ask for an exception.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overridable: bool,
}

impl Rule {
    /// A rule that does not say yet what it forbids, and so forbids everything.
    pub fn new(id: impl Into<String>, reason: impl Into<String>) -> Self {
        Rule {
            id: id.into(),
            command: Vec::new(),
            writes: Vec::new(),
            effect: None,
            reason: reason.into(),
            overridable: false,
        }
    }
}

/// Which requests only read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reads {
    /// Hosts whose answers to GET are reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Paths for which a GET changes something all the same, whichever the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
}

/// What becomes of commands that cannot be read from the text: a variable in the place of a program, `eval` of
/// data, text in another language, text that does not parse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unreadable {
    /// A rule could apply to them, so they are refused.
    #[default]
    Forbid,
    /// People are asked.
    Confirm,
}

/// What a step asks of a rule that forbids it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyException {
    /// The id of the rule.
    pub rule: String,
    /// Why it does not apply here.
    pub reason: String,
}

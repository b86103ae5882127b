//! What a step can do.

use serde::{Deserialize, Serialize};

use super::{Call, Check, Each, Input, Link, Notify, Remedies, Role};
use crate::expr::{Expr, Template};
use crate::value::{Duration, Object, Value, display};

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// A command on the target.
    Run(Run),
    /// A person acts and answers.
    Manual(Manual),
    /// Time passes.
    Wait(Duration),
    /// Time passes until checks pass.
    WaitFor(WaitFor),
    /// People are told something.
    Notify(Notify),
    /// Expressions that must hold; the messages are shown when they do not.
    Assert(Vec<Assertion>),
    /// Computed values, as outputs of the step.
    Set(Vec<(String, ValueTemplate)>),
    /// Steps one after the other, or side by side.
    Group {
        /// Side by side.
        parallel: bool,
    },
    /// The first of its cases whose condition holds.
    Choose,
    /// One remedy after the other until the goal is reached.
    Remedies(Remedies),
    /// The same step for every item of a list, or on every target of a group.
    Each(Each),
    /// The steps of a procedure or of another runbook.
    Call(Call),
    /// An action of an executor that plugs in.
    Custom(CustomAction),
}

impl Action {
    /// The key that names it in the language.
    pub fn key(&self) -> &str {
        match self {
            Action::Run(_) => "run",
            Action::Manual(_) => "manual",
            Action::Wait(_) | Action::WaitFor(_) => "wait",
            Action::Notify(_) => "notify",
            Action::Assert(_) => "assert",
            Action::Set(_) => "set",
            Action::Group { parallel: false } => "steps",
            Action::Group { parallel: true } => "parallel",
            Action::Choose => "choose",
            Action::Remedies(_) => "remedies",
            Action::Each(each) => each.key(),
            Action::Call(_) => "call",
            Action::Custom(custom) => &custom.kind,
        }
    }

    /// Whether it only holds other steps.
    pub fn is_group(&self) -> bool {
        matches!(
            self,
            Action::Group { .. } | Action::Choose | Action::Remedies(_) | Action::Each(_) | Action::Call(_)
        )
    }

    /// The checks that it asks itself.
    pub fn checks(&self) -> &[Check] {
        match self {
            Action::WaitFor(wait) => &wait.checks,
            Action::Remedies(remedies) => &remedies.goal,
            _ => &[],
        }
    }

    /// Whether it is carried out by an executor, and so can leave the world changed.
    pub fn is_external(&self) -> bool {
        matches!(self, Action::Run(_) | Action::Custom(_))
    }
}

/// A wait that ends when checks pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitFor {
    /// What must pass.
    pub checks: Vec<Check>,
    /// Pause between two looks.
    pub every: Duration,
    /// How long in all; afterwards the step fails.
    pub within: Duration,
}

/// One expression that must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assertion {
    /// The condition.
    pub that: Expr,
    /// Shown when it does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Template>,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The command itself.
    pub command: Command,
    /// The shell for a script.
    pub shell: Shell,
    /// Environment variables, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, Template)>,
    /// Data on standard input; none means it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Template>,
    /// Working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<Template>,
    /// As which user it runs, when not as the one that the target has.
    #[serde(default, rename = "become", skip_serializing_if = "Option::is_none")]
    pub run_as: Option<Become>,
}

/// Another user, through `sudo`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Become {
    /// The user's name.
    pub user: Template,
    /// What `sudo` is told when it asks for a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Template>,
}

/// A command, with or without a shell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// A program and its arguments; no shell reads them.
    Argv(Vec<Template>),
    /// A script for the target's shell.
    Script(Template),
}

/// The shell that reads a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shell {
    /// The target's POSIX shell.
    #[default]
    Sh,
    /// Bash.
    Bash,
}

impl Shell {
    /// The program's name.
    pub fn program(self) -> &'static str {
        match self {
            Shell::Sh => "sh",
            Shell::Bash => "bash",
        }
    }
}

/// What a person is asked to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manual {
    /// What to do.
    pub instructions: Template,
    /// Points to tick.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checklist: Vec<Template>,
    /// Where to look further.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Values the person gives; they become outputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Input>,
    /// Who may answer; anybody when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// How long to wait for an answer; then it has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
}

impl Manual {
    /// Whether somebody called `who`, for whom the approver vouches with `roles`, may say how it went.
    pub fn may_answer(&self, who: &str, roles: &[String]) -> bool {
        self.roles.is_empty() || self.roles.iter().any(|role| role.is_held_by(who, roles))
    }
}

/// An action of an executor outside of the core.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomAction {
    /// Its action key.
    pub kind: String,
    /// Its parameters.
    pub params: ValueTemplate,
    /// The parameters that are paths which it writes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<String>,
}

/// A value with templates in its texts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueTemplate {
    /// Anything without a template in it.
    Value(Value),
    /// A text with templates.
    Text(Template),
    /// A list.
    List(Vec<ValueTemplate>),
    /// A map, in the order written.
    Map(Vec<(String, ValueTemplate)>),
}

impl ValueTemplate {
    /// The entries of a map, each with its value when everything in it is known.
    pub fn known(
        &self,
        value: &dyn Fn(&Expr) -> Option<Value>,
    ) -> std::collections::BTreeMap<String, Option<Value>> {
        match self {
            ValueTemplate::Value(Value::Object(entries)) => {
                entries.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect()
            }
            ValueTemplate::Map(entries) => {
                entries.iter().map(|(name, entry)| (name.clone(), entry.known_value(value))).collect()
            }
            _ => std::collections::BTreeMap::new(),
        }
    }

    fn known_value(&self, value: &dyn Fn(&Expr) -> Option<Value>) -> Option<Value> {
        match self {
            ValueTemplate::Value(known) => Some(known.clone()),
            ValueTemplate::Text(template) => match template.pieces() {
                [crate::expr::Piece::Expr(only)] => value(only),
                _ => template.known(|expr| value(expr).map(|value| display(&value))).map(Value::String),
            },
            ValueTemplate::List(items) => {
                items.iter().map(|item| item.known_value(value)).collect::<Option<_>>().map(Value::Array)
            }
            ValueTemplate::Map(entries) => {
                let entries =
                    entries.iter().map(|(name, entry)| Some((name.clone(), entry.known_value(value)?)));
                entries.collect::<Option<_>>().map(Value::Object)
            }
        }
    }

    /// The value with every template rendered.
    pub fn render(&self, scope: &Object) -> Result<Value, crate::expr::EvalError> {
        Ok(match self {
            ValueTemplate::Value(value) => value.clone(),
            ValueTemplate::Text(template) => template.render_value(scope)?,
            ValueTemplate::List(items) => {
                Value::Array(items.iter().map(|item| item.render(scope)).collect::<Result<_, _>>()?)
            }
            ValueTemplate::Map(entries) => {
                let rendered = entries.iter().map(|(key, value)| Ok((key.clone(), value.render(scope)?)));
                Value::Object(rendered.collect::<Result<_, _>>()?)
            }
        })
    }

    /// Every expression in it, in order.
    pub fn expressions(&self) -> Vec<&Expr> {
        match self {
            ValueTemplate::Value(_) => Vec::new(),
            ValueTemplate::Text(template) => template.expressions().collect(),
            ValueTemplate::List(items) => items.iter().flat_map(ValueTemplate::expressions).collect(),
            ValueTemplate::Map(entries) => entries.iter().flat_map(|(_, v)| v.expressions()).collect(),
        }
    }
}

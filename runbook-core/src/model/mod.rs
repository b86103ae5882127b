//! A validated runbook as plain data: what an author wrote, with every default filled in.
//!
//! Nothing here reads text, decides order or runs anything.

mod action;
mod check;
mod contact;
mod escalation;
mod flow;
mod gate;
mod input;
mod place;
mod policy;
mod secret;
mod suite;

pub use action::{
    Action, Assertion, Become, Command, CustomAction, Manual, Run, Shell, ValueTemplate, WaitFor,
};
pub use check::{Check, CheckKind, Expect, FileProbe, Matcher, Retry, TcpProbe, TextMatcher};
pub use contact::{Channel, Contact, Notify, Via};
pub use escalation::{Escalation, EscalationClock, Level};
pub use flow::{Call, Each, Over, Procedure, Remedies, Rollout, Share};
pub use gate::{Confirm, OnGateTimeout, Requester, Role, somebody_with};
pub use input::{Input, InputError, InputType};
pub use place::{Inventory, NamedTarget, TargetRef};
pub use policy::{Policy, PolicyException, Reads, Rule, Unreadable};
pub use secret::SecretSource;
pub use suite::{
    Answer, AnswerValue, AnswerWord, Case, Expected, ExpectedGate, ExpectedStatus, ExpectedStep,
    ExpectedSteps, ExpectedText, Mock, MockEnd, MockFile, MockValue, Script, Suite,
};

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::expr::{Expr, Template};
use crate::schedule::Schedule;
use crate::source::{Span, Spanned};
use crate::value::Duration;

/// A runbook as its author wrote it: read, checked for form, not yet planned.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Runbook {
    /// Who and what it is.
    pub meta: Metadata,
    /// What an operator gives.
    pub inputs: Vec<Input>,
    /// Computed once, in order.
    pub vars: Vec<(Spanned<String>, ValueTemplate)>,
    /// What must stay secret.
    pub secrets: Vec<(Spanned<String>, SecretSource)>,
    /// People to be told.
    pub contacts: Vec<(Spanned<String>, Contact)>,
    /// Ways to reach them.
    pub channels: Vec<(Spanned<String>, Channel)>,
    /// Who is told, and when, while it runs.
    pub escalation: Option<Escalation>,
    /// What is forbidden, and what people must confirm.
    pub policies: Vec<Policy>,
    /// Where steps act.
    pub inventory: Inventory,
    /// Lists of steps that are called by name.
    pub procedures: Vec<Procedure>,
    /// Two runs with the same key never overlap.
    pub lock: Option<Lock>,
    /// Checks before anything happens.
    pub preconditions: Vec<Check>,
    /// The body.
    pub steps: Vec<Step>,
    /// What follows a failure.
    pub on_failure: OnFailure,
    /// Steps at the end, whatever happened.
    pub finally: Vec<Step>,
    /// Declared results.
    pub outputs: Vec<(Spanned<String>, Expr)>,
    /// What lints do not report.
    pub lint_exceptions: Vec<LintException>,
}

/// A lint that says nothing about a part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintException {
    /// The name of the lint.
    pub lint: Spanned<String>,
    /// Why.
    pub reason: String,
    /// The part.
    pub within: Span,
}

/// Who and what a runbook is; decides nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Metadata {
    /// Its name, unique among its author's runbooks.
    pub name: String,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// More, in Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Free labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Where to look further.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// How bad the incident is that it answers, for example `P1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// When somebody must look at it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_by: Option<Date>,
    /// When it is meant to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}

/// A link with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// What it is called.
    pub title: String,
    /// Where it leads.
    pub url: String,
}

/// What keeps two runs apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lock {
    /// Runs with an equal key exclude each other.
    pub key: Template,
    /// What the later one does.
    pub on_conflict: OnConflict,
}

/// What a run does when another one holds its lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// It is blocked.
    #[default]
    Fail,
    /// It waits until the lock is free.
    Wait,
}

/// What follows a failure of the body.
#[derive(Clone, Debug, Default)]
pub struct OnFailure {
    /// Whether completed work is undone.
    pub rollback: RollbackMode,
    /// Steps that look, collect and tell; they never change the outcome.
    pub steps: Vec<Step>,
}

/// Whether a failed run undoes what it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollbackMode {
    /// Yes, at once.
    Auto,
    /// A person is asked; without one it stays pending.
    #[default]
    Offer,
    /// No.
    Never,
}

impl RollbackMode {
    /// The mode called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "offer" => Some(Self::Offer),
            "never" => Some(Self::Never),
            _ => None,
        }
    }
}

/// What an action may do to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It only looks.
    Read,
    /// It changes something that can be changed back.
    Change,
    /// It destroys something.
    Destroy,
}

impl Effect {
    /// The effect called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "read" => Some(Self::Read),
            "change" => Some(Self::Change),
            "destroy" => Some(Self::Destroy),
            _ => None,
        }
    }

    /// Its name in the language.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Change => "change",
            Self::Destroy => "destroy",
        }
    }
}

/// One step with what belongs to it.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where it is written.
    pub span: Span,
    /// What it is and does; in a box, because it is large and there may be very many.
    pub spec: Box<StepSpec>,
    /// Its predecessors, when they are written out.
    pub needs: Option<Vec<Spanned<String>>>,
    /// The steps of a group; for [`Action::Each`] the one step that is repeated.
    pub children: Vec<Step>,
    /// Steps that undo it.
    pub rollback: Vec<Step>,
    /// Steps that run when the enclosing scope ends.
    pub cleanup: Vec<Step>,
}

/// What a step is and does, apart from its place in the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepSpec {
    /// Its id, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Spanned<String>>,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Template>,
    /// More, in Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Free labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Where it acts.
    pub target: TargetRef,
    /// What it may do to the world.
    pub effect: Effect,
    /// Whether its author wrote the effect.
    pub effect_declared: bool,
    /// Why its author knows better than its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect_because: Option<String>,
    /// A rule that does not apply to it, where the rule leaves that to authors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_exception: Option<PolicyException>,
    /// Whether it may be repeated after a lost connection or a crash.
    pub idempotent: bool,
    /// Skipped when false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Expr>,
    /// Skipped when all pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done_when: Vec<Check>,
    /// Blocked unless all pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preconditions: Vec<Check>,
    /// A person must agree first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<Confirm>,
    /// What it does.
    pub action: Action,
    /// What counts as success of the action itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
    /// How often to try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Wait between action and verification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<Duration>,
    /// Checks after the action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<Check>,
    /// A point of no return.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub irreversible: bool,
    /// What its failure means for the run.
    pub on_failure: StepFailure,
    /// Hard limit; it kills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Expected time; it only warns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Duration>,
    /// Results for later steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<(String, Expr)>,
    /// Whether its output belongs into the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

impl StepSpec {
    /// Whether nothing but its being idempotent says what follows when nobody knows what became of it.
    pub fn is_repeated_blindly(&self) -> bool {
        self.idempotent && self.done_when.is_empty() && self.verify.is_empty()
    }

    /// A step that does `action` and nothing else, on this machine.
    pub fn plain(action: Action) -> Self {
        StepSpec {
            id: None,
            title: None,
            description: None,
            labels: BTreeMap::new(),
            target: TargetRef::local(),
            effect: Effect::Read,
            effect_declared: false,
            effect_because: None,
            policy_exception: None,
            idempotent: true,
            when: None,
            done_when: Vec::new(),
            preconditions: Vec::new(),
            confirm: None,
            action,
            expect: None,
            retry: None,
            settle: None,
            verify: Vec::new(),
            irreversible: false,
            on_failure: StepFailure::Stop,
            timeout: None,
            budget: None,
            outputs: Vec::new(),
            evidence: None,
        }
    }

    /// A pause.
    pub fn wait(pause: Duration) -> Self {
        Self::plain(Action::Wait(pause))
    }
}

/// What a step's failure means for the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepFailure {
    /// Nothing new starts; the run fails.
    #[default]
    Stop,
    /// The run goes on.
    Continue,
    /// A person chooses.
    Ask,
}

/// Output that belongs into the report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What the report calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Which part of the result: `stdout` (the default), `stderr`, or an output's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<String>,
}

//! Who is told, and when, while a run goes on.

use serde::{Deserialize, Serialize};

use crate::expr::{Expr, Template};
use crate::source::Spanned;
use crate::value::Duration;

/// Timers beside the steps: they tell people, and never act on systems.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Escalation {
    /// From when time counts.
    pub clock: EscalationClock,
    /// Nobody is told any more once this holds; asked when a level is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Expr>,
    /// Its levels, in order of time.
    pub levels: Vec<Level>,
}

/// From when the levels of an escalation count their time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EscalationClock {
    /// From the beginning of the run.
    Run,
    /// From the point in time that this input holds.
    Input(Spanned<String>),
}

/// One level of an escalation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// How much time must have passed.
    pub after: Duration,
    /// Names of contacts and channels.
    pub to: Vec<Spanned<String>>,
    /// Nobody is told when this holds at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<Expr>,
    /// What is required from then on, for example a postmortem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require: Option<String>,
    /// What they are told, when it is not the usual message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Template>,
}

impl Level {
    /// Every expression in it; `true` with those that must be true or false.
    pub fn expressions(&self) -> impl Iterator<Item = (&Expr, bool)> {
        let message = self.message.iter().flat_map(|message| message.expressions());
        self.unless.iter().map(|unless| (unless, true)).chain(message.map(|expr| (expr, false)))
    }
}

impl Escalation {
    /// Every expression in it; `true` with those that must be true or false.
    pub fn expressions(&self) -> impl Iterator<Item = (&Expr, bool)> {
        let levels = self.levels.iter().flat_map(Level::expressions);
        self.until.iter().map(|until| (until, true)).chain(levels)
    }
}

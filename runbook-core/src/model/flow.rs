//! Steps that decide which other steps run, how often, and where.

use serde::{Deserialize, Serialize};

use super::{Check, Input, Step, ValueTemplate};
use crate::expr::Expr;
use crate::source::{Span, Spanned};
use crate::value::Duration;

/// One step for every item of a list, or on every target of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Each {
    /// What it is repeated for.
    pub over: Over,
    /// What expressions call the item, apart from `item`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many at once, one beginning as soon as another has ended; none means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<u32>,
    /// Batches, each beginning when the one before it has ended well enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// How many failures it survives.
    pub max_failures: Share,
}

impl Each {
    /// The key that makes a step one of these.
    pub fn key(&self) -> &'static str {
        match self.over {
            Over::Items(_) => "for_each",
            Over::Targets(_) => "target",
        }
    }
}

/// What a step is repeated for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// The items of a list.
    Items(ValueTemplate),
    /// These targets, in this order.
    Targets(Vec<String>),
}

/// Batches of a step that acts on many targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// The size of each batch; the last one is repeated.
    pub batches: Vec<Share>,
    /// How long to wait between two batches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Duration>,
}

impl Rollout {
    /// The batches of `total` members, as the number of members in each.
    ///
    /// ```
    /// use runbook_core::model::{Rollout, Share};
    /// let canary = Rollout { batches: vec![Share::Count(1), Share::Percent(50)], pause: None };
    /// assert_eq!(canary.sizes(10), [1, 5, 4]);
    /// ```
    pub fn sizes(&self, total: usize) -> Vec<usize> {
        let (mut sizes, mut left) = (Vec::new(), total);
        let mut batches = self.batches.iter();
        let mut size = batches.next().map_or(total, |share| share.of(total));
        while left > 0 {
            sizes.push(size.clamp(1, left));
            left -= size.clamp(1, left);
            if let Some(share) = batches.next() {
                size = share.of(total);
            }
        }
        sizes
    }
}

/// A number of members, or a part of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// So many.
    Count(u32),
    /// So many of a hundred.
    Percent(u32),
}

impl Default for Share {
    fn default() -> Self {
        Share::Count(0)
    }
}

impl Share {
    /// How many of `total` that is, rounded down.
    pub fn of(self, total: usize) -> usize {
        match self {
            Share::Count(count) => (count as usize).min(total),
            Share::Percent(percent) => total.saturating_mul(percent.min(100) as usize) / 100,
        }
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Share::Count(count) => write!(f, "{count}"),
            Share::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// One remedy after the other until a goal is reached; the remedies are the step's children.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remedies {
    /// What is to be reached; asked before the first remedy and after each.
    pub goal: Vec<Check>,
    /// No remedy begins later than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Duration>,
    /// Whether the last child is not a remedy, but what follows when none has helped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub last_resort: bool,
}

/// A call of a procedure or of another runbook; its steps are the step's children.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The procedure's name.
    pub procedure: Spanned<String>,
    /// What is given to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<(Spanned<String>, ValueTemplate)>,
    /// What it takes; filled in when the plan is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// What it computes before its steps; filled in when the plan is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vars: Vec<(Spanned<String>, ValueTemplate)>,
    /// What it returns; filled in when the plan is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<(String, Expr)>,
}

/// A list of steps with inputs and outputs of its own, called by name.
#[derive(Clone, Debug)]
pub struct Procedure {
    /// Its name, or the path of the runbook it was read from.
    pub name: Spanned<String>,
    /// Where it is written.
    pub span: Span,
    /// One line for people.
    pub title: Option<String>,
    /// What it takes.
    pub inputs: Vec<Input>,
    /// Computed when it is called, in order.
    pub vars: Vec<(Spanned<String>, ValueTemplate)>,
    /// Its steps.
    pub steps: Vec<Step>,
    /// What it returns.
    pub outputs: Vec<(Spanned<String>, Expr)>,
}

//! A plan as people and programs read it. No colours: how it looks on a screen is decided elsewhere.

mod dot;
mod json;
mod label;
mod mermaid;
mod text;
mod words;

pub(crate) use mermaid::escape as mermaid_label;
pub(crate) use words::check as check_text;

use super::{Plan, Role};
use crate::model::Effect;

/// How a plan is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// For an operator.
    #[default]
    Text,
    /// For programs. One object; keys may be added, never renamed or removed:
    ///
    /// - `format`: 1
    /// - `runbook`: `{name, title, description, owner, labels, links, severity, review_by, schedule}`
    /// - `digest`, `inputs`, `vars`, `lock` (`{key, on_conflict}` or null), `rollback` (`auto`, `offer`, `never`)
    /// - `contacts`: `{id: {role, name, channel, phone, email, handle, labels}}`, `channels`: `{id: {kind, does, timeout}}`
    /// - `escalation`: `{since, until, levels: [{after, to, unless, require, message}]}` or null
    /// - `effects`: `{read, change, destroy}`, how many steps of the body that will run have each
    /// - `preconditions`: checks
    /// - `steps`: every step, handlers included, each before what belongs to it:
    ///   `key`, `id`, `title`, `description`, `role` (`body`, `rollback`, `cleanup`, `on_failure`, `finally`),
    ///   `of` (for rollback and cleanup: the key of the step), `parent` (the key of the group), `needs`, `children`,
    ///   `rollback`, `cleanup` (keys), `selected`, `action` (the action key), `command` (rendered as far as known),
    ///   `effect`, `idempotent`, `target`, `when`, `done_when`, `preconditions`, `verify` (checks),
    ///   `gate` (`{message, show, phrase, timeout, on_timeout}` or null), `expect`, `retry`, `settle`, `timeout`,
    ///   `budget`, `irreversible`, `on_failure` (`stop`, `continue`, `ask`), `outputs` (names), `evidence`
    /// - `outputs`: `{name: expression}`
    ///
    /// A check is `{title, kind, what, target, expect, retry, timeout, message, warn_only}`.
    Json,
    /// A Mermaid flowchart.
    Mermaid,
    /// A Graphviz graph.
    Dot,
}

impl Format {
    /// The format called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            "mermaid" => Some(Self::Mermaid),
            "dot" => Some(Self::Dot),
            _ => None,
        }
    }
}

/// `plan` in `format`, with a line break at its end.
pub fn render(plan: &Plan, format: Format) -> String {
    match format {
        Format::Text => text::render(plan),
        Format::Json => json::render(plan),
        Format::Mermaid => mermaid::render(plan),
        Format::Dot => dot::render(plan),
    }
}

/// How many of something a plan has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Selected steps of the body, groups not counted.
    pub steps: usize,
    /// Of these: those that only look.
    pub read: usize,
    /// Those that change something.
    pub change: usize,
    /// Those that destroy something.
    pub destroy: usize,
    /// Questions to people, those of handlers included.
    pub gates: usize,
    /// Steps of rollbacks.
    pub rollback: usize,
    /// Steps of cleanups.
    pub cleanup: usize,
    /// Steps after a failure.
    pub on_failure: usize,
    /// Steps at the end.
    pub finally: usize,
}

impl Plan {
    /// What there is in the plan, unselected steps and groups themselves left out.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for node in self.nodes.iter().filter(|node| node.selected) {
            counts.gates += usize::from(node.spec.confirm.is_some());
            if node.spec.action.is_group() {
                continue;
            }
            let effect = match node.spec.effect {
                Effect::Read => &mut counts.read,
                Effect::Change => &mut counts.change,
                Effect::Destroy => &mut counts.destroy,
            };
            match node.role {
                Role::Body => {
                    *effect += 1;
                    counts.steps += 1;
                }
                Role::Rollback(_) => counts.rollback += 1,
                Role::Cleanup(_) => counts.cleanup += 1,
                Role::OnFailure => counts.on_failure += 1,
                Role::Finally => counts.finally += 1,
            }
        }
        counts
    }
}

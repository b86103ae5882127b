//! What came of a rehearsal, for people and programs.

use std::fmt;

use serde::Serialize;

use crate::model::Effect;
use crate::plan::Plan;
use crate::run::{CheckOutcome, Outcome};

/// What came of a rehearsal.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Rehearsal {
    /// The runbook's name.
    pub runbook: String,
    /// The plan's digest.
    pub digest: String,
    /// What the runbook's own preconditions found.
    pub preconditions: Vec<CheckOutcome>,
    /// The steps, in the order in which they were reached.
    pub steps: Vec<RehearsedStep>,
    /// Questions whose answers say nothing, because a change that was not made comes before them: the step and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stale: Vec<(String, String)>,
    /// How the run would come to rest, as far as that can be known; none when the rehearsal could not go on.
    pub outcome: Option<Outcome>,
}

/// What came of one step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RehearsedStep {
    /// Its name in logs.
    pub key: String,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How many groups are around it.
    pub depth: usize,
    /// What was done.
    pub verdict: Verdict,
    /// Why, when that is not obvious.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// What it may do to the world.
    pub effect: Effect,
    /// Where.
    pub target: String,
    /// What it would change: a difference where that could be seen, else the action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
}

/// What was done with a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// It only looks, and was carried out.
    Looked,
    /// It would change something, and was not carried out.
    WouldChange,
    /// It would tell people something, and nobody was told.
    WouldTell,
    /// A person would be asked to do it.
    WouldAsk,
    /// Its `done_when` says that nothing is left to do.
    AlreadyDone,
    /// Its `when` is false.
    Skipped,
    /// It could not be looked at in earnest: it depends on a change that was not made.
    Stale,
    /// It failed, and no change that was not made can be the cause.
    Failed,
}

impl Rehearsal {
    pub(super) fn new(plan: &Plan, digest: String) -> Self {
        Rehearsal {
            runbook: plan.runbook.name.clone(),
            digest,
            preconditions: Vec::new(),
            steps: Vec::new(),
            stale: Vec::new(),
            outcome: None,
        }
    }

    pub(super) fn doubt(&mut self, key: &str, why: String) {
        self.stale.push((key.to_owned(), why));
    }

    pub(super) fn end(&mut self, outcome: Option<Outcome>) {
        self.outcome = outcome;
    }
}

impl fmt::Display for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "rehearsal of {}: reads and checks are real, changes are not made", self.runbook)?;
        for check in &self.preconditions {
            let word = if check.passed { "met" } else { "not met" };
            let reason = check.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            writeln!(f, "\n  {word:<13} {}{reason}", check.title)?;
        }
        for step in &self.steps {
            write!(f, "\n{step}")?;
            for (_, why) in self.stale.iter().filter(|(key, _)| *key == step.key) {
                writeln!(f, "{}stale: {why}", " ".repeat(2 * step.depth + 16))?;
            }
        }
        let count = |verdict| self.steps.iter().filter(|step| step.verdict == verdict).count();
        writeln!(
            f,
            "\n{} looked, {} would change, {} would be asked of people, {} stale, {} failed",
            count(Verdict::Looked),
            count(Verdict::WouldChange),
            count(Verdict::WouldAsk),
            count(Verdict::Stale),
            count(Verdict::Failed)
        )
    }
}

impl fmt::Display for RehearsedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Looked => "looked",
            Verdict::WouldChange => match self.effect {
                Effect::Destroy => "would destroy",
                _ => "would change",
            },
            Verdict::WouldTell => "would tell",
            Verdict::WouldAsk => "would ask",
            Verdict::AlreadyDone => "already done",
            Verdict::Skipped => "skipped",
            Verdict::Stale => "stale",
            Verdict::Failed => "failed",
        };
        let pad = "  ".repeat(self.depth + 1);
        let title = self.title.as_ref().map(|title| format!("  {title}")).unwrap_or_default();
        writeln!(f, "{pad}{verdict:<13} {}{title}", self.key)?;
        let pad = format!("{pad}{}", " ".repeat(14));
        if let Some(because) = &self.because {
            writeln!(f, "{pad}{because}")?;
        }
        if let Some(change) = &self.change {
            writeln!(f, "{pad}on {}:", self.target)?;
            let nothing = change.trim().is_empty();
            for line in if nothing { "nothing: it is so already" } else { change.trim_end() }.lines() {
                writeln!(f, "{pad}  {line}")?;
            }
        }
        Ok(())
    }
}

//! What came of a run, as a document: from its plan and its log alone, never from the runbook's text.
//!
//! ```
//! # use runbook_core::{ids::RunId, plan::Plan, report::{Facts, Report}, run::{Entry, Machine}};
//! # fn page(run: &RunId, machine: &Machine, log: &[Entry]) -> String {
//! let facts = Facts::new(run.as_str(), "sha256:…");
//! Report::of(&facts, machine, log).html()
//! # }
//! ```

mod html;
mod log;
mod markdown;
mod pictures;
mod standing;
mod steps;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::page::Tone;
use crate::plan::Plan;
use crate::run::{CheckOutcome, Entry, Event, Machine, Outcome};
use crate::value::display;

pub use log::Line;
pub use standing::{Headline, Standing, StepNote, is_survived, left_as_is, went_wrong};
pub use steps::{Attempt, StepReport};

/// What is known of a run besides its plan and its log.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its id.
    pub run: String,
    /// The file it came from, as the user named it.
    pub file: Option<String>,
    /// Digest of its plan.
    pub digest: String,
    /// Whether an engine carries it out right now.
    pub alive: bool,
    /// What can be typed next, the most likely first.
    pub next: Vec<String>,
    /// In which zone times are shown.
    pub zone: TimeZone,
}

impl Facts {
    /// The run called `run`, whose plan has this digest; times are shown in UTC.
    pub fn new(run: impl Into<String>, digest: impl Into<String>) -> Self {
        Facts {
            run: run.into(),
            file: None,
            digest: digest.into(),
            alive: false,
            next: Vec::new(),
            zone: TimeZone::UTC,
        }
    }
}

/// What a run's author wanted to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EvidenceText {
    /// The step.
    pub key: String,
    /// What it is called.
    pub label: String,
    /// The text, as far as the log has it.
    pub text: String,
    /// When it was taken.
    pub at: Option<Timestamp>,
}

/// A run, ready to be written down.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// What was known besides plan and log.
    pub facts: Facts,
    /// The runbook's name.
    pub runbook: String,
    /// The runbook's title.
    pub title: Option<String>,
    /// How bad the incident is that the runbook answers.
    pub severity: Option<String>,
    /// Who answers for the runbook.
    pub owner: Option<String>,
    /// How it stands, in one line.
    pub headline: Headline,
    /// When its first engine took it.
    pub started: Option<Timestamp>,
    /// When its last entry was written.
    pub updated: Option<Timestamp>,
    /// Who started it and who took it up again, each once.
    pub by: Vec<String>,
    /// What it was given.
    pub inputs: Vec<(String, String)>,
    /// What it declared as results.
    pub outputs: Vec<(String, String)>,
    /// What the runbook's own preconditions found.
    pub preconditions: Vec<CheckOutcome>,
    /// What happened, what was undone, what is left.
    pub standing: Standing,
    /// Every step that can be carried out, in the order of the plan.
    pub steps: Vec<StepReport>,
    /// What its author wanted to be kept.
    pub evidence: Vec<EvidenceText>,
    /// Everything that happened, in order.
    pub log: Vec<Line>,
    /// The picture of its steps, as SVG.
    dag: String,
    /// The picture of its time, as SVG.
    timeline: String,
}

impl Report {
    /// The report of the run that stands like `machine` after `log`.
    pub fn of(facts: &Facts, machine: &Machine, log: &[Entry]) -> Self {
        let (plan, state) = (machine.plan(), machine.state());
        let meta = &plan.runbook;
        let mut by: Vec<String> = Vec::new();
        for entry in log {
            if let Event::Attached { by: who, .. } = &entry.event
                && !by.contains(who)
            {
                by.push(who.clone());
            }
        }
        let steps = steps::of(facts, machine, log);
        let texts = |object: &crate::value::Object| {
            object.iter().map(|(name, value)| (name.clone(), display(value))).collect()
        };
        Report {
            facts: facts.clone(),
            runbook: meta.name.clone(),
            title: meta.title.clone(),
            severity: meta.severity.clone(),
            owner: meta.owner.clone(),
            headline: Headline::of(machine, facts.alive),
            started: state.started,
            updated: state.updated,
            by,
            inputs: texts(&plan.inputs),
            outputs: texts(&state.outputs),
            preconditions: state.book.clone(),
            standing: Standing::of(machine),
            evidence: steps::evidence(machine),
            log: log::lines(plan, log),
            dag: pictures::dag(machine),
            timeline: pictures::timeline(&steps, state.started),
            steps,
        }
    }

    /// The run as Markdown.
    pub fn markdown(&self) -> String {
        markdown::render(self)
    }

    /// The run as one page of HTML that needs nothing but itself.
    pub fn html(&self) -> String {
        html::render(self)
    }

    /// How long it took, or has taken so far.
    fn took(&self) -> Option<i64> {
        let (from, to) = self.started.zip(self.updated)?;
        Some(to.as_millisecond() - from.as_millisecond())
    }

    /// A point in time for people.
    fn at(&self, at: Timestamp) -> String {
        at.to_zoned(self.facts.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// The time of a day for people; with the day when it is not that of the start.
    fn clock(&self, at: Timestamp) -> String {
        let day = |at: Timestamp| at.to_zoned(self.facts.zone.clone()).date();
        let format = if self.started.map(day) == Some(day(at)) { "%H:%M:%S" } else { "%m-%d %H:%M:%S" };
        at.to_zoned(self.facts.zone.clone()).strftime(format).to_string()
    }

    /// What times mean.
    fn zone(&self) -> String {
        let at = self.started.unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(self.facts.zone.clone());
        match at.time_zone().iana_name() {
            Some(name) => name.to_owned(),
            None => format!("UTC{}", at.offset()),
        }
    }
}

/// The title of a step, with what is known before the run.
fn title_of(plan: &Plan, id: crate::ids::NodeId) -> String {
    let Some(title) = &plan.node(id).spec.title else { return String::new() };
    if let Some(text) = title.as_literal() {
        return text.trim().to_owned();
    }
    let mut preview = plan.preview();
    preview.stand_at(plan, plan.node(id));
    preview.text(title).trim().to_owned()
}

/// The colour of an outcome.
fn tone_of(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Succeeded => Tone::Good,
        Outcome::RolledBack | Outcome::Denied | Outcome::Blocked | Outcome::Interrupted => Tone::Warn,
        Outcome::Failed | Outcome::Stuck | Outcome::Abandoned => Tone::Bad,
    }
}

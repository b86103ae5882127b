//! A run's log, line by line: when, who, what.

use jiff::Timestamp;

use super::standing::failed_check;
use super::steps::decision;
use crate::page::{Tone, elapsed};
use crate::plan::Plan;
use crate::run::{Answerer, CheckOutcome, CheckStage, Choice, Entry, Event, Resolution, Undoing};

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// The step it is about.
    pub key: Option<String>,
    /// Who did it; none when it was the engine.
    pub who: Option<String>,
    /// What happened.
    pub text: String,
    /// How a page colours it.
    pub tone: Tone,
    /// Whether it is a decision of people: a yes, a no, a choice.
    pub is_decision: bool,
}

/// `log`, told for people.
pub(super) fn lines(plan: &Plan, log: &[Entry]) -> Vec<Line> {
    log.iter().filter_map(|entry| line(plan, entry)).collect()
}

fn line(plan: &Plan, entry: &Entry) -> Option<Line> {
    let by = |by: &Answerer| (by.who != "engine").then(|| format!("{} ({})", by.who, by.how));
    let mut decides = false;
    let (who, text, tone) = match &entry.event {
        Event::Attached { by, engine } => {
            let what = if entry.seq == 1 { "started the run" } else { "went on with the run" };
            (Some(by.clone()), format!("{what} (engine {engine})"), Tone::People)
        }
        Event::BookChecked { checks } if checks.is_empty() => return None,
        Event::BookChecked { checks } => {
            let (text, tone) = checked("preconditions", checks);
            (None, text, tone)
        }
        Event::Condition { holds: true, .. } | Event::Expanded { .. } | Event::Called { .. } => return None,
        Event::Condition { .. } => (None, "skipped: its condition does not hold".to_owned(), Tone::Quiet),
        Event::SecretSeen { changed: false, .. } => return None,
        Event::SecretSeen { name, .. } => {
            (None, format!("the secret `{name}` is another one than before"), Tone::Quiet)
        }
        Event::Unusable { reason, .. } => (None, format!("cannot be carried out: {reason}"), Tone::Bad),
        Event::Refused { reason, .. } => (None, format!("not allowed: {reason}"), Tone::Bad),
        Event::Checked { stage, checks, .. } => {
            let (text, tone) = checked(stage_name(*stage), checks);
            // That something is still to be done is no bad news.
            let tone =
                if matches!(stage, CheckStage::DoneWhen | CheckStage::Goal) { Tone::Quiet } else { tone };
            (None, text, tone)
        }
        Event::GateOpened { question, .. } => (None, format!("asked: {}", question.message), Tone::People),
        Event::GateDecided { decision: said, by: one, .. } => {
            decides = true;
            let tone = if decision(*said) == "denied" { Tone::Bad } else { Tone::People };
            (by(one), decision(*said).to_owned(), tone)
        }
        Event::GateExpired { .. } => (None, "nobody answered in time".to_owned(), Tone::Bad),
        Event::Started { attempt: 1, .. } => (None, "started".to_owned(), Tone::Busy),
        Event::Started { attempt, .. } => (None, format!("started, attempt {attempt}"), Tone::Busy),
        Event::Ended { result, .. } => {
            let who = result.by.as_ref().and_then(by);
            decides = who.is_some();
            let said = result.reason.as_deref();
            let code = result.exit_code.map_or_else(String::new, |code| format!(" (exit code {code})"));
            match (result.ok, result.warned) {
                (true, false) => (who, "done".to_owned(), Tone::Good),
                (true, true) => (who, format!("done, but {}", said.unwrap_or("with a warning")), Tone::Warn),
                (false, _) => match said {
                    Some(said) => (who, said.to_owned(), Tone::Bad),
                    None => (who, format!("failed{code}"), Tone::Bad),
                },
            }
        }
        Event::Resolved { resolution, by: one, .. } => {
            decides = true;
            let truth = match resolution {
                Resolution::Done => "it happened",
                Resolution::Failed => "it failed",
                Resolution::Retry => "it did not happen, or may be repeated",
                Resolution::Unknown => "what became of it cannot be found out here",
            };
            (by(one), truth.to_owned(), Tone::People)
        }
        Event::Chosen { choice, by: one, .. } => {
            decides = true;
            let chosen = match choice {
                Choice::Retry => "chose to try again",
                Choice::Skip => "chose to go on without it",
                Choice::Rollback => "chose to stop and undo",
                Choice::Stop => "chose to stop",
            };
            (by(one), chosen.to_owned(), Tone::People)
        }
        Event::TimedOut { .. } => (None, "took longer than it may".to_owned(), Tone::Bad),
        Event::Escalated { level, sent, failed, held_back, late, .. } => {
            let late = late.map_or_else(String::new, |late| {
                format!(" ({} late)", elapsed(i64::try_from(late.as_millis()).unwrap_or(i64::MAX)))
            });
            let failed: Vec<String> =
                failed.iter().map(|not| format!("{} was not told ({})", not.to, not.reason)).collect();
            let told = match held_back {
                Some(why) => format!("nobody was told: {why}"),
                None if sent.is_empty() => String::new(),
                None => format!("told {}", sent.join(", ")),
            };
            let told: Vec<String> =
                Some(told).into_iter().filter(|told| !told.is_empty()).chain(failed).collect();
            (None, format!("escalation, level {level}{late}: {}", told.join("; ")), Tone::People)
        }
        Event::RollbackDecided { decision, by: one } => {
            decides = true;
            let text = match decision {
                Undoing::Begin => "what was done is undone",
                Undoing::Decline => "nothing is undone",
                Undoing::Defer => "the rollback is put off",
            };
            let text = if one.who == "engine" { format!("{text} ({})", one.how) } else { text.to_owned() };
            (by(one), text, Tone::People)
        }
        Event::Interrupted { by: one } => (by(one), "interrupted the run".to_owned(), Tone::Warn),
        Event::Suspended { .. } => {
            (None, "the engine left; the run waits for people".to_owned(), Tone::People)
        }
        Event::Abandoned { reason, by: one } => {
            decides = true;
            (by(one), format!("gave the run up: {reason}"), Tone::Bad)
        }
        Event::Finished { outcome, .. } => {
            (None, format!("the run is over: {}", outcome.name().replace('_', " ")), super::tone_of(*outcome))
        }
    };
    let key = entry.event.node().map(|id| plan.node(id).key.clone());
    Some(Line { at: entry.at, key, who, text, tone, is_decision: decides })
}

fn stage_name(stage: CheckStage) -> &'static str {
    match stage {
        CheckStage::DoneWhen => "already done?",
        CheckStage::Preconditions => "preconditions",
        CheckStage::Verify => "verification",
        CheckStage::Goal => "goal",
    }
}

fn checked(what: &str, checks: &[CheckOutcome]) -> (String, Tone) {
    let bad: Vec<String> = checks.iter().filter(|check| !check.passed).map(failed_check).collect();
    match (bad.is_empty(), checks.iter().any(CheckOutcome::refuses)) {
        (true, _) => (format!("{what}: {} of {} hold", checks.len(), checks.len()), Tone::Good),
        (false, true) => (format!("{what}: {}", bad.join("; ")), Tone::Bad),
        (false, false) => (format!("{what}, with a warning: {}", bad.join("; ")), Tone::Warn),
    }
}

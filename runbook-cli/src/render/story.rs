//! A run's log, told entry by entry: what is worth a line, and what it says.

use jiff::Timestamp;
use runbook_core::ids::NodeId;
use runbook_core::plan::{Plan, Role};
use runbook_core::run::{
    Captured, CheckOutcome, Decision, End, Entry, Event, NodeState, Phase, Resolution, State, Undoing,
};

use super::agree;
use super::title::{purpose, title_of};
use super::told::outcome;
use crate::text::{elapsed, is_deceptive, safe, safe_line};

/// How many lines of a failed step's output are shown.
const SHOWN_LINES: usize = 10;

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// What kind of news it is.
    pub(crate) tone: Tone,
    /// The step it is about, by key.
    pub(crate) key: Option<String>,
    /// The step's title.
    pub(crate) title: Option<String>,
    /// What happened.
    pub(crate) text: String,
    /// How long it took.
    pub(crate) took: Option<String>,
    /// More, line by line.
    pub(crate) detail: Vec<String>,
}

/// What kind of news something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It began; a view that shows what runs does not need it.
    Began,
    /// It went well.
    Good,
    /// There was nothing to do.
    Quiet,
    /// Worth a look.
    Warn,
    /// It went wrong.
    Bad,
    /// People have a say.
    People,
}

/// What `entry` tells; `state` includes it.
pub(crate) fn tell(plan: &Plan, state: &State, entry: &Entry) -> Vec<Said> {
    let mut told = Vec::new();
    match &entry.event {
        Event::Attached { by, .. } if entry.seq > 1 => {
            told.push(run(Tone::People, format!("{} goes on with the run", safe_line(by))));
        }
        Event::BookChecked { checks } => told.extend(book(checks)),
        Event::GateOpened { node, .. } => told.push(step(plan, *node, Tone::People, "waits for a yes")),
        Event::GateDecided { node, decision: Decision::Approve, by, .. } => {
            let open = match &state.node(*node).phase {
                Phase::Gate { question, .. } => {
                    agree::more(question.needs(&state.node(*node).asked.approvals, entry.at))
                }
                _ => None,
            };
            let more = open.map_or_else(String::new, |more| format!("; {more}"));
            let text = format!("approved by {} ({}){more}", safe_line(&by.who), safe_line(&by.how));
            told.push(step(plan, *node, Tone::People, text));
        }
        Event::Started { node, attempt, .. } => {
            let text = if *attempt > 1 { format!("attempt {attempt}") } else { "started".to_owned() };
            told.push(step(plan, *node, Tone::Began, text));
        }
        Event::Ended { node, attempt, result } => {
            let reason = result.reason.as_deref().unwrap_or("failed");
            match &state.node(*node).phase {
                Phase::Ready { not_before } if !result.ok => {
                    let pause = not_before.map(|at| at.as_millisecond() - entry.at.as_millisecond());
                    let pause = pause.filter(|left| *left > 0);
                    let next = pause
                        .map_or_else(|| "again now".to_owned(), |left| format!("again in {}", elapsed(left)));
                    let text = format!("attempt {attempt}: {}; {next}", safe_line(reason));
                    told.push(step(plan, *node, Tone::Warn, text));
                }
                Phase::Doubt(_) => {
                    told.push(step(plan, *node, Tone::Warn, format!("in doubt: {}", safe_line(reason))))
                }
                _ => {}
            }
        }
        Event::Resolved { node, resolution, by } => {
            let truth = match resolution {
                Resolution::Done => "it happened",
                Resolution::Failed => "it failed",
                Resolution::Retry => "it did not happen, or may be repeated",
                Resolution::Unknown => "what became of it cannot be found out here",
            };
            let text = format!("{truth}, says {} ({})", safe_line(&by.who), safe_line(&by.how));
            told.push(step(plan, *node, Tone::People, text));
        }
        Event::Chosen { node, choice, by } => {
            let text = format!("{}: {}", safe_line(&by.who), choice_name(*choice));
            told.push(step(plan, *node, Tone::People, text));
        }
        Event::RollbackDecided { decision, by } => {
            let text = match decision {
                Undoing::Begin => format!("undoing what was done ({})", safe_line(&by.how)),
                Undoing::Decline => format!("nothing is undone ({})", safe_line(&by.how)),
                Undoing::Defer if by.who == "engine" => {
                    "nobody was there to decide about the rollback; it can be done later".into()
                }
                Undoing::Defer => format!("the rollback was put off by {}", safe_line(&by.who)),
            };
            told.push(run(Tone::People, text));
        }
        Event::Escalated { level, sent, failed, held_back, late, .. } => {
            let what = outcome(sent, failed, held_back.as_deref());
            let late = late.map_or_else(String::new, |late| format!(" ({late} late)"));
            let tone = match (failed.is_empty(), held_back) {
                (false, _) => Tone::Warn,
                (true, Some(_)) => Tone::Quiet,
                (true, None) => Tone::People,
            };
            told.push(run(tone, format!("escalation, level {level}{late}: {what}")));
        }
        Event::Interrupted { by } => {
            let text =
                format!("interrupted by {}: nothing new starts, what runs is stopped", safe_line(&by.who));
            told.push(run(Tone::Warn, text));
        }
        Event::Abandoned { reason, by } => {
            told.push(run(Tone::Bad, format!("given up by {}: {}", safe_line(&by.who), safe_line(reason))));
        }
        _ => {}
    }
    if let Some(node) = subject(&entry.event) {
        rests(plan, state, node, entry.at, &mut told);
    }
    told
}

/// The step that an event is about.
pub(crate) fn subject(event: &Event) -> Option<NodeId> {
    match event {
        Event::Condition { node, .. }
        | Event::Unusable { node, .. }
        | Event::Refused { node, .. }
        | Event::Checked { node, .. }
        | Event::GateOpened { node, .. }
        | Event::GateDecided { node, .. }
        | Event::GateExpired { node }
        | Event::Started { node, .. }
        | Event::Ended { node, .. }
        | Event::Resolved { node, .. }
        | Event::Expanded { node, .. }
        | Event::Called { node, .. }
        | Event::Chosen { node, .. }
        | Event::TimedOut { node } => Some(*node),
        _ => None,
    }
}

/// The step, and the groups around it, as far as this very entry brought them to rest.
fn rests(plan: &Plan, state: &State, node: NodeId, at: Timestamp, told: &mut Vec<Said>) {
    let mut here = Some(node);
    while let Some(id) = here {
        let one = state.node(id);
        let now = one.ended == Some(at) || (id == node && one.ended.is_none());
        match &one.phase {
            Phase::Rest(end) if now => told.push(rest(plan, id, one, *end)),
            _ if id == node => {}
            _ => return,
        }
        here = plan.node(id).parent;
    }
}

fn rest(plan: &Plan, id: NodeId, node: &NodeState, end: End) -> Said {
    let reason = || node.reason.as_deref().map(safe_line);
    let (tone, text) = match end {
        End::Succeeded => (Tone::Good, "ok".to_owned()),
        End::Warned => (Tone::Warn, format!("ok, but {}", warning(node))),
        End::Failed => {
            let why = reason().unwrap_or_else(|| "no reason given".to_owned());
            if node.tolerated {
                (Tone::Warn, format!("failed: {why}; the run goes on"))
            } else {
                (Tone::Bad, format!("failed: {why}"))
            }
        }
        End::Blocked => (
            Tone::Bad,
            format!("blocked: {}", reason().unwrap_or_else(|| "a precondition is not met".to_owned())),
        ),
        End::Denied => (Tone::Bad, reason().unwrap_or_else(|| "denied".to_owned())),
        End::AlreadyDone => (Tone::Quiet, "skipped: already done".to_owned()),
        End::Skipped => {
            let why = reason().unwrap_or_else(|| "its condition is false".to_owned());
            (Tone::Quiet, format!("skipped: {why}"))
        }
        End::NotSelected => (Tone::Quiet, "skipped: not selected".to_owned()),
        End::Cancelled => (Tone::Warn, reason().unwrap_or_else(|| "stopped".to_owned())),
        _ => (Tone::Warn, "ended".to_owned()),
    };
    let took = node.started.zip(node.ended).map(|(from, to)| to.as_millisecond() - from.as_millisecond());
    let detail = if end == End::Failed && !plan.node(id).spec.action.is_group() {
        last_words(node)
    } else {
        Vec::new()
    };
    Said { took: took.map(elapsed), detail, ..step(plan, id, tone, text) }
}

/// Why a step that went well is worth a second look.
pub(crate) fn warning(node: &NodeState) -> String {
    let mut why = failed_checks(&node.checks);
    // What the action itself has to say.
    let said = node.result.as_ref().is_some_and(|result| result.warned) || why.is_empty();
    why.extend(node.reason.iter().filter(|_| said).map(|reason| safe_line(reason)));
    why.join("; ")
}

/// What stands in the way among `checks`, or is worth a warning.
pub(crate) fn failed_checks(checks: &[CheckOutcome]) -> Vec<String> {
    let failed = checks.iter().filter(|check| !check.passed);
    failed
        .map(|check| match &check.reason {
            Some(reason) => format!("{}: {}", safe_line(&check.title), safe_line(reason)),
            None => safe_line(&check.title),
        })
        .collect()
}

fn book(checks: &[CheckOutcome]) -> Option<Said> {
    if checks.is_empty() {
        return None;
    }
    let failed = failed_checks(checks);
    Some(if checks.iter().any(CheckOutcome::refuses) {
        Said { detail: failed, ..run(Tone::Bad, "preconditions are not met; nothing has happened") }
    } else if failed.is_empty() {
        run(Tone::Good, format!("preconditions are met ({})", checks.len()))
    } else {
        Said { detail: failed, ..run(Tone::Warn, "preconditions are met, with warnings") }
    })
}

/// The last line that an action which failed wrote to standard error: most programs say there what is wrong.
pub(crate) fn last_error(node: &NodeState) -> Option<String> {
    let result = node.result.as_ref().filter(|result| !result.ok)?;
    let text = without_colour(result.stderr.tail.as_deref().unwrap_or(&result.stderr.head));
    let line = text.lines().rfind(|line| !line.trim().is_empty())?;
    Some(safe_line(line.trim()))
}

/// The last lines that a step wrote, standard error before standard output.
pub(crate) fn last_words(node: &NodeState) -> Vec<String> {
    let Some(result) = &node.result else { return Vec::new() };
    let lines = |captured: &Captured| -> Vec<String> {
        let text = captured.tail.as_deref().unwrap_or(&captured.head);
        let text = without_colour(text);
        let lines: Vec<String> =
            text.lines().map(|line| safe(line).into_owned()).filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].to_vec()
    };
    let stderr = lines(&result.stderr);
    if stderr.is_empty() { lines(&result.stdout) } else { stderr }
}

/// `text` as it would look without colours; what else a command sent to its terminal is left for [`safe`].
pub(crate) fn without_colour(text: &str) -> String {
    if text.contains(is_deceptive) { anstream::adapter::strip_str(text).to_string() } else { text.to_owned() }
}

fn choice_name(choice: runbook_core::run::Choice) -> &'static str {
    use runbook_core::run::Choice;
    match choice {
        Choice::Retry => "try again",
        Choice::Skip => "go on without it",
        Choice::Rollback => "stop and undo",
        Choice::Stop => "stop",
    }
}

fn run(tone: Tone, text: impl Into<String>) -> Said {
    Said { tone, key: None, title: None, text: text.into(), took: None, detail: Vec::new() }
}

fn step(plan: &Plan, id: NodeId, tone: Tone, text: impl Into<String>) -> Said {
    let title = title_of(plan, id).or_else(|| match plan.node(id).role {
        Role::Body => None,
        _ => purpose(plan, id),
    });
    Said {
        tone,
        key: Some(plan.node(id).key.clone()),
        title,
        text: text.into(),
        took: None,
        detail: Vec::new(),
    }
}

//! One run in full: for people, and for programs.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use quick_junit::{NonSuccessKind, Report as JunitReport, TestCase, TestCaseStatus, TestSuite};
use runbook_core::ids::NodeId;
use runbook_core::page::Tone;
use runbook_core::plan::Role;
use runbook_core::port::{PendingAnswer, RunRecord};
use runbook_core::report::{Facts, Report};
use runbook_core::run::{Captured, Entry, Machine, Outcome, Phase, Status};
use runbook_core::value::display;
use serde_json::{Value, json};

use super::standing::{WaitKind, next, waiting};
use super::story::last_words;
use super::style::Paint;
use super::summary::{body, headline, section};
use super::title::{key_and_title, purpose, title_of};
use super::told::{Told, told};
use crate::commands::local_time;
use crate::state_dir::StateDir;
use crate::text::{elapsed, safe, safe_line, shell_word};

/// A run and what is known besides its log.
pub(crate) struct Subject<'a> {
    pub(crate) record: &'a RunRecord,
    pub(crate) machine: &'a Machine,
    /// Whether an engine carries it out right now.
    pub(crate) alive: bool,
    /// Answers that wait in the store.
    pub(crate) left: &'a [PendingAnswer],
    /// Where the run's files are.
    pub(crate) directory: &'a Path,
    pub(crate) state: &'a StateDir,
}

impl Subject<'_> {
    fn status(&self) -> &'static str {
        match self.machine.state().run_status() {
            "running" if !self.alive => "lost",
            status => status,
        }
    }

    fn next(&self) -> Vec<String> {
        let now = Timestamp::now();
        if self.alive && waiting(self.machine, self.left, now).is_empty() {
            return Vec::new();
        }
        next(&self.record.id, self.machine, self.left, now, self.state)
    }

    fn ended(&self) -> Option<Timestamp> {
        self.machine.state().finished.and(self.machine.state().updated)
    }
}

/// For people.
pub(crate) fn human(subject: &Subject<'_>, paint: Paint) -> String {
    let Subject { record, machine, .. } = subject;
    let (plan, state) = (machine.plan(), machine.state());
    let title = record.title.as_deref().map_or_else(String::new, |title| format!(" · {}", safe_line(title)));
    let mut text = format!("{}{title}\n", paint.strong(&safe_line(&record.runbook)));
    let status = if subject.status() == "lost" {
        paint.bad("lost its engine; `runbook resume` goes on with it")
    } else {
        headline(machine, paint)
    };
    text.push_str(&format!("{status}\n\n"));
    section(&mut text, paint, "run", &[record.id.to_string()]);
    if let Some(file) = &record.file {
        section(&mut text, paint, "file", &[safe_line(file)]);
    }
    section(&mut text, paint, "started", &[local_time(record.started)]);
    if let Some(ended) = subject.ended() {
        section(&mut text, paint, "ended", &[local_time(ended)]);
    }
    if let Some(reason) = &state.abandoned {
        section(&mut text, paint, "given up", &[safe_line(reason)]);
    }
    text.push('\n');
    for (id, node) in plan.executable() {
        let status = state.status(id);
        let untouched = status == Status::Pending && node.role != Role::Body;
        if !untouched {
            text.push_str(&line(machine, id, status, paint));
        }
    }
    text.push('\n');
    text.push_str(&body(machine, subject.left, paint));
    let told: Vec<String> = told(machine).iter().map(|told| told.line(paint)).collect();
    section(&mut text, paint, "told", &told);
    let commands: Vec<String> = subject.next().iter().map(|command| paint.lively(command)).collect();
    section(&mut text, paint, "next", &commands);
    text
}

fn line(machine: &Machine, id: NodeId, status: Status, paint: Paint) -> String {
    let (plan, node) = (machine.plan(), machine.state().node(id));
    let mark = match status {
        Status::Succeeded | Status::Undone => paint.good("✓"),
        Status::Failed | Status::Blocked | Status::Denied | Status::UndoFailed => paint.bad("✗"),
        Status::Warned | Status::InDoubt | Status::Cancelled => paint.warn("!"),
        Status::Waiting => paint.lively("?"),
        Status::Running | Status::Verifying | Status::Undoing => paint.lively("●"),
        _ => paint.dim("–"),
    };
    let depth = std::iter::successors(plan.node(id).parent, |parent| plan.node(*parent).parent).count();
    let about = purpose(plan, id).map_or_else(String::new, |purpose| format!(" ({purpose})"));
    let took = node.started.zip(node.ended).map(|(from, to)| to.as_millisecond() - from.as_millisecond());
    let took = took.map_or_else(String::new, |took| format!("  {}", paint.dim(&elapsed(took))));
    let tries = if node.attempt > 1 { format!(", {} attempts", node.attempt) } else { String::new() };
    let mut text = format!(
        "{}{mark} {}{about}  {}{tries}{took}\n",
        "  ".repeat(depth),
        safe_line(&key_and_title(plan, id)),
        status.name().replace('_', " "),
    );
    if status == Status::Failed && !plan.node(id).spec.action.is_group() {
        for words in last_words(node) {
            text.push_str(&format!("{}  {} {words}\n", "  ".repeat(depth), paint.dim("│")));
        }
    }
    text
}

/// As a document, from the stored plan and log.
pub(crate) fn document(subject: &Subject<'_>, log: &[Entry]) -> Report {
    let record = subject.record;
    let mut facts = Facts::new(record.id.as_str(), record.digest.clone());
    facts.file.clone_from(&record.file);
    facts.alive = subject.alive;
    facts.next = subject.next();
    facts.next.retain(|command| !command.contains(" show "));
    facts.next.extend(again(subject));
    facts.zone = TimeZone::system();
    Report::of(&facts, subject.machine, log)
}

/// How the run is begun anew once its cause has been put right; none while anything of it is left to do.
fn again(subject: &Subject<'_>) -> Option<String> {
    let machine = subject.machine;
    let failed = machine.state().finished.is_some_and(|outcome| outcome != Outcome::Succeeded);
    let file = subject.record.file.as_deref().filter(|file| *file != "<stdin>")?;
    if !failed || machine.state().run_status() == "rollback_pending" {
        return None;
    }
    let inputs = machine.plan().inputs.iter().filter(|(_, value)| !value.is_null());
    let inputs = inputs.map(|(name, value)| {
        let value = match value {
            Value::Array(_) => value.to_string(),
            value => display(value),
        };
        format!(" -i {}", shell_word(&format!("{name}={value}")))
    });
    Some(subject.state.command(&format!("run {}{}", shell_word(file), inputs.collect::<String>())))
}

/// Every step as a test case, for programs that show what came of tests.
pub(crate) fn junit(report: &Report) -> Result<String, String> {
    let mut suite = TestSuite::new(safe_line(&report.runbook));
    if let Some(started) = report.started {
        suite.add_property(("started", started.to_string().as_str()));
    }
    suite.add_property(("run", report.facts.run.as_str()));
    suite.add_property(("status", report.headline.status.as_str()));
    for step in report.steps.iter().filter(|step| !step.is_group) {
        if step.purpose.is_some() && !step.reached {
            continue;
        }
        let mut status = match step.tone {
            _ if step.failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Tone::Bad => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Tone::Quiet | Tone::People => TestCaseStatus::skipped(),
            _ => TestCaseStatus::success(),
        };
        let reason = step.reason.clone().unwrap_or_else(|| step.status.replace('_', " "));
        if step.tone != Tone::Good {
            status.set_message(safe_line(&reason));
        }
        let title = if step.title.is_empty() { String::new() } else { format!(" · {}", step.title) };
        let mut case = TestCase::new(safe_line(&format!("{}{title}", step.key)), status);
        case.set_classname(safe_line(&report.runbook));
        if let Some((from, to)) = step.started.zip(step.ended) {
            let millis = to.as_millisecond() - from.as_millisecond();
            case.set_time(std::time::Duration::from_millis(u64::try_from(millis).unwrap_or(0)));
        }
        if !step.stdout.is_empty() {
            case.set_system_out(safe(&step.stdout));
        }
        if !step.stderr.is_empty() {
            case.set_system_err(safe(&step.stderr));
        }
        suite.add_test_case(case);
    }
    let mut all = JunitReport::new("runbook");
    all.add_test_suite(suite);
    all.to_string().map_err(|error| error.to_string())
}

/// For programs. The form is documented and stable.
pub(crate) fn json(subject: &Subject<'_>, log: &[Entry]) -> Value {
    let Subject { record, machine, .. } = subject;
    let state = machine.state();
    let steps: Vec<Value> = machine.plan().executable().map(|(id, _)| step(subject, id)).collect();
    let waits: Vec<Value> = waiting(machine, subject.left, Timestamp::now())
        .into_iter()
        .map(|one| {
            let gate = match &one.kind {
                WaitKind::Gate(gate) => Some(gate),
                _ => None,
            };
            json!({
                "step": machine.plan().node(one.node).key,
                "kind": one.kind.name(),
                "question": one.question,
                "phrase": gate.and_then(|gate| gate.phrase.clone()),
                "roles": gate.map(|gate| &gate.roles),
                "approvals": gate.map(|gate| &gate.approvals),
                "needs": gate.map(|gate| gate.needs),
                "until": gate.and_then(|gate| gate.until),
                "answered": one.answered,
            })
        })
        .collect();
    let document = document(subject, log);
    let evidence: Vec<Value> = document
        .evidence
        .iter()
        .map(|one| json!({ "step": one.key, "label": one.label, "text": one.text, "at": one.at }))
        .collect();
    let decisions: Vec<Value> = document
        .log
        .iter()
        .filter(|line| line.is_decision)
        .map(|line| json!({ "at": line.at, "step": line.key, "by": line.who, "what": line.text }))
        .collect();
    json!({
        "id": record.id,
        "runbook": record.runbook,
        "title": record.title,
        "file": record.file,
        "status": subject.status(),
        "started": record.started,
        "updated": state.updated,
        "ended": subject.ended(),
        "outcome": state.finished,
        "alive": subject.alive,
        "digest": record.digest,
        "inputs": machine.plan().inputs,
        "outputs": state.outputs,
        "preconditions": state.book,
        "interrupted": state.interrupted,
        "abandoned": state.abandoned,
        "steps": steps,
        "told": told(machine).iter().map(Told::json).collect::<Vec<_>>(),
        "waiting": waits,
        "evidence": evidence,
        "decisions": decisions,
        "next": subject.next().first(),
    })
}

fn step(subject: &Subject<'_>, id: NodeId) -> Value {
    let (plan, state) = (subject.machine.plan(), subject.machine.state());
    let (planned, node) = (plan.node(id), state.node(id));
    let result = node.result.as_deref();
    let reason = match &node.phase {
        Phase::Gate { question, .. } => Some(question.message.clone()),
        _ => node.reason.clone(),
    };
    json!({
        "key": planned.key,
        "title": title_of(plan, id),
        "role": role(planned.role),
        "parent": planned.parent.map(|parent| plan.node(parent).key.clone()),
        "action": planned.spec.action.key(),
        "effect": planned.spec.effect,
        "status": state.status(id),
        "reason": reason,
        "attempts": node.attempt,
        "started": node.started,
        "ended": node.ended,
        "approved_by": node.approved.as_ref().map(|(_, by)| by),
        "approvals": node.asked.approvals,
        "exit_code": result.and_then(|result| result.exit_code),
        "stdout": result.map(|result| shown(&result.stdout)),
        "stderr": result.map(|result| shown(&result.stderr)),
        "stdout_file": result.and_then(|result| file(subject.directory, &result.stdout)),
        "stderr_file": result.and_then(|result| file(subject.directory, &result.stderr)),
        "outputs": result.map(|result| &result.outputs),
        "checks": node.checks,
    })
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Body => "body",
        Role::Rollback(_) => "rollback",
        Role::Cleanup(_) => "cleanup",
        Role::OnFailure => "on_failure",
        Role::Finally => "finally",
    }
}

/// The whole text, or its ends and how much is left out between them.
fn shown(captured: &Captured) -> String {
    match &captured.tail {
        None => captured.head.clone(),
        Some(tail) => {
            let left_out = captured.bytes.saturating_sub((captured.head.len() + tail.len()) as u64);
            format!("{}\n… {left_out} bytes left out …\n{tail}", captured.head)
        }
    }
}

fn file(directory: &Path, captured: &Captured) -> Option<String> {
    captured.file.as_ref().map(|file| directory.join(file).to_string_lossy().into_owned())
}

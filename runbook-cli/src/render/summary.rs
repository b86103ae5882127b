//! The last words about a run: how it ended, what failed, what was undone, what is left, what to type next.

use jiff::Timestamp;
use runbook_core::ids::{NodeId, RunId};
use runbook_core::plan::Role;
use runbook_core::port::PendingAnswer;
use runbook_core::report::{is_survived, left_as_is, went_wrong};
use runbook_core::run::{CheckOutcome, Machine, Outcome, Status};
use runbook_core::value::display;

use super::agree;
use super::standing::{GateWait, WaitKind, next, rollback_is_pending, waiting};
use super::story::{failed_checks, last_error, warning};
use super::style::Paint;
use super::title::key_and_title;
use crate::commands::local_time;
use crate::state_dir::StateDir;
use crate::text::{elapsed, safe_line};

/// The summary of `machine` as its engine left it.
pub(crate) fn render(run: &RunId, machine: &Machine, state_dir: &StateDir, paint: Paint) -> String {
    let mut text = format!("\n{}\n", headline(machine, paint));
    text.push_str(&body(machine, &[], paint));
    section(&mut text, paint, "run", &[run.to_string()]);
    let commands: Vec<String> = next(run, machine, &[], Timestamp::now(), state_dir)
        .iter()
        .map(|command| paint.lively(command))
        .collect();
    section(&mut text, paint, "next", &commands);
    text
}

/// How the run ended, in one line.
pub(crate) fn headline(machine: &Machine, paint: Paint) -> String {
    let state = machine.state();
    let took = state.started.zip(state.updated).map(|(from, to)| to.as_millisecond() - from.as_millisecond());
    let took = took.map_or_else(String::new, |took| format!(" after {}", elapsed(took)));
    let says = match state.finished {
        Some(Outcome::Succeeded) => return format!("{}{took}", paint.good("succeeded")),
        Some(Outcome::Blocked) if state.book.iter().any(CheckOutcome::refuses) => {
            "blocked: nothing has happened"
        }
        Some(Outcome::Blocked) => "blocked",
        Some(Outcome::RolledBack) => "failed; what had been done was undone",
        Some(Outcome::Stuck) if rollback_is_pending(machine) => "failed; the rollback is pending",
        Some(Outcome::Stuck) => "stuck: work is half done",
        Some(Outcome::Denied) => "denied",
        Some(Outcome::Interrupted) => "interrupted",
        Some(Outcome::Abandoned) => "given up",
        Some(_) => "failed",
        None if state.run_status() == "in_doubt" => "in doubt: nobody knows what became of a step",
        None if state.run_status() == "suspended" => {
            return format!("{}{took}", paint.warn("suspended: it waits for people"));
        }
        None => return format!("{}{took}", paint.lively("not over")),
    };
    format!("{}{took}", paint.bad(says))
}

/// What failed, was undone, is left, waits, and what came out.
pub(crate) fn body(machine: &Machine, left: &[PendingAnswer], paint: Paint) -> String {
    let (plan, state) = (machine.plan(), machine.state());
    let named = |id: NodeId| safe_line(&key_and_title(plan, id));
    let with_reason = |id: NodeId| match &state.node(id).reason {
        Some(reason) => {
            let said = last_error(state.node(id)).map_or_else(String::new, |line| format!(": {line}"));
            format!("{}: {}{said}", named(id), safe_line(reason))
        }
        None => named(id),
    };
    let of_status = |wanted: &'static [Status]| {
        plan.executable()
            .filter(|(id, node)| !node.spec.action.is_group() && wanted.contains(&state.status(*id)))
    };
    let mut text = String::new();

    if state.book.iter().any(CheckOutcome::refuses) {
        section(&mut text, paint, "not met", &failed_checks(&state.book));
    }
    let bad = plan
        .executable()
        .filter(|(id, node)| {
            !node.spec.action.is_group()
                && !matches!(node.role, Role::Rollback(_))
                && went_wrong(machine, *id)
        })
        .map(|(id, _)| id);
    let (mut survived, mut failed): (Vec<NodeId>, Vec<NodeId>) =
        bad.partition(|id| is_survived(machine, *id));
    // A group can fail by itself: no remedy has helped, it took too long, what it returns has no value. And what was
    // undone does not count as failed any more, but it is still why.
    failed.extend(state.cause().filter(|id| {
        let undone = matches!(state.status(*id), Status::Undone | Status::UndoFailed);
        undone || plan.node(*id).spec.action.is_group()
    }));
    for list in [&mut failed, &mut survived] {
        list.sort_by_key(|id| state.node(*id).ended);
    }
    let told = |list: Vec<NodeId>| list.into_iter().map(with_reason).collect::<Vec<_>>();
    section(&mut text, paint, "failed", &told(failed));
    section(&mut text, paint, "survived", &told(survived));
    let stopped: Vec<String> = of_status(&[Status::Cancelled]).map(|(id, _)| named(id)).collect();
    section(&mut text, paint, "stopped", &stopped);
    let warned: Vec<String> = of_status(&[Status::Warned])
        .map(|(id, _)| format!("{}: {}", named(id), warning(state.node(id))))
        .collect();
    section(&mut text, paint, "warnings", &warned);
    let undone: Vec<String> = plan
        .executable()
        .filter(|(id, _)| state.status(*id) == Status::Undone)
        .map(|(id, _)| named(id))
        .collect();
    section(&mut text, paint, "undone", &undone);
    let undo_failed: Vec<String> = plan
        .iter()
        .filter(|(id, _)| state.status(*id) == Status::UndoFailed)
        .map(|(id, node)| {
            let culprit = node.rollback.iter().find_map(|undo| state.node(*undo).reason.as_deref());
            culprit.map_or_else(|| named(id), |why| format!("{}: {}", named(id), safe_line(why)))
        })
        .collect();
    section(&mut text, paint, "undo failed", &undo_failed);
    if state.finished.is_some_and(|outcome| outcome != Outcome::Succeeded) {
        let left: Vec<String> = left_as_is(machine).into_iter().map(named).collect();
        section(&mut text, paint, "not undone", &left);
    }
    let mut waits: Vec<String> = Vec::new();
    for one in waiting(machine, left, Timestamp::now()) {
        let why = match &one.kind {
            _ if one.answered => "was answered, and waits for an engine to go on",
            WaitKind::Gate(_) => "waits for a yes",
            WaitKind::Manual => "waits for somebody who does it",
            WaitKind::Doubt => "is in doubt",
            WaitKind::Failure => "failed, and waits for a choice",
        };
        waits.push(format!("{} {why}: {}", named(one.node), safe_line(&one.question)));
        if let WaitKind::Gate(gate) = &one.kind {
            waits.extend(at_gate(gate));
        }
    }
    section(&mut text, paint, "waiting", &waits);
    let outputs: Vec<String> = state
        .outputs
        .iter()
        .map(|(name, value)| format!("{name} = {}", safe_line(&display(value))))
        .collect();
    section(&mut text, paint, "outputs", &outputs);
    text
}

/// Whose yes a gate waits for, who has agreed, and how long there is.
fn at_gate(gate: &GateWait) -> Vec<String> {
    let whose = gate.whose.iter().map(|whose| format!("  needs {}", safe_line(whose)));
    let so_far =
        gate.approvals.iter().map(|one| format!("  approved by {}", safe_line(&agree::approval(one))));
    let more = agree::more(gate.needs).filter(|_| !gate.approvals.is_empty());
    let until = gate.until.map(|until| format!("  until {}", local_time(until)));
    whose.chain(so_far).chain(more.map(|more| format!("  {more}"))).chain(until).collect()
}

/// `  label        first`, further entries under the first; nothing without entries.
pub(crate) fn section(text: &mut String, paint: Paint, label: &str, entries: &[String]) {
    const LABEL: usize = 12;
    for (at, entry) in entries.iter().enumerate() {
        let label = if at == 0 { label } else { "" };
        text.push_str(&format!("  {} {entry}\n", paint.dim(&format!("{label:<LABEL$}"))));
    }
}

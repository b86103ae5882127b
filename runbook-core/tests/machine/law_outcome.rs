//! How a run ends, as a table of what happened in it.

use runbook_core::ids::NodeId;
use runbook_core::plan::Role;
use runbook_core::run::{End, Event, Outcome, Phase, Stage, Undoing};

use crate::cases::for_runs;
use crate::law;
use crate::trace::{Trace, is_bad};

/// The outcome, from the phases alone.
fn expected(trace: &Trace) -> Outcome {
    let state = trace.machine.state();
    let units = trace.units();
    let role = |unit: &crate::trace::Unit| match unit.clean {
        true => Role::Cleanup(unit.of),
        false => Role::Rollback(unit.of),
    };
    let undone: Vec<_> = units.iter().filter(|unit| !unit.clean).collect();
    let last_word = trace.log.iter().rev().find_map(|entry| match entry.event {
        Event::RollbackDecided { decision, .. } => Some(decision),
        _ => None,
    });
    if state.abandoned.is_some() {
        return Outcome::Abandoned;
    }
    if undone.iter().any(|unit| !trace.went_well(role(unit))) || last_word == Some(Undoing::Defer) {
        return Outcome::Stuck;
    }
    if !undone.is_empty() {
        return Outcome::RolledBack;
    }
    if state.interrupted.is_some() {
        return Outcome::Interrupted;
    }
    if state.book.iter().any(|check| check.refuses()) {
        return Outcome::Blocked;
    }
    if trace.states.iter().any(|state| state.is_stopping()) {
        return match state.cause().map(|id| &state.node(id).phase) {
            Some(Phase::Rest(End::Blocked)) => Outcome::Blocked,
            Some(Phase::Rest(End::Denied)) => Outcome::Denied,
            _ => Outcome::Failed,
        };
    }
    let cleaned = units.iter().filter(|unit| unit.clean).all(|unit| trace.went_well(role(unit)));
    if cleaned && trace.went_well(Role::Finally) { Outcome::Succeeded } else { Outcome::Failed }
}

#[test]
fn the_outcome_is_what_happened() {
    for_runs(|trace| {
        let (outcome, expected) = (trace.machine.state().finished, Some(expected(trace)));
        law!(trace, outcome == expected, "the run ended {outcome:?} instead of {expected:?}");
        Ok(())
    });
}

#[test]
fn the_cause_is_the_failure_that_stopped_the_body() {
    for_runs(|trace| {
        let state = trace.machine.state();
        let Some(first) = trace.states.iter().position(|state| state.is_stopping()) else {
            law!(trace, state.cause().is_none(), "a cause without a failure");
            return Ok(());
        };
        if state.interrupted.is_some() || state.abandoned.is_some() || trace.never_began() {
            return Ok(());
        }
        let Some(cause) = state.cause() else {
            law!(trace, false, "a failure without a cause");
            return Ok(());
        };
        law!(trace, trace.states[first].cause() == Some(cause), "the cause has changed");
        let chosen = trace.has(|event| matches!(event, Event::Chosen { node, .. } if *node == cause));
        law!(trace, is_bad(state, cause) || chosen, "{cause:?} did not fail");
        // What a group never reached is cancelled with it.
        let failed =
            |child: &NodeId| is_bad(state, *child) && state.node(*child).phase != Phase::Rest(End::Cancelled);
        let inner = !trace.plan.node(cause).children.iter().any(failed)
            || trace.has(|event| matches!(event, Event::TimedOut { node } if *node == cause));
        law!(trace, inner, "{cause:?} failed because of something in it");
        Ok(())
    });
}

#[test]
fn handlers_never_turn_a_failure_into_a_success() {
    for_runs(|trace| {
        let failed = trace.states.iter().any(|state| state.is_stopping());
        let outcome = trace.machine.state().finished;
        law!(trace, !(failed && outcome == Some(Outcome::Succeeded)), "a failure became a success");
        let stopped = trace.states.iter().any(|state| state.stage == Stage::Deciding);
        law!(trace, !(stopped && outcome == Some(Outcome::Succeeded)), "a stop became a success");
        Ok(())
    });
}

//! Rollbacks, cleanups and the end: which, in which order, how often.

use std::cmp::Reverse;

use runbook_core::ids::NodeId;
use runbook_core::model::RollbackMode;
use runbook_core::plan::Role;
use runbook_core::run::{Choice, End, Event, Phase, Stage, State, Undoing};

use crate::cases::for_runs;
use crate::law;
use crate::trace::{Trace, Unit, around, is_survived};
use crate::world::in_body;

/// What a rollback has to undo, latest first.
fn expected(trace: &Trace) -> Vec<NodeId> {
    let began = trace.began_in_order();
    let barrier = began.iter().rposition(|id| trace.plan.node(*id).spec.irreversible).unwrap_or(0);
    let undo = |id: &NodeId| !trace.plan.node(*id).rollback.is_empty();
    began[barrier..].iter().rev().copied().filter(undo).collect()
}

/// Whether the run had to be rolled back.
fn was_to_be_undone(trace: &Trace) -> bool {
    let stopped = trace.states.iter().any(|state| state.stage == Stage::Deciding)
        || trace.states.iter().any(|state| state.is_stopping());
    let said = trace.has(|event| matches!(event, Event::RollbackDecided { decision: Undoing::Begin, .. }));
    let chosen = trace.has(|event| matches!(event, Event::Chosen { choice: Choice::Rollback, .. }));
    let automatic = trace.plan.rollback == RollbackMode::Auto && stopped;
    !trace.never_began() && (said || chosen || automatic)
}

#[test]
fn a_rollback_undoes_what_began_in_reverse_order_and_nothing_else() {
    for_runs(|trace| {
        let undone: Vec<NodeId> = trace.units().iter().filter(|u| !u.clean).map(|u| u.of).collect();
        let expected = expected(trace);
        if trace.is_abandoned() {
            law!(trace, expected.starts_with(&undone), "undid {undone:?} instead of {expected:?}");
        } else if was_to_be_undone(trace) {
            law!(trace, expected == undone, "undid {undone:?} instead of {expected:?}");
        } else {
            law!(trace, undone.is_empty(), "undid {undone:?} unasked");
        }
        Ok(())
    });
}

#[test]
fn a_rollback_is_offered_only_where_it_was_to_be_offered() {
    for_runs(|trace| {
        for (_, wants) in &trace.wants {
            if wants.contains(&runbook_core::run::Want::AskRollback) {
                law!(trace, trace.plan.rollback == RollbackMode::Offer, "asked though it is decided");
            }
        }
        let offered = trace.plan.rollback == RollbackMode::Offer
            && trace.states.iter().any(|state| state.stage > Stage::Deciding && state.is_stopping())
            && !trace.never_began()
            && !expected(trace).is_empty();
        let decided = trace.has(|event| matches!(event, Event::RollbackDecided { .. }))
            || trace.has(|event| matches!(event, Event::Chosen { choice: Choice::Rollback, .. }));
        law!(trace, !offered || decided || trace.is_abandoned(), "nobody was asked");
        Ok(())
    });
}

#[test]
fn every_unit_of_unwinding_runs_alone_and_latest_first() {
    for_runs(|trace| {
        let order = trace.began_in_order();
        let place = |unit: &Unit| (Reverse(order.iter().position(|id| *id == unit.of)), unit.clean);
        let rolled_back_later = trace.states.iter().filter(|state| state.finished.is_some()).count() > 1;
        let units: Vec<Unit> = trace
            .units()
            .into_iter()
            .filter(|unit| trace.states[unit.at].stage == Stage::Unwinding)
            .collect();
        if !rolled_back_later {
            law!(trace, units.is_sorted_by_key(place), "unwound in the order {units:?}");
        }
        for (at, _) in trace.entries() {
            if trace.states[at].stage != Stage::Unwinding {
                continue;
            }
            let busy = units.iter().filter(|unit| {
                trace
                    .nodes_of(**unit)
                    .iter()
                    .any(|id| !matches!(trace.states[at].node(*id).phase, Phase::Idle | Phase::Rest(_)))
            });
            law!(trace, busy.count() <= 1, "entry {}: two units at once", at + 1);
        }
        Ok(())
    });
}

#[test]
fn every_cleanup_that_is_due_runs_exactly_once() {
    for_runs(|trace| {
        let cleaned: Vec<Unit> = trace.units().into_iter().filter(|unit| unit.clean).collect();
        for (id, node) in trace.plan.iter().filter(|(_, node)| !node.cleanup.is_empty()) {
            let times = cleaned.iter().filter(|unit| unit.of == id).count();
            let due = usize::from(trace.began(id).is_some() && node.role == Role::Body);
            let fits = if trace.is_abandoned() { times <= due } else { times == due };
            law!(trace, fits, "{} was cleaned up {times} times instead of {due}", node.key);
        }
        Ok(())
    });
}

#[test]
fn a_group_cleans_up_latest_first_before_it_ends() {
    for_runs(|trace| {
        let order = trace.began_in_order();
        let place = |id: NodeId| order.iter().position(|other| *other == id);
        let cleaned: Vec<Unit> = trace.units().into_iter().filter(|unit| unit.clean).collect();
        let mut last: std::collections::BTreeMap<NodeId, NodeId> = Default::default();
        for unit in &cleaned {
            let state = &trace.states[unit.at];
            let closing = |group: &NodeId| state.node(*group).phase == Phase::Closing;
            let Some(group) = around(&trace.plan, unit.of).into_iter().find(closing) else {
                law!(trace, state.stage == Stage::Unwinding, "{unit:?}: no scope ends");
                continue;
            };
            if let Some(before) = last.insert(group, unit.of) {
                law!(trace, place(unit.of) < place(before), "{:?} is cleaned up after {before:?}", unit.of);
            }
        }
        for (group, node) in trace.plan.iter() {
            if !node.spec.action.is_group() || node.role != Role::Body {
                continue;
            }
            let well =
                |state: &State| matches!(state.node(group).phase, Phase::Rest(End::Succeeded | End::Warned));
            let over = |state: &State| {
                let survived =
                    state.node(group).phase == Phase::Rest(End::Failed) && state.node(group).tolerated;
                well(state) || survived
            };
            let Some(ended) = trace.states.iter().position(over) else { continue };
            for (id, inner) in trace.plan.iter() {
                let within = around(&trace.plan, id).contains(&group) && inner.role == Role::Body;
                if within && !inner.cleanup.is_empty() && trace.began(id).is_some() {
                    let done = cleaned.iter().any(|unit| unit.of == id && unit.at <= ended);
                    law!(trace, done, "{} ended before {} was cleaned up", node.key, inner.key);
                    let clean = trace.went_well(Role::Cleanup(id));
                    let own = around(&trace.plan, id).first() == Some(&group);
                    let good = !(own && well(&trace.states[ended])) || clean;
                    law!(trace, good, "{} is good though the cleanup of {} failed", node.key, inner.key);
                }
            }
        }
        Ok(())
    });
}

#[test]
fn the_end_comes_exactly_once_and_last() {
    for_runs(|trace| {
        let Some(first) = trace.plan.roots(Role::Finally).next() else { return Ok(()) };
        let times = (0..trace.states.len()).filter(|at| trace.leaves_idle(first, *at)).count();
        let due = usize::from(!trace.never_began());
        let fits = if trace.is_abandoned() { times <= due } else { times == due };
        law!(trace, fits, "the end came {times} times instead of {due}");
        for (i, _) in trace.entries() {
            if let Some(id) = trace.going_forward(i)
                && in_body(&trace.plan, id)
            {
                let idle = trace.before(i).node(first).phase == Phase::Idle;
                law!(trace, idle, "entry {}: the body goes on after the end", i + 1);
            }
        }
        Ok(())
    });
}

#[test]
fn handlers_run_after_a_stop_and_only_then() {
    for_runs(|trace| {
        let Some(first) = trace.plan.roots(Role::OnFailure).next() else { return Ok(()) };
        let times = (0..trace.states.len()).filter(|at| trace.leaves_idle(first, *at)).count();
        let due = usize::from(!trace.never_began() && trace.states.iter().any(|state| state.is_stopping()));
        let fits = if trace.is_abandoned() { times <= 1 } else { times == due };
        law!(trace, fits, "the handlers ran {times} times instead of {due}");
        Ok(())
    });
}

#[test]
fn a_run_that_succeeds_has_done_everything() {
    for_runs(|trace| {
        let state = trace.machine.state();
        if state.finished == Some(runbook_core::run::Outcome::Succeeded) {
            for id in trace.plan.roots(Role::Body).chain(trace.plan.roots(Role::Finally)) {
                law!(trace, is_survived(state, id), "{id:?} is not done");
            }
        }
        Ok(())
    });
}

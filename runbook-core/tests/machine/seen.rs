//! Whether the random runs reach what the laws speak of; a law about what never happens proves nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;

use runbook_core::plan::Role;
use runbook_core::run::{Choice, Doubt, End, Ending, Event, Outcome, Phase, Stage, Undoing};

use crate::cases::for_many_runs;
use crate::trace::Trace;

const OFTEN: [&str; 28] = [
    "abandoned",
    "a blocked run",
    "a denied run",
    "a failed run",
    "a group closes",
    "a group is left because its scope failed",
    "a group takes too long",
    "a need is outside of its group",
    "a person chooses to retry",
    "a person chooses to roll back",
    "a person chooses to skip",
    "a person is asked what became of a step",
    "a retry",
    "a rollback after the end",
    "a rolled back run",
    "a step is blocked by what it needs",
    "a stuck run",
    "a succeeded run",
    "a tolerated failure",
    "an action is stopped",
    "an executor is asked what became of a step",
    "an expired gate",
    "an interrupted run",
    "checks are asked what became of a step",
    "cleanups after a failure",
    "rollback put off",
    "three undone",
    "two cleaned up in a group",
];

fn happens(trace: &Trace, what: &str) -> bool {
    let state = trace.machine.state();
    let outcome = |outcome| state.finished == Some(outcome);
    let chosen = |which| trace.has(|event| matches!(event, Event::Chosen { choice, .. } if *choice == which));
    let phase = |wanted: &dyn Fn(&Phase) -> bool| {
        trace.states.iter().any(|state| state.nodes.iter().any(|node| wanted(&node.phase)))
    };
    let units = trace.units();
    match what {
        "abandoned" => outcome(Outcome::Abandoned),
        "a blocked run" => outcome(Outcome::Blocked),
        "a denied run" => outcome(Outcome::Denied),
        "a failed run" => outcome(Outcome::Failed),
        "a rolled back run" => outcome(Outcome::RolledBack),
        "a stuck run" => outcome(Outcome::Stuck),
        "a succeeded run" => outcome(Outcome::Succeeded) && trace.log.len() > 12,
        "an interrupted run" => outcome(Outcome::Interrupted),
        "a group closes" => phase(&|phase| *phase == Phase::Closing),
        "a group is left because its scope failed" => trace.plan.iter().any(|(id, node)| {
            node.spec.action.is_group() && state.node(id).phase == Phase::Rest(End::Cancelled)
        }),
        "a group takes too long" => trace.has(|event| matches!(event, Event::TimedOut { .. })),
        "a need is outside of its group" => trace.plan.iter().any(|(id, node)| {
            node.needs.iter().any(|need| trace.plan.node(*need).parent != node.parent)
                && trace.began(id).is_some()
        }),
        "a person chooses to retry" => chosen(Choice::Retry),
        "a person chooses to roll back" => chosen(Choice::Rollback),
        "a person chooses to skip" => chosen(Choice::Skip),
        "a person is asked what became of a step" => phase(&|phase| *phase == Phase::Doubt(Doubt::Asking)),
        "an executor is asked what became of a step" => {
            phase(&|phase| *phase == Phase::Doubt(Doubt::Recovering))
        }
        "checks are asked what became of a step" => {
            phase(&|phase| matches!(phase, Phase::Doubt(Doubt::Probing(_))))
        }
        "a retry" => phase(&|phase| matches!(phase, Phase::Ready { not_before: Some(_) })),
        "a rollback after the end" => trace
            .states
            .windows(2)
            .any(|pair| pair[0].finished.is_some() && pair[1].stage == Stage::Unwinding),
        "a step is blocked by what it needs" => {
            state.nodes.iter().any(|n| n.reason.as_ref().is_some_and(|reason| reason.starts_with("needs `")))
        }
        "a tolerated failure" => outcome(Outcome::Succeeded) && state.nodes.iter().any(|node| node.tolerated),
        "an action is stopped" => trace
            .has(|event| matches!(event, Event::Ended { result, .. } if result.ending == Ending::Cancelled)),
        "an expired gate" => trace.has(|event| matches!(event, Event::GateExpired { .. })),
        "cleanups after a failure" => units
            .iter()
            .any(|unit| unit.clean && trace.states[unit.at].stage == Stage::Unwinding && state.is_stopping()),
        "rollback put off" => {
            trace.has(|event| matches!(event, Event::RollbackDecided { decision: Undoing::Defer, .. }))
        }
        "three undone" => units.iter().filter(|unit| !unit.clean).count() >= 3,
        "two cleaned up in a group" => {
            let in_body =
                |unit: &&crate::trace::Unit| unit.clean && trace.states[unit.at].stage == Stage::Body;
            units.iter().filter(in_body).filter(|unit| trace.plan.node(unit.of).role == Role::Body).count()
                >= 2
        }
        other => panic!("nobody knows when {other} happens"),
    }
}

#[test]
fn the_random_runs_reach_what_the_laws_speak_of() {
    let seen: RefCell<BTreeMap<&str, u32>> = RefCell::default();
    for_many_runs(|trace| {
        for what in OFTEN {
            *seen.borrow_mut().entry(what).or_default() += u32::from(happens(trace, what));
        }
    });
    let seen = seen.into_inner();
    let rare: Vec<_> = seen.iter().filter(|(_, times)| **times < 5).collect();
    assert!(rare.is_empty(), "hardly seen: {rare:?}\nof {seen:#?}");
    println!("{seen:#?}");
}

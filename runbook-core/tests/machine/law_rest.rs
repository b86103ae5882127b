//! Every run comes to rest, and so does every prefix of every log.

use runbook_core::run::{Machine, Want};

use crate::cases::{for_plans, for_runs};
use crate::law;
use crate::trace::Trace;
use crate::world::{World, run};

#[test]
fn every_run_comes_to_rest() {
    for_runs(|trace| {
        law!(trace, trace.machine.state().finished.is_some(), "it did not finish");
        law!(trace, trace.machine.wants(trace.now).is_empty(), "it wants something after its end");
        let ends =
            trace.states.windows(2).filter(|pair| pair[0].finished.is_none() && pair[1].finished.is_some());
        let again =
            trace.states.windows(2).filter(|pair| pair[0].finished.is_some() && pair[1].finished.is_none());
        law!(trace, ends.count() == again.count() + 1, "it finished twice");
        Ok(())
    });
}

#[test]
fn without_people_a_run_ends_or_waits_for_nothing_but_people() {
    for_plans(400, |plan, numbers| {
        let mut trace = run(plan, numbers, World { people: false, chaos: false });
        if trace.machine.state().finished.is_none() {
            let wants = trace.machine.wants(trace.now);
            law!(trace, !wants.is_empty() && wants.iter().all(Want::is_for_people), "it waits for {wants:?}");
            trace.go_on_well();
        }
        law!(trace, trace.machine.state().finished.is_some(), "it did not finish");
        Ok(())
    });
}

#[test]
fn the_state_is_what_the_log_amounts_to() {
    for_plans(150, |plan, numbers| {
        let trace = run(plan, numbers, World { people: true, chaos: true });
        for end in 0..=trace.log.len() {
            let replayed = Machine::replay(trace.book.clone(), &trace.log[..end]);
            let state = end.checked_sub(1).map(|last| {
                let mut state = trace.states[last].clone();
                state.nodes.truncate(replayed.state().nodes.len());
                state
            });
            law!(trace, state.is_none_or(|state| state == *replayed.state()), "entry {end}: another state");
        }
        Ok(())
    });
}

#[test]
fn every_prefix_of_every_log_can_be_gone_on_from() {
    for_plans(40, |plan, numbers| {
        let trace = run(plan, &numbers[..numbers.len().min(100)], World { people: true, chaos: true });
        for end in 0..=trace.log.len() {
            let before = end.min(trace.states.len());
            let mut joined = Trace::resumed(trace.book.clone(), &trace.log[..end]);
            joined.states.splice(0..0, trace.states[..before].iter().cloned());
            joined.pad();
            if joined.machine.state().finished.is_none() {
                joined.go_on_well();
            }
            law!(joined, joined.machine.state().finished.is_some(), "it did not finish");
            crate::law_order::repeats(&joined)?;
        }
        Ok(())
    });
}

#[test]
fn asking_changes_nothing() {
    for_runs(|trace| {
        let wants = trace.machine.wants(trace.now);
        law!(trace, wants == trace.machine.wants(trace.now), "asked twice, answered differently");
        Ok(())
    });
}

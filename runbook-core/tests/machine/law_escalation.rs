//! Timers beside the steps: each level once, in order, at its time or later, never after the end; and they change
//! nothing but what people know.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::test_runner::TestCaseError;
use runbook_core::plan::Plan;
use runbook_core::run::{Entry, Event, Machine, Stage, Want};

use crate::cases::{for_many_runs, for_plans, for_runs};
use crate::law;
use crate::trace::Trace;
use crate::world::{World, run};

/// When the level with this number, from 1, is due.
fn due(trace: &Trace, level: u32) -> Timestamp {
    let level = &trace.plan.escalation.as_ref().unwrap().levels[level as usize - 1];
    trace.log[0].at + SignedDuration::from_millis(level.after.as_millis() as i64)
}

fn levels(plan: &Plan) -> usize {
    plan.escalation.as_ref().map_or(0, |escalation| escalation.levels.len())
}

/// The levels in the log, with when and whether it was the last.
fn fired(log: &[Entry]) -> Vec<(u32, Timestamp, bool)> {
    log.iter()
        .filter_map(|entry| match &entry.event {
            Event::Escalated { level, over, .. } => Some((*level, entry.at, *over)),
            _ => None,
        })
        .collect()
}

fn each_once_in_order_and_in_time(trace: &Trace) -> Result<(), TestCaseError> {
    let fired = fired(&trace.log);
    for (place, (level, at, over)) in fired.iter().enumerate() {
        law!(trace, *level as usize == place + 1, "level {level} fired in place {}", place + 1);
        law!(trace, *at >= due(trace, *level), "level {level} fired before its time");
        law!(trace, !over || place + 1 == fired.len(), "a level fired after {level}, with which it was over");
    }
    let finished = trace.log.iter().position(|entry| matches!(entry.event, Event::Finished { .. }));
    let end = finished.unwrap_or(trace.log.len());
    law!(trace, self::fired(&trace.log[end..]).is_empty(), "a level fired after the end");
    Ok(())
}

#[test]
fn each_level_fires_once_in_order_in_time_and_before_the_end() {
    for_runs(each_once_in_order_and_in_time);
}

#[test]
fn what_is_due_is_wanted_and_nothing_else() {
    for_runs(|trace| {
        for (i, (now, wants)) in
            trace.wants.iter().enumerate().skip(1).filter(|(_, (_, wants))| !wants.is_empty())
        {
            let state = trace.before(i);
            let next = state.escalation.fired.len() as u32 + 1;
            let left = !state.escalation.over && (next as usize) <= levels(&trace.plan);
            let under_way = !matches!(state.stage, Stage::Preconditions | Stage::Over);
            let expected = (left && under_way && *now >= due(trace, next)).then_some(next);
            let wanted: Vec<u32> = wants
                .iter()
                .filter_map(|want| if let Want::Escalate(level) = want { Some(*level) } else { None })
                .collect();
            law!(
                trace,
                wanted == Vec::from_iter(expected),
                "entry {i}: {wanted:?} wanted, {expected:?} is due"
            );
        }
        Ok(())
    });
}

#[test]
fn timers_change_nothing_but_what_people_know() {
    for_runs(|trace| {
        let mut plan = (*trace.book).clone();
        plan.escalation = None;
        let log: Vec<Entry> = trace
            .log
            .iter()
            .filter(|entry| !matches!(entry.event, Event::Escalated { .. }))
            .cloned()
            .collect();
        let without = Machine::replay(Arc::new(plan), &log);
        let (with, without) = (trace.machine.state(), without.state());
        law!(trace, with.nodes == without.nodes, "other steps");
        law!(trace, with.finished == without.finished && with.stage == without.stage, "another end");
        Ok(())
    });
}

#[test]
fn every_prefix_fires_the_rest_and_nothing_twice() {
    for_plans(80, |plan, numbers| {
        let trace = run(plan, &numbers[..numbers.len().min(80)], World { people: false, chaos: false });
        for end in 1..=trace.log.len() {
            let mut joined = Trace::resumed(trace.book.clone(), &trace.log[..end]);
            joined.states.splice(0..0, trace.states[..end].iter().cloned());
            joined.go_on_alone();
            each_once_in_order_and_in_time(&joined)?;
            let state = joined.machine.state();
            let all = fired(&joined.log).len() == levels(&joined.plan);
            law!(joined, all || state.escalation.over || state.finished.is_some(), "a level never fired");
        }
        Ok(())
    });
}

#[test]
fn a_level_is_refused_when_it_is_not_the_next_one() {
    for_many_runs(|trace| {
        let state = trace.machine.state();
        for level in 0..5 {
            let event = Event::Escalated {
                level,
                sent: Vec::new(),
                failed: Vec::new(),
                held_back: None,
                over: false,
                late: None,
            };
            let mut machine = Machine::new(trace.plan.clone());
            for entry in &trace.log {
                machine.apply(entry);
                let state = machine.state();
                let next = state.escalation.fired.len() as u32 + 1;
                let fits = state.finished.is_none()
                    && state.stage != Stage::Preconditions
                    && !state.escalation.over
                    && level == next
                    && (next as usize) <= levels(&trace.plan);
                assert_eq!(machine.admit(&event).is_ok(), fits, "level {level}\n{}", trace.show());
            }
        }
        assert!(state.escalation.fired.len() <= levels(&trace.plan));
    });
}

/// What the laws speak of does happen.
#[test]
fn levels_fire_are_held_back_and_are_left_over() {
    let seen = std::cell::Cell::new([0; 4]);
    for_many_runs(|trace| {
        let mut count = seen.get();
        let escalation = &trace.machine.state().escalation;
        count[0] += usize::from(escalation.fired.len() > 1);
        count[1] += usize::from(escalation.fired.iter().any(|fired| fired.held_back.is_some()));
        count[2] += usize::from(escalation.fired.len() < levels(&trace.plan));
        count[3] += usize::from(escalation.fired.len() == levels(&trace.plan) && levels(&trace.plan) > 0);
        seen.set(count);
    });
    assert!(seen.get().iter().all(|count| *count > 20), "{:?}", seen.get());
}

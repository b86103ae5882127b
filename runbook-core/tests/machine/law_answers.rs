//! Answers that do not fit: refused, without a trace, and never twice.

use proptest::prelude::*;
use runbook_core::ids::NodeId;
use runbook_core::plan::Item;
use runbook_core::run::{
    CheckOutcome, CheckStage, Choice, Decision, Ending, Entry, Event, Machine, Outcome, Resolution,
    SecretMark, StepResult, Undoing,
};

use crate::cases::{for_plans, for_runs};
use crate::law;
use crate::world::{World, attached, me, person, question, run};

/// Any event at all, about any node, for `number`.
fn any_event(number: u16, nodes: usize) -> Event {
    let (kind, rest) = (number % 23, usize::from(number / 23));
    // One past the end too: a node that does not exist.
    let node = NodeId::from_index(rest % (nodes + 1));
    let rest = rest / (nodes + 1);
    let attempt = (rest % 4) as u32;
    let checks = vec![CheckOutcome {
        title: "c".into(),
        passed: rest.is_multiple_of(2),
        warn_only: rest.is_multiple_of(3),
        reason: None,
        tries: 1,
    }];
    let stages = [CheckStage::DoneWhen, CheckStage::Preconditions, CheckStage::Verify];
    let endings =
        [Ending::Completed, Ending::TimedOut, Ending::Cancelled, Ending::NotStarted, Ending::Unknown];
    let result = Box::new(StepResult::new(endings[rest % 5], rest.is_multiple_of(2)));
    let found = [Resolution::Done, Resolution::Failed, Resolution::Retry, Resolution::Unknown];
    let choices = [Choice::Retry, Choice::Skip, Choice::Rollback, Choice::Stop];
    let outcomes = [Outcome::Succeeded, Outcome::Failed, Outcome::Stuck, Outcome::RolledBack];
    match kind {
        0 => attached(),
        1 => Event::BookChecked { checks },
        2 => Event::Condition { node, holds: rest.is_multiple_of(2) },
        3 => Event::Unusable { node, reason: "r".into() },
        4 | 5 => Event::Checked { node, stage: stages[rest % 3], checks },
        6 => Event::GateOpened { node, question: question(format!("d{}", rest % 2)) },
        7 => Event::GateDecided {
            node,
            decision: Decision::Approve,
            digest: format!("d{}", rest % 2),
            by: person(rest % 4),
            expires: None,
        },
        8 => Event::GateExpired { node },
        9 => Event::Started { node, attempt, digest: "d".into() },
        10 | 11 => Event::Ended { node, attempt, result },
        12 => Event::Resolved { node, resolution: found[rest % 4], by: me() },
        13 => Event::Chosen { node, choice: choices[rest % 4], by: me() },
        14 => Event::TimedOut { node },
        15 => Event::RollbackDecided { decision: Undoing::Begin, by: me() },
        16 => Event::Interrupted { by: me() },
        17 => Event::Suspended { waiting: vec![node] },
        18 => Event::Expanded { node, items: vec![Item { value: attempt.into(), target: None }; rest % 4] },
        19 => Event::Called { node, inputs: Default::default(), vars: Default::default() },
        22 => Event::SecretSeen {
            name: "token".into(),
            mark: SecretMark { salt: "s".into(), digest: "d".into() },
            changed: rest.is_multiple_of(2),
        },
        20 => Event::Checked { node, stage: CheckStage::Goal, checks },
        _ => Event::Finished { outcome: outcomes[rest % 4], outputs: Default::default() },
    }
}

#[test]
fn a_refused_answer_leaves_no_trace_and_an_unwanted_one_no_damage() {
    for_plans(150, |plan, numbers| {
        let trace = run(plan, numbers, World { people: true, chaos: true });
        let mut next = numbers.iter().cycle();
        let fresh = Machine::new(trace.book.clone());
        for (end, mut machine) in std::iter::once(fresh).chain(trace.machines()).enumerate() {
            let at = trace.log[end.min(trace.log.len() - 1)].at;
            for _ in 0..12 {
                let number = next.next().copied().unwrap_or(0).wrapping_mul(31).wrapping_add(end as u16 * 7);
                let event = any_event(number, machine.plan().nodes.len());
                let refused = machine.admit(&event).is_err();
                let before = machine.state().clone();
                machine.apply(&Entry { seq: end as u64 + 1, at, event: event.clone() });
                let sound = machine.check_invariants();
                law!(trace, sound.is_ok(), "after {end} entries {event:?} breaks the state: {sound:?}");
                law!(trace, !refused || before == *machine.state(), "{event:?} was refused and counted");
            }
        }
        Ok(())
    });
}

#[test]
fn an_answer_counts_once() {
    for_runs(|trace| {
        for (i, machine) in trace.machines().enumerate().skip(1) {
            let event = &trace.log[i].event;
            let repeats = match event {
                Event::Attached { .. } | Event::Suspended { .. } | Event::GateOpened { .. } => true,
                Event::Resolved { resolution, .. } => *resolution == Resolution::Unknown,
                // A remedy that had nothing to do is followed by the same question.
                Event::Checked { stage: CheckStage::Goal, .. } => true,
                _ => false,
            };
            if repeats {
                continue;
            }
            law!(trace, machine.admit(event).is_err(), "entry {}: {event:?} counts again", i + 1);
        }
        Ok(())
    });
}

#[test]
fn a_machine_that_nobody_took_wants_nothing_and_takes_nothing() {
    for_plans(100, |plan, numbers| {
        let machine = Machine::new(plan.clone());
        prop_assert!(machine.wants(jiff::Timestamp::UNIX_EPOCH).is_empty());
        for number in numbers {
            let event = any_event(*number, plan.nodes.len());
            let attaches = matches!(event, Event::Attached { .. });
            prop_assert_eq!(machine.admit(&event).is_ok(), attaches, "{:?}", event);
        }
        Ok(())
    });
}

//! Nothing happens before it is due, and what takes too long is stopped.

use jiff::{SignedDuration, Timestamp};
use runbook_core::ids::NodeId;
use runbook_core::model::Action;
use runbook_core::run::{CheckStage, Ending, Event, Machine, Phase, Want};
use runbook_core::value::Duration;

use crate::cases::for_runs;
use crate::law;
use crate::trace::{Trace, around};
use crate::world::in_body;

fn after(at: Timestamp, pause: Duration) -> Timestamp {
    at + SignedDuration::from_millis(pause.as_millis() as i64)
}

/// When the latest entry before `end` for which `what` holds was written.
fn latest(trace: &Trace, end: usize, what: impl Fn(&Event) -> bool) -> Option<Timestamp> {
    trace.log[..end].iter().rev().find(|entry| what(&entry.event)).map(|entry| entry.at)
}

/// Not before when `want` may come after the first `end` entries, as the log says.
fn due(trace: &Trace, end: usize, want: &Want) -> Option<Timestamp> {
    let state = &trace.states[end - 1];
    let stopped = |id: NodeId| {
        let timed_out = |event: &Event| matches!(event, Event::TimedOut { node } if around(&trace.plan, id).contains(node));
        state.interrupted.is_some() && in_body(&trace.plan, id)
            || trace.log[..end].iter().any(|entry| timed_out(&entry.event))
    };
    let ended = |id: NodeId| {
        latest(trace, end, |event| match event {
            Event::Ended { node, .. } | Event::Resolved { node, .. } => *node == id,
            Event::Checked { node, stage: CheckStage::DoneWhen, .. } => *node == id,
            _ => false,
        })
    };
    match want {
        Want::Check(id, CheckStage::Verify) if !matches!(state.node(*id).phase, Phase::Doubt(_)) => {
            let spec = &trace.plan.node(*id).spec;
            let settle = spec.settle?;
            // A group settles once its cleanups are done; when that was is not in its own entries.
            (!spec.action.is_group()).then(|| after(ended(*id).unwrap(), settle))
        }
        Want::Act(id, attempt) if *attempt > 1 => {
            let retry = trace.plan.node(*id).spec.retry.as_ref()?;
            let own = |entry: &&runbook_core::run::Entry| crate::trace::node_of(&entry.event) == Some(*id);
            let last = trace.log[..end].iter().rev().find(own)?;
            match &last.event {
                Event::Ended { attempt, result, .. } if result.ending != Ending::Unknown => {
                    let was = Machine::replay(trace.book.clone(), &trace.log[..last.seq as usize - 1]);
                    let doubted = matches!(was.state().node(*id).phase, Phase::Doubt(_));
                    (!doubted || result.ending != Ending::NotStarted)
                        .then(|| after(last.at, retry.pause_after(*attempt)))
                }
                _ => None,
            }
        }
        Want::EndWait(id, _) if !stopped(*id) => {
            let Action::Wait(pause) = trace.plan.node(*id).spec.action else { return None };
            let begun = latest(trace, end, |e| matches!(e, Event::Started { node, .. } if node == id));
            Some(after(begun.unwrap(), pause))
        }
        Want::ExpireGate(id) => {
            let asked = crate::law_gates::asked(trace, *id, end);
            Some(after(
                asked.since.unwrap(),
                trace.plan.node(*id).spec.confirm.as_ref().unwrap().timeout.unwrap(),
            ))
        }
        Want::ExpireManual(id) => {
            let Action::Manual(manual) = &trace.plan.node(*id).spec.action else { return None };
            Some(after(
                crate::law_gates::asked(trace, *id, end).to_do_since.unwrap(),
                manual.timeout.unwrap(),
            ))
        }
        Want::TimeOut(id) => {
            let opened = trace.states[..end].iter().position(|state| state.node(*id).attempt > 0);
            Some(after(trace.log[opened.unwrap()].at, trace.plan.node(*id).spec.timeout.unwrap()))
        }
        _ => None,
    }
}

#[test]
fn nothing_is_wanted_before_it_is_due() {
    for_runs(|trace| {
        for (i, (now, wants)) in trace.wants.iter().enumerate().skip(1) {
            for want in wants {
                if let Some(due) = due(trace, i, want) {
                    law!(trace, *now >= due, "before entry {}: {want:?} at {now}, due {due}", i + 1);
                }
            }
        }
        Ok(())
    });
}

#[test]
fn a_wake_is_in_the_future_and_for_something() {
    for_runs(|trace| {
        for ((i, (now, wants)), machine) in trace.wants.iter().enumerate().skip(1).zip(trace.machines()) {
            for want in wants {
                let Want::Wake(at) = want else { continue };
                law!(trace, at > now, "before entry {}: wakes in the past", i + 1);
                let then = machine.wants(*at);
                law!(trace, !then.contains(want), "before entry {}: wakes for nothing", i + 1);
                let new = then.iter().any(|want| !matches!(want, Want::Wake(_)) && !wants.contains(want));
                law!(trace, new, "before entry {}: wakes for nothing new", i + 1);
            }
        }
        Ok(())
    });
}

#[test]
fn what_has_a_limit_is_watched() {
    for_runs(|trace| {
        for (i, (now, wants)) in trace.wants.iter().enumerate().skip(1).filter(|(_, (_, w))| !w.is_empty()) {
            let state = trace.before(i);
            for (id, node) in trace.plan.iter() {
                let known = |due: Timestamp, want: Want| {
                    if *now >= due { wants.contains(&want) } else { wants.contains(&Want::Wake(due)) }
                };
                let late =
                    trace.log[..i].iter().any(|e| matches!(e.event, Event::TimedOut { node } if node == id));
                let watched = match (&state.node(id).phase, node.spec.timeout, &node.spec.confirm) {
                    (Phase::Open, Some(limit), _) if !late => {
                        let failed = node.children.iter().any(|child| crate::trace::is_bad(state, *child));
                        let begun = state.node(id).started.unwrap();
                        failed || known(after(begun, limit), Want::TimeOut(id))
                    }
                    (Phase::Gate { .. }, _, Some(confirm)) => confirm.timeout.is_none_or(|limit| {
                        let since = crate::law_gates::asked(trace, id, i).since.unwrap();
                        known(after(since, limit), Want::ExpireGate(id))
                    }),
                    (Phase::Ready { .. }, _, _) => match &node.spec.action {
                        Action::Manual(manual) => manual.timeout.is_none_or(|limit| {
                            let since = crate::law_gates::asked(trace, id, i).to_do_since.unwrap();
                            known(after(since, limit), Want::ExpireManual(id))
                        }),
                        _ => true,
                    },
                    _ => true,
                };
                law!(trace, watched, "before entry {}: nobody watches {}", i + 1, node.key);
            }
        }
        Ok(())
    });
}

#[test]
fn what_is_stopped_from_outside_does_not_go_on() {
    for_runs(|trace| {
        let mut over: Vec<NodeId> = Vec::new();
        let mut interrupted = false;
        for ((i, event), machine) in trace.entries().zip(trace.machines().skip(1)) {
            match event {
                Event::TimedOut { node } => over.push(*node),
                Event::Interrupted { .. } => interrupted = true,
                Event::Abandoned { .. } => return Ok(()),
                _ => {}
            }
            let wants = machine.wants(trace.log[i].at);
            for (id, node) in trace.plan.iter() {
                let late = around(&trace.plan, id).iter().any(|group| over.contains(group));
                if !(late || interrupted && in_body(&trace.plan, id)) {
                    continue;
                }
                let attempt = trace.states[i].node(id).attempt;
                let stops = match (&trace.states[i].node(id).phase, &node.spec.action) {
                    (Phase::Acting, Action::Wait(_)) => wants.contains(&Want::EndWait(id, attempt)),
                    (Phase::Acting, _) => wants.contains(&Want::Stop(id)),
                    (Phase::Settling { .. } | Phase::Verifying | Phase::Choosing, _) => false,
                    _ => true,
                };
                law!(trace, stops, "entry {}: {} is not stopped", i + 1, node.key);
            }
        }
        Ok(())
    });
}

//! What single words of the language promise: `on_failure`, `on_timeout`, a choice, a selection, a crash.

use runbook_core::model::{Action, OnGateTimeout, StepFailure};
use runbook_core::run::{
    CheckStage, Choice, Decision, Doubt, End, Ending, Event, Outcome, Phase, Stage, StepResult,
};

use crate::cases::for_runs;
use crate::law;
use crate::trace::{around, is_bad};
use crate::world::{in_body, me};

#[test]
fn continue_survives_every_failure() {
    for_runs(|trace| {
        for (id, node) in trace.plan.iter().filter(|(_, n)| n.spec.on_failure == StepFailure::Continue) {
            let state = trace.machine.state();
            let failed =
                matches!(state.node(id).phase, Phase::Rest(End::Failed | End::Blocked | End::Denied));
            law!(trace, !failed || !is_bad(state, id), "{} is not survived", node.key);
        }
        Ok(())
    });
}

#[test]
fn silence_and_denial_mean_what_they_say() {
    for_runs(|trace| {
        for (i, event) in trace.entries() {
            let phase = |node: &runbook_core::ids::NodeId| &trace.states[i].node(*node).phase;
            let denied = Phase::Rest(End::Denied);
            match event {
                Event::GateExpired { node } => {
                    let confirm = trace.plan.node(*node).spec.confirm.as_ref().unwrap();
                    let denies = confirm.on_timeout == OnGateTimeout::Deny;
                    law!(trace, (*phase(node) == denied) == denies, "entry {}: silence", i + 1);
                }
                Event::GateDecided { node, decision, .. } => {
                    let denies = *decision == Decision::Deny;
                    law!(trace, (*phase(node) == denied) == denies, "entry {}: a decision", i + 1);
                }
                _ => {}
            }
        }
        Ok(())
    });
}

#[test]
fn a_choice_means_what_it_says() {
    for_runs(|trace| {
        for (i, event) in trace.entries() {
            let Event::Chosen { node, choice, .. } = event else { continue };
            let (before, after) = (&trace.states[i - 1], &trace.states[i]);
            let phase = &after.node(*node).phase;
            match choice {
                Choice::Skip => law!(trace, !is_bad(after, *node), "entry {}: not skipped", i + 1),
                Choice::Retry => {
                    law!(trace, !matches!(phase, Phase::Rest(end) if !end.is_good()), "entry {}", i + 1)
                }
                _ => {}
            }
            let refused = before.node(*node).checks.iter().any(|check| check.refuses());
            let last = trace.log[..i].iter().rev().find(|e| crate::trace::node_of(&e.event) == Some(*node));
            let blocked = refused
                && last.is_some_and(|entry| {
                    matches!(entry.event, Event::Checked { stage: CheckStage::Preconditions, .. })
                });
            let kept = *phase == Phase::Rest(End::Blocked);
            law!(trace, !blocked || *choice == Choice::Retry || kept, "entry {}: no longer blocked", i + 1);
        }
        Ok(())
    });
}

#[test]
fn what_is_not_selected_is_not_touched() {
    for_runs(|trace| {
        for (id, node) in trace.plan.iter() {
            let out = !node.selected || around(&trace.plan, id).iter().any(|g| !trace.plan.node(*g).selected);
            let touched =
                trace.has(|event| crate::trace::node_of(event) == Some(id)) || trace.began(id).is_some();
            law!(trace, !(out && touched), "{} is not part of the run", node.key);
        }
        Ok(())
    });
}

#[test]
fn after_a_crash_nothing_counts_as_under_way() {
    for_runs(|trace| {
        for (i, event) in trace.entries() {
            if !matches!(event, Event::Attached { .. }) {
                continue;
            }
            for (id, node) in trace.plan.iter() {
                let acting = |state: &runbook_core::run::State| state.node(id).phase == Phase::Acting;
                let waits = matches!(node.spec.action, Action::Wait(_));
                law!(trace, waits || !acting(&trace.states[i]), "entry {}: {} runs", i + 1, node.key);
                if acting(trace.before(i)) && node.spec.action.is_external() {
                    let doubt = Phase::Doubt(Doubt::Recovering);
                    law!(
                        trace,
                        trace.states[i].node(id).phase == doubt,
                        "entry {}: {} is sure",
                        i + 1,
                        node.key
                    );
                }
            }
        }
        Ok(())
    });
}

#[test]
fn no_scope_ends_while_something_in_it_is_under_way() {
    for_runs(|trace| {
        if trace.is_abandoned() {
            return Ok(());
        }
        for (i, state) in trace.states.iter().enumerate() {
            for (id, node) in trace.plan.iter() {
                if matches!(state.node(id).phase, Phase::Idle | Phase::Rest(_)) {
                    continue;
                }
                let left = in_body(&trace.plan, id) && state.stage > Stage::Body;
                law!(trace, !left, "entry {}: {} is left alone", i + 1, node.key);
                let over = state.stage == Stage::Over;
                law!(trace, !over, "entry {}: {} is left alone at the end", i + 1, node.key);
                let open =
                    around(&trace.plan, id).iter().all(|group| state.node(*group).phase == Phase::Open);
                law!(trace, open, "entry {}: {} goes on in a group that has ended", i + 1, node.key);
            }
        }
        Ok(())
    });
}

#[test]
fn what_has_begun_comes_to_an_end() {
    for_runs(|trace| {
        let state = trace.machine.state();
        for (id, node) in trace.plan.iter() {
            let left = state.node(id).attempt > 0 && !matches!(state.node(id).phase, Phase::Rest(_));
            law!(trace, trace.is_abandoned() || !left, "{} began and has no end", node.key);
        }
        Ok(())
    });
}

#[test]
fn answers_for_something_else_are_refused() {
    for_runs(|trace| {
        for (last, machine) in trace.machines().enumerate() {
            let end = last + 1;
            let state = machine.state();
            for (id, node) in machine.plan().iter() {
                let now = state.node(id).attempt;
                let ended =
                    |attempt| Event::Ended { node: id, attempt, result: Box::new(StepResult::success()) };
                let started = |attempt| Event::Started { node: id, attempt, digest: "d".into() };
                let wrong = match &state.node(id).phase {
                    Phase::Acting | Phase::Doubt(Doubt::Recovering) => {
                        vec![ended(now + 1), ended(now.wrapping_sub(1)), started(now + 1), started(now)]
                    }
                    Phase::Ready { .. } if node.spec.action.is_external() => {
                        vec![ended(now), ended(now + 1), started(now), started(now + 2)]
                    }
                    Phase::Gate { .. } => vec![
                        started(now + 1),
                        Event::GateDecided {
                            node: id,
                            decision: Decision::Approve,
                            digest: "of something else".into(),
                            by: me(),
                            expires: None,
                        },
                    ],
                    _ => vec![ended(now), started(now + 1)],
                };
                let wrong = if node.spec.action.is_external() { wrong } else { Vec::new() };
                for event in wrong {
                    law!(trace, machine.admit(&event).is_err(), "after {end} entries {event:?} counts");
                }
            }
            for outcome in [Outcome::Succeeded, Outcome::Failed, Outcome::Stuck] {
                let event = Event::Finished { outcome, outputs: Default::default() };
                let fits = machine.admit(&event).is_ok();
                law!(trace, !fits || machine.outcome() == outcome, "after {end} entries it ends {outcome}");
            }
        }
        Ok(())
    });
}

#[test]
fn what_began_is_remembered_and_nothing_else_is() {
    for_runs(|trace| {
        for (id, node) in trace.plan.iter() {
            let (began, acted) = (trace.began(id).is_some(), trace.machine.state().node(id).acted);
            law!(trace, began == acted, "{}: began is {began}, acted is {acted}", node.key);
        }
        Ok(())
    });
}

#[test]
fn an_end_is_judged_by_what_is_known_of_it() {
    for_runs(|trace| {
        for (i, event) in trace.entries() {
            let Event::Ended { node, result, .. } = event else { continue };
            let (spec, phase) = (&trace.plan.node(*node).spec, &trace.states[i].node(*node).phase);
            let has_probe = !spec.done_when.is_empty() || !spec.verify.is_empty();
            let judged = match result.ending {
                Ending::Unknown => matches!(phase, Phase::Doubt(_)) || spec.idempotent && !has_probe,
                Ending::Completed if !result.ok => *phase != Phase::Rest(End::Cancelled),
                _ => true,
            };
            law!(trace, judged, "entry {}: it is now {phase:?}", i + 1);
        }
        Ok(())
    });
}

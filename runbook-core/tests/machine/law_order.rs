//! What may begin when: order, gates, and the intent before every effect.

use runbook_core::ids::NodeId;
use runbook_core::plan::Role;
use runbook_core::run::{CheckStage, Choice, Decision, Ending, Event, Phase, Resolution, Stage};

use crate::cases::for_runs;
use crate::law;
use crate::trace::{around, is_bad, is_survived, siblings};
use crate::world::in_body;

#[test]
fn nothing_begins_before_what_it_needs() {
    for_runs(|trace| {
        for (i, _) in trace.entries() {
            let Some(id) = trace.going_forward(i) else { continue };
            let state = trace.before(i);
            for need in &trace.plan.node(id).needs {
                law!(trace, is_survived(state, *need), "entry {}: {need:?} is not done", i + 1);
            }
            for group in around(&trace.plan, id) {
                let open = state.node(group).phase == Phase::Open;
                law!(trace, open, "entry {}: {group:?} is not open", i + 1);
            }
            let role = trace.plan.node(id).role;
            let in_time = match role {
                Role::Body => state.stage == Stage::Body,
                Role::OnFailure => state.stage == Stage::Handlers,
                Role::Rollback(_) => state.stage == Stage::Unwinding,
                Role::Cleanup(_) => matches!(state.stage, Stage::Body | Stage::Unwinding),
                Role::Finally => state.stage == Stage::Finally,
            };
            law!(trace, in_time, "entry {}: {role:?} goes forward in {:?}", i + 1, state.stage);
        }
        Ok(())
    });
}

#[test]
fn nothing_begins_where_something_failed() {
    for_runs(|trace| {
        let mut timed_out: Vec<NodeId> = Vec::new();
        for (i, event) in trace.entries() {
            if let Event::TimedOut { node } = event {
                timed_out.push(*node);
            }
            let Some(id) = trace.going_forward(i) else { continue };
            let state = trace.before(i);
            let scopes = std::iter::once(id).chain(around(&trace.plan, id));
            for sibling in scopes.flat_map(|inner| siblings(&trace.plan, inner)) {
                law!(trace, !is_bad(state, sibling), "entry {}: {sibling:?} failed beside it", i + 1);
            }
            let late = around(&trace.plan, id).into_iter().find(|group| timed_out.contains(group));
            law!(trace, late.is_none(), "entry {}: {late:?} took too long", i + 1);
        }
        Ok(())
    });
}

#[test]
fn nothing_of_the_body_begins_once_it_stops() {
    for_runs(|trace| {
        let mut stopping = false;
        for (i, event) in trace.entries() {
            if let Some(id) = trace.going_forward(i) {
                law!(trace, !(stopping && in_body(&trace.plan, id)), "entry {}: it was to stop", i + 1);
            }
            let chosen = matches!(event, Event::Chosen { choice: Choice::Rollback, node, .. }
                if in_body(&trace.plan, *node));
            stopping |= trace.states[i].is_stopping() || chosen || matches!(event, Event::Interrupted { .. });
        }
        Ok(())
    });
}

#[test]
fn nothing_behind_a_gate_acts_without_an_approval_of_what_was_asked() {
    for_runs(|trace| {
        for (id, node) in trace.plan.iter().filter(|(_, node)| node.spec.confirm.is_some()) {
            let (mut asked, mut approved) = (None, false);
            for (i, event) in trace.entries() {
                match event {
                    Event::GateOpened { node, question } if *node == id => {
                        (asked, approved) = (Some(&question.digest), false);
                    }
                    Event::GateDecided { node, decision, digest, .. } if *node == id => {
                        law!(trace, asked == Some(digest), "entry {}: answers another question", i + 1);
                        approved = *decision == Decision::Approve;
                    }
                    Event::Started { node, .. } if *node == id => {
                        law!(trace, approved, "entry {}: nobody approved", i + 1);
                    }
                    Event::Ended { node, .. } if *node == id => {
                        law!(trace, approved, "entry {}: nobody approved", i + 1);
                    }
                    _ => {}
                }
                let opens = node.spec.action.is_group()
                    && matches!(trace.states[i].node(id).phase, Phase::Open | Phase::Goal);
                law!(trace, approved || !opens, "entry {}: nobody approved the group", i + 1);
            }
        }
        Ok(())
    });
}

#[test]
fn every_question_before_the_effect_is_asked_in_its_order() {
    for_runs(|trace| {
        for (id, node) in trace.plan.iter() {
            let spec = &node.spec;
            let (mut holds, mut to_do, mut may) =
                (spec.when.is_none(), spec.done_when.is_empty(), spec.preconditions.is_empty());
            for (i, event) in trace.entries() {
                let passed = |checks: &[runbook_core::run::CheckOutcome]| checks.iter().all(|c| !c.refuses());
                match event {
                    Event::Condition { node, holds: answer } if *node == id => holds = *answer,
                    Event::Checked { node, stage: CheckStage::DoneWhen, checks } if *node == id => {
                        law!(trace, holds, "entry {}: asked before `when`", i + 1);
                        to_do |= !passed(checks);
                    }
                    Event::Checked { node, stage: CheckStage::Preconditions, checks } if *node == id => {
                        law!(trace, holds && to_do, "entry {}: asked before `done_when`", i + 1);
                        may = passed(checks);
                    }
                    Event::GateOpened { node, .. } | Event::Started { node, .. } if *node == id => {
                        law!(trace, holds && to_do && may, "entry {}: a question was skipped", i + 1);
                    }
                    _ => {}
                }
                let opens = matches!(trace.states[i].node(id).phase, Phase::Open | Phase::Goal);
                law!(trace, !opens || holds && to_do && may, "entry {}: a question was skipped", i + 1);
            }
        }
        Ok(())
    });
}

#[test]
fn a_success_was_verified() {
    for_runs(|trace| {
        for (id, node) in trace.plan.iter().filter(|(_, node)| !node.spec.verify.is_empty()) {
            let end = &trace.machine.state().node(id).phase;
            let Phase::Rest(runbook_core::run::End::Succeeded | runbook_core::run::End::Warned) = end else {
                continue;
            };
            let last = trace.log.iter().rev().find_map(|entry| match &entry.event {
                Event::Checked { node, stage: CheckStage::Verify, checks } if *node == id => Some(checks),
                _ => None,
            });
            let Some(checks) = last else {
                law!(trace, false, "{} was not verified", node.key);
                continue;
            };
            law!(trace, checks.iter().all(|c| !c.refuses()), "{} is not good", node.key);
            let warned = checks.iter().any(|check| !check.passed);
            let warns = *end == Phase::Rest(runbook_core::run::End::Warned);
            law!(trace, warned == warns, "{}: a warning is lost or invented", node.key);
        }
        Ok(())
    });
}

#[test]
fn nothing_that_may_have_happened_is_repeated_unasked() {
    for_runs(repeats);
}

/// The law of intent, for runs that were put together as well.
pub(crate) fn repeats(trace: &crate::trace::Trace) -> Result<(), proptest::test_runner::TestCaseError> {
    for (id, node) in trace.plan.iter().filter(|(_, node)| !node.spec.action.is_group()) {
        let external = node.spec.action.is_external();
        let (mut last, mut is_open, mut may_repeat) = (0, false, true);
        for (i, entry) in trace.log.iter().enumerate() {
            match &entry.event {
                Event::Started { node, attempt, .. } if *node == id => {
                    law!(trace, *attempt == last + 1, "entry {}: attempts are not counted", i + 1);
                    law!(trace, may_repeat, "entry {}: repeats what may have happened", i + 1);
                    (last, is_open, may_repeat) = (*attempt, true, !external);
                }
                Event::Ended { node: ended, attempt, result } if *ended == id => {
                    let begun = result.ending != Ending::NotStarted;
                    if *attempt != last {
                        law!(trace, *attempt == last + 1, "entry {}: attempts are not counted", i + 1);
                        law!(trace, !external || !begun, "entry {}: an end without a start", i + 1);
                        last = *attempt;
                    } else {
                        law!(trace, is_open, "entry {}: a second end", i + 1);
                    }
                    // A lost connection may be followed by another look.
                    is_open = result.ending == Ending::Unknown;
                    may_repeat |= !begun || (node.spec.idempotent && may_try_again(node, result.ending));
                }
                Event::Checked { node: asked, stage, checks } if *asked == id => {
                    let bad = checks.iter().any(|check| check.refuses());
                    may_repeat |= bad && *stage == CheckStage::DoneWhen;
                    let in_doubt = i > 0 && matches!(trace.states[i - 1].node(id).phase, Phase::Doubt(_));
                    may_repeat |= bad && in_doubt && node.spec.idempotent;
                }
                Event::Resolved { node: asked, resolution, .. } if *asked == id => {
                    may_repeat |= *resolution == Resolution::Retry;
                    may_repeat |= *resolution == Resolution::Unknown && node.spec.idempotent;
                }
                Event::Chosen { node, choice: Choice::Retry, .. } if *node == id => may_repeat = true,
                _ => {}
            }
        }
    }
    Ok(())
}

fn may_try_again(node: &runbook_core::plan::Node, ending: Ending) -> bool {
    ending == Ending::Unknown || node.spec.retry.is_some()
}

#[test]
fn retries_end() {
    for_runs(|trace| {
        for (id, node) in trace.plan.iter() {
            let Some(most) = node.spec.retry.as_ref().and_then(|retry| retry.attempts) else { continue };
            let asked = trace.has(|event| {
                matches!(event, Event::Chosen { node, .. } | Event::Resolved { node, .. } if *node == id)
            });
            let probed = trace.has(|event| {
                matches!(event, Event::Ended { node, result, .. }
                if *node == id && result.ending == Ending::Unknown)
            });
            let crashed = trace.has(|event| matches!(event, Event::Attached { .. }))
                && trace.log.iter().skip(1).any(|entry| matches!(entry.event, Event::Attached { .. }));
            let attempts = trace.machine.state().node(id).attempt;
            law!(
                trace,
                attempts <= most || asked || probed || crashed,
                "{} tried {attempts} times",
                node.key
            );
        }
        Ok(())
    });
}

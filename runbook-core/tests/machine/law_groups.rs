//! Groups that decide which of their members run: repetitions, choices, remedies, calls.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use runbook_core::ids::NodeId;
use runbook_core::model::{Action, Each, Remedies, Share};
use runbook_core::plan::{FrameKind, Node, Plan, Role};
use runbook_core::run::{CheckStage, End, Event, Machine, Phase};

use crate::cases::{for_plans, for_runs};
use crate::law;
use crate::trace::{Trace, around, ended_badly, is_survived, is_under_way};
use crate::world::{World, run};

/// The steps that are repeated, with their repetitions; those of which nothing is known yet are left out.
fn repeated(plan: &Plan) -> impl Iterator<Item = (NodeId, &Each, Vec<NodeId>)> {
    plan.iter().filter_map(|(id, node)| match &node.spec.action {
        Action::Each(each) => {
            let own = |child: &NodeId| {
                matches!(plan.frame_of(*child).map(|frame| &frame.kind),
                    Some(FrameKind::Item { holder, .. }) if *holder == id)
            };
            Some((id, each, node.children.iter().copied().filter(own).collect()))
        }
        _ => None,
    })
}

fn remedies(plan: &Plan) -> impl Iterator<Item = (NodeId, &Node, &Remedies)> {
    plan.iter().filter_map(|(id, node)| match &node.spec.action {
        Action::Remedies(remedies) => Some((id, node, remedies)),
        _ => None,
    })
}

/// How many of `total` may fail.
fn allowed(each: &Each, total: usize) -> usize {
    match each.max_failures {
        Share::Count(count) => count as usize,
        Share::Percent(percent) => total * percent as usize / 100,
    }
}

/// The member of `members` that is `id` or holds it.
fn member_with(plan: &Plan, members: &[NodeId], id: NodeId) -> Option<usize> {
    let mut inside = std::iter::once(id).chain(around(plan, id));
    inside.find_map(|inner| members.iter().position(|member| *member == inner))
}

#[test]
fn never_more_repetitions_at_once_than_allowed() {
    for_runs(|trace| {
        for (id, each, members) in repeated(&trace.plan) {
            let Some(parallel) = each.parallel else { continue };
            for (i, state) in trace.states.iter().enumerate() {
                let count = members.iter().filter(|member| is_under_way(state, **member)).count();
                law!(trace, count <= parallel as usize, "entry {}: {count} of {id:?} at once", i + 1);
            }
        }
        Ok(())
    });
}

#[test]
fn a_window_is_filled() {
    for_runs(|trace| {
        for (id, each, members) in repeated(&trace.plan) {
            let Some(parallel) = each.parallel else { continue };
            for (i, state) in trace.states.iter().enumerate() {
                let halted = state.is_stopping()
                    || state.node(id).phase != Phase::Open
                    || members.iter().any(|member| ended_badly(state, *member))
                    || around(&trace.plan, id).iter().any(|group| {
                        trace.plan.node(*group).children.iter().any(|child| ended_badly(state, *child))
                            || trace.has(|event| matches!(event, Event::TimedOut { node } if node == group))
                    })
                    || trace.has(|event| matches!(event, Event::TimedOut { node } if *node == id))
                    // What is unwound beside it belongs to the same list.
                    || matches!(trace.plan.node(id).role, Role::Cleanup(_) | Role::Rollback(_))
                        && trace.plan.iter().any(|(other, node)| {
                            node.role == trace.plan.node(id).role && ended_badly(state, other)
                        })
                    || trace.is_abandoned();
                let idle = members.iter().filter(|member| state.node(**member).phase == Phase::Idle).count();
                let busy = members.iter().filter(|member| is_under_way(state, **member)).count();
                let full = idle == 0 || busy >= parallel as usize;
                law!(trace, halted || full, "entry {}: {id:?} waits for nothing", i + 1);
            }
        }
        Ok(())
    });
}

#[test]
fn a_batch_begins_when_the_one_before_it_has_ended() {
    for_runs(|trace| {
        for (id, each, members) in repeated(&trace.plan) {
            let Some(rollout) = &each.rollout else { continue };
            let mut batch_of = Vec::new();
            for (batch, size) in rollout.sizes(members.len()).into_iter().enumerate() {
                batch_of.extend(std::iter::repeat_n(batch, size));
            }
            law!(trace, batch_of.len() == members.len(), "{id:?}: batches of another number of members");
            for (i, _) in trace.entries() {
                let Some(acting) = trace.going_forward(i) else { continue };
                let Some(place) = member_with(&trace.plan, &members, acting) else { continue };
                let state = trace.before(i);
                for (earlier, _) in members.iter().zip(&batch_of).filter(|(_, b)| **b < batch_of[place]) {
                    law!(trace, is_survived(state, *earlier), "entry {}: {earlier:?} is not done", i + 1);
                }
                let last = members.iter().zip(&batch_of).filter(|(_, b)| **b + 1 == batch_of[place]);
                let ended = last.filter_map(|(member, _)| state.node(*member).ended).max();
                if let (Some(ended), Some(pause)) = (ended, rollout.pause) {
                    let due = ended + SignedDuration::from_millis(pause.as_millis() as i64);
                    law!(trace, trace.log[i].at >= due, "entry {}: there was no pause", i + 1);
                }
            }
        }
        Ok(())
    });
}

#[test]
fn too_many_failures_fail_a_repetition_and_fewer_do_not() {
    for_runs(|trace| {
        let state = trace.machine.state();
        for (id, each, members) in repeated(&trace.plan) {
            let failed = members.iter().filter(|member| ended_badly(state, **member)).count();
            let most = allowed(each, members.len());
            let phase = &state.node(id).phase;
            let why = format!("{id:?}: {failed} of {} failed, {most} may: {phase:?}", members.len());
            match phase {
                Phase::Rest(End::Succeeded) => law!(trace, failed == 0, "{why}"),
                Phase::Rest(End::Warned) => {
                    law!(trace, failed > 0 && failed <= most, "{why}");
                    let told = format!("{failed} of {} failed", members.len());
                    law!(trace, state.node(id).reason.as_deref() == Some(&told), "{why} is told otherwise");
                }
                _ => {}
            }
            for (i, _) in trace.entries() {
                let Some(acting) = trace.going_forward(i) else { continue };
                if member_with(&trace.plan, &members, acting).is_none() {
                    continue;
                }
                let before = trace.before(i);
                let failed = members.iter().filter(|member| ended_badly(before, **member)).count();
                law!(trace, failed <= most, "entry {}: {acting:?} begins after {failed} failures", i + 1);
            }
        }
        Ok(())
    });
}

#[test]
fn of_a_choice_the_first_case_that_applies_runs_and_no_other() {
    for_runs(|trace| {
        for (id, node) in trace.plan.iter().filter(|(_, node)| node.spec.action == Action::Choose) {
            let taken: Vec<usize> = (0..node.children.len())
                .filter(|place| {
                    let case = node.children[*place];
                    trace.states.iter().any(|state| state.node(case).attempt > 0)
                })
                .collect();
            law!(trace, taken.len() <= 1, "{}: the cases {taken:?} ran", node.key);
            let answers = |case: NodeId| {
                trace.log.iter().filter_map(move |entry| match &entry.event {
                    Event::Condition { node, holds } if *node == case => Some(*holds),
                    _ => None,
                })
            };
            if let Some(taken) = taken.first() {
                for case in &node.children[..*taken] {
                    law!(trace, answers(*case).eq([false]), "{}: {case:?} was passed over", node.key);
                }
                for case in &node.children[taken + 1..] {
                    law!(trace, answers(*case).next().is_none(), "{}: {case:?} was asked", node.key);
                }
            }
            let state = trace.machine.state();
            if state.node(id).phase == Phase::Rest(End::Skipped) && state.node(id).attempt > 0 {
                let none = node.children.iter().all(|case| answers(*case).eq([false]));
                law!(trace, none && !state.node(id).acted, "{}: a case was not asked", node.key);
            }
        }
        Ok(())
    });
}

#[test]
fn remedies_are_tried_one_by_one_until_the_goal_is_reached() {
    for_runs(|trace| {
        for (id, node, remedies) in remedies(&trace.plan) {
            let rungs = node.children.len() - usize::from(remedies.last_resort);
            let mut reached: Option<bool> = None;
            for (i, event) in trace.entries() {
                if let Event::Checked { node, stage: CheckStage::Goal, checks } = event
                    && *node == id
                {
                    let running = node_under_way(trace, i, id);
                    law!(trace, running.is_none(), "entry {}: {running:?} goes on", i + 1);
                    law!(trace, reached != Some(true), "entry {}: asked again after a yes", i + 1);
                    reached = Some(checks.iter().all(|check| !check.refuses()));
                }
                let state = &trace.states[i];
                let running = node.children.iter().filter(|child| is_under_way(state, **child)).count();
                law!(trace, running <= 1, "entry {}: {running} remedies at once", i + 1);
                for (place, rung) in node.children.iter().enumerate() {
                    if !trace.leaves_idle(*rung, i) || !is_under_way(state, *rung) {
                        continue;
                    }
                    law!(trace, reached == Some(false), "entry {}: {rung:?} without a goal", i + 1);
                    let before = &node.children[..place];
                    let tried = before.iter().all(|earlier| is_survived(state, *earlier));
                    law!(trace, tried, "entry {}: {rung:?} before its turn", i + 1);
                    let begun = state.node(id).started.unwrap();
                    let limit = remedies.within.filter(|_| place < rungs);
                    let in_time = limit.is_none_or(|limit| {
                        trace.log[i].at < begun + SignedDuration::from_millis(limit.as_millis() as i64)
                    });
                    law!(trace, in_time, "entry {}: {rung:?} comes too late", i + 1);
                }
            }
            let state = trace.machine.state().node(id);
            match state.phase {
                Phase::Rest(End::AlreadyDone) if state.attempt > 0 => {
                    law!(trace, reached == Some(true) && !state.acted, "{}: done without a yes", node.key);
                }
                Phase::Rest(End::Succeeded | End::Warned) => {
                    law!(trace, reached == Some(true), "{} is good without its goal", node.key);
                }
                _ => {}
            }
        }
        Ok(())
    });
}

/// What is under way below `id` before entry `i`.
fn node_under_way(trace: &Trace, i: usize, id: NodeId) -> Option<NodeId> {
    let state = trace.before(i);
    let children = &trace.plan.node(id).children;
    children.iter().copied().find(|child| is_under_way(state, *child))
}

#[test]
fn a_call_returns_after_everything_in_it() {
    for_runs(|trace| {
        for (id, node) in trace.plan.iter() {
            let Action::Call(call) = &node.spec.action else { continue };
            let state = trace.machine.state().node(id);
            let good = matches!(state.phase, Phase::Rest(End::Succeeded | End::Warned));
            let returned = state.result.as_ref().is_some_and(|result| result.ok);
            law!(trace, !good || call.outputs.is_empty() || returned, "{} returned nothing", node.key);
            for (i, event) in trace.entries() {
                if matches!(event, Event::Ended { node, .. } if *node == id) {
                    let running = node_under_way(trace, i, id);
                    law!(trace, running.is_none(), "entry {}: {running:?} goes on", i + 1);
                    let due = trace.before(i).node(id).phase == Phase::Returning;
                    law!(trace, due, "entry {}: it returns unasked", i + 1);
                }
            }
        }
        Ok(())
    });
}

#[test]
fn a_log_grows_the_same_plan_again() {
    for_plans(150, |plan, numbers| {
        let trace = run(plan, numbers, World { people: true, chaos: true });
        for (last, machine) in trace.machines().enumerate() {
            let grown = matches!(trace.log[last].event, Event::Expanded { .. } | Event::Called { .. });
            if grown || last + 1 == trace.log.len() {
                let again = Machine::replay(trace.book.clone(), &trace.log[..=last]);
                law!(trace, again.plan() == machine.plan(), "entry {}: another plan", last + 1);
            }
        }
        let before = trace.book.nodes.len();
        let kept = trace.plan.nodes[..before]
            .iter()
            .zip(&trace.book.nodes)
            .all(|(now, then)| now.key == then.key && now.spec == then.spec && now.needs == then.needs);
        law!(trace, kept, "a run changes what was planned");
        Ok(())
    });
}

#[test]
fn what_has_grown_is_a_copy_of_what_is_repeated() {
    for_runs(|trace| {
        let plan = &trace.plan;
        let keys: BTreeSet<&str> = plan.nodes.iter().map(|node| node.key.as_str()).collect();
        law!(trace, keys.len() == plan.nodes.len(), "two nodes have one key");
        for (id, _, members) in repeated(plan) {
            let template = plan.node(id).template.unwrap();
            let untouched = trace.machine.state().node(template).attempt == 0;
            law!(trace, untouched, "{template:?} is only repeated, and ran");
            let expanded = trace.log.iter().find_map(|entry| match &entry.event {
                Event::Expanded { node, items } if *node == id => Some(items),
                _ => None,
            });
            let expected = expanded.map_or(0, Vec::len);
            law!(trace, members.len() == expected, "{id:?} has {} members", members.len());
            for (place, member) in members.iter().enumerate() {
                same_shape(trace, template, *member)?;
                let FrameKind::Item { index, value, .. } = &plan.frame_of(*member).unwrap().kind else {
                    law!(trace, false, "{member:?} has no item");
                    continue;
                };
                law!(trace, *index as usize == place, "{member:?} is in another place");
                law!(trace, Some(value) == expanded.map(|items| &items[place].value), "another item");
                let inner = plan.node(*member).children.first().map(|inner| plan.node(*inner).frame);
                let fits = inner.is_none_or(|frame| match &plan.frame(frame).kind {
                    FrameKind::Call { node, .. } => node == member,
                    FrameKind::Item { holder, .. } => *holder == id || holder == member,
                });
                law!(trace, fits, "what is in {member:?} has names of something else");
            }
        }
        for (id, node) in plan.iter() {
            let around = node.parent.into_iter().chain(match node.role {
                runbook_core::plan::Role::Rollback(of) | runbook_core::plan::Role::Cleanup(of) => Some(of),
                _ => None,
            });
            for holder in around {
                law!(trace, holder < id, "{id:?} stands before what it belongs to");
            }
            let lists = [&node.children, &node.rollback, &node.cleanup].into_iter().flatten();
            for inner in lists {
                let of = plan.node(*inner);
                let belongs = of.parent == Some(id)
                    || matches!(of.role, runbook_core::plan::Role::Rollback(of) | runbook_core::plan::Role::Cleanup(of) if of == id);
                law!(trace, belongs, "{inner:?} does not know that it belongs to {id:?}");
            }
        }
        Ok(())
    });
}

/// Whether what is below `copy` is what is below `original`, growth of repetitions in it aside.
fn same_shape(
    trace: &Trace,
    original: NodeId,
    copy: NodeId,
) -> Result<(), proptest::test_runner::TestCaseError> {
    let mut left = vec![(original, copy)];
    while let Some((original, copy)) = left.pop() {
        let (a, b) = (trace.plan.node(original), trace.plan.node(copy));
        law!(trace, a.spec.action == b.spec.action, "{copy:?} does something else than {original:?}");
        law!(trace, a.template.is_some() == b.template.is_some(), "{copy:?} lacks what it repeats");
        left.extend(a.template.into_iter().zip(b.template));
        for (a, b) in [(&a.rollback, &b.rollback), (&a.cleanup, &b.cleanup)] {
            law!(trace, a.len() == b.len(), "{copy:?} lacks handlers");
            left.extend(a.iter().copied().zip(b.iter().copied()));
        }
        if a.template.is_none() {
            law!(trace, a.children.len() == b.children.len(), "{copy:?} lacks steps");
            left.extend(a.children.iter().copied().zip(b.children.iter().copied()));
        }
    }
    Ok(())
}

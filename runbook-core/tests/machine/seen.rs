//! Whether the random runs reach what the laws speak of; a law about what never happens proves nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;

use runbook_core::ids::NodeId;
use runbook_core::model::{Action, Each, Share};
use runbook_core::plan::Role;
use runbook_core::run::{Choice, Doubt, End, Ending, Event, Outcome, Phase, Stage, Undoing};

use crate::cases::for_many_runs;
use crate::trace::{Trace, ended_badly};

const OFTEN: [&str; 51] = [
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
    "a loop in a loop",
    "a window lets the next one begin",
    "a window survives a failure",
    "a repetition fails because of one failure too many",
    "a pause between two batches",
    "a third batch",
    "a repetition of nothing",
    "a step in a loop needs one outside",
    "two repetitions undone",
    "two repetitions cleaned up",
    "a second case is taken",
    "no case applies",
    "a third remedy",
    "a goal reached before the first remedy",
    "a last resort",
    "a remedy that would come too late",
    "a call returns",
    "two people agree",
    "one of two says no",
    "one of two has agreed when the question changes",
    "an agreement that came too long ago",
    "a manual step that nobody does in time",
    "a gate only for others",
];

fn happens(trace: &Trace, what: &str) -> bool {
    let state = trace.machine.state();
    let outcome = |outcome| state.finished == Some(outcome);
    let chosen = |which| trace.has(|event| matches!(event, Event::Chosen { choice, .. } if *choice == which));
    let phase = |wanted: &dyn Fn(&Phase) -> bool| {
        trace.states.iter().any(|state| state.nodes.iter().any(|node| wanted(&node.phase)))
    };
    let units = trace.units();
    let plan = &trace.plan;
    let loops: Vec<(&Each, &[NodeId])> = plan
        .iter()
        .filter_map(|(id, node)| match &node.spec.action {
            Action::Each(each) => Some((each, plan.repetitions(id))),
            _ => None,
        })
        .collect();
    let in_loop = |id| plan.frames_around(plan.node(id).frame).next().is_some();
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
        "a loop in a loop" => plan.iter().any(|(id, node)| {
            matches!(node.spec.action, Action::Each(_)) && in_loop(id) && !node.children.is_empty()
        }),
        "a window lets the next one begin" => loops.iter().any(|(each, members)| {
            each.parallel.is_some_and(|parallel| members.len() > parallel as usize)
                && members.iter().all(|member| trace.began(*member).is_some())
        }),
        "a window survives a failure" => loops.iter().any(|(each, members)| {
            each.parallel == Some(1)
                && members
                    .windows(2)
                    .any(|pair| ended_badly(state, pair[0]) && trace.began(pair[1]).is_some())
        }),
        "a repetition fails because of one failure too many" => loops.iter().any(|(each, members)| {
            each.max_failures != Share::Count(0)
                && members.iter().any(|member| ended_badly(state, *member) && !state.node(*member).tolerated)
                && members.iter().any(|member| state.node(*member).tolerated)
        }),
        "a pause between two batches" => plan.iter().any(|(id, node)| {
            node.key.contains(".pause") && state.node(id).phase == Phase::Rest(End::Succeeded)
        }),
        "a third batch" => loops.iter().any(|(each, members)| {
            let sizes = each.rollout.as_ref().map(|rollout| rollout.sizes(members.len()));
            sizes.is_some_and(|sizes| {
                sizes.len() >= 3 && members.last().is_some_and(|last| trace.began(*last).is_some())
            })
        }),
        "a repetition of nothing" => {
            trace.has(|event| matches!(event, Event::Expanded { items, .. } if items.is_empty()))
        }
        "a step in a loop needs one outside" => plan.iter().any(|(id, node)| {
            id.index() >= trace.book.nodes.len()
                && node.needs.iter().any(|need| need.index() < trace.book.nodes.len())
                && trace.began(id).is_some()
        }),
        "two repetitions undone" => loops.iter().any(|(_, members)| {
            units.iter().filter(|unit| !unit.clean && members.contains(&unit.of)).count() >= 2
        }),
        "two repetitions cleaned up" => loops.iter().any(|(_, members)| {
            units.iter().filter(|unit| unit.clean && members.contains(&unit.of)).count() >= 2
        }),
        "a second case is taken" => plan.iter().any(|(_, node)| {
            node.spec.action == Action::Choose
                && node.children.get(1).is_some_and(|case| trace.began(*case).is_some())
        }),
        "no case applies" => state.nodes.iter().any(|n| n.reason.as_deref() == Some("no case applies")),
        "a third remedy" => plan.iter().any(|(_, node)| {
            matches!(node.spec.action, Action::Remedies(_))
                && node.children.get(2).is_some_and(|rung| trace.began(*rung).is_some())
        }),
        "a goal reached before the first remedy" => plan.iter().any(|(id, node)| {
            matches!(node.spec.action, Action::Remedies(_))
                && state.node(id).phase == Phase::Rest(End::AlreadyDone)
                && state.node(id).attempt > 0
        }),
        "a last resort" => plan.iter().any(|(_, node)| {
            matches!(&node.spec.action, Action::Remedies(remedies) if remedies.last_resort)
                && node.children.last().is_some_and(|last| trace.began(*last).is_some())
        }),
        "a remedy that would come too late" => {
            state.nodes.iter().any(|n| n.reason.as_deref() == Some("too late"))
        }
        "a call returns" => phase(&|phase| *phase == Phase::Returning),
        "two people agree" => plan.iter().any(|(id, node)| {
            let two = node.spec.confirm.as_ref().is_some_and(|confirm| confirm.approvers_min == 2);
            two && trace.began(id).is_some()
        }),
        "one of two says no" => trace.states.windows(2).any(|pair| {
            let denied = |id: usize| pair[1].nodes[id].phase == Phase::Rest(End::Denied);
            let agreed = |id: usize| !pair[0].nodes[id].asked.approvals.is_empty();
            (0..pair[0].nodes.len())
                .any(|id| matches!(pair[0].nodes[id].phase, Phase::Gate { .. }) && agreed(id) && denied(id))
        }),
        "one of two has agreed when the question changes" => trace.states.windows(2).any(|pair| {
            (0..pair[0].nodes.len()).any(|id| {
                let (before, after) = (&pair[0].nodes[id], &pair[1].nodes[id]);
                matches!(before.phase, Phase::Gate { .. })
                    && !before.asked.approvals.is_empty()
                    && after.asked.number > before.asked.number
            })
        }),
        "an agreement that came too long ago" => {
            trace.wants.iter().zip(&trace.log).enumerate().any(|(i, ((_, wants), _))| {
                i > 0
                    && wants.iter().any(|want| match want {
                        runbook_core::run::Want::OpenGate(id) => {
                            matches!(trace.states[i - 1].node(*id).phase, Phase::Ready { .. })
                        }
                        _ => false,
                    })
            })
        }
        "a manual step that nobody does in time" => trace.has(|event| {
            matches!(event, Event::Ended { result, node, .. }
                if result.ending == Ending::TimedOut
                    && matches!(plan.node(*node).spec.action, Action::Manual(_)))
        }),
        "a gate only for others" => {
            trace.has(|event| matches!(event, Event::GateOpened { question, .. } if question.by_others))
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

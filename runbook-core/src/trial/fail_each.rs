//! Every step fails in turn: what always holds, without anybody having written an expectation.

use super::people::People;
use super::rehearse::{Cast, Ended, rehearse};
use super::world::World;
use crate::ids::NodeId;
use crate::kind::Kinds;
use crate::model::{Effect, RollbackMode, Script};
use crate::plan::{Plan, Role};
use crate::run::{Machine, Outcome, Status, Undoing};
use crate::suite::Ready;

/// What came of failing every step in turn.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailEach {
    /// The test whose run was taken.
    pub base: String,
    /// One for each step that acts in that run, in the order in which they begin.
    pub steps: Vec<FailedStep>,
    /// Why there is nothing to say, when there is not.
    pub broken: Option<String>,
}

impl FailEach {
    /// Whether every law held.
    pub fn passed(&self) -> bool {
        self.broken.is_none() && self.steps.iter().all(|step| step.broken.is_empty())
    }

    /// The steps that change something and that nothing undoes, each once, in the order in which they were seen.
    pub fn without_rollback(&self) -> Vec<&str> {
        let mut found: Vec<&str> = Vec::new();
        for key in self.steps.iter().flat_map(|step| &step.left) {
            if !found.contains(&key.as_str()) {
                found.push(key);
            }
        }
        found
    }
}

/// What came of the failure of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedStep {
    /// The step that failed.
    pub step: String,
    /// How the run ended, as listings say it.
    pub status: String,
    /// What was undone.
    pub undone: Vec<String>,
    /// What was changed, may still be there, and has nothing that undoes it.
    pub left: Vec<String>,
    /// The laws that did not hold, for people.
    pub broken: Vec<String>,
}

/// Takes the test at `base` of `ready` and fails each step that acts in its run, one after the other.
///
/// What its mocks do not say goes well, gates it does not answer are approved, and completed work is undone when
/// somebody is asked. Its expectations are not looked at. Blocks like [`run_tests`](super::run_tests).
pub fn fail_each(ready: &Ready, kinds: &Kinds, base: usize) -> FailEach {
    let (Some(case), Some(plan)) = (ready.suite.tests.get(base), ready.plans.get(base)) else {
        return broken(String::new(), "there is no such test".to_owned());
    };
    of(plan, kinds, &case.script, &ready.suite.shared, case.name.value.clone())
}

/// The same for `plan` alone, with nothing scripted.
pub fn fail_each_step(plan: &Plan, kinds: &Kinds) -> FailEach {
    of(plan, kinds, &Script::default(), &Script::default(), plan.runbook.name.clone())
}

fn broken(base: String, why: String) -> FailEach {
    FailEach { base, steps: Vec::new(), broken: Some(why) }
}

fn of(plan: &Plan, kinds: &Kinds, own: &Script, shared: &Script, base: String) -> FailEach {
    let cast = |fails: Option<String>| Cast {
        world: World::new(&own.mocks, &shared.mocks).goes_well(fails.clone()),
        people: People::new(&own.answers, &shared.answers).agreeable(fails),
    };
    let first = cast(None);
    let ended = match rehearse(plan, kinds, &first) {
        Ok(ended) => ended,
        Err(why) => return self::broken(base, why),
    };
    let acted = first.world.acted().into_iter().chain(first.people.manual());
    let mut keys: Vec<(u32, String)> = acted
        .filter_map(|key| {
            let id = ended.machine.plan().find(&key)?;
            Some((ended.machine.state().node(id).order.unwrap_or(u32::MAX), key))
        })
        .collect();
    keys.sort();
    let steps = keys.into_iter().map(|(_, key)| match rehearse(plan, kinds, &cast(Some(key.clone()))) {
        Ok(ended) => judged(key, &ended),
        Err(why) => FailedStep {
            step: key,
            status: "broken".to_owned(),
            undone: Vec::new(),
            left: Vec::new(),
            broken: vec![why],
        },
    });
    FailEach { base, steps: steps.collect(), broken: None }
}

fn judged(step: String, ended: &Ended) -> FailedStep {
    let (machine, state) = (&ended.machine, ended.machine.state());
    let plan = machine.plan();
    let key = |id: NodeId| plan.node(id).key.clone();
    let mut broken = Vec::new();
    let status = state.run_status();
    let failed = plan.find(&step).map(|id| plan.node(id).role);
    let undoes = matches!(failed, Some(Role::Rollback(_)));
    match state.finished {
        None => {
            let waiting: Vec<String> = state.suspended.iter().map(|id| format!("`{}`", key(*id))).collect();
            broken.push(format!("the run does not come to rest: it waits for {}", waiting.join(", ")));
        }
        // An undo that fails is the failure that was asked for.
        Some(Outcome::Stuck) if undoes => {}
        Some(Outcome::Stuck) => broken.extend(stuck(machine)),
        // What fails after the body, or was declined, undoes nothing.
        Some(Outcome::Failed | Outcome::RolledBack)
            if plan.rollback != RollbackMode::Never
                && state.cause().is_some()
                && state.undo != Some(Undoing::Decline) =>
        {
            let left = machine.undoable();
            if !left.is_empty() {
                let left: Vec<String> = left.into_iter().map(|id| format!("`{}`", key(id))).collect();
                broken.push(format!("{} acted and was not undone", left.join(", ")));
            }
        }
        Some(_) => {}
    }
    let undone =
        plan.executable().filter(|(id, _)| state.status(*id) == Status::Undone).map(|(id, _)| key(id));
    let bad_end = matches!(state.finished, Some(Outcome::Failed | Outcome::RolledBack | Outcome::Stuck));
    let left = plan.executable().filter(|(id, _)| bad_end && is_left(machine, *id)).map(|(id, _)| key(id));
    FailedStep { status: status.to_owned(), undone: undone.collect(), left: left.collect(), step, broken }
}

/// Why a run is stuck although nothing but one step was to fail.
fn stuck(machine: &Machine) -> Vec<String> {
    let (plan, state) = (machine.plan(), machine.state());
    let mut found = Vec::new();
    for (id, node) in plan.executable() {
        if state.status(id) == Status::UndoFailed {
            let why = node.rollback.iter().find_map(|step| state.node(*step).reason.clone());
            found.push(format!("`{}` cannot be undone: {}", node.key, why.unwrap_or_default()));
        }
        if state.status(id) == Status::InDoubt {
            found.push(format!("nobody knows what became of `{}`", node.key));
        }
    }
    if found.is_empty() {
        found.push("work is half done".to_owned());
    }
    found
}

/// Whether the step changed something, and neither it nor what holds it says how to undo or tidy that up.
fn is_left(machine: &Machine, id: NodeId) -> bool {
    let (plan, state) = (machine.plan(), machine.state());
    let node = plan.node(id);
    let changes =
        node.spec.action.is_external() && node.spec.effect > Effect::Read && node.role == Role::Body;
    let mut around = Some(id);
    let mut tidied = false;
    while let Some(here) = around {
        let here = plan.node(here);
        tidied |= !here.rollback.is_empty() || !here.cleanup.is_empty();
        around = here.parent;
    }
    changes && state.node(id).acted && !tidied
}

//! A hundred thousand steps, on a small stack.

use std::sync::Arc;

use jiff::Timestamp;
use runbook_core::ids::NodeId;
use runbook_core::model::Action;
use runbook_core::plan::{Node, Plan, Role};
use runbook_core::run::{Ending, Entry, Event, Machine, Outcome, StepResult, Want};

use crate::plans::{node, plan_of, spec};
use crate::world::attached;

const MANY: usize = 100_000;

struct Run {
    machine: Machine,
    seq: u64,
}

impl Run {
    fn new(plan: Plan) -> Run {
        let mut run = Run { machine: Machine::new(Arc::new(plan)), seq: 0 };
        run.push(attached());
        run
    }

    fn push(&mut self, event: Event) {
        self.machine.admit(&event).unwrap();
        self.seq += 1;
        self.machine.apply(&Entry { seq: self.seq, at: Timestamp::UNIX_EPOCH, event });
    }

    fn wants(&self) -> Vec<Want> {
        self.machine.wants(Timestamp::UNIX_EPOCH)
    }

    fn act(&mut self, want: &Want, ok: bool) {
        self.start(want);
        self.end(want, ok);
    }

    fn start(&mut self, want: &Want) {
        let Want::Act(node, attempt) = want else { panic!("{want:?} is not an action") };
        self.push(Event::Started { node: *node, attempt: *attempt, digest: "d".into() });
    }

    fn end(&mut self, want: &Want, ok: bool) {
        let Want::Act(node, attempt) = want else { panic!("{want:?} is not an action") };
        let result = if ok { StepResult::success() } else { StepResult::failure(Ending::Completed, "no") };
        self.push(Event::Ended { node: *node, attempt: *attempt, result: Box::new(result) });
    }

    fn finish(&mut self, outcome: Outcome) {
        assert_eq!(self.wants(), [Want::Finish(outcome)]);
        self.machine.check_invariants().unwrap();
    }
}

fn small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(512 * 1024).spawn(test).unwrap();
    thread.join().unwrap();
}

fn chain(change: impl Fn(usize, &mut Node)) -> Plan {
    let nodes = (0..MANY).map(|i| {
        let mut node = node(&format!("s{i}"), Role::Body, spec());
        node.needs = i.checked_sub(1).map(NodeId::from_index).into_iter().collect();
        change(i, &mut node);
        node
    });
    plan_of(nodes.collect())
}

fn wide(change: impl Fn(&mut Node)) -> Plan {
    let mut group = node("all", Role::Body, spec());
    group.spec.action = Action::Group { parallel: true };
    group.children = (1..=MANY).map(NodeId::from_index).collect();
    let children = (1..=MANY).map(|i| {
        let mut node = node(&format!("s{i}"), Role::Body, spec());
        node.parent = Some(NodeId(0));
        change(&mut node);
        node
    });
    plan_of(std::iter::once(group).chain(children).collect())
}

#[test]
fn a_long_chain_runs_to_its_end() {
    small_stack(|| {
        let mut run = Run::new(chain(|_, _| {}));
        for _ in 0..MANY {
            let wants = run.wants();
            assert_eq!(wants.len(), 1);
            run.act(&wants[0], true);
        }
        run.finish(Outcome::Succeeded);
    });
}

#[test]
fn a_long_chain_of_steps_that_are_not_selected_is_passed_in_one_go() {
    small_stack(|| {
        let mut run = Run::new(chain(|i, node| node.selected = i + 1 == MANY));
        let wants = run.wants();
        assert_eq!(wants, [Want::Act(NodeId::from_index(MANY - 1), 1)]);
        run.act(&wants[0], true);
        run.finish(Outcome::Succeeded);
    });
}

#[test]
fn a_wide_group_runs_to_its_end() {
    small_stack(|| {
        let mut run = Run::new(wide(|_| {}));
        let wants = run.wants();
        assert_eq!(wants.len(), MANY);
        for want in &wants {
            run.start(want);
        }
        for want in &wants {
            run.end(want, true);
        }
        run.finish(Outcome::Succeeded);
    });
}

#[test]
fn a_wide_group_in_which_everything_fails_at_once_ends() {
    small_stack(|| {
        let mut run = Run::new(wide(|_| {}));
        let wants = run.wants();
        for want in &wants {
            run.start(want);
        }
        for want in &wants {
            run.end(want, false);
        }
        run.finish(Outcome::Failed);
    });
}

#[test]
fn a_wide_group_in_which_everything_waits_for_its_next_try_stops_at_once() {
    small_stack(|| {
        let pause = runbook_core::value::Duration::from_secs(1);
        let mut run = Run::new(wide(|node| {
            node.spec.idempotent = true;
            node.spec.retry = Some(crate::plans::retry(2, pause, 100));
        }));
        for want in &run.wants() {
            run.act(want, false);
        }
        run.push(Event::Interrupted { by: crate::world::me() });
        run.finish(Outcome::Interrupted);
    });
}

//! What people do themselves, and what they choose when something fails.

use std::sync::atomic::{AtomicUsize, Ordering};

use runbook_core::drive::{complete_fields, failure_token, manual_token};
use runbook_core::model::Action;
use runbook_core::port::{Ask, Reply};
use runbook_core::run::{Choice, Undoing};
use runbook_core::value::Object;
use serde_json::json;

use crate::support::{Bench, choose, done, undo};

const MANUAL: &str = "steps:
  - id: look
    manual:
      instructions: 'Look at ${{ inputs.dir }}'
      checklist: ['is it there?']
      fields: {count: {type: int, min: 1}, note: {type: string, default: none}}
  - {id: say, effect: change, run: 'echo ${{ steps.look.outputs.count }} ${{ steps.look.outputs.note }} >> effects'}
";

fn fields(value: serde_json::Value) -> Object {
    value.as_object().unwrap().clone()
}

#[tokio::test]
async fn a_person_does_it_and_answers() {
    let bench = Bench::new().people(|_, ask| {
        let Ask::Manual { instructions, checklist, manual, .. } = ask else { return None };
        assert!(instructions.starts_with("Look at /"), "{instructions}");
        assert_eq!(checklist, &["is it there?"]);
        assert_eq!(manual.fields.len(), 2);
        done(fields(json!({"count": 3})))
    });
    let end = bench.run(MANUAL).await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(bench.effects(), ["3 none"]);
    assert_eq!(end.state("look").result.as_ref().unwrap().by.as_ref().unwrap().who, "ann");
}

#[tokio::test]
async fn values_that_do_not_fit_are_no_answer() {
    for bad in [json!({}), json!({"count": 0}), json!({"count": "x"}), json!({"count": 1, "more": 1})] {
        let bad = fields(bad);
        let given = bad.clone();
        let bench = Bench::new().people(move |_, _| done(given.clone()));
        let end = bench.run(MANUAL).await;
        assert_eq!(end.outcome(), "waits", "{bad:?}");
        assert_eq!(bench.effects(), Vec::<String>::new());
        let Action::Manual(manual) = &end.0.machine.plan().nodes[0].spec.action else { panic!() };
        complete_fields(&manual.fields, &bad).unwrap_err();

        let reply = done(fields(json!({"count": 1}))).unwrap();
        assert!(bench.leave(end.id(), manual_token("look", 1), reply).await);
        let bench = bench.nobody();
        assert_eq!(bench.resume(end.id()).await.outcome(), "succeeded");
    }
}

#[tokio::test]
async fn a_person_could_not_do_it() {
    let bench = Bench::new().people(|_, ask| match ask {
        Ask::Manual { .. } => {
            Some(Reply::Manual { done: false, fields: Object::new(), note: Some("no key".into()) })
        }
        _ => None,
    });
    let end = bench.run(MANUAL).await;
    assert_eq!(end.outcome(), "failed");
    assert_eq!(end.reason("look"), "no key");
}

const FAILS: &str = "steps:
  - {id: a, probe: ok, rollback: [{id: undo_a, probe: ok}]}
  - {id: b, idempotent: true, probe: flaky 3, on_failure: ask}
  - {id: c, probe: ok}
";

#[tokio::test]
async fn a_failed_step_is_tried_again_as_often_as_somebody_says() {
    let bench = Bench::new().people(|_, _| choose(Choice::Retry));
    let end = bench.run(FAILS).await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(bench.asked(), ["failure b", "failure b"]);
    assert_eq!(bench.probe.calls(), ["a.1", "b.1", "b.2", "b.3", "c.1"]);
}

#[tokio::test]
async fn a_failed_step_is_gone_past_undone_or_left() {
    for (choice, outcome, calls) in [
        (Choice::Skip, "succeeded", &["a.1", "b.1", "c.1"][..]),
        (Choice::Rollback, "rolled_back", &["a.1", "b.1", "undo_a.1"]),
        (Choice::Stop, "failed", &["a.1", "b.1"]),
    ] {
        let bench = Bench::new().people(move |_, ask| match ask {
            Ask::Failure { reason, .. } => {
                assert_eq!(reason, "not yet");
                choose(choice)
            }
            _ => undo(Undoing::Decline),
        });
        let end = bench.run(FAILS).await;
        assert_eq!(
            (end.outcome(), bench.probe.calls()),
            (outcome, calls.iter().map(|c| c.to_string()).collect())
        );
    }
}

#[tokio::test]
async fn a_choice_may_come_later_and_counts_once() {
    let bench = Bench::new();
    let end = bench.run(FAILS).await;
    assert_eq!(end.outcome(), "waits");
    assert!(bench.leave(end.id(), failure_token("b", 0), choose(Choice::Retry).unwrap()).await);
    let end = bench.resume(end.id()).await;
    assert_eq!(end.outcome(), "waits", "it has failed again");
    assert_eq!(bench.probe.calls(), ["a.1", "b.1", "b.2"]);
    assert!(bench.leave(end.id(), failure_token("b", 1), choose(Choice::Skip).unwrap()).await);
    assert_eq!(bench.resume(end.id()).await.outcome(), "succeeded");
}

/// A step that has not acted fails again and again with the same number of attempts.
#[tokio::test]
async fn a_choice_to_ask_a_precondition_again_counts_once() {
    let bench = Bench::new();
    let end = bench
        .run("steps: [{id: b, probe: ok, on_failure: ask, preconditions: [{run: [test, -e, there]}]}]\n")
        .await;
    assert_eq!(end.outcome(), "waits");
    let token = |end: &crate::support::End| failure_token("b", end.state("b").chosen);
    assert!(bench.leave(end.id(), token(&end), choose(Choice::Retry).unwrap()).await);
    let end = bench.resume(end.id()).await;
    assert_eq!(end.outcome(), "waits", "it is still not there, and that answer is used up");
    std::fs::write(bench.path("there"), "").unwrap();
    assert_eq!(bench.resume(end.id()).await.outcome(), "waits");
    assert!(bench.leave(end.id(), token(&end), choose(Choice::Retry).unwrap()).await);
    assert_eq!(bench.resume(end.id()).await.outcome(), "succeeded");
}

#[tokio::test]
async fn failures_that_are_survived_do_not_stop_the_run() {
    let bench = Bench::new();
    let end = bench
        .run(
            "steps:
  - {id: a, probe: fail, on_failure: continue, rollback: [{probe: ok}]}
  - {id: b, probe: ok}
",
        )
        .await;
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(end.statuses(["a", "b"]), ["failed", "succeeded"]);
}

#[tokio::test]
async fn people_who_panic_are_not_there() {
    let count = AtomicUsize::new(0);
    let bench = Bench::new().people(move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
        panic!("on purpose")
    });
    let end = bench.run("steps: [{id: a, probe: ok, confirm: Really?}]\n").await;
    assert_eq!(end.outcome(), "waits");
}

//! Two runs with the same lock never overlap, and half-done work keeps the others out.

use crate::support::{Bench, ended};

fn book(conflict: &str, action: &str) -> String {
    format!("lock: {{key: shared, on_conflict: {conflict}}}\nsteps: [{{id: a, {action}}}]\n")
}

#[tokio::test]
async fn a_second_run_is_blocked_until_the_first_is_over() {
    let bench = Bench::new();
    let first = bench.start(&book("fail", "probe: hang")).await;
    bench.probe.is_called("a.1").await;
    let second = bench.run(&book("fail", "probe: ok")).await;
    assert_eq!(second.outcome(), "blocked");
    let refused = &second.0.machine.state().book[0];
    assert!(refused.title.contains("shared"), "{refused:?}");
    assert!(refused.reason.as_ref().unwrap().contains(first.id().as_str()), "{refused:?}");
    assert_eq!(bench.probe.calls(), ["a.1"]);
    // Being refused does not free what the other holds.
    assert_eq!(bench.run(&book("fail", "probe: ok")).await.outcome(), "blocked");
    first.interrupt("ann");
    assert_eq!(ended(first).await.outcome(), "interrupted");
    assert_eq!(bench.run(&book("fail", "probe: ok")).await.outcome(), "succeeded");
}

#[tokio::test]
async fn a_second_run_may_wait() {
    let bench = Bench::new();
    let first = bench.start(&book("fail", "probe: hang")).await;
    bench.probe.is_called("a.1").await;
    let second = bench.start(&book("wait", "probe: ok")).await;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    assert_eq!(bench.probe.calls(), ["a.1"]);
    let remarks = bench.heard.remarks();
    assert!(remarks.iter().any(|remark| remark.contains("waiting for the lock `shared`")), "{remarks:?}");
    first.interrupt("ann");
    ended(first).await;
    assert_eq!(ended(second).await.outcome(), "succeeded");
}

#[tokio::test]
async fn a_run_that_waits_for_the_lock_can_be_interrupted() {
    let bench = Bench::new();
    let first = bench.start(&book("fail", "probe: hang")).await;
    bench.probe.is_called("a.1").await;
    let second = bench.start(&book("wait", "probe: ok")).await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    second.interrupt("ann");
    assert_eq!(ended(second).await.outcome(), "interrupted");
    first.interrupt("ann");
    ended(first).await;
    assert_eq!(bench.run(&book("fail", "probe: ok")).await.outcome(), "succeeded", "nobody has it");
}

#[tokio::test]
async fn a_run_that_waits_for_people_keeps_it() {
    let bench = Bench::new();
    let first = bench.run(&book("fail", "probe: ok, confirm: Really?")).await;
    assert_eq!(first.outcome(), "waits");
    assert_eq!(bench.run(&book("fail", "probe: ok")).await.outcome(), "blocked");
    bench.engine().abandon(first.id(), "no longer needed").await.unwrap();
    assert_eq!(bench.run(&book("fail", "probe: ok")).await.outcome(), "succeeded");
}

#[tokio::test]
async fn a_stuck_run_keeps_it_until_it_is_undone_or_abandoned() {
    let stuck = "lock: shared
steps:
  - {id: a, probe: ok, rollback: [{id: undo_a, probe: ok}]}
  - {id: b, probe: fail}
";
    for undone in [true, false] {
        let bench = Bench::new();
        let first = bench.run(stuck).await;
        assert_eq!(first.outcome(), "stuck");
        assert_eq!(bench.run(&book("fail", "probe: ok")).await.outcome(), "blocked");
        if undone {
            let run = bench.engine().rollback(first.id()).await.unwrap();
            assert_eq!(ended(run).await.outcome(), "rolled_back");
        } else {
            bench.engine().abandon(first.id(), "done by hand").await.unwrap();
            assert_eq!(bench.store.list().await.unwrap()[1].status, "abandoned");
        }
        assert_eq!(bench.run(&book("fail", "probe: ok")).await.outcome(), "succeeded");
    }
}

#[tokio::test]
async fn a_later_rollback_takes_the_lock_again() {
    let bench = Bench::new();
    let undoable = "lock: shared\nsteps: [{id: z, probe: ok, rollback: [{id: undo_z, probe: ok}]}]\n";
    let first = bench.run(undoable).await;
    assert_eq!(first.outcome(), "succeeded");
    let second = bench.start(&book("fail", "probe: hang")).await;
    bench.probe.is_called("a.1").await;
    let error = bench.engine().rollback(first.id()).await.unwrap_err();
    assert!(error.to_string().contains("holds the lock `shared`"), "{error}");
    second.interrupt("ann");
    ended(second).await;
    let run = bench.engine().rollback(first.id()).await.unwrap();
    assert_eq!(ended(run).await.outcome(), "rolled_back");
    assert_eq!(bench.run(&book("fail", "probe: ok")).await.outcome(), "succeeded", "and gives it back");
}

//! Commands that are killed together with their engine: nobody can know how far they came.

use runbook_core::drive::doubt_token;
use runbook_core::port::{LockState, Reply, Store};
use runbook_core::run::{Outcome, Resolution, Status};

use crate::support::{Place, is_in_doubt};

/// The engine and the command of `step` are killed while a file `slow` holds the command up.
async fn killed(book: &str) -> Place {
    let place = Place::new(book);
    std::fs::write(place.work().join("slow"), "").unwrap();
    let engine = place.engine(None);
    place.capsule("half", 1).await;
    assert!(engine.kill());
    place.kill_capsule("half", 1).await;
    std::fs::remove_file(place.work().join("slow")).unwrap();
    place
}

fn book(more: &str) -> String {
    format!(
        "steps:
  - id: first
    effect: change
    run: echo first >> effects
    rollback: [{{effect: change, run: echo undo_first >> effects}}]
  - id: half
    effect: change
    run: test ! -e slow || sleep 300; echo half >> effects
    rollback: [{{effect: change, run: echo undo_half >> effects}}]
{more}
  - id: next
    effect: change
    run: echo next >> effects
on_failure: {{rollback: auto}}
"
    )
}

async fn assert_waits(place: &Place) {
    for _ in 0..2 {
        let end = place.carry_out().await;
        assert_eq!(end.outcome, None);
        let half = end.machine.plan().find("half").unwrap();
        assert_eq!(end.machine.state().status(half), Status::InDoubt);
        assert_eq!(end.machine.state().suspended, [half]);
        assert_eq!(place.store().list().await.unwrap()[0].status, "in_doubt");
        assert_eq!(place.effects(), ["first"]);
    }
}

async fn resolve(resolution: Resolution) -> (Place, Option<Outcome>) {
    let place = killed(&book("")).await;
    assert_waits(&place).await;
    place.leave_answer(doubt_token("half", 1), Reply::Doubt { resolution }).await;
    let outcome = place.carry_out().await.outcome;
    (place, outcome)
}

#[tokio::test]
async fn somebody_says_it_was_done() {
    let (place, outcome) = resolve(Resolution::Done).await;
    assert_eq!(outcome, Some(Outcome::Succeeded));
    assert_eq!(place.effects(), ["first", "next"]);
}

#[tokio::test]
async fn somebody_says_it_may_be_repeated() {
    let (place, outcome) = resolve(Resolution::Retry).await;
    assert_eq!(outcome, Some(Outcome::Succeeded));
    assert_eq!(place.effects(), ["first", "half", "next"]);
}

#[tokio::test]
async fn somebody_says_it_failed() {
    let (place, outcome) = resolve(Resolution::Failed).await;
    assert_eq!(outcome, Some(Outcome::RolledBack));
    assert_eq!(place.effects(), ["first", "undo_half", "undo_first"]);
}

#[tokio::test]
async fn somebody_does_not_know_either() {
    let (place, outcome) = resolve(Resolution::Unknown).await;
    assert_eq!(outcome, None);
    assert_eq!(place.effects(), ["first"]);
}

#[tokio::test]
async fn an_answer_for_another_attempt_is_not_taken() {
    let place = killed(&book("")).await;
    assert_waits(&place).await;
    place.leave_answer(doubt_token("half", 2), Reply::Doubt { resolution: Resolution::Done }).await;
    place.leave_answer(doubt_token("first", 1), Reply::Doubt { resolution: Resolution::Done }).await;
    assert_waits(&place).await;
}

#[tokio::test]
async fn a_probe_that_finds_it_done_ends_the_doubt() {
    let place = killed(&book("    done_when: [{file: {path: '${{ inputs.dir }}/proof'}}]")).await;
    std::fs::write(place.work().join("proof"), "").unwrap();
    assert_eq!(place.carry_out().await.outcome, Some(Outcome::Succeeded));
    assert_eq!(place.effects(), ["first", "next"]);
}

#[tokio::test]
async fn a_probe_that_finds_it_undone_has_it_repeated() {
    let place = killed(&book("    done_when: [{file: {path: '${{ inputs.dir }}/proof'}}]")).await;
    assert_eq!(place.carry_out().await.outcome, Some(Outcome::Succeeded));
    assert_eq!(place.effects(), ["first", "half", "next"]);
}

#[tokio::test]
async fn a_verification_that_passes_ends_the_doubt() {
    let place = killed(&book("    verify: [{run: [test, -e, proof]}]")).await;
    std::fs::write(place.work().join("proof"), "").unwrap();
    assert_eq!(place.carry_out().await.outcome, Some(Outcome::Succeeded));
    assert_eq!(place.effects(), ["first", "next"]);
}

#[tokio::test]
async fn a_verification_that_does_not_pass_proves_nothing() {
    let place = killed(&book("    verify: [{run: [test, -e, proof]}]")).await;
    assert_waits(&place).await;
}

#[tokio::test]
async fn what_is_idempotent_is_repeated() {
    let place = killed(&book("    idempotent: true")).await;
    assert_eq!(place.carry_out().await.outcome, Some(Outcome::Succeeded));
    assert_eq!(place.effects(), ["first", "half", "next"]);
    assert!(is_in_doubt(&place.log().await), "the doubt is on record");
}

#[tokio::test]
async fn an_undo_in_doubt_leaves_the_run_stuck_until_somebody_says() {
    let place = Place::new(
        "steps:
  - id: first
    effect: change
    run: echo first >> effects
    rollback: [{id: half, effect: change, run: 'test ! -e slow || sleep 300; echo half >> effects'}]
  - {id: fails, effect: change, run: exit 1}
on_failure: {rollback: auto}
",
    );
    std::fs::write(place.work().join("slow"), "").unwrap();
    let engine = place.engine(None);
    let key = "half";
    place.capsule(key, 1).await;
    assert!(engine.kill());
    place.kill_capsule(key, 1).await;
    assert_eq!(place.carry_out().await.outcome, None);
    place.leave_answer(doubt_token(key, 1), Reply::Doubt { resolution: Resolution::Done }).await;
    assert_eq!(place.carry_out().await.outcome, Some(Outcome::RolledBack));
    assert_eq!(place.effects(), ["first"]);
}

#[tokio::test]
async fn work_in_doubt_keeps_the_lock() {
    let place = killed(&format!("lock: key\n{}", book(""))).await;
    assert_waits(&place).await;
    let run = place.run().await.unwrap();
    assert_eq!(place.lock_for_another("key").await, LockState::HeldBy(run));
}

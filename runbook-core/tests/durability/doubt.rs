//! Commands that are killed together with their engine: nobody can know how far they came.

use runbook_core::drive::doubt_token;
use runbook_core::port::{LockState, Reply, Store};
use runbook_core::run::{Outcome, Resolution, Status};

use crate::support::{Holder, Place, is_in_doubt, whoever_holds_it};

whoever_holds_it!(
    somebody_says_it_was_done,
    somebody_says_it_may_be_repeated,
    somebody_says_it_failed,
    somebody_does_not_know_either,
    an_answer_for_another_attempt_is_not_taken,
    a_probe_that_finds_it_done_ends_the_doubt,
    a_probe_that_finds_it_undone_has_it_repeated,
    a_verification_that_passes_ends_the_doubt,
    a_verification_that_does_not_pass_proves_nothing,
    what_is_idempotent_is_repeated,
    an_undo_in_doubt_leaves_the_run_stuck_until_somebody_says,
    work_in_doubt_keeps_the_lock,
);

/// The engine and the command of `step` are killed while a file `slow` holds the command up.
async fn killed(book: &str, holder: Holder) -> Place {
    let place = Place::new(book, holder);
    std::fs::write(place.work().join("slow"), "").unwrap();
    let engine = place.engine(None);
    place.claimed("half", 1).await;
    assert!(engine.kill());
    place.kill_holder("half", 1).await;
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

async fn resolve(resolution: Resolution, holder: Holder) -> (Place, Option<Outcome>) {
    let place = killed(&book(""), holder).await;
    assert_waits(&place).await;
    place.leave_answer(doubt_token("half", 1), Reply::Doubt { resolution }).await;
    let outcome = place.carry_out().await.outcome;
    (place, outcome)
}

async fn somebody_says_it_was_done(holder: Holder) {
    let (place, outcome) = resolve(Resolution::Done, holder).await;
    assert_eq!(outcome, Some(Outcome::Succeeded));
    assert_eq!(place.effects(), ["first", "next"]);
}

async fn somebody_says_it_may_be_repeated(holder: Holder) {
    let (place, outcome) = resolve(Resolution::Retry, holder).await;
    assert_eq!(outcome, Some(Outcome::Succeeded));
    assert_eq!(place.effects(), ["first", "half", "next"]);
}

async fn somebody_says_it_failed(holder: Holder) {
    let (place, outcome) = resolve(Resolution::Failed, holder).await;
    assert_eq!(outcome, Some(Outcome::RolledBack));
    assert_eq!(place.effects(), ["first", "undo_half", "undo_first"]);
}

async fn somebody_does_not_know_either(holder: Holder) {
    let (place, outcome) = resolve(Resolution::Unknown, holder).await;
    assert_eq!(outcome, None);
    assert_eq!(place.effects(), ["first"]);
}

async fn an_answer_for_another_attempt_is_not_taken(holder: Holder) {
    let place = killed(&book(""), holder).await;
    assert_waits(&place).await;
    place.leave_answer(doubt_token("half", 2), Reply::Doubt { resolution: Resolution::Done }).await;
    place.leave_answer(doubt_token("first", 1), Reply::Doubt { resolution: Resolution::Done }).await;
    assert_waits(&place).await;
}

async fn a_probe_that_finds_it_done_ends_the_doubt(holder: Holder) {
    let place = killed(&book("    done_when: [{file: {path: '${{ inputs.dir }}/proof'}}]"), holder).await;
    std::fs::write(place.work().join("proof"), "").unwrap();
    assert_eq!(place.carry_out().await.outcome, Some(Outcome::Succeeded));
    assert_eq!(place.effects(), ["first", "next"]);
}

async fn a_probe_that_finds_it_undone_has_it_repeated(holder: Holder) {
    let place = killed(&book("    done_when: [{file: {path: '${{ inputs.dir }}/proof'}}]"), holder).await;
    assert_eq!(place.carry_out().await.outcome, Some(Outcome::Succeeded));
    assert_eq!(place.effects(), ["first", "half", "next"]);
}

async fn a_verification_that_passes_ends_the_doubt(holder: Holder) {
    let place = killed(&book("    verify: [{run: [test, -e, proof]}]"), holder).await;
    std::fs::write(place.work().join("proof"), "").unwrap();
    assert_eq!(place.carry_out().await.outcome, Some(Outcome::Succeeded));
    assert_eq!(place.effects(), ["first", "next"]);
}

async fn a_verification_that_does_not_pass_proves_nothing(holder: Holder) {
    let place = killed(&book("    verify: [{run: [test, -e, proof]}]"), holder).await;
    assert_waits(&place).await;
}

async fn what_is_idempotent_is_repeated(holder: Holder) {
    let place = killed(&book("    idempotent: true"), holder).await;
    assert_eq!(place.carry_out().await.outcome, Some(Outcome::Succeeded));
    assert_eq!(place.effects(), ["first", "half", "next"]);
    assert!(is_in_doubt(&place.log().await), "the doubt is on record");
}

async fn an_undo_in_doubt_leaves_the_run_stuck_until_somebody_says(holder: Holder) {
    let place = Place::new(
        "steps:
  - id: first
    effect: change
    run: echo first >> effects
    rollback: [{id: half, effect: change, run: 'test ! -e slow || sleep 300; echo half >> effects'}]
  - {id: fails, effect: change, run: exit 1}
on_failure: {rollback: auto}
",
        holder,
    );
    std::fs::write(place.work().join("slow"), "").unwrap();
    let engine = place.engine(None);
    let key = "half";
    place.claimed(key, 1).await;
    assert!(engine.kill());
    place.kill_holder(key, 1).await;
    assert_eq!(place.carry_out().await.outcome, None);
    place.leave_answer(doubt_token(key, 1), Reply::Doubt { resolution: Resolution::Done }).await;
    assert_eq!(place.carry_out().await.outcome, Some(Outcome::RolledBack));
    assert_eq!(place.effects(), ["first"]);
}

async fn work_in_doubt_keeps_the_lock(holder: Holder) {
    let place = killed(&format!("lock: key\n{}", book("")), holder).await;
    assert_waits(&place).await;
    let run = place.run().await.unwrap();
    assert_eq!(place.lock_for_another("key").await, LockState::HeldBy(run));
}

//! A kill just before and just after every commit of the store.

use runbook_core::port::LockState;
use runbook_core::run::Outcome;

use crate::support::{Holder, Place, ROLLED_BACK, is_in_doubt, is_rolled_back, whoever_holds_it};

whoever_holds_it!(
    a_kill_before_any_commit_changes_nothing_of_the_outcome,
    a_kill_after_any_commit_changes_nothing_of_the_outcome,
    engines_that_go_on_may_be_killed_too,
);

/// Kills engines at `point` of their commits `at`, one engine each, then lets one finish the run.
/// `false`: the first of them was done before it came so far.
async fn killed_at(holder: Holder, point: &str, at: &[u64]) -> bool {
    let place = Place::new(ROLLED_BACK, holder);
    let name = format!("{point} {at:?}");
    for (nth, commit) in at.iter().enumerate() {
        let ended = place.engine(Some((point, *commit))).ends();
        let Some(run) = place.run().await else {
            assert_eq!(place.effects(), Vec::<String>::new(), "no record, no action");
            continue;
        };
        place.store().verify(&run).await.unwrap();
        if place.is_over().await {
            is_rolled_back(&place.effects()).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_lock_is_free(&place).await;
            return nth > 0 || !ended;
        }
    }
    let end = place.carry_out().await;
    assert_eq!(end.outcome, Some(Outcome::RolledBack), "{name}");
    is_rolled_back(&place.effects()).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(!is_in_doubt(&place.log().await), "{name}");
    assert_lock_is_free(&place).await;
    true
}

/// Another run can have the lock.
async fn assert_lock_is_free(place: &Place) {
    assert_eq!(place.lock_for_another("kills").await, LockState::Held);
}

/// All commits of the first engine, shared between two workers.
async fn at_every_commit(holder: Holder, point: &'static str, later: fn(u64) -> Vec<u64>) {
    let worker = |first: u64| async move {
        let mut killed = 0;
        for commit in (first..).step_by(2) {
            let at = [vec![commit], later(commit)].concat();
            if !killed_at(holder, point, &at).await {
                return killed;
            }
            killed += 1;
        }
        killed
    };
    let (odd, even) = (tokio::spawn(worker(1)), tokio::spawn(worker(2)));
    let (odd, even) = (odd.await.unwrap(), even.await.unwrap());
    println!("{point}: killed at each of {} commits", odd + even);
    // Thirteen effects; the end of each shares a write with the intent of the next, and the two that
    // run beside each other may share one too. The beginning, the end and the decisions come on top.
    assert!(odd + even >= 16, "{odd} + {even}");
}

async fn a_kill_before_any_commit_changes_nothing_of_the_outcome(holder: Holder) {
    at_every_commit(holder, "before commit", |_| Vec::new()).await;
}

async fn a_kill_after_any_commit_changes_nothing_of_the_outcome(holder: Holder) {
    at_every_commit(holder, "after commit", |_| Vec::new()).await;
}

async fn engines_that_go_on_may_be_killed_too(holder: Holder) {
    at_every_commit(holder, "after commit", |commit| vec![1 + commit % 3, 2 + commit % 5]).await;
}

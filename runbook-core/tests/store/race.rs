//! Two stores on one directory, as two processes have them: exactly one wins.

use std::sync::{Arc, Barrier};

use runbook_core::port::{Durability, LockState, Store, StoreError};
use runbook_core::store::{SqliteStore, this_process};
use tempfile::TempDir;

use crate::support::{answer, dead_claim, entry, id, record};

const TRIES: u64 = 1000;

fn two() -> (TempDir, SqliteStore, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let one = SqliteStore::open(dir.path()).unwrap();
    let other = SqliteStore::open(dir.path()).unwrap();
    (dir, one, other)
}

#[tokio::test]
async fn one_of_two_engines_gets_the_run() {
    let (_dir, one, other) = two();
    let run = id("a");
    one.create(&record("a"), &dead_claim()).await.unwrap();
    let mut won = [0, 0];
    for n in 0..TRIES {
        let claims = [this_process(), this_process()];
        let results = tokio::join!(one.claim(&run, &claims[0]), other.claim(&run, &claims[1]));
        let winner = match results {
            (Ok(()), Err(StoreError::Busy { .. })) => 0,
            (Err(StoreError::Busy { .. }), Ok(())) => 1,
            both => panic!("try {n}: {both:?}"),
        };
        won[winner] += 1;
        one.release(&run, &claims[winner]).await.unwrap();
    }
    assert_eq!(won[0] + won[1], TRIES);
}

#[tokio::test]
async fn one_of_two_answers_counts() {
    let (_dir, one, other) = two();
    let run = id("a");
    one.create(&record("a"), &this_process()).await.unwrap();
    let mut winners = Vec::new();
    for n in 0..TRIES {
        let token = format!("token {n}");
        let answers = [answer(&token, "ann"), answer(&token, "bob")];
        let results =
            tokio::join!(one.leave_answer(&run, &answers[0]), other.leave_answer(&run, &answers[1]));
        let (ann, bob) = (results.0.unwrap(), results.1.unwrap());
        assert!(ann != bob, "try {n}: {ann} {bob}");
        let [ann_said, bob_said] = answers;
        winners.push(if ann { ann_said } else { bob_said });
    }
    assert_eq!(one.answers(&run).await.unwrap(), winners);
    assert_eq!(other.answers(&run).await.unwrap(), winners);
}

#[tokio::test]
async fn one_of_two_runs_gets_the_lock() {
    let (_dir, one, other) = two();
    let runs = [id("a"), id("b")];
    for run in ["a", "b"] {
        one.create(&record(run), &this_process()).await.unwrap();
    }
    for n in 0..TRIES {
        let key = format!("key {n}");
        let states = tokio::join!(one.lock(&key, &runs[0]), other.lock(&key, &runs[1]));
        let winner = match (states.0.unwrap(), states.1.unwrap()) {
            (LockState::Held, LockState::HeldBy(holder)) if holder == runs[0] => 0,
            (LockState::HeldBy(holder), LockState::Held) if holder == runs[1] => 1,
            both => panic!("try {n}: {both:?}"),
        };
        assert_eq!(other.lock(&key, &runs[winner]).await.unwrap(), LockState::Held);
    }
}

#[tokio::test]
async fn one_of_two_writers_continues_the_log() {
    let (_dir, one, other) = two();
    let run = id("a");
    one.create(&record("a"), &this_process()).await.unwrap();
    for seq in 1..=TRIES {
        let log = [entry(seq)];
        let results = tokio::join!(
            one.append(&run, &log, "one", Durability::Process),
            other.append(&run, &log, "other", Durability::Process),
        );
        let winner = match results {
            (Ok(()), Err(StoreError::Conflict(_))) => "one",
            (Err(StoreError::Conflict(_)), Ok(())) => "other",
            both => panic!("entry {seq}: {both:?}"),
        };
        assert_eq!(one.list().await.unwrap()[0].status, winner);
    }
    assert_eq!(other.entries(&run).await.unwrap().len() as u64, TRIES);
    other.verify(&run).await.unwrap();
}

#[test]
fn many_may_create_the_store_at_once() {
    for _ in 0..10 {
        let dir = tempfile::tempdir().unwrap();
        let start = Arc::new(Barrier::new(8));
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let (state, start) = (dir.path().join("state"), start.clone());
                std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    start.wait();
                    let store = SqliteStore::open(state).unwrap();
                    runtime.block_on(store.create(&record(&format!("run-{n}")), &this_process())).unwrap();
                    store
                })
            })
            .collect();
        let stores: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for store in &stores {
            assert_eq!(runtime.block_on(store.list()).unwrap().len(), 8);
        }
    }
}

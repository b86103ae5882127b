//! Two stores on one directory, as two processes have them: exactly one wins.

use std::sync::{Arc, Barrier};

use jiff::Timestamp;
use runbook_core::drive::{APPROVAL_HOLDS, DecideError, decide};
use runbook_core::model::Effect;
use runbook_core::plan::{Plan, PlanRequest};
use runbook_core::port::{Durability, LockState, Store, StoreError};
use runbook_core::run::{Answerer, Decision, Entry, Event, GateQuestion, Machine};
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

/// A run that waits at a gate which takes `people` different yeses.
fn at_a_gate(people: u32) -> Machine {
    let text = format!(
        "apiVersion: runbook/v1\nkind: Runbook\nname: gated\nsteps:\n  - id: gated\n    run: 'true'\n    \
         confirm: {{message: Really?, approvers_min: {people}}}\n"
    );
    let book = runbook_core::read::parse("book.yaml", &text, &Default::default()).runbook.unwrap();
    let plan = Arc::new(Plan::build(&book, &PlanRequest::default()).unwrap());
    let question = GateQuestion {
        message: "Really?".into(),
        action: "true".into(),
        target: "local".into(),
        effect: Effect::Change,
        undo: Vec::new(),
        show: None,
        preview: None,
        phrase: None,
        roles: Vec::new(),
        approvers_min: people,
        by_others: false,
        irreversible: false,
        asked_by: Vec::new(),
        digest: "d".into(),
    };
    let attached = Event::Attached { by: "ann".into(), engine: "test".into() };
    let opened = Event::GateOpened { node: plan.find("gated").unwrap(), question };
    let log: Vec<Entry> = (1..)
        .zip([attached, opened])
        .map(|(seq, event)| Entry { seq, at: Timestamp::now(), event })
        .collect();
    Machine::replay(plan, &log)
}

#[tokio::test]
async fn one_of_two_people_gives_the_one_approval() {
    let (_dir, one, other) = two();
    let (machine, now) = (at_a_gate(1), Timestamp::now());
    let node = machine.plan().find("gated").unwrap();
    let mut won = [0, 0];
    for n in 0..TRIES {
        let run = id(&format!("run-{n}"));
        one.create(&record(run.as_str()), &dead_claim()).await.unwrap();
        let says = |store, who: &str, decision| {
            decide(store, &run, &machine, node, decision, Answerer::new(who, "test"), now, APPROVAL_HOLDS)
        };
        // A yes against a yes, and a yes against a no.
        let second = if n % 2 == 0 { Decision::Approve } else { Decision::Deny };
        let results = tokio::join!(says(&one, "bob", Decision::Approve), says(&other, "eve", second));
        let winner = match results {
            (Ok(_), Err(DecideError::Answered { by })) if by.who == "bob" => 0,
            (Err(DecideError::Answered { by }), Ok(_)) if by.who == "eve" => 1,
            both => panic!("try {n}: {both:?}"),
        };
        won[winner] += 1;
        assert_eq!(other.answers(&run).await.unwrap().len(), 1, "try {n}");
    }
    assert_eq!(won[0] + won[1], TRIES);
}

#[tokio::test]
async fn two_people_who_agree_at_once_both_count_and_one_who_does_it_twice_counts_once() {
    let (_dir, one, other) = two();
    let (machine, now) = (at_a_gate(2), Timestamp::now());
    let node = machine.plan().find("gated").unwrap();
    for n in 0..TRIES / 4 {
        let run = id(&format!("run-{n}"));
        one.create(&record(run.as_str()), &dead_claim()).await.unwrap();
        let says = |store, who: &str| {
            let by = Answerer::new(who, "test");
            decide(store, &run, &machine, node, Decision::Approve, by, now, APPROVAL_HOLDS)
        };
        let (bob, again) = tokio::join!(says(&one, "bob"), says(&other, "bob"));
        assert!(bob.is_ok() != again.is_ok(), "try {n}: {bob:?} {again:?}");
        assert_eq!(says(&one, "eve").await.unwrap().needs, 0, "try {n}");

        let run = id(&format!("pair-{n}"));
        one.create(&record(run.as_str()), &dead_claim()).await.unwrap();
        let says = |store, who: &str| {
            let by = Answerer::new(who, "test");
            decide(store, &run, &machine, node, Decision::Approve, by, now, APPROVAL_HOLDS)
        };
        let (bob, eve) = tokio::join!(says(&one, "bob"), says(&other, "eve"));
        let mut needs = [bob.unwrap().needs, eve.unwrap().needs];
        needs.sort_unstable();
        assert_eq!(needs, [0, 1], "try {n}: one was first, the other was the last that was needed");
    }
}

//! What goes wrong around the steps: interruptions, executors and reporters that panic, stores that fail.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use runbook_core::drive::{EngineError, doubt_token};
use runbook_core::ids::{NodeId, RunId};
use runbook_core::model::Effect;
use runbook_core::plan::Plan;
use runbook_core::port::{
    Durability, EngineClaim, LockState, Notice, PendingAnswer, Reply, Reporter, RunRecord, RunSummary, Store,
    StoreError,
};
use runbook_core::run::{Entry, Event, Resolution, State};
use runbook_core::store::MemoryStore;
use tokio::sync::Notify;

use crate::support::{Bench, ended};

#[tokio::test]
async fn an_interruption_ends_what_runs_and_tidies_up() {
    let bench = Bench::new();
    let run = bench
        .start(
            "steps:
  - {id: a, probe: ok, cleanup: [{id: clean_a, probe: ok}], rollback: [{id: undo_a, probe: ok}]}
  - id: both
    parallel:
      - {id: command, run: 'echo $$ > pid; sleep 296'}
      - {id: hangs, probe: hang}
  - {id: unreached, probe: ok}
finally: [{id: last, probe: ok}]
on_failure: {rollback: never}
",
        )
        .await;
    bench.probe.is_called("hangs.1").await;
    while !std::fs::read_to_string(bench.path("pid")).is_ok_and(|pid| pid.ends_with('\n')) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    run.interrupt("bob");
    run.interrupt("bob");
    let end = ended(run).await;
    assert_eq!(end.outcome(), "interrupted");
    assert_eq!(end.statuses(["command", "hangs", "unreached"]), ["cancelled", "cancelled", "pending"]);
    assert_eq!(bench.probe.calls(), ["a.1", "hangs.1", "clean_a.1", "last.1"]);
    let pid = std::fs::read_to_string(bench.path("pid")).unwrap();
    assert!(!PathBuf::from(format!("/proc/{}", pid.trim())).exists(), "the command was left behind");
    assert_eq!(end.0.machine.state().interrupted.as_ref().unwrap().who, "bob");
}

#[tokio::test]
async fn an_interruption_can_be_undone_too() {
    let bench = Bench::new();
    let run = bench
        .start(
            "steps:
  - {id: a, probe: ok, rollback: [{id: undo_a, probe: ok}]}
  - {id: hangs, probe: hang, rollback: [{id: undo_hangs, probe: ok}]}
on_failure: {rollback: auto}
",
        )
        .await;
    bench.probe.is_called("hangs.1").await;
    run.interrupter()("bob");
    let end = ended(run).await;
    assert_eq!(end.outcome(), "rolled_back");
    assert_eq!(bench.probe.calls()[2..], ["undo_hangs.1", "undo_a.1"]);
}

#[tokio::test]
async fn a_run_whose_handle_is_dropped_goes_on() {
    let bench = Bench::new();
    drop(bench.start("steps: [{id: a, probe: pause}, {id: b, probe: ok}]\n").await);
    bench.probe.is_called("b.1").await;
}

#[tokio::test]
async fn an_executor_that_panics_or_does_not_know_leaves_the_step_in_doubt() {
    for action in ["panic", "unknown"] {
        let bench = Bench::new();
        let end = bench.run(&format!("steps: [{{id: a, probe: {action}}}, {{id: b, probe: ok}}]\n")).await;
        assert_eq!(end.outcome(), "waits", "{action}");
        assert_eq!(end.statuses(["a", "b"]), ["in_doubt", "pending"]);
        assert_eq!(bench.store.list().await.unwrap()[0].status, "in_doubt");
        let reply = Reply::Doubt { resolution: Resolution::Done };
        assert!(bench.leave(end.id(), doubt_token("a", 1), reply).await);
        assert_eq!(bench.resume(end.id()).await.outcome(), "succeeded");
        assert_eq!(bench.probe.calls(), ["a.1", "b.1"]);
    }
}

#[tokio::test]
async fn an_executor_that_cannot_be_shown_does_not_take_the_run_with_it() {
    let bench = Bench::new();
    let end = bench.run("steps: [{id: a, probe: unshowable}]\n").await;
    assert_eq!(end.outcome(), "succeeded");
    assert!(!bench.store.list().await.unwrap()[0].alive);
}

struct Panics;

impl Reporter for Panics {
    fn entry(&self, _: &Plan, _: &State, _: &Entry) {
        panic!("on purpose")
    }

    fn notice(&self, _: &Plan, _: &Notice<'_>) {
        panic!("on purpose")
    }
}

#[tokio::test]
async fn a_reporter_that_panics_disturbs_nobody() {
    let bench = Bench::new();
    let engine = bench.builder().reporter(Arc::new(Panics)).reporter(bench.heard.clone()).build().unwrap();
    let plan = bench.plan("steps: [{id: a, effect: change, run: echo a}, {id: b, probe: ok}]\n");
    let end = ended(engine.start(plan, None).await.unwrap()).await;
    assert_eq!(end.outcome(), "succeeded");
    assert!(end.state("a").result.as_ref().unwrap().ok);
    // The reporter before and the one after it hear everything.
    let written = bench.log(end.id()).await.len();
    assert_eq!(bench.heard.entries.lock().unwrap().len(), 2 * written);
    assert_eq!(bench.heard.output(), "a\na\n");
}

/// Takes its time, fails at the `at`-th append and from then on, and holds the intents of `held` back until it is let go.
struct Fails {
    inner: MemoryStore,
    at: usize,
    appends: AtomicUsize,
    held: Option<(NodeId, Arc<Notify>)>,
}

impl Fails {
    fn at(at: usize) -> Fails {
        Fails { inner: MemoryStore::new().unwrap(), at, appends: AtomicUsize::new(0), held: None }
    }

    fn error() -> StoreError {
        StoreError::Unavailable("the disk is full".into())
    }

    fn broken(&self) -> bool {
        self.appends.load(Ordering::SeqCst) >= self.at
    }
}

#[async_trait]
impl Store for Fails {
    async fn create(&self, record: &RunRecord, claim: &EngineClaim) -> Result<(), StoreError> {
        self.inner.create(record, claim).await
    }

    async fn claim(&self, run: &RunId, claim: &EngineClaim) -> Result<(), StoreError> {
        self.inner.claim(run, claim).await
    }

    async fn release(&self, run: &RunId, claim: &EngineClaim) -> Result<(), StoreError> {
        self.inner.release(run, claim).await
    }

    async fn append(
        &self,
        run: &RunId,
        entries: &[Entry],
        status: &str,
        durability: Durability,
    ) -> Result<(), StoreError> {
        if self.appends.fetch_add(1, Ordering::SeqCst) + 1 >= self.at {
            return Err(Self::error());
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        let starts =
            |id| entries.iter().any(|e| matches!(e.event, Event::Started { node, .. } if node == id));
        if let Some((id, let_go)) = &self.held
            && starts(*id)
        {
            let_go.notified().await;
        }
        self.inner.append(run, entries, status, durability).await
    }

    async fn record(&self, run: &RunId) -> Result<RunRecord, StoreError> {
        self.inner.record(run).await
    }

    async fn entries(&self, run: &RunId) -> Result<Vec<Entry>, StoreError> {
        self.inner.entries(run).await
    }

    async fn list(&self) -> Result<Vec<RunSummary>, StoreError> {
        self.inner.list().await
    }

    async fn lock(&self, key: &str, run: &RunId) -> Result<LockState, StoreError> {
        self.inner.lock(key, run).await
    }

    async fn unlock(&self, run: &RunId) -> Result<(), StoreError> {
        self.inner.unlock(run).await
    }

    async fn leave_answer(&self, run: &RunId, answer: &PendingAnswer) -> Result<bool, StoreError> {
        self.inner.leave_answer(run, answer).await
    }

    async fn answers(&self, run: &RunId) -> Result<Vec<PendingAnswer>, StoreError> {
        if self.broken() { Err(Self::error()) } else { self.inner.answers(run).await }
    }

    fn directory(&self, run: &RunId) -> PathBuf {
        self.inner.directory(run)
    }
}

const MANY: &str = "steps:
  - {id: a, probe: ok, rollback: [{id: undo_a, probe: ok}]}
  - {id: group, parallel: [{id: b, probe: ok, rollback: [{id: undo_b, probe: ok}]}, {id: c, probe: pause}]}
  - {id: d, probe: ok, verify: ['true']}
  - {id: e, probe: fail}
finally: [{id: last, probe: ok}]
on_failure: {rollback: auto}
";

/// Whatever ends is heard of while an intent of another is written.
const ABREAST: &str = "steps:
  - id: group
    parallel:
      - {id: one, steps: [{id: a, probe: ok, rollback: [{id: undo_a, probe: ok}]}, {id: b, probe: pause}]}
      - {id: two, steps: [{id: c, probe: pause}, {id: d, probe: ok, effect: read, effect_because: it only counts}]}
      - {id: three, steps: [{id: e, probe: ok, rollback: [{id: undo_e, probe: ok}]}, {id: f, probe: pause, effect: read, effect_because: it only counts}]}
  - {id: g, probe: fail}
on_failure: {rollback: auto}
";

#[tokio::test]
async fn when_the_log_cannot_be_written_nothing_more_is_done() {
    let failures =
        fail_at_every_write(MANY, &["a.1", "b.1", "c.1", "d.1", "e.1", "last.1", "undo_a.1", "undo_b.1"]);
    // One for every intent at least; what ends shares a write with the next intent.
    assert!(failures.await >= 8);
}

#[tokio::test]
async fn when_the_log_cannot_be_written_nothing_more_is_done_abreast() {
    let calls = ["a.1", "b.1", "c.1", "d.1", "e.1", "f.1", "g.1", "undo_a.1", "undo_e.1"];
    assert!(fail_at_every_write(ABREAST, &calls).await >= 5);
}

#[tokio::test]
async fn what_ends_while_an_intent_is_written_is_heard_of() {
    let book = "steps:
  - id: group
    parallel:
      - {id: one, steps: [{id: a, probe: ok}, {id: b, probe: ok}]}
      - {id: two, steps: [{id: c, effect: read, run: sleep 0.1}, {id: d, probe: ok, effect: read, effect_because: it only counts}]}
";
    let let_go = Arc::new(Notify::new());
    let mut store = Fails::at(usize::MAX);
    store.held = Some((Bench::new().plan(book).find("b").unwrap(), let_go.clone()));
    let bench = Bench::with_store(Arc::new(store));
    let run = bench.start(book).await;
    bench.probe.is_called("d.1").await;
    assert_eq!(bench.probe.calls(), ["a.1", "d.1"], "the intent of `b` is not written yet");
    let_go.notify_one();
    assert_eq!(ended(run).await.outcome(), "succeeded");
    assert_eq!(bench.probe.calls(), ["a.1", "d.1", "b.1"]);
}

/// Runs `book` once for each of its writes, which fails; says how many there were.
async fn fail_at_every_write(book: &str, all: &[&str]) -> usize {
    let mut failures = 0;
    for at in 1.. {
        let store = Arc::new(Fails::at(at));
        let bench = Bench::with_store(store.clone());
        let run = bench.start(book).await;
        let id = run.id().clone();
        let ended = tokio::time::timeout(crate::support::PATIENCE, run.wait()).await.unwrap();
        let log = store.inner.entries(&id).await.unwrap();
        let plan = bench.plan(book);
        let intents: Vec<String> = log
            .iter()
            .filter_map(|entry| match &entry.event {
                Event::Started { node, attempt, .. } => Some(format!("{}.{attempt}", plan.node(*node).key)),
                _ => None,
            })
            .collect();
        let mut calls = bench.probe.calls();
        let key = |call: &str| call.split('.').next().unwrap().to_owned();
        let reads = |call: &str| plan.node(plan.find(&key(call)).unwrap()).spec.effect == Effect::Read;
        for call in calls.iter().filter(|call| !reads(call)) {
            assert!(intents.contains(call), "write {at} failed, and `{call}` was done without a record");
        }
        assert_eq!(bench.heard.entries.lock().unwrap().len(), log.len(), "only what is written is told");
        match ended {
            Err(EngineError::Store(StoreError::Unavailable(_))) => {
                failures += 1;
                assert_eq!(log.len(), bench.heard.entries.lock().unwrap().len());
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                assert_eq!(bench.probe.calls(), calls, "something went on after the store had failed");
            }
            Err(other) => panic!("{other}"),
            Ok(end) => {
                assert_eq!(end.outcome, Some(runbook_core::run::Outcome::RolledBack));
                calls.sort();
                assert_eq!(calls, all);
                break;
            }
        }
    }
    failures
}

/// The engine is lost while a step is under way: its executor is asked what became of it.
#[tokio::test]
async fn an_executor_is_asked_what_became_of_a_lost_step() {
    for (params, outcome, calls) in [
        ("recover-ok", "succeeded", &["a.1", "recover a.1", "b.1"][..]),
        ("recover-unknown", "waits", &["a.1", "recover a.1"]),
    ] {
        let bench = Bench::new();
        let book = format!("steps: [{{id: a, probe: {params}}}, {{id: b, probe: ok}}]\n");
        let id = lost(&bench, &book).await;
        let end = bench.resume(&id).await;
        assert_eq!(
            (end.outcome(), bench.probe.calls()),
            (outcome, calls.iter().map(|c| c.to_string()).collect())
        );
    }
}

#[tokio::test]
async fn what_is_known_not_to_have_begun_is_done_again_and_not_undone() {
    let bench = Bench::new();
    let book = "steps:
  - {id: a, probe: recover-not_started, rollback: [{id: undo_a, probe: ok}]}
on_failure: {rollback: auto}
";
    let id = lost(&bench, book).await;
    let run = bench.engine().resume(&id).await.unwrap();
    bench.probe.is_called("a.2").await;
    run.interrupt("ann");
    let end = ended(run).await;
    assert_eq!(end.outcome(), "rolled_back");
    assert_eq!(bench.probe.calls(), ["a.1", "recover a.1", "a.2", "undo_a.1"]);

    // Stopped before it could be done again, it has never happened: there is nothing to undo.
    let bench = Bench::new();
    let gated = book.replace("rollback: [{", "when: 1 == 1, rollback: [{");
    let id = lost(&bench, &gated).await;
    let store = &bench.store;
    let log = store.entries(&id).await.unwrap();
    let (last, by) = (log.last().unwrap(), runbook_core::run::Answerer::new("ann", "test"));
    let entries = [Entry { seq: last.seq + 1, at: last.at, event: Event::Interrupted { by } }];
    store.append(&id, &entries, "running", Durability::Process).await.unwrap();
    let end = bench.resume(&id).await;
    assert_eq!(end.outcome(), "interrupted");
    assert_eq!(bench.probe.calls(), ["a.1", "recover a.1"]);
}

/// A run whose engine is lost while step `a` is under way.
async fn lost(bench: &Bench, book: &str) -> RunId {
    let run = bench.start(book).await;
    bench.probe.is_called("a.1").await;
    bench.with_log(run.id(), &bench.log(run.id()).await).await
}

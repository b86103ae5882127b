//! What the durable store adds to the contract: files, reopening, and a chain that shows changes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use runbook_core::port::{Durability, LockState, Store, StoreError};
use runbook_core::store::{SqliteStore, chain_hash, this_process};
use rusqlite::Connection;

use crate::support::{answer, dead_claim, entries, entry, id, record};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (id("a"), id("b"));
    {
        let store = SqliteStore::open(dir.path()).unwrap();
        store.create(&record("a"), &dead_claim()).await.unwrap();
        store.create(&record("b"), &dead_claim()).await.unwrap();
        store.append(&a, &entries(1..=3), "waiting", Durability::Process).await.unwrap();
        store.lock("deploy", &a).await.unwrap();
        store.leave_answer(&a, &answer("t", "ann")).await.unwrap();
    }
    let store = SqliteStore::open_existing(dir.path()).unwrap().unwrap();
    assert_eq!(store.record(&a).await.unwrap(), record("a"));
    assert_eq!(store.entries(&a).await.unwrap(), entries(1..=3));
    assert_eq!(store.answers(&a).await.unwrap(), [answer("t", "ann")]);
    assert_eq!(store.lock("deploy", &b).await.unwrap(), LockState::HeldBy(a.clone()));
    store.append(&a, &[entry(4)], "done", Durability::Machine).await.unwrap();
    assert_eq!(store.list().await.unwrap().iter().find(|run| run.id == a).unwrap().status, "done");
    store.verify(&a).await.unwrap();
}

#[tokio::test]
async fn only_the_owner_can_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("deep/state");
    let store = SqliteStore::open(&state).unwrap();
    store.create(&record("a"), &this_process()).await.unwrap();
    assert_eq!(store.path(), state);
    assert_eq!(mode(&state), 0o700);
    for file in ["runs.db", "runs.db-wal", "runs.db-shm"] {
        assert_eq!(mode(&state.join(file)), 0o600, "{file}");
    }
    let own = store.directory(&id("a"));
    assert_eq!(own, state.join("runs/a"));
    assert_eq!((mode(&own), mode(&state.join("runs"))), (0o700, 0o700));
}

#[test]
fn looking_for_a_store_makes_none() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    assert!(SqliteStore::open_existing(&state).unwrap().is_none());
    assert!(!state.exists());
    fs::create_dir(&state).unwrap();
    assert!(SqliteStore::open_existing(&state).unwrap().is_none());
    assert_eq!(fs::read_dir(&state).unwrap().count(), 0);
}

#[test]
fn a_file_of_a_crashed_creation_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("runs.db"), "").unwrap();
    assert!(SqliteStore::open_existing(dir.path()).unwrap().is_some());
}

#[test]
fn a_newer_format_is_refused_with_both_versions() {
    let dir = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(dir.path()).unwrap());
    let file = Connection::open(dir.path().join("runs.db")).unwrap();
    file.pragma_update(None, "user_version", 7).unwrap();
    drop(file);
    for error in
        [SqliteStore::open(dir.path()).unwrap_err(), SqliteStore::open_existing(dir.path()).unwrap_err()]
    {
        let StoreError::Damaged(text) = &error else { panic!("{error}") };
        assert!(text.contains("version 7") && text.contains("up to version 1"), "{text}");
    }
}

#[test]
fn the_threads_and_the_files_go_with_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let held = || {
        let files = fs::read_dir("/proc/self/fd").unwrap().flatten();
        files.filter_map(|fd| fs::read_link(fd.path()).ok()).filter(|to| to.starts_with(dir.path())).count()
    };
    let calls = Arc::new(());
    let kept = calls.clone();
    let store = SqliteStore::open(dir.path()).unwrap().with_hook(Arc::new(move |_, _| drop(kept.clone())));
    assert!(held() > 0);
    assert_eq!(Arc::strong_count(&calls), 2);
    drop(store);
    assert_eq!(held(), 0);
    assert_eq!(Arc::strong_count(&calls), 1);
}

#[tokio::test]
async fn the_hook_is_called_around_every_commit_and_only_then() {
    let dir = tempfile::tempdir().unwrap();
    let calls = Arc::new(Mutex::new(Vec::new()));
    let log = calls.clone();
    let store = SqliteStore::open(dir.path())
        .unwrap()
        .with_hook(Arc::new(move |point, n| log.lock().unwrap().push((point, n))));
    store.create(&record("a"), &this_process()).await.unwrap();
    store.append(&id("a"), &[entry(5)], "s", Durability::Process).await.unwrap_err();
    store.entries(&id("a")).await.unwrap();
    store.append(&id("a"), &[entry(1)], "s", Durability::Process).await.unwrap();
    let calls = calls.lock().unwrap();
    assert_eq!(
        *calls,
        [("before commit", 1), ("after commit", 1), ("before commit", 2), ("after commit", 2)]
    );
}

#[tokio::test]
async fn a_dropped_request_is_carried_out() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    store.create(&record("a"), &this_process()).await.unwrap();
    {
        let log = [entry(1)];
        let run = id("a");
        let mut append = store.append(&run, &log, "s", Durability::Machine);
        std::future::poll_fn(|context| {
            let _ = append.as_mut().poll(context);
            std::task::Poll::Ready(())
        })
        .await;
    }
    drop(store);
    let store = SqliteStore::open(dir.path()).unwrap();
    assert_eq!(store.entries(&id("a")).await.unwrap(), [entry(1)]);
}

/// A store whose run `a` has five entries, tampered with by `sql`; what `verify` says.
async fn verdict(sql: &str) -> Result<(), StoreError> {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    for run in ["a", "b"] {
        store.create(&record(run), &this_process()).await.unwrap();
        store.append(&id(run), &entries(1..=2), "s", Durability::Process).await.unwrap();
        store.append(&id(run), &entries(3..=5), "s", Durability::Process).await.unwrap();
    }
    let file = Connection::open(dir.path().join("runs.db")).unwrap();
    file.execute_batch(sql).unwrap();
    store.verify(&id("b")).await.expect("the other run is untouched");
    store.verify(&id("a")).await
}

#[tokio::test]
async fn an_untouched_log_verifies() {
    verdict("").await.unwrap();
}

#[tokio::test]
async fn edits_deletions_and_moves_are_found_and_named() {
    let swap = |a: u32, b: u32| {
        format!(
            "UPDATE entries SET seq = 99 WHERE run = 1 AND seq = {a};
             UPDATE entries SET seq = {a} WHERE run = 1 AND seq = {b};
             UPDATE entries SET seq = {b} WHERE run = 1 AND seq = 99"
        )
    };
    let cut = "DELETE FROM entries WHERE run = 1 AND seq > 3";
    for (sql, complaint) in [
        (
            "UPDATE entries SET entry = replace(entry, 'digest of 4', 'digest of 9') WHERE run = 1",
            "entry 4 of run `a` was changed",
        ),
        ("UPDATE entries SET hash = 'x' WHERE run = 1 AND seq = 1", "entry 1 of run `a` was changed"),
        ("UPDATE runs SET digest = 'another plan' WHERE id = 'a'", "entry 1 of run `a` was changed"),
        ("DELETE FROM entries WHERE run = 1 AND seq = 1", "entry 1 of run `a` is missing"),
        ("DELETE FROM entries WHERE run = 1 AND seq = 3", "entry 3 of run `a` is missing"),
        (cut, "entry 4 of run `a` is missing"),
        (
            &format!("{cut}; UPDATE runs SET length = 3 WHERE id = 'a'"),
            "entry 3 of run `a` was not written by an engine",
        ),
        ("DELETE FROM entries WHERE run = 1", "entry 1 of run `a` is missing"),
        (&swap(2, 4), "entry 2 of run `a` was changed"),
        (
            "UPDATE entries SET entry = (SELECT entry FROM entries WHERE run = 1 AND seq = 1),
                hash = (SELECT hash FROM entries WHERE run = 1 AND seq = 1) WHERE run = 1 AND seq = 2",
            "entry 2 of run `a` was changed",
        ),
        ("INSERT INTO entries VALUES (1, 6, 'x', '{}', 'x')", "entry 6 of run `a` was changed"),
    ] {
        let error = verdict(sql).await.expect_err(sql);
        assert!(matches!(error, StoreError::Damaged(_)));
        assert!(error.to_string().contains(complaint), "{sql}: {error}");
    }
}

#[tokio::test]
async fn an_entry_added_with_a_right_hash_is_found_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    store.create(&record("a"), &this_process()).await.unwrap();
    store.append(&id("a"), &[entry(1)], "s", Durability::Process).await.unwrap();
    let links = store.links(&id("a")).await.unwrap();
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].hash, chain_hash(&record("a").digest, &links[0].json));

    let json = serde_json::to_string(&entry(2)).unwrap();
    let hash = chain_hash(&links[0].hash, &json);
    let file = Connection::open(dir.path().join("runs.db")).unwrap();
    file.execute("INSERT INTO entries VALUES (1, 2, 'x', ?1, ?2)", [json, hash]).unwrap();
    let error = store.verify(&id("a")).await.unwrap_err();
    assert!(error.to_string().contains("entry 2 of run `a` was not written by an engine"), "{error}");
}

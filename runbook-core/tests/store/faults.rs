//! Broken files and broken disks: a clear error, never a panic and never a lost write that was promised.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

use runbook_core::ids::NodeId;
use runbook_core::port::{Durability, Store, StoreError};
use runbook_core::run::{Entry, Event, StepResult};
use runbook_core::store::{SqliteStore, this_process};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::{at, entries, entry, id, record};

async fn filled(dir: &Path, length: u64) -> SqliteStore {
    let store = SqliteStore::open(dir).unwrap();
    store.create(&record("a"), &this_process()).await.unwrap();
    store.append(&id("a"), &entries(1..=length), "s", Durability::Machine).await.unwrap();
    store
}

/// An entry of about `size` bytes.
fn large(seq: u64, size: usize) -> Entry {
    let mut result = StepResult::success();
    result.stdout = runbook_core::run::Captured::of_text("x".repeat(size));
    Entry { seq, at: at(seq), event: Event::Ended { node: NodeId(0), attempt: 1, result: Box::new(result) } }
}

#[test]
fn a_file_that_is_no_database_is_refused_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("runs.db");
    let text = "these are my notes, not a database\n".repeat(50);
    fs::write(&file, &text).unwrap();
    let error = SqliteStore::open(dir.path()).unwrap_err();
    assert!(matches!(&error, StoreError::Damaged(why) if why.contains("runs.db")), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn the_database_of_another_program_is_refused_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("runs.db");
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE songs (title TEXT)").unwrap();
    let before = fs::read(&file).unwrap();
    let error = SqliteStore::open(dir.path()).unwrap_err();
    assert!(matches!(&error, StoreError::Damaged(why) if why.contains("another program")), "{error}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn damaged_pages_are_reported_by_whoever_meets_them() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path(), 400).await);
    let path = dir.path().join("runs.db");
    let length = fs::metadata(&path).unwrap().len();
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    // All but the first page, which holds the names of the tables.
    file.seek(SeekFrom::Start(4096)).unwrap();
    file.write_all(&vec![0xa5; usize::try_from(length).unwrap() - 4096]).unwrap();
    drop(file);

    let store = SqliteStore::open(dir.path()).unwrap();
    let errors = [
        store.entries(&id("a")).await.err(),
        store.record(&id("a")).await.err(),
        store.list().await.err(),
        store.verify(&id("a")).await.err(),
        store.append(&id("a"), &[entry(401)], "s", Durability::Process).await.err(),
        store.create(&record("b"), &this_process()).await.err(),
        store.lock("k", &id("a")).await.err(),
    ];
    for error in errors {
        assert!(matches!(&error, Some(StoreError::Damaged(_))), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_no_entry_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path(), 3).await;
    let file = Connection::open(dir.path().join("runs.db")).unwrap();
    for nonsense in ["'{}'", "'not JSON'", "CAST(x'ff00' AS TEXT)"] {
        file.execute_batch(&format!("UPDATE entries SET entry = {nonsense} WHERE seq = 2")).unwrap();
        let error = store.entries(&id("a")).await.unwrap_err();
        assert!(matches!(error, StoreError::Damaged(_)), "{nonsense}: {error}");
    }
    file.execute_batch("UPDATE runs SET length = 1").unwrap();
    let error = store.append(&id("a"), &[entry(2)], "s", Durability::Process).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "an entry is there already: {error}");
    file.execute_batch("UPDATE runs SET claim = 'x', started = 'yesterday'").unwrap();
    for error in [
        store.list().await.err(),
        store.record(&id("a")).await.err(),
        store.claim(&id("a"), &this_process()).await.err(),
    ] {
        assert!(matches!(error, Some(StoreError::Damaged(_))), "{error:?}");
    }
    file.execute_batch("DROP TABLE entries").unwrap();
    let error = store.entries(&id("a")).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "{error}");
}

#[tokio::test]
async fn a_store_whose_directory_is_deleted_promises_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let store = filled(&state, 1).await;
    fs::remove_dir_all(&state).unwrap();
    let errors = [
        store.append(&id("a"), &[entry(2)], "s", Durability::Machine).await.err(),
        store.entries(&id("a")).await.err(),
    ];
    for error in errors {
        assert!(
            matches!(&error, Some(StoreError::Unavailable(why)) if why.contains("any more")),
            "{error:?}"
        );
    }
    drop(filled(&state, 3).await);
    let error = store.append(&id("a"), &[entry(2)], "s", Durability::Machine).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(why) if why.contains("replaced")), "{error}");
}

#[test]
fn a_place_that_is_no_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for state in [file.clone(), file.join("state")] {
        for error in [SqliteStore::open(&state).err(), SqliteStore::open_existing(&state).err()] {
            let Some(StoreError::Unavailable(why)) = &error else { panic!("{error:?}") };
            assert!(why.contains(file.to_str().unwrap()), "{why}");
        }
    }
}

/// A small file system of its own, gone with the value.
struct Disk(TempDir);

impl Disk {
    /// `None`, and loudly so, where this may not be done.
    fn of(kilobytes: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let done = mount(&["-t", "tmpfs", "-o", &format!("size={kilobytes}k"), "tmpfs"], dir.path());
        if !done {
            let required = std::env::var_os("RUNBOOK_REQUIRE_E2E").is_some_and(|value| value == "1");
            assert!(!required, "RUNBOOK_REQUIRE_E2E=1, and a file system cannot be mounted");
            eprintln!("SKIPPED: a file system cannot be mounted here (that takes root)");
        }
        done.then_some(Disk(dir))
    }
}

fn mount(arguments: &[&str], dir: &Path) -> bool {
    Command::new("mount").args(arguments).arg(dir).status().is_ok_and(|status| status.success())
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_entries_and_keeps_those_it_has() {
    let Some(disk) = Disk::of(600) else { return };
    let store = filled(disk.0.path(), 1).await;
    let mut seq = 1;
    let error = loop {
        assert!(seq < 500, "the disk does not fill");
        match store.append(&id("a"), &[large(seq + 1, 20_000)], "s", Durability::Machine).await {
            Ok(()) => seq += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, StoreError::Unavailable(why) if why.contains("full")), "{error}");
    assert!(seq > 5, "only {seq} entries");
    let error =
        store.append(&id("a"), &[large(seq + 1, 20_000)], "s", Durability::Process).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(_)), "{error}");
    assert_eq!(store.entries(&id("a")).await.unwrap().len() as u64, seq);
    store.verify(&id("a")).await.unwrap();
    drop(store);

    // With room again everything goes on.
    assert!(mount(&["-o", "remount,size=4m"], disk.0.path()));
    let store = SqliteStore::open(disk.0.path()).unwrap();
    assert_eq!(store.entries(&id("a")).await.unwrap().len() as u64, seq);
    store.append(&id("a"), &[large(seq + 1, 20_000)], "s", Durability::Machine).await.unwrap();
    store.verify(&id("a")).await.unwrap();
}

#[test]
fn a_disk_that_is_full_from_the_start_is_no_place_for_a_store() {
    let Some(disk) = Disk::of(16) else { return };
    let error = SqliteStore::open(disk.0.path()).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn a_read_only_disk_is_reported() {
    let Some(disk) = Disk::of(4000) else { return };
    drop(filled(disk.0.path(), 1).await);
    assert!(mount(&["-o", "remount,ro"], disk.0.path()));
    let error = SqliteStore::open(disk.0.path()).unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(_)), "{error}");
    let error = SqliteStore::open(disk.0.path().join("new")).unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(why) if why.contains("Read-only")), "{error}");
}

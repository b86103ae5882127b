//! Processes that are killed: what was acknowledged is there, and nothing is there by half.
//!
//! The process to be killed is this test program itself, running only [`child`].

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use runbook_core::port::{Durability, Store};
use runbook_core::store::{SqliteStore, this_process};

use crate::support::{answer, entries, id, record};

const JOB: &str = "RUNBOOK_TEST_STORE_JOB";
const DIR: &str = "RUNBOOK_TEST_STORE_DIR";

/// Starts this program again to do `job` in `dir`.
fn start(job: &str, dir: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--ignored", "--nocapture"])
        .env(JOB, job)
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The steps that `child` has acknowledged, after its end.
fn acknowledged(mut child: Child) -> Vec<String> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // A torn last line does not count.
    let said = lines.map_while(Result::ok);
    let steps = said.filter_map(|line| Some(line.strip_prefix("ack ")?.strip_suffix('.')?.to_owned()));
    let steps = steps.collect();
    child.wait().unwrap();
    steps
}

fn acknowledge(step: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nack {step}.").unwrap();
    out.flush().unwrap();
}

#[tokio::test]
#[ignore = "runs only inside of the other tests"]
async fn child() {
    let (Ok(job), Ok(dir)) = (env::var(JOB), env::var(DIR)) else { return };
    let mut words = job.split(' ');
    match words.next().unwrap() {
        "script" => {
            let point = words.next().unwrap().replace('-', " ");
            let at: u64 = words.next().unwrap().parse().unwrap();
            let store = SqliteStore::open(dir).unwrap().with_hook(Arc::new(move |here, n| {
                if here == point && n == at {
                    std::process::abort();
                }
            }));
            script(&store).await;
        }
        "append" => append_for_ever(&SqliteStore::open(dir).unwrap()).await,
        "create" => {
            for n in 0.. {
                drop(SqliteStore::open(Path::new(&dir).join(n.to_string())).unwrap());
                acknowledge("created");
            }
        }
        other => panic!("{other}"),
    }
}

/// How many entries the log has after so many appends of the script.
const LENGTHS: [usize; 5] = [0, 2, 3, 6, 7];

/// Eight changes, each of which is one commit.
async fn script(store: &SqliteStore) {
    let run = id("a");
    store.create(&record("a"), &this_process()).await.unwrap();
    acknowledge("create");
    for (n, ends) in LENGTHS.windows(2).enumerate() {
        let durability = if n % 2 == 0 { Durability::Machine } else { Durability::Process };
        let log = entries(ends[0] as u64 + 1..=ends[1] as u64);
        store.append(&run, &log, &format!("status {}", n + 1), durability).await.unwrap();
        acknowledge("append");
    }
    store.lock("key", &run).await.unwrap();
    acknowledge("lock");
    assert!(store.leave_answer(&run, &answer("t", "ann")).await.unwrap());
    acknowledge("answer");
    store.unlock(&run).await.unwrap();
    acknowledge("unlock");
}

const COMMITS: usize = 8;

#[tokio::test]
async fn a_crash_at_every_commit_loses_and_halves_nothing() {
    for (point, made) in [("before-commit", 0), ("after-commit", 1)] {
        for commit in 1..=COMMITS {
            let dir = tempfile::tempdir().unwrap();
            let steps = acknowledged(start(&format!("script {point} {commit}"), dir.path()));
            assert_eq!(steps.len(), commit - 1, "{point} {commit}: {steps:?}");
            let done = steps.len() + made;

            let store = SqliteStore::open_existing(dir.path()).unwrap().unwrap();
            let run = id("a");
            if done == 0 {
                assert_eq!(store.list().await.unwrap(), []);
                continue;
            }
            let appends = (done - 1).min(4);
            assert_eq!(store.record(&run).await.unwrap(), record("a"));
            assert_eq!(store.entries(&run).await.unwrap(), entries(1..=LENGTHS[appends] as u64));
            let listed = &store.list().await.unwrap()[0];
            let status = if appends == 0 { "created".into() } else { format!("status {appends}") };
            assert_eq!((&listed.status, listed.alive), (&status, false), "{point} {commit}");
            assert_eq!(store.answers(&run).await.unwrap().len(), usize::from(done >= 7));
            store.verify(&run).await.unwrap();

            // The run can be taken over at once, and its lock is still its own.
            store.claim(&run, &this_process()).await.unwrap();
            store.create(&record("b"), &this_process()).await.unwrap();
            let locked = store.lock("key", &id("b")).await.unwrap() != runbook_core::port::LockState::Held;
            assert_eq!(locked, (6..8).contains(&done), "{point} {commit}");
        }
    }
}

#[tokio::test]
async fn the_script_without_a_crash_is_that_many_commits() {
    let dir = tempfile::tempdir().unwrap();
    let steps = acknowledged(start(&format!("script after-commit {}", COMMITS + 1), dir.path()));
    assert_eq!(steps.len(), COMMITS, "{steps:?}");
}

const RUNS: [&str; 3] = ["a", "b", "c"];

/// Continues three logs at once until somebody kills the process.
async fn append_for_ever(store: &SqliteStore) {
    let go_on = async |name: &str| {
        let run = id(name);
        let mut seq = store.entries(&run).await.unwrap().len() as u64;
        loop {
            let durability = if seq.is_multiple_of(3) { Durability::Machine } else { Durability::Process };
            store.append(&run, &entries(seq + 1..=seq + 2), "s", durability).await.unwrap();
            seq += 2;
            acknowledge(&format!("{name} {seq}"));
        }
    };
    tokio::join!(go_on(RUNS[0]), go_on(RUNS[1]), go_on(RUNS[2]));
}

#[tokio::test]
async fn a_kill_at_any_moment_loses_and_halves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).unwrap();
    for run in RUNS {
        store.create(&record(run), &this_process()).await.unwrap();
    }
    // With the last store closed, every reopening recovers the file from its log.
    drop(store);
    let mut acknowledged_in_all = 0;
    for round in 0..25_u64 {
        let mut child = start("append", dir.path());
        std::thread::sleep(Duration::from_millis(20 + 7 * round % 60));
        child.kill().unwrap();
        let steps = acknowledged(child);
        acknowledged_in_all += steps.len();

        let store = SqliteStore::open_existing(dir.path()).unwrap().unwrap();
        for run in RUNS {
            let kept = store.entries(&id(run)).await.unwrap();
            let length = kept.len() as u64;
            let last = steps.iter().rev().find_map(|step| step.strip_prefix(run)?.trim().parse::<u64>().ok());
            assert!(length >= last.unwrap_or(0), "{run} has {length} of {last:?} entries");
            assert_eq!(length % 2, 0, "half of an append is there");
            assert_eq!(kept, entries(1..=length));
            store.verify(&id(run)).await.unwrap();
        }
    }
    assert!(acknowledged_in_all > 100, "the test killed too early: {acknowledged_in_all}");
}

#[test]
fn a_kill_during_creation_leaves_a_store_that_opens() {
    let mut made = 0;
    for round in 0..15_u64 {
        let dir = tempfile::tempdir().unwrap();
        let mut child = start("create", dir.path());
        std::thread::sleep(Duration::from_millis(10 + 5 * round));
        child.kill().unwrap();
        made += acknowledged(child).len();
        for state in std::fs::read_dir(dir.path()).unwrap() {
            SqliteStore::open(state.unwrap().path()).unwrap();
        }
    }
    assert!(made > 0, "the test killed too early");
}

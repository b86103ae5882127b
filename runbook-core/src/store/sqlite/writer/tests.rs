//! Groups that share a transaction, without threads and so without chance.

use super::*;
use crate::ids::{NodeId, RunId};
use crate::port::{EngineClaim, RunRecord};
use crate::run::{Captured, Entry, Event, StepResult};
use crate::store::sqlite::read;
use crate::store::sqlite::write::Line;
use crate::store::this_process;

type Answer = oneshot::Receiver<Result<Written, StoreError>>;

fn writer(dir: &tempfile::TempDir) -> Writer {
    let place = Place::create(dir.path().into()).unwrap();
    Writer::new(Arc::new(place), Arc::default()).unwrap()
}

fn request(write: Write) -> (Request, Answer) {
    let (reply, answer) = oneshot::channel();
    (Request { write, reply }, answer)
}

/// Hands `writes` over at once; what came of each.
fn write_all(writer: &mut Writer, writes: Vec<Write>) -> Vec<Result<Written, StoreError>> {
    let (requests, answers): (Vec<_>, Vec<_>) = writes.into_iter().map(request).unzip();
    writer.write_all(requests);
    answers.into_iter().map(|mut answer| answer.try_recv().expect("an answer")).collect()
}

fn create(run: &str) -> Write {
    let record = RunRecord {
        id: RunId(run.into()),
        runbook: "book".into(),
        title: None,
        file: None,
        started: jiff::Timestamp::UNIX_EPOCH,
        plan: "{}".into(),
        digest: "5eed".into(),
    };
    Write::Create { record, claim: serde_json::to_string::<EngineClaim>(&this_process()).unwrap() }
}

fn append(run: &str, seq: u64, size: usize, durability: Durability) -> Write {
    append_all(run, &[seq], size, durability)
}

fn append_all(run: &str, seqs: &[u64], size: usize, durability: Durability) -> Write {
    let line = |seq: &u64| {
        let mut result = StepResult::success();
        result.stdout = Captured::of_text("x".repeat(size));
        let event = Event::Ended { node: NodeId(0), attempt: 1, result: Box::new(result) };
        Line::of(&Entry { seq: *seq, at: jiff::Timestamp::UNIX_EPOCH, event }).unwrap()
    };
    let lines = seqs.iter().map(line).collect();
    Write::Append { run: RunId(run.into()), lines, updated: None, status: "s".into(), durability }
}

fn length(writer: &Writer, run: &str) -> usize {
    read::entries(&writer.connection, &RunId(run.into())).unwrap().len()
}

fn synchronous(writer: &Writer) -> i64 {
    writer.connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap()
}

const NORMAL: i64 = 1;
const FULL: i64 = 2;

#[test]
fn what_waits_shares_a_commit_and_what_must_be_synced_is() {
    use Durability::{Machine, Process};
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(&dir);
    let results = write_all(&mut writer, ["a", "b", "c", "d"].map(create).into());
    assert!(results.iter().all(Result::is_ok));
    assert_eq!((writer.commits, synchronous(&writer)), (1, FULL));

    let group = [("a", Process), ("b", Process), ("c", Process), ("d", Process)];
    write_all(&mut writer, group.map(|(run, how)| append(run, 1, 1, how)).into());
    assert_eq!((writer.commits, synchronous(&writer)), (2, NORMAL));

    // Those before the first sync do not wait for it; the others share it.
    let group = [("a", Process), ("b", Machine), ("c", Process), ("d", Machine)];
    let results = write_all(&mut writer, group.map(|(run, how)| append(run, 2, 1, how)).into());
    assert!(results.iter().all(Result::is_ok));
    assert_eq!((writer.commits, synchronous(&writer)), (4, FULL));
    for run in ["a", "b", "c", "d"] {
        assert_eq!(length(&writer, run), 2);
    }
}

#[test]
fn appends_to_one_log_that_wait_together_keep_their_order() {
    use Durability::{Machine, Process};
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(&dir);
    write_all(&mut writer, vec![create("a")]);
    let group = [Process, Machine, Process, Machine, Process];
    let writes = (1..).zip(group).map(|(seq, how)| append("a", seq, 1, how)).collect();
    assert!(write_all(&mut writer, writes).iter().all(Result::is_ok));
    assert_eq!(length(&writer, "a"), 5);
}

#[test]
fn one_refused_request_leaves_the_others_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(&dir);
    write_all(&mut writer, ["a", "b", "c"].map(create).into());
    let commits = writer.commits;
    let writes = vec![
        append("a", 1, 1, Durability::Process),
        // Its first entry is written before the second one shows the gap.
        append_all("b", &[1, 3], 1, Durability::Process),
        append("none", 1, 1, Durability::Process),
        append("c", 1, 1, Durability::Process),
    ];
    let results = write_all(&mut writer, writes);
    assert!(matches!(
        results.as_slice(),
        [Ok(_), Err(StoreError::Conflict(_)), Err(StoreError::NoSuchRun(_)), Ok(_)]
    ));
    assert_eq!(writer.commits, commits + 1);
    assert_eq!(["a", "b", "c"].map(|run| length(&writer, run)), [1, 0, 1]);
}

#[test]
fn a_group_of_refused_requests_is_no_commit() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(&dir);
    let writes = vec![append("a", 1, 1, Durability::Process), append("b", 1, 1, Durability::Process)];
    assert!(write_all(&mut writer, writes).iter().all(Result::is_err));
    assert_eq!(writer.commits, 0);
    assert!(writer.connection.is_autocommit());
}

#[test]
fn a_request_that_does_not_fit_on_the_disk_leaves_the_others_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(&dir);
    write_all(&mut writer, ["a", "b", "c"].map(create).into());
    let pages: i64 = writer.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    writer.connection.pragma_update(None, "max_page_count", pages + 10).unwrap();
    for round in 1..=2 {
        let writes = vec![
            append("a", round, 1, Durability::Machine),
            append("b", 1, 200_000, Durability::Machine),
            append("c", round, 1, Durability::Machine),
        ];
        let results = write_all(&mut writer, writes);
        let [Ok(_), Err(StoreError::Unavailable(why)), Ok(_)] = results.as_slice() else {
            panic!("{results:?}")
        };
        assert!(why.contains("full"), "{why}");
    }
    assert_eq!(["a", "b", "c"].map(|run| length(&writer, run)), [2, 0, 2]);
    writer.connection.pragma_update(None, "max_page_count", pages + 1000).unwrap();
    let results = write_all(&mut writer, vec![append("b", 1, 200_000, Durability::Machine)]);
    assert!(results[0].is_ok());
}

#[test]
fn when_the_file_is_gone_everybody_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(&dir);
    write_all(&mut writer, vec![create("a")]);
    std::fs::remove_file(dir.path().join("runs.db")).unwrap();
    let writes = vec![append("a", 1, 1, Durability::Process), append("a", 2, 1, Durability::Process)];
    for result in write_all(&mut writer, writes) {
        assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    }
}

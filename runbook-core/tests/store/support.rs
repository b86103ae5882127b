//! Runs, entries and answers to keep.

use jiff::{SignedDuration, Timestamp};
use runbook_core::ids::{NodeId, RunId};
use runbook_core::port::{EngineClaim, PendingAnswer, Reply, RunRecord};
use runbook_core::run::{Answerer, Decision, Entry, Event};
use runbook_core::store::this_process;

pub(crate) fn id(text: &str) -> RunId {
    RunId(text.into())
}

/// `seconds` after some moment.
pub(crate) fn at(seconds: u64) -> Timestamp {
    let start: Timestamp = "2026-11-20T23:45:01.123456789Z".parse().unwrap();
    start + SignedDuration::from_secs(i64::try_from(seconds).unwrap())
}

pub(crate) fn record(run: &str) -> RunRecord {
    RunRecord {
        id: id(run),
        runbook: "restart-web".into(),
        title: Some("Neustart — «веб»".into()),
        file: None,
        started: at(0),
        plan: r#"{"nodes": []}"#.into(),
        digest: "5eed".into(),
    }
}

pub(crate) fn entry(seq: u64) -> Entry {
    let event = Event::Started { node: NodeId(7), attempt: 1, digest: format!("digest of {seq}") };
    // No calendar goes as far as the largest number.
    Entry { seq, at: at(seq.min(1_000_000)), event }
}

pub(crate) fn entries(seqs: impl IntoIterator<Item = u64>) -> Vec<Entry> {
    seqs.into_iter().map(entry).collect()
}

pub(crate) fn answer(token: &str, who: &str) -> PendingAnswer {
    PendingAnswer {
        token: token.into(),
        reply: Reply::Gate { decision: Decision::Approve },
        by: Answerer::new(who, "runbook approve"),
        at: at(9),
        expires: None,
    }
}

/// A claim of an engine that is gone.
pub(crate) fn dead_claim() -> EngineClaim {
    EngineClaim { pid: 0, nonce: "gone".into(), ..this_process() }
}

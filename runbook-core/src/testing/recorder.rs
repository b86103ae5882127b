//! A reporter that remembers.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::locked;
use crate::plan::Plan;
use crate::port::{Notice, Reporter};
use crate::run::{Entry, Event, State};

/// A reporter that remembers everything it was told.
#[derive(Debug, Default)]
pub struct Recorder {
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    entries: Vec<Entry>,
    events: Vec<String>,
    output: BTreeMap<String, Vec<u8>>,
    remarks: Vec<String>,
}

impl Recorder {
    /// The log, as far as it was told.
    pub fn entries(&self) -> Vec<Entry> {
        locked(&self.told).entries.clone()
    }

    /// The log in short, without times: `started STEP ATTEMPT`, `ended STEP ATTEMPT ok`, `finished succeeded`, …;
    /// what is not an attempt or an end is its name and the step's.
    pub fn events(&self) -> Vec<String> {
        locked(&self.told).events.clone()
    }

    /// What the step `key` wrote while it ran, both streams as they came.
    pub fn output(&self, key: &str) -> String {
        let told = locked(&self.told);
        told.output.get(key).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    }

    /// What the engine said besides the log.
    pub fn remarks(&self) -> Vec<String> {
        locked(&self.told).remarks.clone()
    }
}

impl Reporter for Recorder {
    fn entry(&self, plan: &Plan, _state: &State, entry: &Entry) {
        let mut told = locked(&self.told);
        told.entries.push(entry.clone());
        told.events.push(in_short(plan, &entry.event));
    }

    fn notice(&self, plan: &Plan, notice: &Notice<'_>) {
        let mut told = locked(&self.told);
        match notice {
            Notice::Output { node, bytes, .. } => {
                told.output.entry(plan.node(*node).key.clone()).or_default().extend_from_slice(bytes);
            }
            Notice::Remark(remark) => told.remarks.push((*remark).to_owned()),
        }
    }
}

fn in_short(plan: &Plan, event: &Event) -> String {
    let mut words = vec![event.name().to_owned()];
    words.extend(event.node().map(|node| plan.node(node).key.clone()));
    match event {
        Event::Started { attempt, .. } => words.push(attempt.to_string()),
        Event::Ended { attempt, result, .. } => {
            words.push(attempt.to_string());
            words.push(if result.ok { "ok" } else { "not ok" }.to_owned());
        }
        Event::Finished { outcome, .. } => words.push(outcome.name().to_owned()),
        _ => {}
    }
    words.join(" ")
}

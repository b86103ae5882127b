//! A run as JSON: one object a line on standard output.

use std::sync::{Mutex, PoisonError};

use runbook_core::ids::RunId;
use runbook_core::plan::Plan;
use runbook_core::port::Reporter;
use runbook_core::run::{Entry, State};
use runbook_core::value::Object;
use serde_json::Value;

use super::story::subject;

/// Writes every entry of a run's log as it is made.
pub(crate) struct Json {
    stream: Mutex<Stream>,
}

struct Stream {
    run: Option<RunId>,
    /// Entries from before it was known which run this is.
    early: Vec<Object>,
    out: Box<dyn FnMut(&str) + Send>,
}

impl Json {
    /// Writes lines with `out`.
    pub(crate) fn new(out: impl FnMut(&str) + Send + 'static) -> Self {
        Json { stream: Mutex::new(Stream { run: None, early: Vec::new(), out: Box::new(out) }) }
    }

    /// Says which run this is; until then nothing is written.
    pub(crate) fn begin(&self, run: &RunId) {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        stream.run = Some(run.clone());
        for entry in std::mem::take(&mut stream.early) {
            stream.write(entry);
        }
    }

    /// The last line of the stream.
    pub(crate) fn end(&self, status: &str, exit_code: u8) {
        let mut end = Object::new();
        end.insert("event".into(), "end".into());
        end.insert("status".into(), status.into());
        end.insert("exit_code".into(), exit_code.into());
        self.stream.lock().unwrap_or_else(PoisonError::into_inner).write(end);
    }
}

impl Stream {
    fn write(&mut self, entry: Object) {
        let Some(run) = &self.run else {
            self.early.push(entry);
            return;
        };
        let mut line = Object::new();
        line.insert("run".into(), run.as_str().into());
        line.extend(entry);
        (self.out)(&format!("{}\n", Value::Object(line)));
    }
}

impl Reporter for Json {
    fn entry(&self, plan: &Plan, _state: &State, entry: &Entry) {
        let Ok(Value::Object(mut fields)) = serde_json::to_value(entry) else { return };
        if let Some(node) = subject(&entry.event) {
            fields.insert("key".into(), plan.node(node).key.clone().into());
        }
        self.stream.lock().unwrap_or_else(PoisonError::into_inner).write(fields);
    }
}

//! What went wrong on the way, in words, and whether anything had begun.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use runbook_core::run::{Ending, StepResult};

/// The whole chain of causes in one line. What a cause says again is left out.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        let text = text.trim().trim_end_matches(':').to_owned();
        next = error.source();
        // These say only that there is a cause.
        let empty = ["error sending request", "client error (", "connection error"];
        if next.is_some() && empty.iter().any(|start| text.starts_with(start)) {
            continue;
        }
        if text.is_empty() || parts.iter().any(|part| part.contains(&text)) {
            continue;
        }
        // Where the text before ends with this one, this one says it better.
        if let Some(last) = parts.last_mut()
            && let Some(start) = last.strip_suffix(text.as_str())
        {
            *last = start.trim_end_matches([':', ' ']).to_owned();
            if last.is_empty() {
                parts.pop();
            }
        }
        parts.push(text);
    }
    parts.join(": ")
}

/// What follows from a request that brought no whole answer.
pub(crate) struct Broken {
    /// What happened, without the URL.
    what: String,
    kind: Kind,
}

/// How far a request has come: nothing can have been sent before there is a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<AtomicBool>);

impl Progress {
    /// There is a connection.
    pub(crate) fn connected(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// It goes no further, because of `what`.
    pub(crate) fn broken(&self, kind: Kind, what: impl Into<String>) -> Broken {
        let sent = self.0.load(Ordering::SeqCst);
        Broken { what: what.into(), kind: if sent { kind } else { Kind::Unsent } }
    }

    /// It goes no further, because of what the client says.
    pub(crate) fn failed(&self, error: reqwest::Error) -> Broken {
        self.broken(Kind::Sent, chain(&error.without_url()))
    }
}

/// At which point it broke, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Before anything of the request was sent.
    Unsent,
    /// The request was sent, or may have been.
    Sent,
    /// The same, because its time was over.
    SentTooLate,
    /// The same, because it was asked to stop.
    SentStopped,
}

impl Broken {
    /// As the result of an attempt. What is idempotent failed and can be tried again; of anything else nobody
    /// knows what became of it.
    pub(crate) fn into_result(self, shown: &str, idempotent: bool) -> StepResult {
        let ending = match (self.kind, idempotent) {
            (Kind::Unsent, _) => Ending::NotStarted,
            (_, false) => Ending::Unknown,
            (Kind::Sent, true) => Ending::Completed,
            (Kind::SentTooLate, true) => Ending::TimedOut,
            (Kind::SentStopped, true) => Ending::Cancelled,
        };
        let reason = match ending {
            Ending::Unknown => format!("{shown}: {}; the server may have carried it out", self.what),
            _ => format!("{shown}: {}", self.what),
        };
        StepResult::failure(ending, reason)
    }
}

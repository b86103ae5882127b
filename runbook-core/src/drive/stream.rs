//! A run's log as a stream, for programs that would rather receive than be called.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::mpsc;

use crate::plan::Plan;
use crate::port::Reporter;
use crate::run::{Entry, State};

/// One entry of a log, with what is needed to make sense of it without the plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RunEvent {
    /// The runbook's name.
    pub runbook: String,
    /// The step it is about, by its name in logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What that step is called in listings after the entry: `running`, `succeeded`, ….
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_status: Option<&'static str>,
    /// The run's own status after the entry.
    pub status: &'static str,
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
}

/// The receiving end: every entry, after it is durable, in the order of the log.
///
/// An engine tells all of its runs to its reporters. To tell runs apart, build an engine for each; they may
/// share a store. A receiver that does not keep up delays nobody, and costs memory; one that is dropped is
/// not missed.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use runbook_core::{drive::{Engine, EventStream}, plan::{Plan, PlanRequest}, read};
///
/// let (reporter, mut events) = EventStream::channel();
/// let engine = Engine::builder().reporter(reporter).build().unwrap();
/// let loaded = read::parse("hello.yaml", "
/// apiVersion: runbook/v1
/// kind: Runbook
/// name: hello
/// steps:
///   - {id: greet, run: [echo, hello], effect: read}
/// ", &engine.kinds());
/// let plan = Plan::build(&loaded.runbook.unwrap(), &PlanRequest::default()).unwrap();
/// let run = engine.start(plan, None).await.unwrap();
/// drop(engine);
/// let mut seen = Vec::new();
/// while let Some(event) = events.next().await {
///     seen.push((event.entry.event.name(), event.step));
///     if event.status == "succeeded" {
///         break;
///     }
/// }
/// run.wait().await.unwrap();
/// assert_eq!(seen[0].0, "attached");
/// assert!(seen.contains(&("ended", Some("greet".to_owned()))));
/// # });
/// ```
pub struct EventStream {
    receiver: mpsc::UnboundedReceiver<RunEvent>,
}

impl EventStream {
    /// A reporter for [`EngineBuilder::reporter`](super::EngineBuilder::reporter), and the stream of what it
    /// is told.
    pub fn channel() -> (Arc<dyn Reporter>, EventStream) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Arc::new(Sender { sender }), EventStream { receiver })
    }

    /// The next entry; `None` when there is no engine left that could tell of one.
    pub async fn next(&mut self) -> Option<RunEvent> {
        self.receiver.recv().await
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").finish_non_exhaustive()
    }
}

struct Sender {
    sender: mpsc::UnboundedSender<RunEvent>,
}

impl Reporter for Sender {
    fn entry(&self, plan: &Plan, state: &State, entry: &Entry) {
        let node = entry.event.node();
        // Whoever has dropped the receiver does not want to know.
        let _ = self.sender.send(RunEvent {
            runbook: plan.runbook.name.clone(),
            step: node.map(|node| plan.node(node).key.clone()),
            step_status: node.map(|node| state.status(node).name()),
            status: state.run_status(),
            entry: entry.clone(),
        });
    }
}

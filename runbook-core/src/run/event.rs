//! What a run's log is made of: one entry for every answer the world gave.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::captured::Captured;
use super::gate::{Answerer, Decision, GateQuestion};
use crate::ids::NodeId;
use crate::plan::Item;
use crate::value::{Duration, Object, Value};

/// One line of a run's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the log, from 1 without a gap.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// An engine took the run; the first entry of every log, and one for every resume.
    Attached {
        /// Who started that engine.
        by: String,
        /// Version of the engine.
        engine: String,
    },
    /// The runbook's own preconditions were checked.
    BookChecked {
        /// One answer a check.
        checks: Vec<CheckOutcome>,
    },
    /// A step's `when` was evaluated.
    Condition {
        /// The step.
        node: NodeId,
        /// What it yielded.
        holds: bool,
    },
    /// Something about a step could not be evaluated or rendered; it fails without having acted.
    Unusable {
        /// The step.
        node: NodeId,
        /// Why.
        reason: String,
    },
    /// A policy does not let a step act with the values that it has got; it is blocked.
    Refused {
        /// The step.
        node: NodeId,
        /// Why.
        reason: String,
    },
    /// Checks of a step were asked.
    Checked {
        /// The step.
        node: NodeId,
        /// Which of its checks.
        stage: CheckStage,
        /// One answer a check.
        checks: Vec<CheckOutcome>,
    },
    /// A question was put to people before a step acts.
    GateOpened {
        /// The step.
        node: NodeId,
        /// What is asked, and for exactly what.
        question: GateQuestion,
    },
    /// Somebody answered at a gate.
    GateDecided {
        /// The step.
        node: NodeId,
        /// What they said.
        decision: Decision,
        /// Digest of what the decision is for.
        digest: String,
        /// Who and how.
        by: Answerer,
        /// Until when a yes holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires: Option<Timestamp>,
    },
    /// Nobody answered at a gate in time.
    GateExpired {
        /// The step.
        node: NodeId,
    },
    /// An action is about to be carried out. Durable before it is, unless the step only reads.
    Started {
        /// The step.
        node: NodeId,
        /// Which attempt, from 1.
        attempt: u32,
        /// Digest of the rendered action.
        digest: String,
    },
    /// An action ended, or is known not to have begun, or its end is not known.
    Ended {
        /// The step.
        node: NodeId,
        /// Which attempt.
        attempt: u32,
        /// How.
        result: Box<StepResult>,
    },
    /// What became of an action in doubt.
    Resolved {
        /// The step.
        node: NodeId,
        /// What became of it.
        resolution: Resolution,
        /// Who found out, and how.
        by: Answerer,
    },
    /// What a step is repeated for is known.
    Expanded {
        /// The step.
        node: NodeId,
        /// One for each repetition, in order.
        items: Vec<Item>,
    },
    /// A procedure was called; what it was given is known.
    Called {
        /// The step that calls it.
        node: NodeId,
        /// Its inputs.
        inputs: Object,
        /// Its variables.
        #[serde(default, skip_serializing_if = "Object::is_empty")]
        vars: Object,
    },
    /// A person chose what to do about a failed step.
    Chosen {
        /// The step.
        node: NodeId,
        /// What they chose.
        choice: Choice,
        /// Who and how.
        by: Answerer,
    },
    /// A group took longer than its timeout.
    TimedOut {
        /// The group.
        node: NodeId,
    },
    /// The time of a level of the escalation has come.
    Escalated {
        /// Which level, from 1.
        level: u32,
        /// Who was told.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        sent: Vec<String>,
        /// Who could not be told, and why.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        failed: Vec<NotTold>,
        /// Why nobody was told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        held_back: Option<String>,
        /// Whether no further level fires, because `until` holds.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        over: bool,
        /// How long after its time, when that is worth a note.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        late: Option<Duration>,
    },
    /// A secret was read for the first time, or has another value than before.
    SecretSeen {
        /// Its name.
        name: String,
        /// What can be recognised of it again.
        mark: SecretMark,
        /// Whether it is another one than the run has used before.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        changed: bool,
    },
    /// Whether completed work is undone.
    RollbackDecided {
        /// The decision.
        decision: Undoing,
        /// Who and how.
        by: Answerer,
    },
    /// Somebody interrupted the run: nothing new starts, what runs is stopped.
    Interrupted {
        /// Who and how.
        by: Answerer,
    },
    /// The engine left the run while it waits for people.
    Suspended {
        /// The steps that wait.
        waiting: Vec<NodeId>,
    },
    /// Somebody gave the run up; nothing more will happen.
    Abandoned {
        /// Why.
        reason: String,
        /// Who and how.
        by: Answerer,
    },
    /// The run came to rest.
    Finished {
        /// How.
        outcome: super::Outcome,
        /// The runbook's declared outputs, as far as they could be computed.
        outputs: Object,
    },
}

impl Event {
    /// Its name, as in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Attached { .. } => "attached",
            Event::BookChecked { .. } => "book_checked",
            Event::Condition { .. } => "condition",
            Event::Unusable { .. } => "unusable",
            Event::Refused { .. } => "refused",
            Event::Checked { .. } => "checked",
            Event::GateOpened { .. } => "gate_opened",
            Event::GateDecided { .. } => "gate_decided",
            Event::GateExpired { .. } => "gate_expired",
            Event::Started { .. } => "started",
            Event::Ended { .. } => "ended",
            Event::Resolved { .. } => "resolved",
            Event::Expanded { .. } => "expanded",
            Event::Called { .. } => "called",
            Event::Chosen { .. } => "chosen",
            Event::TimedOut { .. } => "timed_out",
            Event::Escalated { .. } => "escalated",
            Event::SecretSeen { .. } => "secret_seen",
            Event::RollbackDecided { .. } => "rollback_decided",
            Event::Interrupted { .. } => "interrupted",
            Event::Suspended { .. } => "suspended",
            Event::Abandoned { .. } => "abandoned",
            Event::Finished { .. } => "finished",
        }
    }

    /// The step it is about, when it is about one.
    pub fn node(&self) -> Option<NodeId> {
        match self {
            Event::Condition { node, .. }
            | Event::Unusable { node, .. }
            | Event::Refused { node, .. }
            | Event::Checked { node, .. }
            | Event::GateOpened { node, .. }
            | Event::GateDecided { node, .. }
            | Event::GateExpired { node }
            | Event::Started { node, .. }
            | Event::Ended { node, .. }
            | Event::Resolved { node, .. }
            | Event::Expanded { node, .. }
            | Event::Called { node, .. }
            | Event::Chosen { node, .. }
            | Event::TimedOut { node } => Some(*node),
            Event::Attached { .. }
            | Event::BookChecked { .. }
            | Event::Escalated { .. }
            | Event::SecretSeen { .. }
            | Event::RollbackDecided { .. }
            | Event::Interrupted { .. }
            | Event::Suspended { .. }
            | Event::Abandoned { .. }
            | Event::Finished { .. } => None,
        }
    }
}

/// Which of a step's checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStage {
    /// `done_when`.
    DoneWhen,
    /// `preconditions`.
    Preconditions,
    /// `verify`.
    Verify,
    /// The `goal` of `remedies`.
    Goal,
}

/// The answer to one check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckOutcome {
    /// What was asked, for people.
    pub title: String,
    /// Whether the answer is good.
    pub passed: bool,
    /// Whether a bad answer only warns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warn_only: bool,
    /// What was found, when the answer is bad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How often it was asked.
    pub tries: u32,
}

impl CheckOutcome {
    /// Whether it stands in the way.
    pub fn refuses(&self) -> bool {
        !self.passed && !self.warn_only
    }
}

/// What became of an action in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// It happened.
    Done,
    /// It happened and failed, or half happened.
    Failed,
    /// It did not happen, or may be repeated: back to pending.
    Retry,
    /// Nothing more can be found out here; somebody else must say.
    Unknown,
}

/// What to do about a failed step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Try again.
    Retry,
    /// Go on without it.
    Skip,
    /// Stop and undo.
    Rollback,
    /// Stop.
    Stop,
}

/// Whether completed work is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undoing {
    /// Yes, now.
    Begin,
    /// No.
    Decline,
    /// Nobody was there to say; it can be done later.
    Defer,
}

/// Somebody who could not be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotTold {
    /// The contact or channel.
    pub to: String,
    /// Why, for people.
    pub reason: String,
}

/// What a log keeps of a secret: enough to notice another value, too little to find the value by trying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretMark {
    /// Random, in hex.
    pub salt: String,
    /// The first 16 bits of the salted digest, in hex: of 65 536 other values one has the same.
    pub digest: String,
}

/// How an action ended, without judging whether that is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It came to its end and said how.
    Completed,
    /// It was stopped at its time limit.
    TimedOut,
    /// It was stopped on request.
    Cancelled,
    /// It did not begin.
    NotStarted,
    /// It began, or may have; what became of it is not known.
    Unknown,
}

/// What is known of an action after it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepResult {
    /// How it ended.
    pub ending: Ending,
    /// Whether that is a success, `expect` included.
    pub ok: bool,
    /// Why not, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A command's exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// What it wrote to standard output.
    #[serde(default, skip_serializing_if = "Captured::is_empty")]
    pub stdout: Captured,
    /// What it wrote to standard error.
    #[serde(default, skip_serializing_if = "Captured::is_empty")]
    pub stderr: Captured,
    /// Other fields of the result (`status`, `json`, a manual step's fields, …).
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub fields: Object,
    /// The step's declared outputs.
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub outputs: Object,
    /// Whether another attempt is pointless, whatever `retry` says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub give_up: bool,
    /// How long whoever was asked wants to be left alone before another attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
    /// Whether it went less well than it should have; `reason` says how.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warned: bool,
    /// Who answered, for a step that a person carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Answerer>,
}

impl StepResult {
    /// A result that says only how it ended and whether that is good.
    pub fn new(ending: Ending, ok: bool) -> Self {
        StepResult {
            ending,
            ok,
            reason: None,
            exit_code: None,
            stdout: Captured::default(),
            stderr: Captured::default(),
            fields: Object::new(),
            outputs: Object::new(),
            give_up: false,
            retry_after: None,
            warned: false,
            by: None,
        }
    }

    /// A completed, good result.
    pub fn success() -> Self {
        Self::new(Ending::Completed, true)
    }

    /// A bad result and why.
    pub fn failure(ending: Ending, reason: impl Into<String>) -> Self {
        StepResult { reason: Some(reason.into()), ..Self::new(ending, false) }
    }

    /// What expressions see as `result`.
    pub fn to_value(&self) -> Value {
        let mut object = self.fields.clone();
        if let Some(code) = self.exit_code {
            object.insert("exit_code".into(), code.into());
        }
        // A field of that name says why there is no such text.
        object.entry("stdout").or_insert_with(|| self.stdout.to_value());
        object.entry("stderr").or_insert_with(|| self.stderr.to_value());
        Value::Object(object)
    }
}

//! What a log amounts to: where every node stands. Written only by [`Machine::apply`](super::Machine::apply).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use serde::Serialize;

use super::escalation::Escalations;
use super::event::{CheckOutcome, CheckStage, SecretMark, StepResult, Undoing};
use super::gate::{Answerer, Asked, GateQuestion};
use super::outcome::Outcome;
use crate::ids::NodeId;

/// Where a run stands.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct State {
    /// Every node, in the order of the plan.
    pub nodes: Vec<NodeState>,
    /// Which part of the run is under way.
    pub stage: Stage,
    /// What the runbook's own preconditions found.
    pub book: Vec<CheckOutcome>,
    /// Whether completed work is undone, once that is decided.
    pub undo: Option<Undoing>,
    /// Who interrupted the run.
    pub interrupted: Option<Answerer>,
    /// Why the run was given up.
    pub abandoned: Option<String>,
    /// The steps that people must answer for before the run goes on, when its engine has left it.
    pub suspended: Vec<NodeId>,
    /// How it came to rest.
    pub finished: Option<Outcome>,
    /// Who started it.
    pub requester: Option<String>,
    /// What is remembered of the secrets it has used.
    pub secrets: BTreeMap<String, SecretMark>,
    /// When its first engine took it.
    pub started: Option<Timestamp>,
    /// When its last entry was written.
    pub updated: Option<Timestamp>,
    /// Number of its last entry.
    pub seq: u64,
    /// The declared outputs, once it is finished.
    pub outputs: crate::value::Object,
    /// What has become of its escalation.
    pub escalation: Escalations,
    pub(super) active: BTreeSet<NodeId>,
    pub(super) waiting_for: Vec<u32>,
    pub(super) containers: BTreeMap<Container, ContainerState>,
    pub(super) unwind: Option<Unwind>,
    pub(super) orders: u32,
}

/// Which part of a run is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// The runbook's own preconditions.
    Preconditions,
    /// Its steps.
    Body,
    /// The steps that follow a failure.
    Handlers,
    /// Whether completed work is undone.
    Deciding,
    /// Rollbacks and cleanups, latest first.
    Unwinding,
    /// The steps at the end.
    Finally,
    /// Nothing is left to do.
    Over,
}

/// Where one node stands.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct NodeState {
    /// Its place in its own life.
    pub phase: Phase,
    /// How many attempts have begun.
    pub attempt: u32,
    /// Whether an attempt may have left something behind.
    pub acted: bool,
    /// When its first attempt began, as a place among all nodes.
    pub order: Option<u32>,
    /// When its first attempt began.
    pub started: Option<Timestamp>,
    /// When its latest attempt began.
    pub attempt_started: Option<Timestamp>,
    /// When it came to rest.
    pub ended: Option<Timestamp>,
    /// How its latest attempt ended.
    pub result: Option<Box<StepResult>>,
    /// Why it stands where it stands, for people.
    pub reason: Option<String>,
    /// The latest answers to its checks.
    pub checks: Vec<CheckOutcome>,
    /// What was approved, and by whom last.
    pub approved: Option<(String, Answerer)>,
    /// What was asked at its gate, and who has agreed.
    pub asked: Asked,
    /// Since when it may act, or a person is asked to.
    pub ready_since: Option<Timestamp>,
    /// Whether its failure does not matter to the run.
    pub tolerated: bool,
    /// How often a person has chosen what its failure means.
    pub chosen: u32,
    /// How many of its remedies have begun.
    pub remedies: u32,
    /// Whether it knows what it is repeated for, or called with.
    pub(super) entered: bool,
    /// Whether an attempt before the latest may have left something behind.
    pub(super) acted_before: bool,
    /// How it failed, while a person chooses what that means.
    pub(super) failed_as: Option<End>,
    /// Whether its cleanup has begun.
    pub(super) cleaned: bool,
    /// What is left to clean up while the group closes, and whether it closes well.
    pub(super) closing: Option<Closing>,
}

/// A node's place in its own life, in this order.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Phase {
    /// Not reached.
    #[default]
    Idle,
    /// Its `when` is due.
    When,
    /// Its `done_when` is due.
    DoneWhen,
    /// Its `preconditions` are due.
    Preconditions,
    /// What it is repeated for, or what it is called with, is due.
    Entering,
    /// Its gate is to be opened.
    OpeningGate,
    /// Its gate is open: people are asked.
    Gate {
        /// What they are asked.
        question: Box<GateQuestion>,
        /// Since when.
        since: Timestamp,
    },
    /// It may act.
    Ready {
        /// Not before.
        not_before: Option<Timestamp>,
    },
    /// Its action is under way.
    Acting,
    /// Its children run.
    Open,
    /// Its goal is due.
    Goal,
    /// Its children are done; their cleanups run.
    Closing,
    /// Its children are done; what it returns is due.
    Returning,
    /// Its action is done; it waits before it is verified.
    Settling {
        /// Until then.
        until: Timestamp,
    },
    /// Its `verify` is due.
    Verifying,
    /// Nobody knows what became of its action.
    Doubt(Doubt),
    /// It failed; a person chooses what that means.
    Choosing,
    /// Nothing more happens to it.
    Rest(End),
}

/// How an unknown end is cleared up, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doubt {
    /// Its executor looks for it.
    Recovering,
    /// Its own checks are asked.
    Probing(CheckStage),
    /// A person must say.
    Asking,
}

/// How a node ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum End {
    /// It acted, and that was verified.
    Succeeded,
    /// It acted; a check that only warns did not pass.
    Warned,
    /// It failed.
    Failed,
    /// Its preconditions were not met.
    Blocked,
    /// Somebody said no.
    Denied,
    /// There was nothing left to do.
    AlreadyDone,
    /// Its `when` was false, or another case or remedy was enough.
    Skipped,
    /// The run does not include it.
    NotSelected,
    /// It was stopped.
    Cancelled,
}

impl End {
    /// Whether what depends on it goes on.
    pub fn is_good(self) -> bool {
        matches!(self, End::Succeeded | End::Warned | End::AlreadyDone | End::Skipped | End::NotSelected)
    }
}

/// What a node is called in listings and in expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are the vocabulary of safety.md and explained there")]
pub enum Status {
    Pending,
    Waiting,
    Running,
    InDoubt,
    Verifying,
    Succeeded,
    Warned,
    Failed,
    Blocked,
    Denied,
    Skipped,
    Cancelled,
    Undoing,
    Undone,
    UndoFailed,
}

impl Status {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Waiting => "waiting",
            Status::Running => "running",
            Status::InDoubt => "in_doubt",
            Status::Verifying => "verifying",
            Status::Succeeded => "succeeded",
            Status::Warned => "warned",
            Status::Failed => "failed",
            Status::Blocked => "blocked",
            Status::Denied => "denied",
            Status::Skipped => "skipped",
            Status::Cancelled => "cancelled",
            Status::Undoing => "undoing",
            Status::Undone => "undone",
            Status::UndoFailed => "undo_failed",
        }
    }
}

/// A list of nodes that runs, fails and ends as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Container {
    Body,
    Handlers,
    Finally,
    Group(NodeId),
    Undo(NodeId),
    Clean(NodeId),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ContainerState {
    /// Its members may start.
    pub(super) open: bool,
    /// A member failed; nothing new starts in it.
    pub(super) failing: bool,
    /// The node whose failure came first.
    pub(super) cause: Option<NodeId>,
    /// Members that are not at rest.
    pub(super) unrested: u32,
    /// Members in which something is under way.
    pub(super) busy: u32,
}

/// One thing to do while a scope is unwound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Undo(NodeId),
    Clean(NodeId),
}

impl Unit {
    pub(super) fn container(self) -> Container {
        match self {
            Unit::Undo(node) => Container::Undo(node),
            Unit::Clean(node) => Container::Clean(node),
        }
    }
}

/// The run's own scope being unwound.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unwind {
    pub(super) current: Option<Unit>,
    pub(super) left: VecDeque<Unit>,
}

/// A group's scope being closed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Closing {
    pub(super) units: VecDeque<Unit>,
    pub(super) ok: bool,
}

impl State {
    /// Where node `id` stands.
    ///
    /// # Panics
    /// When `id` belongs to another plan.
    pub fn node(&self, id: NodeId) -> &NodeState {
        &self.nodes[id.index()]
    }

    /// Whether nothing new starts in the body.
    pub fn is_stopping(&self) -> bool {
        self.interrupted.is_some() || self.abandoned.is_some() || self.container(Container::Body).failing
    }

    /// The step whose failure ended the body, if one did.
    pub fn cause(&self) -> Option<NodeId> {
        self.container(Container::Body).cause
    }

    /// What node `id` is called in listings.
    pub fn status(&self, id: NodeId) -> Status {
        let node = self.node(id);
        if let Some(unit) = self.containers.get(&Container::Undo(id)) {
            return match (unit.unrested, unit.failing) {
                (_, true) if unit.busy == 0 => Status::UndoFailed,
                (0, _) => Status::Undone,
                _ => Status::Undoing,
            };
        }
        match &node.phase {
            Phase::Idle | Phase::When | Phase::DoneWhen | Phase::Preconditions => Status::Pending,
            Phase::Entering | Phase::OpeningGate | Phase::Ready { .. } => Status::Pending,
            Phase::Gate { .. } | Phase::Choosing => Status::Waiting,
            Phase::Open if self.stage > Stage::Body && self.is_stopping() => Status::Cancelled,
            Phase::Acting | Phase::Open | Phase::Goal | Phase::Closing | Phase::Returning => Status::Running,
            Phase::Settling { .. } | Phase::Verifying => Status::Verifying,
            Phase::Doubt(_) => Status::InDoubt,
            Phase::Rest(end) => match end {
                End::Succeeded => Status::Succeeded,
                End::Warned => Status::Warned,
                End::Failed => Status::Failed,
                End::Blocked => Status::Blocked,
                End::Denied => Status::Denied,
                End::AlreadyDone | End::Skipped | End::NotSelected => Status::Skipped,
                End::Cancelled => Status::Cancelled,
            },
        }
    }

    /// The run's own status: its outcome once it is over, else what it is doing.
    pub fn run_status(&self) -> &'static str {
        match self.finished {
            Some(Outcome::Stuck) if self.undo == Some(Undoing::Defer) => "rollback_pending",
            Some(outcome) => outcome.name(),
            None if self.suspended.iter().any(|id| matches!(self.node(*id).phase, Phase::Doubt(_))) => {
                "in_doubt"
            }
            None if !self.suspended.is_empty() => "suspended",
            None => "running",
        }
    }

    pub(super) fn container(&self, container: Container) -> &ContainerState {
        static NONE: ContainerState =
            ContainerState { open: false, failing: false, cause: None, unrested: 0, busy: 0 };
        self.containers.get(&container).unwrap_or(&NONE)
    }
}

impl Phase {
    /// Whether something is under way, so that what holds the node cannot end yet.
    pub(super) fn is_busy(&self) -> bool {
        matches!(
            self,
            Phase::Acting
                | Phase::Goal
                | Phase::Closing
                | Phase::Returning
                | Phase::Settling { .. }
                | Phase::Verifying
                | Phase::Doubt(_)
                | Phase::Choosing
        )
    }

    /// Whether the node has been reached but has not acted in this attempt.
    pub(super) fn is_before_action(&self) -> bool {
        matches!(
            self,
            Phase::When
                | Phase::DoneWhen
                | Phase::Preconditions
                | Phase::Entering
                | Phase::OpeningGate
                | Phase::Gate { .. }
                | Phase::Ready { .. }
        )
    }
}

//! Questions at gates: what is asked, who may answer, and what has been said so far.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::flow::Work;
use super::machine::Machine;
use super::state::{End, Phase};
use crate::ids::NodeId;
use crate::model::{Action, Effect, Manual, OnGateTimeout, Role, somebody_with};

/// What is asked at a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateQuestion {
    /// The question.
    pub message: String,
    /// The rendered action, as text for people.
    pub action: String,
    /// Where it acts.
    pub target: String,
    /// What it may do to the world.
    pub effect: Effect,
    /// What would undo it, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo: Vec<String>,
    /// What its author wants to be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show: Option<String>,
    /// What it would change, as far as that could be seen when the question was asked. Not under the digest:
    /// the decision is for the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<String>,
    /// A text that must be typed to agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phrase: Option<String>,
    /// Who may answer; anybody when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// How many different people must agree.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub approvers_min: u32,
    /// Whether somebody else than who started the run must agree.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_others: bool,
    /// Whether it is a point of no return.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub irreversible: bool,
    /// The policies that want it to be asked; no blanket consent covers that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked_by: Vec<String>,
    /// Digest over the rendered action, target, inputs and everything shown: what is approved is what runs.
    pub digest: String,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It may happen.
    Approve,
    /// It may not.
    Deny,
}

/// Who answered, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answerer {
    /// Their name: an operating-system user, or `engine` for what follows from a rule.
    pub who: String,
    /// The way: `terminal`, `--yes`, `--approve`, `runbook approve`, `rollback: auto`, ….
    pub how: String,
    /// Roles for which whoever asked them vouches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

impl Answerer {
    /// `who`, by way of `how`.
    pub fn new(who: impl Into<String>, how: impl Into<String>) -> Self {
        Answerer { who: who.into(), how: how.into(), roles: Vec::new() }
    }

    /// The same, with `roles`.
    #[must_use]
    pub fn with_roles(mut self, roles: impl IntoIterator<Item = String>) -> Self {
        self.roles.extend(roles);
        self
    }

    /// Somebody who may say how `manual` went, for walks in which nobody is really asked.
    pub fn of_manual(manual: &Manual, who: &str, how: &str) -> Self {
        let (who, roles) = somebody_with(&manual.roles, who, &[]);
        Answerer::new(who, how).with_roles(roles)
    }

    /// The engine itself, because of `rule`.
    pub fn engine(rule: impl Into<String>) -> Self {
        Self::new("engine", rule)
    }
}

fn one() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_one(count: &u32) -> bool {
    *count == 1
}

/// Why somebody's answer does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotEntitled {
    /// They have none of the roles that may answer.
    #[error("they have none of the roles that may answer")]
    Role,
    /// They started the run, and somebody else must agree.
    #[error("whoever started the run cannot agree to this step")]
    Requester,
    /// They have agreed already, and somebody else must as well.
    #[error("they have agreed already; it counts once")]
    Again,
}

impl NotEntitled {
    fn text(self) -> &'static str {
        match self {
            NotEntitled::Role => "the answer is of somebody without a role that may answer",
            NotEntitled::Requester => "the answer is of the one who started the run",
            NotEntitled::Again => "the answer is of somebody who has agreed already",
        }
    }
}

/// One yes at a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who and how.
    pub by: Answerer,
    /// When.
    pub at: Timestamp,
    /// Until when it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

impl Approval {
    /// Whether it still counts at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|end| now < end)
    }
}

/// What has been asked at the gate of a step, and answered so far.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Asked {
    /// How many different questions were asked; answers name the one that they are for.
    pub number: u32,
    /// Who has agreed to the latest, each person once.
    pub approvals: Vec<Approval>,
    /// The digest of the latest, and since when it is asked, until it is answered for good.
    pub(super) open: Option<(String, Timestamp)>,
}

impl GateQuestion {
    /// Why `by` cannot answer with `decision`, in a run that `requester` started and that `approvals` stand in for.
    pub fn refuses(
        &self,
        decision: Decision,
        by: &Answerer,
        requester: Option<&str>,
        approvals: &[Approval],
    ) -> Option<NotEntitled> {
        let has_role =
            self.roles.is_empty() || self.roles.iter().any(|role| role.is_held_by(&by.who, &by.roles));
        match decision {
            _ if !has_role => Some(NotEntitled::Role),
            // A no needs no second pair of eyes.
            Decision::Deny => None,
            Decision::Approve if self.by_others && requester == Some(by.who.as_str()) => {
                Some(NotEntitled::Requester)
            }
            Decision::Approve if approvals.iter().any(|one| one.by.who == by.who) => Some(NotEntitled::Again),
            Decision::Approve => None,
        }
    }

    /// How many people must still agree at `now`.
    pub fn needs(&self, approvals: &[Approval], now: Timestamp) -> u32 {
        let holding = approvals.iter().filter(|one| one.holds(now)).count();
        self.approvers_min.max(1).saturating_sub(u32::try_from(holding).unwrap_or(u32::MAX))
    }

    /// The same question, which anybody may answer: for walks in which nobody is really asked.
    #[must_use]
    pub fn for_anybody(self) -> Self {
        GateQuestion { roles: Vec::new(), approvers_min: 1, by_others: false, ..self }
    }

    /// Whether a yes that is given in advance to everything ordinary is enough.
    pub fn is_plain(&self) -> bool {
        matches!(self.effect, Effect::Read | Effect::Change)
            && self.phrase.is_none()
            && self.roles.is_empty()
            && self.approvers_min <= 1
            && !self.by_others
            && self.asked_by.is_empty()
    }
}

/// Whether what holds until `end` holds longer than what holds until `earlier`.
fn outlasts(end: Option<Timestamp>, earlier: Option<Timestamp>) -> bool {
    match (end, earlier) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(end), Some(earlier)) => end > earlier,
    }
}

impl Machine {
    /// Whether the answer fits the question that is open at the gate of `id`.
    pub(super) fn may_decide(
        &self,
        id: NodeId,
        decision: Decision,
        digest: &str,
        by: &Answerer,
        expires: Option<Timestamp>,
    ) -> Result<(), &'static str> {
        let Some(node) = self.state.nodes.get(id.index()) else {
            return Err("the step is not waiting for this answer");
        };
        let Phase::Gate { question, .. } = &node.phase else {
            return Err("the step is not waiting for this answer");
        };
        if question.digest != digest {
            return Err("the answer is for something else than what is asked now");
        }
        // Whoever agrees once more for a longer time still counts once.
        let prolonged = |earlier: &&Approval| earlier.by.who == by.who && outlasts(expires, earlier.expires);
        let others = node.asked.approvals.iter().filter(|one| !prolonged(one)).cloned().collect::<Vec<_>>();
        let refused = question.refuses(decision, by, self.state.requester.as_deref(), &others);
        refused.map_or(Ok(()), |why| Err(why.text()))
    }

    pub(super) fn gate_opened(&mut self, id: NodeId, question: &GateQuestion, at: Timestamp) {
        let node = self.node_mut(id);
        node.approved = None;
        node.ready_since = None;
        let asked = &mut node.asked;
        // The same question asked again, by another engine for example, goes on where it was.
        let since = match &asked.open {
            Some((digest, since)) if *digest == question.digest => *since,
            _ => {
                asked.number += 1;
                asked.approvals.clear();
                asked.open = Some((question.digest.clone(), at));
                at
            }
        };
        self.set_phase(id, Phase::Gate { question: Box::new(question.clone()), since });
    }

    pub(super) fn gate_approved(
        &mut self,
        id: NodeId,
        digest: &str,
        by: &Answerer,
        expires: Option<Timestamp>,
        work: &mut Work,
    ) {
        let at = work.at;
        let node = self.node_mut(id);
        node.asked.approvals.retain(|earlier| earlier.by.who != by.who && earlier.holds(at));
        node.asked.approvals.push(Approval { by: by.clone(), at, expires });
        let Phase::Gate { question, .. } = &node.phase else { return };
        if question.needs(&node.asked.approvals, at) == 0 {
            node.asked.open = None;
            node.approved = Some((digest.to_owned(), by.clone()));
            self.enter_action(id, work);
        }
    }

    pub(super) fn gate_denied(&mut self, id: NodeId, by: &Answerer, work: &mut Work) {
        self.node_mut(id).asked.open = None;
        self.end_badly(id, End::Denied, format!("denied by {} ({})", by.who, by.how), work);
    }

    pub(super) fn gate_expired(&mut self, id: NodeId, work: &mut Work) {
        self.node_mut(id).asked.open = None;
        let confirm = self.plan().node(id).spec.confirm.as_ref();
        let denies = confirm.is_some_and(|confirm| confirm.on_timeout == OnGateTimeout::Deny);
        let end = if denies { End::Denied } else { End::Failed };
        self.end_badly(id, end, "nobody answered in time".to_owned(), work);
    }

    /// Until when what was agreed to may begin. What a person does has begun as soon as they are told to.
    pub(super) fn approved_until(&self, id: NodeId) -> Option<Timestamp> {
        if matches!(self.plan().node(id).spec.action, Action::Manual(_)) {
            return None;
        }
        let node = self.state.node(id);
        node.approved.as_ref()?;
        node.asked.approvals.iter().filter_map(|one| one.expires).min()
    }

    /// Until when a person may say how a manual step went.
    pub(super) fn manual_until(&self, id: NodeId) -> Option<Timestamp> {
        let Action::Manual(manual) = &self.plan().node(id).spec.action else { return None };
        Some(super::machine::after(self.state.node(id).ready_since?, manual.timeout?))
    }
}

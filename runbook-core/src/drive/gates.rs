//! Answers at gates that are left in the store, by people who are somewhere else than the engine.

use jiff::{SignedDuration, Timestamp};

use super::answers::{gate_prefix, gate_token};
use crate::ids::{NodeId, RunId};
use crate::port::{PendingAnswer, Reply, Store, StoreError};
use crate::run::{Answerer, Approval, Decision, GateQuestion, Machine, NotEntitled, Phase};
use crate::value::Duration;

/// How long a yes holds when nothing else is said: the step that it is for must begin before.
pub const APPROVAL_HOLDS: Duration = Duration::from_secs(24 * 60 * 60);

/// Why an answer at a gate was not left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecideError {
    /// The step does not wait at a gate.
    #[error("the step does not wait for a decision")]
    NotAsked,
    /// It would not count.
    #[error("{0}")]
    NotEntitled(NotEntitled),
    /// The question has been answered for good.
    #[error("this question has been answered already by {} ({})", by.who, by.how)]
    Answered {
        /// Who gave the answer that settled it.
        by: Answerer,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How far the question at the gate of a step is answered, with what waits in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// Who has agreed, each person once.
    pub approvals: Vec<Approval>,
    /// Who has said no.
    pub denied: Option<Answerer>,
    /// How many people must still agree.
    pub needs: u32,
    /// How many answers wait in the store.
    left: usize,
}

impl Standing {
    /// Whether nobody needs to answer any more.
    pub fn is_settled(&self) -> bool {
        self.needs == 0 || self.denied.is_some()
    }
}

/// How far the question at the gate of `node` is answered at `now`, with the answers that wait in `left`. `None`: no
/// question is open there.
pub fn gate_standing(
    machine: &Machine,
    node: NodeId,
    left: &[PendingAnswer],
    now: Timestamp,
) -> Option<Standing> {
    let (question, prefix) = open_question(machine, node)?;
    let mut approvals = machine.state().node(node).asked.approvals.clone();
    let (mut denied, mut count) = (None, 0);
    for answer in left.iter().filter(|answer| answer.token.starts_with(&prefix)) {
        count += 1;
        match answer.reply {
            Reply::Gate { decision: Decision::Approve } => add(&mut approvals, answer),
            _ => denied = denied.or_else(|| Some(answer.by.clone())),
        }
    }
    approvals.retain(|one| one.holds(now));
    Some(Standing { needs: question.needs(&approvals, now), approvals, denied, left: count })
}

/// Leaves `decision` for the engine of `run` at the open gate of `node`; `machine` is where the run stands. A yes
/// holds for `holds` from `now` on.
///
/// Of several people who answer at once each gets a place of its own, as long as an answer is still needed; then
/// nobody does any more.
///
/// # Errors
/// When the answer would not count, or was not needed any more.
#[allow(clippy::too_many_arguments, reason = "one question, one answer and what both are about")]
pub async fn decide(
    store: &dyn Store,
    run: &RunId,
    machine: &Machine,
    node: NodeId,
    decision: Decision,
    by: Answerer,
    now: Timestamp,
    holds: Duration,
) -> Result<Standing, DecideError> {
    let (question, _) = open_question(machine, node).ok_or(DecideError::NotAsked)?;
    let (key, number) = (&machine.plan().node(node).key, machine.state().node(node).asked.number);
    let requester = machine.state().requester.as_deref();
    let expires = (decision == Decision::Approve).then(|| after(now, holds));
    loop {
        let left = store.answers(run).await?;
        let mut standing = gate_standing(machine, node, &left, now).ok_or(DecideError::NotAsked)?;
        if standing.is_settled() {
            let last = standing.approvals.pop().map(|last| last.by);
            let by = standing.denied.or(last).unwrap_or_else(|| Answerer::engine("nobody is needed"));
            return Err(DecideError::Answered { by });
        }
        if let Some(why) = question.refuses(decision, &by, requester, &standing.approvals) {
            return Err(DecideError::NotEntitled(why));
        }
        let answer = PendingAnswer {
            token: gate_token(key, number, &question.digest, standing.left + 1),
            reply: Reply::Gate { decision },
            by: by.clone(),
            at: now,
            expires,
        };
        // Somebody else may have got this place: then what is still needed is another question.
        if store.leave_answer(run, &answer).await? {
            if decision == Decision::Approve {
                add(&mut standing.approvals, &answer);
            }
            standing.needs = question.needs(&standing.approvals, now);
            return Ok(standing);
        }
    }
}

/// Takes a yes that waits in the store into account; the engine may have taken it already.
fn add(approvals: &mut Vec<Approval>, answer: &PendingAnswer) {
    approvals.retain(|one| one.by.who != answer.by.who);
    approvals.push(Approval { by: answer.by.clone(), at: answer.at, expires: until(answer) });
}

/// Until when the yes `answer` holds.
pub(super) fn until(answer: &PendingAnswer) -> Option<Timestamp> {
    Some(answer.expires.unwrap_or_else(|| after(answer.at, APPROVAL_HOLDS)))
}

/// `duration` after `at`; at the end of time when there is no such moment.
pub(super) fn after(at: Timestamp, duration: Duration) -> Timestamp {
    let span = SignedDuration::from_millis(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX));
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// What is asked at the gate of `node`, and what the names of the answers begin with.
fn open_question(machine: &Machine, node: NodeId) -> Option<(&GateQuestion, String)> {
    let one = machine.state().node(node);
    match &one.phase {
        Phase::Gate { question, .. } if machine.state().finished.is_none() => {
            let key = &machine.plan().node(node).key;
            Some((question, gate_prefix(key, one.asked.number, &question.digest)))
        }
        _ => None,
    }
}

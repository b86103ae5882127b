//! Answers of people: what they are called in the store, and which event each becomes.

use jiff::Timestamp;

use crate::ids::NodeId;
use crate::model::Input;
use crate::plan::Plan;
use crate::port::Reply;
use crate::render::manual_form;
use crate::run::{Answerer, Decision, Ending, Event, Phase, Resolution, State, StepResult, Want};
use crate::value::{Object, Value};

/// The name under which an answer at an open gate waits in the store: the `place`-th one, from 1, to the `number`-th
/// question that was asked there, which has this digest. Only one answer gets each place.
pub fn gate_token(key: &str, number: u32, digest: &str, place: usize) -> String {
    format!("{}{place}", gate_prefix(key, number, digest))
}

/// What the names of all answers to one question at a gate begin with.
pub(super) fn gate_prefix(key: &str, number: u32, digest: &str) -> String {
    format!("gate:{key}:{number}:{digest}:")
}

/// The name of the question whether a manual step was done.
pub fn manual_token(key: &str, attempt: u32) -> String {
    format!("manual:{key}:{attempt}")
}

/// The name of the question what became of a step in doubt.
pub fn doubt_token(key: &str, attempt: u32) -> String {
    format!("doubt:{key}:{attempt}")
}

/// The name of the question what a step's failure means, after `chosen` choices were made for it before.
pub fn failure_token(key: &str, chosen: u32) -> String {
    format!("failure:{key}:{chosen}")
}

/// The name of the question whether completed work is undone.
pub fn rollback_token() -> String {
    "rollback".to_owned()
}

/// Whether the answer that waits in the store as `token` is one to `want`.
pub(super) fn is_for(token: &str, want: &Want, plan: &Plan, state: &State) -> bool {
    match want {
        Want::AskGate(id) => match &state.node(*id).phase {
            Phase::Gate { question, .. } => {
                let number = state.node(*id).asked.number;
                token.starts_with(&gate_prefix(&plan.node(*id).key, number, &question.digest))
            }
            _ => false,
        },
        _ => token_of(want, plan, state).is_some_and(|name| name == token),
    }
}

/// The name under which the answer to `want` may wait in the store.
fn token_of(want: &Want, plan: &Plan, state: &State) -> Option<String> {
    let key = |id: &NodeId| plan.node(*id).key.as_str();
    let attempt = |id: &NodeId| state.node(*id).attempt;
    Some(match want {
        Want::AskManual(id) => manual_token(key(id), attempt(id) + 1),
        Want::AskDoubt(id) => doubt_token(key(id), attempt(id)),
        Want::AskFailure(id) => failure_token(key(id), state.node(*id).chosen),
        Want::AskRollback => rollback_token(),
        _ => return None,
    })
}

/// The event that `reply` to `want` becomes; `None` when it answers something else.
///
/// A yes at a gate holds until `expires`.
pub(super) fn event_of(
    want: &Want,
    plan: &Plan,
    state: &State,
    reply: Reply,
    by: Answerer,
    expires: Option<Timestamp>,
) -> Option<Event> {
    Some(match (want, reply) {
        (Want::AskGate(node), Reply::Gate { decision }) => match &state.node(*node).phase {
            Phase::Gate { question, .. } => {
                let expires = expires.filter(|_| decision == Decision::Approve);
                Event::GateDecided { node: *node, decision, digest: question.digest.clone(), by, expires }
            }
            _ => return None,
        },
        (Want::AskManual(node), Reply::Manual { done, fields, note }) => {
            let attempt = state.node(*node).attempt + 1;
            // Values that do not fit are no answer; whoever asks checks them first and says why.
            let fields = match done {
                true => complete_fields(&manual_form(plan, state, *node).ok()?.fields, &fields).ok()?,
                false => fields,
            };
            Event::Ended { node: *node, attempt, result: Box::new(manual_result(done, fields, note, by)) }
        }
        // Who does not know either has not answered.
        (Want::AskDoubt(_), Reply::Doubt { resolution: Resolution::Unknown }) => return None,
        (Want::AskDoubt(node), Reply::Doubt { resolution }) => {
            Event::Resolved { node: *node, resolution, by }
        }
        (Want::AskFailure(node), Reply::Failure { choice }) => Event::Chosen { node: *node, choice, by },
        (Want::AskRollback, Reply::Rollback { decision }) => Event::RollbackDecided { decision, by },
        _ => return None,
    })
}

fn manual_result(done: bool, fields: Object, note: Option<String>, by: Answerer) -> StepResult {
    let mut result = StepResult::new(Ending::Completed, done);
    if !done {
        let reason = note.clone().unwrap_or_else(|| format!("{} says that it could not be done", by.who));
        result.reason = Some(reason);
    }
    if let Some(note) = note {
        result.fields.insert("note".into(), note.into());
    }
    result.outputs = fields;
    result.by = Some(by);
    result
}

/// The values that a person gave for the fields of a manual step, checked and with defaults filled in.
///
/// `Err` says what is missing or does not fit.
pub fn complete_fields(fields: &[Input], given: &Object) -> Result<Object, String> {
    let mut complete = Object::new();
    for field in fields {
        let name = &field.name.value;
        let value = given.get(name).cloned().or_else(|| field.default.clone());
        match value {
            Some(value) => {
                field.check(&value).map_err(|error| format!("`{name}`: {error}"))?;
                complete.insert(name.clone(), value);
            }
            None if field.required => return Err(format!("`{name}` has no value")),
            None => {
                complete.insert(name.clone(), Value::Null);
            }
        }
    }
    match given.keys().find(|name| !complete.contains_key(*name)) {
        Some(unknown) => Err(format!("there is no field `{unknown}`")),
        None => Ok(complete),
    }
}

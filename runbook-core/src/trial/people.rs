//! People who answer from a script of a test.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::world::after;
use crate::ids::NodeId;
use crate::model::{Answer, AnswerValue, AnswerWord, Manual, somebody_with};
use crate::plan::Plan;
use crate::port::{Approver, Ask, Clock, Reply};
use crate::run::{Answerer, Choice, Decision, Resolution, Undoing};
use crate::suite::base_of;
use crate::value::Object;

type Answers = HashMap<String, Answer>;

/// What people answer, and what they were asked.
pub(super) struct People {
    own: Arc<Answers>,
    shared: Arc<Answers>,
    otherwise: Otherwise,
    told: Arc<Mutex<Told>>,
}

/// What is answered to a question for which the script has no answer.
#[derive(Clone, Debug)]
pub(super) enum Otherwise {
    /// Nothing.
    Nobody,
    /// What lets the run come to rest; the manual step with this key could not be done.
    Agreeable(Option<String>),
}

#[derive(Debug, Default)]
struct Told {
    /// Which answers were given to each step, by its full name.
    given: BTreeMap<(String, bool), BTreeSet<usize>>,
    used_own: BTreeSet<String>,
    used_shared: BTreeSet<String>,
    /// Manual steps that were asked for, in order.
    manual: Vec<String>,
}

fn by_name(answers: &[Answer]) -> Arc<Answers> {
    Arc::new(answers.iter().map(|answer| (answer.name.value.clone(), answer.clone())).collect())
}

impl People {
    /// People who answer as `own` says, and as `shared` says for what is not in there.
    pub(super) fn new(own: &[Answer], shared: &[Answer]) -> Self {
        People {
            own: by_name(own),
            shared: by_name(shared),
            otherwise: Otherwise::Nobody,
            told: Arc::default(),
        }
    }

    /// Where the script says nothing, they answer so that the run comes to rest; `fails` could not be done.
    pub(super) fn agreeable(mut self, fails: Option<String>) -> Self {
        self.otherwise = Otherwise::Agreeable(fails);
        self
    }

    /// The people as an engine meets them.
    pub(super) fn at(&self, clock: Arc<dyn Clock>) -> Desk {
        Desk {
            own: Arc::clone(&self.own),
            shared: Arc::clone(&self.shared),
            otherwise: self.otherwise.clone(),
            told: Arc::clone(&self.told),
            clock,
        }
    }

    pub(super) fn used(&self) -> BTreeSet<String> {
        locked(&self.told).used_own.clone()
    }

    pub(super) fn used_shared(&self) -> BTreeSet<String> {
        locked(&self.told).used_shared.clone()
    }

    /// The manual steps that were asked for, each once, in order.
    pub(super) fn manual(&self) -> Vec<String> {
        locked(&self.told).manual.clone()
    }
}

fn locked(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The people in one run.
pub(super) struct Desk {
    own: Arc<Answers>,
    shared: Arc<Answers>,
    otherwise: Otherwise,
    told: Arc<Mutex<Told>>,
    clock: Arc<dyn Clock>,
}

impl Desk {
    fn next(&self, key: &str, ask: &Ask) -> Option<AnswerValue> {
        let mut told = locked(&self.told);
        let own = [key, base_of(key)].into_iter().find_map(|name| self.own.get(name));
        let shared = || [key, base_of(key)].into_iter().find_map(|name| self.shared.get(name));
        // The question about rollback and a step called `rollback` may share a name.
        let fits = |reply: &AnswerValue| fits(ask, reply.word);
        let (answer, is_own) = match own.filter(|answer| answer.replies.iter().any(fits)) {
            Some(answer) => (answer, true),
            None => (shared().filter(|answer| answer.replies.iter().any(fits))?, false),
        };
        let given = told.given.entry((key.to_owned(), is_own)).or_default();
        let fitting = || answer.replies.iter().enumerate().filter(|(_, reply)| fits(reply));
        let fresh = fitting().find(|(place, _)| !given.contains(place));
        // Whoever says `retry` again and again never comes to an end.
        let again = || fitting().next_back().filter(|(_, reply)| reply.word != AnswerWord::Retry);
        let (place, reply) = fresh.or_else(again)?;
        given.insert(place);
        let used = if is_own { &mut told.used_own } else { &mut told.used_shared };
        used.insert(answer.name.value.clone());
        Some(reply.clone())
    }

    fn by_itself(&self, key: &str, ask: &Ask) -> Option<Reply> {
        let Otherwise::Agreeable(fails) = &self.otherwise else { return None };
        Some(match ask {
            Ask::Gate { .. } => Reply::Gate { decision: Decision::Approve },
            Ask::Manual { manual, .. } => {
                let done = fails.as_deref() != Some(key);
                Reply::Manual { done, fields: plausible(manual), note: None }
            }
            Ask::Failure { .. } => Reply::Failure { choice: Choice::Stop },
            Ask::Doubt { .. } => Reply::Doubt { resolution: Resolution::Failed },
            Ask::Rollback { .. } => Reply::Rollback { decision: Undoing::Begin },
        })
    }
}

/// Values that the fields of a manual step may have.
fn plausible(manual: &Manual) -> Object {
    let value = |field: &crate::model::Input| {
        let known = [field.default.as_ref(), field.example.as_ref(), field.options.first()];
        known.into_iter().flatten().next().cloned()
    };
    manual.fields.iter().filter_map(|field| Some((field.name.value.clone(), value(field)?))).collect()
}

#[async_trait]
impl Approver for Desk {
    async fn ask(&self, plan: &Plan, ask: &Ask) -> Option<(Reply, Answerer)> {
        let key = node_of(ask).map_or("rollback", |node| &plan.node(node).key);
        if let Ask::Manual { .. } = ask {
            let mut told = locked(&self.told);
            if !told.manual.iter().any(|manual| manual == key) {
                told.manual.push(key.to_owned());
            }
        }
        let by = || somebody(ask);
        let fails = matches!(&self.otherwise, Otherwise::Agreeable(Some(fails)) if fails == key);
        let scripted = match ask {
            Ask::Manual { .. } if fails => None,
            _ => self.next(key, ask),
        };
        let Some(answer) = scripted else { return Some((self.by_itself(key, ask)?, by())) };
        if answer.word == AnswerWord::Silent {
            let spec = node_of(ask).map(|node| &plan.node(node).spec);
            let waits = match ask {
                Ask::Gate { .. } => spec.and_then(|spec| spec.confirm.as_ref()?.timeout),
                Ask::Manual { manual, .. } => manual.timeout,
                _ => None,
            };
            if waits.is_some() {
                // Somebody is there and says nothing, until the time is up.
                std::future::pending::<()>().await;
            }
            return None;
        }
        if let Some(takes) = answer.after {
            self.clock.sleep_until(after(self.clock.now(), takes)).await;
        }
        Some((reply(ask, &answer)?, by()))
    }
}

/// Somebody who may answer: scripted people have every role, and each yes at a gate is another person's.
fn somebody(ask: &Ask) -> Answerer {
    let (who, roles) = match ask {
        Ask::Gate { question, approvals, requester, .. } => {
            let agreed = approvals.iter().map(|one| one.by.who.as_str());
            let others: Vec<&str> = agreed.chain(requester.as_deref()).collect();
            let name = match approvals.len() {
                0 => "test".to_owned(),
                before => format!("test {}", before + 1),
            };
            somebody_with(&question.roles, &name, &others)
        }
        Ask::Manual { manual, .. } => somebody_with(&manual.roles, "test", &[]),
        _ => ("test".to_owned(), Vec::new()),
    };
    Answerer::new(who, "answers").with_roles(roles)
}

fn node_of(ask: &Ask) -> Option<NodeId> {
    match ask {
        Ask::Gate { node, .. }
        | Ask::Manual { node, .. }
        | Ask::Failure { node, .. }
        | Ask::Doubt { node, .. } => Some(*node),
        Ask::Rollback { .. } => None,
    }
}

/// Whether `word` answers `ask`.
fn fits(ask: &Ask, word: AnswerWord) -> bool {
    use AnswerWord as Word;
    match (ask, word) {
        (_, Word::Silent) => true,
        (Ask::Gate { .. }, word) => matches!(word, Word::Approve | Word::Deny),
        (Ask::Manual { .. }, word) => matches!(word, Word::Done | Word::Failed),
        (Ask::Failure { .. }, word) => {
            matches!(word, Word::Retry | Word::Skip | Word::Rollback | Word::Stop)
        }
        (Ask::Doubt { .. }, word) => matches!(word, Word::Done | Word::Failed | Word::Retry),
        (Ask::Rollback { .. }, word) => word.is_about_rollback(),
    }
}

fn reply(ask: &Ask, answer: &AnswerValue) -> Option<Reply> {
    use AnswerWord as Word;
    Some(match (ask, answer.word) {
        (Ask::Gate { .. }, Word::Approve) => Reply::Gate { decision: Decision::Approve },
        (Ask::Gate { .. }, Word::Deny) => Reply::Gate { decision: Decision::Deny },
        (Ask::Manual { .. }, word) => {
            Reply::Manual { done: word == Word::Done, fields: answer.object(), note: answer.note.clone() }
        }
        (Ask::Failure { .. }, Word::Retry) => Reply::Failure { choice: Choice::Retry },
        (Ask::Failure { .. }, Word::Skip) => Reply::Failure { choice: Choice::Skip },
        (Ask::Failure { .. }, Word::Rollback) => Reply::Failure { choice: Choice::Rollback },
        (Ask::Failure { .. }, Word::Stop) => Reply::Failure { choice: Choice::Stop },
        (Ask::Doubt { .. }, Word::Done) => Reply::Doubt { resolution: Resolution::Done },
        (Ask::Doubt { .. }, Word::Failed) => Reply::Doubt { resolution: Resolution::Failed },
        (Ask::Doubt { .. }, Word::Retry) => Reply::Doubt { resolution: Resolution::Retry },
        (Ask::Rollback { .. }, Word::Yes) => Reply::Rollback { decision: Undoing::Begin },
        (Ask::Rollback { .. }, Word::No) => Reply::Rollback { decision: Undoing::Decline },
        (Ask::Rollback { .. }, Word::Later) => Reply::Rollback { decision: Undoing::Defer },
        _ => return None,
    })
}

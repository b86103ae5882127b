//! People who answer from a script.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use async_trait::async_trait;

use super::locked;
use crate::plan::Plan;
use crate::port::{Approver, Ask, Reply};
use crate::run::{Answerer, Choice, Decision, Resolution, Undoing};
use crate::value::Object;

/// An approver that answers from a script and remembers what it was asked. A question for which the script
/// has no answer (left) stays open, as if nobody was there.
#[derive(Debug)]
pub struct ScriptedApprover {
    who: String,
    answers: Mutex<HashMap<String, VecDeque<Reply>>>,
    asked: Mutex<Vec<String>>,
}

impl ScriptedApprover {
    /// Somebody called `who`, who does not answer anything yet.
    pub fn new(who: impl Into<String>) -> Self {
        ScriptedApprover { who: who.into(), answers: Mutex::default(), asked: Mutex::default() }
    }

    /// Says yes or no at the gate of the step `key`.
    #[must_use]
    pub fn gate(self, key: &str, decision: Decision) -> Self {
        self.reply(format!("gate {key}"), Reply::Gate { decision })
    }

    /// Says that the manual step `key` was done, and gives the values of its fields.
    #[must_use]
    pub fn done(self, key: &str, fields: Object) -> Self {
        self.reply(format!("manual {key}"), Reply::Manual { done: true, fields, note: None })
    }

    /// Says that the manual step `key` could not be done, and why.
    #[must_use]
    pub fn not_done(self, key: &str, note: impl Into<String>) -> Self {
        let reply = Reply::Manual { done: false, fields: Object::new(), note: Some(note.into()) };
        self.reply(format!("manual {key}"), reply)
    }

    /// Says what follows the failure of the step `key`.
    #[must_use]
    pub fn failure(self, key: &str, choice: Choice) -> Self {
        self.reply(format!("failure {key}"), Reply::Failure { choice })
    }

    /// Says what became of the step `key`, which is in doubt.
    #[must_use]
    pub fn doubt(self, key: &str, resolution: Resolution) -> Self {
        self.reply(format!("doubt {key}"), Reply::Doubt { resolution })
    }

    /// Says whether completed work is undone.
    #[must_use]
    pub fn rollback(self, decision: Undoing) -> Self {
        self.reply("rollback".to_owned(), Reply::Rollback { decision })
    }

    /// What was asked so far, in order: `gate KEY`, `manual KEY`, `failure KEY`, `doubt KEY`, `rollback`.
    pub fn asked(&self) -> Vec<String> {
        locked(&self.asked).clone()
    }

    fn reply(self, question: String, reply: Reply) -> Self {
        locked(&self.answers).entry(question).or_default().push_back(reply);
        self
    }
}

#[async_trait]
impl Approver for ScriptedApprover {
    async fn ask(&self, plan: &Plan, ask: &Ask) -> Option<(Reply, Answerer)> {
        let key = |node| &plan.node(node).key;
        let question = match ask {
            Ask::Gate { node, .. } => format!("gate {}", key(*node)),
            Ask::Manual { node, .. } => format!("manual {}", key(*node)),
            Ask::Failure { node, .. } => format!("failure {}", key(*node)),
            Ask::Doubt { node, .. } => format!("doubt {}", key(*node)),
            Ask::Rollback { .. } => "rollback".to_owned(),
        };
        let roles = match ask {
            Ask::Gate { question, .. } => &question.roles[..],
            Ask::Manual { manual, .. } => &manual.roles[..],
            _ => &[],
        };
        // They have whatever role is asked for.
        let by =
            Answerer::new(self.who.clone(), "script").with_roles(roles.iter().map(|role| role.name.clone()));
        let reply = locked(&self.answers).get_mut(&question).and_then(VecDeque::pop_front);
        locked(&self.asked).push(question);
        Some((reply?, by))
    }
}

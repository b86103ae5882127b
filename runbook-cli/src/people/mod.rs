//! Who answers a run's questions: what was said on the command line first, then whoever sits at the terminal.

pub(crate) mod console;
pub(crate) mod flags;
pub(crate) mod prompt;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use runbook_core::local::LocalSecrets;
use runbook_core::mask::SecretText;
use runbook_core::plan::Plan;
use runbook_core::port::{Approver, Ask, Reply, SecretRequest, Secrets};
use runbook_core::run::{Answerer, Decision, NotEntitled};

use self::console::Console;
use self::flags::Flags;
use crate::identity::Identity;
use crate::text::safe_line;

/// Values of sensitive inputs, by name.
pub(crate) type Given = BTreeMap<String, SecretText>;

/// Asks the flags, then the terminal if there is one.
pub(crate) struct Desk {
    flags: Flags,
    console: Option<Arc<dyn Console>>,
    who: Identity,
    /// Values of sensitive inputs that were given to this command.
    given: Given,
    /// One question at a time, also when several steps ask at once.
    turn: tokio::sync::Mutex<()>,
}

impl Desk {
    /// Answers on behalf of `who`, who has `given` the values of sensitive inputs.
    pub(crate) fn new(flags: Flags, console: Option<Arc<dyn Console>>, who: Identity, given: Given) -> Self {
        Desk { flags, console, who, given, turn: tokio::sync::Mutex::new(()) }
    }

    /// What somebody types who does not see it. `None`: nobody is there, or nothing is typed.
    async fn hidden(&self, prompt: &str) -> Option<String> {
        let console = self.console.as_ref()?;
        let _turn = self.turn.lock().await;
        let talk = console.open();
        talk.say(prompt);
        talk.hidden_line().await.filter(|line| !line.is_empty())
    }
}

#[async_trait]
impl Approver for Desk {
    async fn ask(&self, plan: &Plan, ask: &Ask) -> Option<(Reply, Answerer)> {
        let roles = match ask {
            Ask::Gate { question, .. } => &question.roles[..],
            Ask::Manual { manual, .. } => &manual.roles[..],
            _ => &[],
        };
        let answers = |how: &str| self.who.answers(how, roles);
        let refused = refused(ask, &answers("terminal"));
        if refused.is_none()
            && let Some((reply, how)) = self.flags.answer(plan, ask)
        {
            return Some((reply, answers(how)));
        }
        let console = self.console.as_ref()?;
        let _turn = self.turn.lock().await;
        let talk = console.open();
        let reply = match refused {
            None => prompt::ask(talk.as_ref(), plan, ask).await?,
            Some(why) => prompt::leave_to_others(talk.as_ref(), plan, ask, why).await?,
        };
        Some((reply, answers("terminal")))
    }
}

/// Why `by` cannot say yes to `ask`.
fn refused(ask: &Ask, by: &Answerer) -> Option<NotEntitled> {
    match ask {
        Ask::Gate { question, approvals, requester, .. } => {
            question.refuses(Decision::Approve, by, requester.as_deref(), approvals)
        }
        Ask::Manual { manual, .. } if !manual.may_answer(&by.who, &by.roles) => Some(NotEntitled::Role),
        _ => None,
    }
}

#[async_trait]
impl Secrets for Desk {
    async fn get(&self, name: &str, request: &SecretRequest) -> Result<SecretText, String> {
        let prompt = match request {
            SecretRequest::Prompt(question) => format!("{} ", safe_line(question)),
            SecretRequest::Input(input) => {
                if let Some(given) = self.given.get(input) {
                    return Ok(given.clone());
                }
                match LocalSecrets.get(name, request).await {
                    Err(_) if self.console.is_some() => format!("{} (not shown): ", safe_line(input)),
                    answer => return answer,
                }
            }
            _ => return LocalSecrets.get(name, request).await,
        };
        if self.console.is_none() {
            return LocalSecrets.get(name, request).await;
        }
        let typed = self.hidden(&prompt).await;
        typed.map(SecretText::new).ok_or_else(|| "nothing was typed".to_owned())
    }
}

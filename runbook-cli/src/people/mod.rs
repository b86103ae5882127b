//! Who answers a run's questions: what was said on the command line first, then whoever sits at the terminal.

pub(crate) mod console;
pub(crate) mod flags;
pub(crate) mod prompt;

use std::sync::Arc;

use async_trait::async_trait;
use runbook_core::local::LocalSecrets;
use runbook_core::mask::SecretText;
use runbook_core::plan::Plan;
use runbook_core::port::{Approver, Ask, Reply, SecretRequest, Secrets};
use runbook_core::run::Answerer;

use self::console::Console;
use self::flags::Flags;
use crate::text::safe_line;

/// Asks the flags, then the terminal if there is one.
pub(crate) struct Desk {
    flags: Flags,
    console: Option<Arc<dyn Console>>,
    user: String,
    /// One question at a time, also when several steps ask at once.
    turn: tokio::sync::Mutex<()>,
}

impl Desk {
    /// Answers on behalf of `user`.
    pub(crate) fn new(flags: Flags, console: Option<Arc<dyn Console>>, user: String) -> Self {
        Desk { flags, console, user, turn: tokio::sync::Mutex::new(()) }
    }
}

#[async_trait]
impl Approver for Desk {
    async fn ask(&self, plan: &Plan, ask: &Ask) -> Option<(Reply, Answerer)> {
        if let Some((reply, how)) = self.flags.answer(plan, ask) {
            return Some((reply, Answerer::new(&self.user, how)));
        }
        let console = self.console.as_ref()?;
        let _turn = self.turn.lock().await;
        let talk = console.open();
        let reply = prompt::ask(talk.as_ref(), plan, ask).await?;
        Some((reply, Answerer::new(&self.user, "terminal")))
    }
}

#[async_trait]
impl Secrets for Desk {
    async fn get(&self, name: &str, request: &SecretRequest) -> Result<SecretText, String> {
        let SecretRequest::Prompt(question) = request else {
            return LocalSecrets.get(name, request).await;
        };
        let Some(console) = &self.console else { return LocalSecrets.get(name, request).await };
        let _turn = self.turn.lock().await;
        let talk = console.open();
        talk.say(&format!("{} ", safe_line(question)));
        match talk.hidden_line().await {
            Some(line) if !line.is_empty() => Ok(SecretText::new(line)),
            _ => Err("nothing was typed".to_owned()),
        }
    }
}

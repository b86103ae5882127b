//! Where the values of secrets come from.

use async_trait::async_trait;

use crate::mask::SecretText;

/// A secret that is asked for, with everything rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretRequest {
    /// An environment variable of the engine.
    Env(String),
    /// A file on the engine's machine.
    File(String),
    /// The standard output of a command on the engine's machine.
    Command(Vec<String>),
    /// What a person types when asked with this text.
    Prompt(String),
    /// The value of this sensitive input, which is in no plan.
    Input(String),
}

/// Gets the values of secrets. Asked as late as possible, and once for each secret, run and engine.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The value of the secret `name`.
    ///
    /// # Errors
    /// Why it cannot be had, for people; never with a part of it.
    async fn get(&self, name: &str, request: &SecretRequest) -> Result<SecretText, String>;
}

//! Secrets: where they come from. Their values are never part of a model or a plan.

use serde::{Deserialize, Serialize};

use crate::expr::Template;

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SecretSource {
    /// An environment variable of the engine.
    Env(Template),
    /// A file on the engine's machine; one trailing line break is not part of the secret.
    File(Template),
    /// The standard output of a command on the engine's machine; one trailing line break is not part of the secret.
    Command(Vec<Template>),
    /// A person types it, asked with this text.
    Prompt(Template),
}

impl SecretSource {
    /// Its templates.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        match self {
            SecretSource::Env(text) | SecretSource::File(text) | SecretSource::Prompt(text) => {
                std::slice::from_ref(text).iter()
            }
            SecretSource::Command(argv) => argv.iter(),
        }
    }
}

//! Secrets: where they come from. Their values are never part of a model or a plan.

use serde::{Deserialize, Serialize};

use super::Input;
use crate::expr::Template;

/// No declared secret has a dot in its name.
const INPUTS: &str = "inputs.";

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
    /// The value of a sensitive input, given to each engine anew.
    Input(Box<Input>),
}

impl SecretSource {
    /// What the secret that is the sensitive input `name` is called among the secrets of a plan.
    pub fn name_of_input(name: &str) -> String {
        format!("{INPUTS}{name}")
    }

    /// The input whose value the secret `name` is, when it is one.
    pub fn input_of_name(name: &str) -> Option<&str> {
        name.strip_prefix(INPUTS)
    }

    /// Its templates.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        match self {
            SecretSource::Env(text) | SecretSource::File(text) | SecretSource::Prompt(text) => {
                std::slice::from_ref(text).iter()
            }
            SecretSource::Command(argv) => argv.iter(),
            SecretSource::Input(_) => [].iter(),
        }
    }
}

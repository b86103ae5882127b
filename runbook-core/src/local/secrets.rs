//! Secrets from this machine: environment, files, commands.

use std::time::Duration;

use async_trait::async_trait;
use tokio::process::Command;
use zeroize::Zeroizing;

use crate::mask::SecretText;
use crate::port::{SecretRequest, Secrets};

/// How long a command may take to bring a secret.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);
/// Largest secret.
const MOST_BYTES: usize = 64 * 1024;

/// Gets secrets from the environment, from files and from commands. Nobody is asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalSecrets;

#[async_trait]
impl Secrets for LocalSecrets {
    async fn get(&self, name: &str, request: &SecretRequest) -> Result<SecretText, String> {
        let bytes = match request {
            SecretRequest::Env(variable) => match std::env::var(variable) {
                Ok(text) => return not_empty(name, SecretText::new(text)),
                Err(std::env::VarError::NotPresent) => {
                    return Err(format!("the environment variable `{variable}` is not set"));
                }
                Err(std::env::VarError::NotUnicode(_)) => {
                    return Err(format!("the environment variable `{variable}` is not UTF-8 text"));
                }
            },
            SecretRequest::File(path) => Zeroizing::new(
                tokio::fs::read(path).await.map_err(|error| format!("`{path}` cannot be read: {error}"))?,
            ),
            SecretRequest::Command(argv) => command(argv).await?,
            SecretRequest::Input(input) => {
                let variable = format!("RUNBOOK_INPUT_{}", input.to_ascii_uppercase());
                let text = std::env::var(&variable)
                    .map_err(|_| format!("no value is given; set the environment variable `{variable}`"))?;
                return not_empty(input, SecretText::new(text));
            }
            SecretRequest::Prompt(_) => return Err("nobody is there who could type it".to_owned()),
        };
        if bytes.len() > MOST_BYTES {
            return Err(format!("it has more than {MOST_BYTES} bytes"));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        not_empty(name, SecretText::new(text.to_owned()))
    }
}

fn not_empty(name: &str, secret: SecretText) -> Result<SecretText, String> {
    if secret.expose().is_empty() {
        return Err(format!("the value of `{name}` is empty"));
    }
    Ok(secret)
}

async fn command(argv: &[String]) -> Result<Zeroizing<Vec<u8>>, String> {
    let Some((program, arguments)) = argv.split_first() else { return Err("there is no command".to_owned()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(std::process::Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(COMMAND_LIMIT, command.output())
        .await
        .map_err(|_| format!("`{program}` took longer than {} s", COMMAND_LIMIT.as_secs()))?
        .map_err(|error| format!("`{program}` cannot be started: {error}"))?;
    if !output.status.success() {
        // What it said may hold a part of the secret.
        return Err(format!("`{program}` failed ({})", output.status));
    }
    Ok(Zeroizing::new(output.stdout))
}

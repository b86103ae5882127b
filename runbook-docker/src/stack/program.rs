//! The program Docker Compose: which one is there, and how it is told what to do.

use crate::params::Params;
use crate::refusal::{Refusal, not_started};

/// The programs that are looked for, in this order.
pub(super) const KNOWN: [&[&str]; 2] = [&["docker", "compose"], &["docker-compose"]];

/// The program that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Program {
    words: Vec<String>,
    /// Whether it is of the first generation, which knows less.
    first: bool,
}

impl Program {
    /// The program `words`, which says that its version is `version`.
    pub(super) fn of(words: &[&str], version: &str) -> Self {
        let first = version.trim().trim_start_matches('v').starts_with("1.");
        Program { words: words.iter().map(|word| (*word).to_owned()).collect(), first }
    }

    /// The whole command line for `arguments` about the project that `params` name.
    pub(super) fn command(&self, params: Params<'_>, arguments: Vec<String>) -> Vec<String> {
        let mut command = self.words.clone();
        let mut option = |name: &str, values: Vec<String>| {
            command.extend(values.into_iter().map(|value| format!("--{name}={value}")));
        };
        option("file", params.texts("file"));
        option("project-name", params.texts("project"));
        option("env-file", params.texts("env_file"));
        option("profile", params.texts("profiles"));
        command.extend(arguments);
        command
    }

    /// What `operation` is called with, before the services.
    pub(super) fn arguments(&self, operation: &str, params: Params<'_>) -> Result<Vec<String>, Refusal> {
        let mut arguments = vec![operation.to_owned()];
        let mut flag = |name: &str, is: bool| {
            if is {
                arguments.push(format!("--{name}"));
            }
        };
        flag("detach", operation == "up");
        flag("no-color", operation == "logs");
        for name in ["build", "force_recreate", "remove_orphans", "no_cache", "volumes"] {
            flag(&name.replace('_', "-"), name != operation && params.flag(name));
        }
        if operation == "pull" && self.first {
            arguments.push("--quiet".to_owned());
        }
        if let Some(seconds) = params.seconds("timeout")? {
            arguments.push(format!("--timeout={seconds}"));
        }
        if let Some(tail) = params.text("tail") {
            arguments.push(format!("--tail={tail}"));
        }
        if let Some(since) = params.text("since") {
            if self.first {
                return Err(not_started(
                    "`since` needs Docker Compose 2; use `tail`, or `docker: {logs: …}`",
                ));
            }
            arguments.push(format!("--since={since}"));
        }
        Ok(arguments)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_generations_are_told_in_their_words() {
        let (first, second) = (Program::of(KNOWN[1], "1.29.2"), Program::of(KNOWN[0], "v2.29.1\n"));
        let params = json!({"up": null, "build": true, "file": ["a.yml", "b.yml"], "project": "p", "remove_orphans": true});
        let arguments = second.arguments("up", Params(&params)).unwrap();
        assert_eq!(
            second.command(Params(&params), arguments).join(" "),
            "docker compose --file=a.yml --file=b.yml --project-name=p up --detach --build --remove-orphans"
        );
        let params = json!({"build": "api", "no_cache": true});
        assert_eq!(first.arguments("build", Params(&params)).unwrap(), ["build", "--no-cache"]);
        let params = json!({"logs": null, "since": "5m", "tail": 10});
        assert_eq!(
            second.arguments("logs", Params(&params)).unwrap(),
            ["logs", "--no-color", "--tail=10", "--since=5m"]
        );
        assert!(first.arguments("logs", Params(&params)).is_err());
        let params = json!({"down": null, "volumes": true, "timeout": "1500ms"});
        assert_eq!(first.arguments("down", Params(&params)).unwrap(), ["down", "--volumes", "--timeout=2"]);
    }
}

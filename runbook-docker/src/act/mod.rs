//! Carrying out `docker`: one operation over the engine's API.

mod containers;
mod health;
mod look;
mod one_off;
mod things;

use std::sync::Arc;

use async_trait::async_trait;
use bollard::Docker;
use bollard::errors::Error;
use jiff::Timestamp;
use runbook_core::kind::ActionKind;
use runbook_core::model::{Effect, Shell};
use runbook_core::port::{ActionContext, ExecCommand, Executor};
use runbook_core::run::{Ending, StepResult};
use runbook_core::value::{Duration, Value, display};

use crate::docker::{DockerKind, OPERATIONS};
use crate::engine::{EngineAddress, checked_name, said, status};

pub(crate) use health::{Waiting, until_well};
pub(crate) use look::summary;

/// Carries out `docker`.
#[derive(Clone, Debug, Default)]
pub struct DockerExecutor {
    engine: EngineAddress,
}

impl DockerExecutor {
    /// With the engine at `engine`.
    pub fn new(engine: EngineAddress) -> Self {
        DockerExecutor { engine }
    }

    async fn act(&self, context: &ActionContext, lost: Option<Timestamp>) -> Result<StepResult, Refusal> {
        let docker = docker(&self.engine, context).await?;
        let act = Act { docker, context };
        let name = OPERATIONS.name(&context.params).ok_or_else(|| not_started("it names no operation"))?;
        if let Some(started) = lost {
            return match name {
                "exec" => act.recover_exec(started).await,
                "run" => act.recover_run().await,
                _ if self.kind().is_idempotent(&context.params) => {
                    Err(not_started("it is done again, which changes nothing that was done already"))
                }
                _ => Err(unknown("whether the container engine has done it is not recorded")),
            };
        }
        match name {
            // They end what they have begun by themselves.
            "exec" => return act.exec().await,
            "run" => return act.run().await,
            _ => {}
        }
        let reads = self.kind().effect(&context.params) == Effect::Read;
        let work = async {
            match name {
                "ps" => act.ps().await,
                "inspect" => act.inspect().await,
                "stats" => act.stats().await,
                "logs" => act.logs().await,
                "start" | "stop" | "restart" | "kill" => act.change(name).await,
                "rm" => act.rm().await,
                "pull" => act.pull().await,
                "prune" => act.prune().await,
                other => act.thing(other).await,
            }
        };
        let left = |reads: bool, ending, what: &str| match reads {
            true => Refusal { ending, why: what.to_owned() },
            false => unknown(format!("{what}, but the container engine may still do what it was asked for")),
        };
        tokio::select! {
            done = work => done,
            () = limit(context.timeout) => Err(left(reads, Ending::TimedOut, "took longer than its timeout")),
            () = context.stop.cancelled() => Err(left(reads, Ending::Cancelled, "was stopped")),
        }
    }
}

#[async_trait]
impl Executor for DockerExecutor {
    fn kind(&self) -> Arc<dyn ActionKind> {
        Arc::new(DockerKind)
    }

    async fn execute(&self, context: &ActionContext) -> StepResult {
        self.act(context, None).await.unwrap_or_else(StepResult::from)
    }

    async fn recover(&self, context: &ActionContext, started: Timestamp) -> StepResult {
        self.act(context, Some(started)).await.unwrap_or_else(StepResult::from)
    }
}

/// The engine of the step's target.
async fn docker(engine: &EngineAddress, context: &ActionContext) -> Result<Docker, Refusal> {
    let target = &context.target;
    if target.kind != "local" {
        return Err(not_started(format!(
            "the container engine of `{}` cannot be reached yet, only this machine's; on a host of kind `ssh` use `run: [docker, …]`",
            target.name
        )));
    }
    engine.connect().await.map_err(|error| {
        let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
        not_started(format!("{}{help}", error.message))
    })
}

/// One operation that is being carried out.
struct Act<'a> {
    docker: Docker,
    context: &'a ActionContext,
}

impl Act<'_> {
    fn param(&self, name: &str) -> Option<&Value> {
        self.context.params.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.param(name).map(display)
    }

    fn flag(&self, name: &str) -> bool {
        self.param(name).is_some_and(|value| value == &Value::Bool(true) || display(value) == "true")
    }

    fn texts(&self, name: &str) -> Vec<String> {
        match self.param(name) {
            None => Vec::new(),
            Some(Value::Array(items)) => items.iter().map(display).collect(),
            Some(value) => vec![display(value)],
        }
    }

    fn pairs(&self, name: &str) -> Vec<(String, String)> {
        let object = self.param(name).and_then(Value::as_object);
        object.into_iter().flatten().map(|(name, value)| (name.clone(), display(value))).collect()
    }

    /// What the operation `key` is about, each a name that the engine can be asked for.
    fn names(&self, key: &str, what: &str) -> Result<Vec<String>, Refusal> {
        let names = self.texts(key);
        for name in &names {
            checked_name(what, name).map_err(not_started)?;
        }
        Ok(names)
    }

    /// The one thing that the operation `key` is about.
    fn name(&self, key: &str, what: &str) -> Result<String, Refusal> {
        self.names(key, what)?.into_iter().next().ok_or_else(|| not_started(format!("`{key}` names nothing")))
    }

    fn duration(&self, name: &str) -> Result<Option<Duration>, Refusal> {
        let parse = |text: String| {
            text.parse().map_err(|why| not_started(format!("`{name}`: `{text}` is no duration: {why}")))
        };
        self.text(name).map(parse).transpose()
    }

    /// The parameter `command`, as a list of a program and its arguments or as a script.
    fn command(&self) -> Option<ExecCommand> {
        Some(match self.param("command")? {
            Value::Array(items) => ExecCommand::Argv(items.iter().map(display).collect()),
            text => ExecCommand::Script { shell: Shell::Sh, text: display(text) },
        })
    }

    /// Whether the operation was asked about one thing: then its result is not a list.
    fn is_about_one(&self, key: &str) -> bool {
        self.param(key).is_some_and(Value::is_string)
    }

    /// `items` as the result of the operation `key`.
    fn listed(&self, key: &str, mut items: Vec<Value>) -> StepResult {
        let one = self.is_about_one(key) && items.len() == 1;
        answer(if one { items.swap_remove(0) } else { Value::Array(items) })
    }
}

/// A good result with `json`.
fn answer(json: Value) -> StepResult {
    let mut result = StepResult::success();
    result.fields.insert("json".into(), json);
    result
}

/// What the engine's API sends and takes, as data.
fn data(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

async fn limit(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout.to_std()).await,
        None => std::future::pending().await,
    }
}

/// Why an operation did not do what it should.
#[derive(Debug)]
struct Refusal {
    ending: Ending,
    why: String,
}

impl From<Refusal> for StepResult {
    fn from(refusal: Refusal) -> Self {
        StepResult::failure(refusal.ending, refusal.why)
    }
}

impl From<Error> for Refusal {
    /// A refusal of the engine is its answer; without an answer nobody knows what it has done.
    fn from(error: Error) -> Self {
        match status(&error) {
            Some(_) => failed(said(&error)),
            None => unknown(format!("the container engine did not answer: {}", said(&error))),
        }
    }
}

fn not_started(why: impl Into<String>) -> Refusal {
    Refusal { ending: Ending::NotStarted, why: why.into() }
}

fn failed(why: impl Into<String>) -> Refusal {
    Refusal { ending: Ending::Completed, why: why.into() }
}

fn unknown(why: impl Into<String>) -> Refusal {
    Refusal { ending: Ending::Unknown, why: why.into() }
}

//! Carrying out `docker`: one operation over the engine's API.

mod containers;
mod health;
mod look;
mod one_off;
mod things;

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bollard::Docker;
use jiff::Timestamp;
use runbook_core::kind::ActionKind;
use runbook_core::model::Effect;
use runbook_core::port::{ActionContext, Executor, Forward};
use runbook_core::run::{Ending, StepResult};
use runbook_core::value::{Duration, Value};

use crate::docker::{DockerKind, OPERATIONS};
use crate::engine::EngineAddress;
use crate::params::Params;
use crate::refusal::{Refusal, answer, not_started, unknown};

pub(crate) use health::until_well;
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
        let (docker, way) = docker_of(&self.engine, context).await?;
        let act = Act { docker, _way: way, context };
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
        let began = Instant::now();
        let reads = self.kind().effect(&context.params) == Effect::Read;
        let work = async {
            match name {
                "ps" => act.ps().await,
                "inspect" => act.inspect().await,
                "stats" => act.stats().await,
                "logs" => act.logs().await,
                "start" | "stop" | "restart" | "kill" => return act.change(name).await.map(Done::Changed),
                "rm" => act.rm().await,
                "pull" => act.pull().await,
                "prune" => act.prune().await,
                other => act.thing(other).await,
            }
            .map(|result| Done::Whole(Box::new(result)))
        };
        let left = |reads: bool, ending, what: &str| match reads {
            true => Refusal { ending, why: what.to_owned() },
            false => unknown(format!("{what}, but the container engine may still do what it was asked for")),
        };
        let done = tokio::select! {
            done = work => done?,
            () = limit(context.timeout) => return Err(left(reads, Ending::TimedOut, "took longer than its timeout")),
            () = context.stop.cancelled() => return Err(left(reads, Ending::Cancelled, "was stopped")),
        };
        Ok(match done {
            Done::Whole(result) => *result,
            Done::Changed(names) => act.changed(name, names, began).await,
        })
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

/// The engine of the step's target, and what keeps the way to it open.
pub(crate) async fn docker_of(
    engine: &EngineAddress,
    context: &ActionContext,
) -> Result<(Docker, Option<Forward>), Refusal> {
    if context.target.kind == "local" {
        return Ok((engine.connect().await?, None));
    }
    let host = context.connections.get(&context.target).await?;
    let (docker, way) = EngineAddress::connect_through(&*host).await?;
    Ok((docker, Some(way)))
}

/// What the engine has done.
enum Done {
    /// All that was asked for.
    Whole(Box<StepResult>),
    /// Containers, and whether that was necessary; how they are now is asked last.
    Changed(Vec<(String, bool)>),
}

/// One operation that is being carried out.
struct Act<'a> {
    docker: Docker,
    _way: Option<Forward>,
    context: &'a ActionContext,
}

impl<'a> Act<'a> {
    fn params(&self) -> Params<'a> {
        Params(&self.context.params)
    }

    /// `items` as the result of the operation `key`.
    fn listed(&self, key: &str, mut items: Vec<Value>) -> StepResult {
        let one = self.params().is_about_one(key) && items.len() == 1;
        answer(if one { items.swap_remove(0) } else { Value::Array(items) })
    }
}

/// What the engine's API sends and takes, as data.
fn data(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

pub(crate) async fn limit(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout.to_std()).await,
        None => std::future::pending().await,
    }
}

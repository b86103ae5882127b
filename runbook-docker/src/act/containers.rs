//! `start`, `stop`, `restart`, `kill`, `rm` and `exec`.

use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::query_parameters::{
    KillContainerOptionsBuilder, RemoveContainerOptionsBuilder, RestartContainerOptionsBuilder,
    StartContainerOptions, StopContainerOptionsBuilder,
};
use jiff::Timestamp;
use runbook_core::port::{ExecJob, Recovered};
use runbook_core::run::StepResult;
use serde_json::json;

use super::{Act, until_well};
use crate::container::{Which, inspect};
use crate::engine::{LIMIT, is_missing};
use crate::exec::{self, Places};
use crate::refusal::{Refusal, not_started, of_report, unknown};

/// How long containers may take to become well when the step has no timeout.
const WELL: Duration = Duration::from_secs(60);

/// Time between TERM and KILL for commands.
const GRACE: runbook_core::value::Duration = runbook_core::value::Duration::from_secs(10);

impl Act<'_> {
    /// Starts, stops, restarts or signals containers; says which it was necessary for.
    pub(super) async fn change(&self, operation: &str) -> Result<Vec<(String, bool)>, Refusal> {
        let names = self.params().names(operation, "a container")?;
        let grace = self.params().seconds("timeout")?;
        // The engine answers when it is done.
        let patience = LIMIT + Duration::from_secs(grace.unwrap_or_default().try_into().unwrap_or_default());
        let docker = self.docker.clone().with_timeout(patience);
        let mut done = Vec::new();
        for name in &names {
            let (before, _) = state(&self.docker, name).await;
            let ran = before.as_deref() == Some("running");
            let done_already =
                (operation == "start" && ran) || (operation == "stop" && before.as_deref() == Some("exited"));
            let changed = match operation {
                "start" => docker.start_container(name, None::<StartContainerOptions>).await,
                "stop" => {
                    let options = StopContainerOptionsBuilder::new();
                    let options = grace.map_or(options.clone(), |grace| options.t(grace)).build();
                    docker.stop_container(name, Some(options)).await
                }
                "restart" => {
                    let options = RestartContainerOptionsBuilder::new();
                    let options = grace.map_or(options.clone(), |grace| options.t(grace)).build();
                    docker.restart_container(name, Some(options)).await
                }
                _ => {
                    let signal = self.params().text("signal").unwrap_or_else(|| "KILL".to_owned());
                    let options = KillContainerOptionsBuilder::new().signal(&signal).build();
                    docker.kill_container(name, Some(options)).await
                }
            };
            match changed {
                Ok(()) => done.push((name.clone(), !done_already)),
                Err(error) => return Err(partly(error.into(), &done)),
            }
        }
        Ok(done)
    }

    /// The result of a change that `began` then; on request waits until the containers are well, which changes nothing.
    pub(super) async fn changed(
        &self,
        operation: &str,
        done: Vec<(String, bool)>,
        began: Instant,
    ) -> StepResult {
        let mut problem = None;
        if self.params().flag("wait") && matches!(operation, "start" | "restart") {
            let names: Vec<String> = done.iter().map(|(name, _)| name.clone()).collect();
            let most =
                self.context.timeout.map_or(WELL, |most| most.to_std().saturating_sub(began.elapsed()));
            let well = tokio::select! {
                well = until_well(&self.docker, &names, most) => well,
                () = self.context.stop.cancelled() => Err("was stopped while it waited".to_owned()),
            };
            problem = well.err();
        }
        let mut found = Vec::new();
        for (name, changed) in done {
            let (state, health) = state(&self.docker, &name).await;
            found.push(json!({"name": name, "changed": changed, "state": state, "health": health}));
        }
        let mut result = self.listed(operation, found);
        result.ok = problem.is_none();
        result.reason = problem;
        result
    }

    /// Removes containers.
    pub(super) async fn rm(&self) -> Result<StepResult, Refusal> {
        let (force, volumes) = (self.params().flag("force"), self.params().flag("volumes"));
        let mut done = Vec::new();
        let names = self.params().names("rm", "a container")?;
        for name in &names {
            let options = RemoveContainerOptionsBuilder::new().force(force).v(volumes).build();
            match self.docker.remove_container(name, Some(options)).await {
                Ok(()) => done.push((name.clone(), true)),
                // Whoever forces it wants it gone, and it is.
                Err(error) if force && is_missing(&error) => done.push((name.clone(), false)),
                Err(error) => return Err(partly(error.into(), &done)),
            }
        }
        Ok(self.listed(
            "rm",
            done.iter().map(|(name, changed)| json!({"name": name, "changed": changed})).collect(),
        ))
    }

    /// Runs a command in a container.
    pub(super) async fn exec(&self) -> Result<StepResult, Refusal> {
        let (which, job) = self.job()?;
        let user = self.params().text("user");
        let places = Places::default();
        let (output, stop) = (self.context.output.clone(), self.context.stop.clone());
        Ok(of_report(exec::run(&self.docker, &which, user.as_deref(), &places, &job, output, stop).await))
    }

    /// What became of a command that a lost engine has run.
    pub(super) async fn recover_exec(&self, started: Timestamp) -> Result<StepResult, Refusal> {
        let (_, job) = self.job()?;
        let user = self.params().text("user");
        let (output, stop) = (self.context.output.clone(), self.context.stop.clone());
        match exec::recover(&self.docker, user.as_deref(), &job, started, output, stop).await {
            Recovered::Ended(report) => Ok(of_report(*report)),
            Recovered::NotStarted => Err(not_started("it never began")),
            Recovered::Unknown(why) => Err(unknown(why)),
        }
    }

    fn job(&self) -> Result<(Which, ExecJob), Refusal> {
        let which = Which::Named(self.params().name("exec", "a container")?);
        let command = self.params().command().ok_or_else(|| not_started("it names no command"))?;
        let job = ExecJob {
            run_as: None,
            command,
            env: self.params().pairs("env"),
            stdin: self.params().text("stdin").map(String::into_bytes),
            cwd: self.params().text("workdir"),
            timeout: self.context.timeout,
            grace: GRACE,
            durable: true,
            directory: self.context.directory.clone(),
            token: self.context.token.clone(),
        };
        Ok((which, job))
    }
}

/// A refusal after some of the work was done.
fn partly(refusal: Refusal, done: &[(String, bool)]) -> Refusal {
    if done.is_empty() {
        return refusal;
    }
    let done: Vec<String> = done.iter().map(|(name, _)| format!("`{name}`")).collect();
    Refusal { why: format!("{} (done before: {})", refusal.why, done.join(", ")), ..refusal }
}

/// State and health of a container now.
async fn state(docker: &Docker, name: &str) -> (Option<String>, Option<String>) {
    let state = inspect(docker, name).await.ok().flatten().and_then(|found| found.state).unwrap_or_default();
    let health = state.health.and_then(|health| health.status).map(|health| health.to_string());
    (state.status.map(|status| status.to_string()), health.filter(|health| health != "none"))
}

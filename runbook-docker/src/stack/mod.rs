//! Carrying out `compose`: the program Docker Compose, run on the step's target like any command there. What it prints for people
//! is not read: containers are asked for by the engine's API.

mod config;
mod program;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bollard::Docker;
use bollard::query_parameters::ListContainersOptionsBuilder;
use jiff::Timestamp;
use runbook_core::kind::ActionKind;
use runbook_core::port::{ActionContext, Connection, ExecEnd, ExecJob, Executor, Forward, Recovered};
use runbook_core::run::{Captured, StepResult};
use runbook_core::value::Value;

use crate::act::{docker_of, summary, until_well};
use crate::compose::{ComposeKind, OPERATIONS};
use crate::container::Which;
use crate::engine::EngineAddress;
use crate::exec::{self, Places};
use crate::params::Params;
use crate::refusal::{Refusal, answer, failed, not_started, of_report, unknown};

use self::program::Program;

/// How long services may take to become well when the step has no timeout.
const WELL: Duration = Duration::from_secs(120);

/// Time between TERM and KILL for commands.
const GRACE: runbook_core::value::Duration = runbook_core::value::Duration::from_secs(10);

/// Carries out `compose`.
#[derive(Clone, Debug, Default)]
pub struct ComposeExecutor {
    engine: EngineAddress,
}

impl ComposeExecutor {
    /// With this machine's container engine at `engine`.
    pub fn new(engine: EngineAddress) -> Self {
        ComposeExecutor { engine }
    }

    async fn act(&self, context: &ActionContext, lost: Option<Timestamp>) -> Result<StepResult, Refusal> {
        let name = OPERATIONS.name(&context.params).ok_or_else(|| not_started("it names no operation"))?;
        let host = context.connections.get(&context.target).await?;
        let mut stack = Stack {
            executor: self,
            context,
            host,
            program: Program::default(),
            lost,
            engine: tokio::sync::OnceCell::new(),
        };
        stack.program = stack.find_program().await?;
        match name {
            "ps" => stack.ps().await,
            "config" => stack.config().await,
            "exec" => stack.exec().await,
            other => stack.command(other).await,
        }
    }
}

#[async_trait]
impl Executor for ComposeExecutor {
    fn kind(&self) -> Arc<dyn ActionKind> {
        Arc::new(ComposeKind)
    }

    async fn execute(&self, context: &ActionContext) -> StepResult {
        self.act(context, None).await.unwrap_or_else(StepResult::from)
    }

    async fn recover(&self, context: &ActionContext, started: Timestamp) -> StepResult {
        self.act(context, Some(started)).await.unwrap_or_else(|refusal| {
            // What could not be asked now may have begun then.
            unknown(refusal.why).into()
        })
    }
}

/// One operation on a project.
struct Stack<'a> {
    executor: &'a ComposeExecutor,
    context: &'a ActionContext,
    host: Arc<dyn Connection>,
    program: Program,
    /// When it was started, when its engine was lost.
    lost: Option<Timestamp>,
    engine: tokio::sync::OnceCell<(Docker, Option<Forward>)>,
}

impl Stack<'_> {
    fn params(&self) -> Params<'_> {
        Params(&self.context.params)
    }

    async fn docker(&self) -> Result<&Docker, Refusal> {
        let connect = || docker_of(&self.executor.engine, self.context);
        self.engine.get_or_try_init(connect).await.map(|(docker, _)| docker)
    }

    /// The services that the operation `key` is about.
    fn services(&self, key: &str) -> Result<Vec<String>, Refusal> {
        let mut services = self.params().names(key, "a service")?;
        services.extend(self.params().names("services", "a service")?);
        Ok(services)
    }

    /// `compose` with `arguments`, as a job on the target.
    fn job(&self, arguments: Vec<String>, durable: bool) -> ExecJob {
        let directory = &self.context.directory;
        ExecJob {
            run_as: None,
            command: runbook_core::port::ExecCommand::Argv(self.program.command(self.params(), arguments)),
            env: self.env(),
            stdin: None,
            cwd: self.context.target.cwd.clone(),
            timeout: self.context.timeout,
            grace: GRACE,
            durable,
            directory: if durable { directory.clone() } else { directory.join("asked") },
            token: self.context.token.clone(),
        }
    }

    /// The program speaks with the same engine as this crate.
    fn env(&self) -> Vec<(String, String)> {
        let local = self.context.target.kind == "local";
        let host = self.executor.engine.docker_host().filter(|_| local);
        host.map(|host| ("DOCKER_HOST".to_owned(), host)).into_iter().collect()
    }

    /// What the program prints, which nobody else is to see.
    async fn ask(&self, arguments: &[&str], services: &[String]) -> Result<String, Refusal> {
        let arguments =
            arguments.iter().map(|word| (*word).to_owned()).chain(services.iter().cloned()).collect();
        let job = self.job(arguments, false);
        let report = self.host.exec(&job, Arc::new(()), self.context.stop.clone()).await;
        // What was too large for memory must not stay there.
        let _ = std::fs::remove_dir_all(&job.directory);
        match (&report.end, report.stdout.whole()) {
            (ExecEnd::Exited(0), Some(text)) => Ok(text.to_owned()),
            (ExecEnd::Exited(0), None) => Err(failed("what Compose prints is too large")),
            (ExecEnd::Exited(code), _) => {
                let complaint = report.stderr.whole().unwrap_or_default().trim();
                Err(failed(format!("Compose ended with {code}: {complaint}")))
            }
            _ => {
                let mut result = of_report(report);
                let why = result.reason.take().unwrap_or_default();
                Err(Refusal { ending: result.ending, why })
            }
        }
    }

    async fn find_program(&self) -> Result<Program, Refusal> {
        let mut answers = Vec::new();
        for program in program::KNOWN {
            let mut job = self.job(Vec::new(), false);
            let version = [program, &["version", "--short"]].concat();
            job.command = runbook_core::port::ExecCommand::Argv(
                version.iter().map(|word| (*word).to_owned()).collect(),
            );
            let report = self.host.exec(&job, Arc::new(()), self.context.stop.clone()).await;
            match report.end {
                ExecEnd::Exited(0) => {
                    return Ok(Program::of(program, report.stdout.whole().unwrap_or_default()));
                }
                ExecEnd::Exited(_) => {
                    let said = report.stderr.whole().unwrap_or_default();
                    answers.push(format!(
                        "`{}`: {}",
                        program.join(" "),
                        said.lines().next().unwrap_or_default()
                    ));
                }
                ExecEnd::NotStarted(why) => return Err(not_started(why)),
                other => return Err(not_started(format!("`{}`: {other:?}", program.join(" ")))),
            }
        }
        Err(not_started(format!("Docker Compose is not installed there ({})", answers.join("; "))))
    }

    /// The ids of the project's containers, of all or of `services`.
    async fn ids(&self, services: &[String]) -> Result<Vec<String>, Refusal> {
        let listed = self.ask(&["ps", "--quiet", "--all"], services).await?;
        Ok(listed.split_whitespace().map(str::to_owned).collect())
    }

    async fn ps(&self) -> Result<StepResult, Refusal> {
        let ids = self.ids(&self.services("ps")?).await?;
        let mut found = Vec::new();
        if !ids.is_empty() {
            let filters = std::collections::HashMap::from([("id".to_owned(), ids)]);
            let all = self.params().flag("all");
            let options = ListContainersOptionsBuilder::new().all(all).filters(&filters).build();
            found = self.docker().await?.list_containers(Some(options)).await?.iter().map(summary).collect();
        }
        let text = |container: &Value, name: &str| container[name].as_str().unwrap_or_default().to_owned();
        found.sort_by_key(|container| (text(container, "service"), text(container, "name")));
        let lines = found.iter().map(|container| {
            format!(
                "{}  {}  {}\n",
                text(container, "service"),
                text(container, "name"),
                text(container, "status")
            )
        });
        let lines: String = lines.collect();
        let mut result = answer(Value::Array(found));
        result.stdout = Captured::of_text(lines);
        Ok(result)
    }

    /// The project as it is written, checked, and without what its environment holds.
    async fn config(&self) -> Result<StepResult, Refusal> {
        self.ask(&["config", "--quiet"], &[]).await?;
        let written = self.ask(&["config", "--no-interpolate"], &[]).await?;
        let shown = config::masked(&written).map_err(failed)?;
        let mut result = answer(shown.json);
        result.stdout = Captured::of_text(shown.text);
        Ok(result)
    }

    /// Runs a command in the container of a service.
    async fn exec(&self) -> Result<StepResult, Refusal> {
        let service = self.params().name("exec", "a service")?;
        let command = self.params().command().ok_or_else(|| not_started("it names no command"))?;
        let ids = self.ids(std::slice::from_ref(&service)).await?;
        let id = ids
            .into_iter()
            .next()
            .ok_or_else(|| not_started(format!("service `{service}` has no container")))?;
        let job = ExecJob {
            command,
            env: self.params().pairs("env"),
            stdin: self.params().text("stdin").map(String::into_bytes),
            cwd: self.params().text("workdir"),
            ..self.job(Vec::new(), true)
        };
        let user = self.params().text("user");
        let (output, stop) = (self.context.output.clone(), self.context.stop.clone());
        let docker = self.docker().await?;
        let Some(started) = self.lost else {
            let places = Places::default();
            let which = Which::Named(id);
            return Ok(of_report(
                exec::run(docker, &which, user.as_deref(), &places, &job, output, stop).await,
            ));
        };
        recovered(exec::recover(docker, user.as_deref(), &job, started, output, stop).await)
    }

    /// Everything that is one command of the program.
    async fn command(&self, operation: &str) -> Result<StepResult, Refusal> {
        let services = self.services(operation)?;
        let mut arguments = self.program.arguments(operation, self.params())?;
        arguments.extend(services.iter().cloned());
        let job = self.job(arguments, operation != "logs");
        let (output, stop) = (self.context.output.clone(), self.context.stop.clone());
        let mut result = match self.lost {
            None => of_report(self.host.exec(&job, output, stop).await),
            Some(started) => recovered(self.host.recover(&job, started, output, stop).await)?,
        };
        let waits = matches!(operation, "up" | "start" | "restart") && self.params().flag("wait");
        if waits && result.exit_code == Some(0) {
            let ids = self.ids(&services).await?;
            let most = self.context.timeout.map_or(WELL, |timeout| timeout.to_std());
            let well = tokio::select! {
                well = until_well(self.docker().await?, &ids, most) => well,
                () = self.context.stop.cancelled() => Err("was stopped while it waited for services".to_owned()),
            };
            if let Err(why) = well {
                result.ok = false;
                result.reason = Some(why);
            }
        }
        Ok(result)
    }
}

fn recovered(found: Recovered) -> Result<StepResult, Refusal> {
    match found {
        Recovered::Ended(report) => Ok(of_report(*report)),
        Recovered::NotStarted => Ok(not_started("it never began").into()),
        Recovered::Unknown(why) => Err(unknown(why)),
    }
}

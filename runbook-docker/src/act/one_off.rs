//! `run`: a container of its own for one command, or one that goes on by itself.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::models::{ContainerCreateBody, ContainerSummaryStateEnum, HostConfig, PortBinding};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, ListContainersOptionsBuilder, LogsOptionsBuilder,
    RemoveContainerOptionsBuilder, StartContainerOptions, StopContainerOptionsBuilder, WaitContainerOptions,
};
use futures_util::StreamExt as _;
use runbook_core::port::{ExecCommand, Stream};
use runbook_core::run::{Ending, StepResult};
use serde_json::{Value, json};

use super::{Act, limit, until_well};
use crate::capture::Capture;
use crate::container::inspect;
use crate::engine::{checked_name, is_missing, said, status};
use crate::refusal::{Refusal, answer, failed, not_started, unknown};

/// Label that tells which attempt a container is of.
const ATTEMPT: &str = "runbook.attempt";

/// The file that keeps how a container ended which is about to be removed.
const ENDED: &str = "ended";

/// Seconds between TERM and KILL.
const GRACE: i32 = 10;

/// How long a container that goes on by itself may take to become well.
const WELL: Duration = Duration::from_secs(60);

impl Act<'_> {
    /// Makes a container, starts it, and follows it to its end unless it goes on by itself.
    pub(super) async fn run(&self) -> Result<StepResult, Refusal> {
        if self.context.stop.is_cancelled() {
            return Err(not_started("the run was stopped before it began"));
        }
        let image = self.params().name("run", "an image")?;
        let name = self.params().text("name");
        if let Some(name) = &name {
            checked_name("a container", name).map_err(not_started)?;
        }
        let options = name.as_ref().map(|name| CreateContainerOptionsBuilder::new().name(name).build());
        let made =
            self.docker.create_container(options, self.body(&image)?).await.map_err(|error| {
                match (is_missing(&error), status(&error)) {
                    (true, _) => not_started(format!(
                        "{}; fetch the image first with `docker: {{pull: {image}}}`",
                        said(&error)
                    )),
                    (false, Some(_)) => not_started(said(&error)),
                    (false, None) => Refusal::from(error),
                }
            })?;
        if let Err(error) = self.docker.start_container(&made.id, None::<StartContainerOptions>).await {
            let refused = status(&error).is_some();
            if refused {
                self.remove(&made.id).await;
            }
            return Err(if refused { not_started(said(&error)) } else { Refusal::from(error) });
        }
        if self.params().flag("detach") { self.detached(&made.id).await } else { self.follow(&made.id).await }
    }

    /// What became of the container of a lost engine.
    pub(super) async fn recover_run(&self) -> Result<StepResult, Refusal> {
        let ended = self.context.directory.join(ENDED);
        match fs::read_to_string(&ended) {
            Ok(text) => {
                let json = serde_json::from_str(&text)
                    .map_err(|_| unknown(format!("`{}` is damaged", ended.display())))?;
                let mut result = result_of(json);
                result.fields.insert("note".into(), "what it wrote is not known any more".into());
                return Ok(result);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unknown(format!("`{}` cannot be read: {error}", ended.display()))),
        }
        let label = format!("{ATTEMPT}={}", self.context.token);
        let filters = HashMap::from([("label".to_owned(), vec![label])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let found =
            self.docker.list_containers(Some(options)).await.map_err(|error| unknown(said(&error)))?;
        let Some((id, state)) = found.into_iter().find_map(|found| Some((found.id?, found.state?))) else {
            // Made and removed by somebody else, or never made: only the name would tell, and names are used again.
            return Err(unknown("no container of this attempt is left"));
        };
        if state == ContainerSummaryStateEnum::CREATED {
            self.remove(&id).await;
            return Err(not_started("its container was made and never started"));
        }
        if self.params().flag("detach") { self.detached(&id).await } else { self.follow(&id).await }
    }

    /// A container that goes on by itself.
    async fn detached(&self, id: &str) -> Result<StepResult, Refusal> {
        let problem = match self.params().flag("wait") {
            true => {
                let most = self.context.timeout.map_or(WELL, |timeout| timeout.to_std());
                until_well(&self.docker, &[id.to_owned()], most).await.err()
            }
            false => None,
        };
        let found = inspect(&self.docker, id).await.map_err(unknown)?.unwrap_or_default();
        let name = found.name.unwrap_or_default();
        let mut result = answer(json!({"id": id, "name": name.trim_start_matches('/')}));
        result.ok = problem.is_none();
        result.reason = problem;
        Ok(result)
    }

    /// Takes a container's output until it ends; ends it when that takes too long.
    async fn follow(&self, id: &str) -> Result<StepResult, Refusal> {
        let mut capture = Capture::new(self.context.output.clone(), &self.context.directory, false);
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).follow(true).build();
        let mut logs = self.docker.logs(id, Some(options));
        let ending = async {
            while let Some(Ok(piece)) = logs.next().await {
                match piece {
                    LogOutput::StdErr { message } => capture.push(Stream::Stderr, &message),
                    other => capture.push(Stream::Stdout, other.as_ref()),
                }
            }
            // An exit code other than 0 comes as an error; what counts is asked below.
            let _ = self.docker.wait_container(id, None::<WaitContainerOptions>).next().await;
        };
        let early = tokio::select! {
            () = ending => None,
            () = limit(self.context.timeout) => Some((Ending::TimedOut, "took longer than its timeout and was stopped")),
            () = self.context.stop.cancelled() => Some((Ending::Cancelled, "was stopped")),
        };
        if early.is_some() {
            let options = StopContainerOptionsBuilder::new().t(GRACE).build();
            // What could not be stopped is seen below.
            let _ = self.docker.stop_container(id, Some(options)).await;
        }
        let found = inspect(&self.docker, id).await.map_err(unknown)?;
        let Some(found) = found else { return Err(unknown("its container was removed while it ran")) };
        let state = found.state.unwrap_or_default();
        if state.running == Some(true) {
            return Err(unknown(format!("the container `{id}` still runs")));
        }
        let ended = json!({
            "id": id,
            "name": found.name.unwrap_or_default().trim_start_matches('/'),
            "exit_code": state.exit_code,
            "oom_killed": state.oom_killed,
        });
        let (stdout, stderr, note) = capture.finish().await;
        if self.params().text("remove").is_none_or(|remove| remove != "false") {
            if let Err(error) = self.keep(&ended) {
                return Err(unknown(format!(
                    "cannot write to `{}`: {error}",
                    self.context.directory.display()
                )));
            }
            self.remove(id).await;
        }
        let mut result = match early {
            Some((ending, why)) => StepResult::failure(ending, why),
            None => result_of(ended),
        };
        (result.stdout, result.stderr) = (stdout, stderr);
        result.fields.extend(note.map(|note| ("note".to_owned(), note.into())));
        Ok(result)
    }

    /// Writes down how it ended, before the container that knows it is removed.
    fn keep(&self, ended: &Value) -> io::Result<()> {
        fs::create_dir_all(&self.context.directory)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.context.directory)?;
        io::Write::write_all(&mut file, ended.to_string().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(self.context.directory.join(ENDED))?;
        Ok(())
    }

    async fn remove(&self, id: &str) {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        // One that stays can be seen by its label, and does nothing.
        let _ = self.docker.remove_container(id, Some(options)).await;
    }

    fn body(&self, image: &str) -> Result<ContainerCreateBody, Refusal> {
        let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
        for port in self.params().texts("ports") {
            let (inner, binding) =
                published(&port).ok_or_else(|| failed(format!("`{port}` is not `host:container`")))?;
            bindings.entry(inner).or_default().get_or_insert_default().push(binding);
        }
        let list = |name: &str| Some(self.params().texts(name)).filter(|list| !list.is_empty());
        let command = self.params().command().map(|command| match command {
            ExecCommand::Argv(argv) => argv,
            ExecCommand::Script { text, .. } => vec!["sh".to_owned(), "-euc".to_owned(), text],
        });
        Ok(ContainerCreateBody {
            image: Some(image.to_owned()),
            cmd: command,
            env: Some(
                self.params().pairs("env").iter().map(|(name, value)| format!("{name}={value}")).collect(),
            ),
            user: self.params().text("user"),
            working_dir: self.params().text("workdir"),
            labels: Some(HashMap::from([(ATTEMPT.to_owned(), self.context.token.clone())])),
            exposed_ports: Some(bindings.keys().cloned().collect()),
            host_config: Some(HostConfig {
                binds: list("volumes"),
                volumes_from: list("volumes_from"),
                network_mode: self.params().text("network"),
                port_bindings: Some(bindings),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        })
    }
}

/// The result of a container that has ended.
fn result_of(ended: Value) -> StepResult {
    let memory = ended["oom_killed"] == Value::Bool(true);
    let code = ended["exit_code"].as_i64().and_then(|code| i32::try_from(code).ok());
    let mut result = answer(ended);
    result.exit_code = code;
    if memory {
        result.fields.insert("note".into(), "it was killed because it ran out of memory".into());
    }
    result
}

/// Reads `[address:]host:container[/protocol]`.
fn published(port: &str) -> Option<(String, PortBinding)> {
    let (outer, inner) = port.rsplit_once(':')?;
    let (address, host) =
        outer.rsplit_once(':').map_or((None, outer), |(address, host)| (Some(address), host));
    let number = inner.split('/').next()?;
    number.parse::<u16>().ok()?;
    if !host.is_empty() {
        host.parse::<u16>().ok()?;
    }
    let inner = if inner.contains('/') { inner.to_owned() } else { format!("{inner}/tcp") };
    Some((inner, PortBinding { host_ip: address.map(str::to_owned), host_port: Some(host.to_owned()) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_published_as_with_the_program_docker() {
        let binding = |ip: Option<&str>, port: &str| PortBinding {
            host_ip: ip.map(str::to_owned),
            host_port: Some(port.to_owned()),
        };
        assert_eq!(published("8080:80"), Some(("80/tcp".into(), binding(None, "8080"))));
        assert_eq!(
            published("127.0.0.1:53:53/udp"),
            Some(("53/udp".into(), binding(Some("127.0.0.1"), "53")))
        );
        assert_eq!(published("80"), None);
        assert_eq!(published("http:80"), None);
    }
}

//! Which container is meant, and how it is.

use std::collections::HashMap;

use bollard::Docker;
use bollard::models::{ContainerInspectResponse, ContainerState};
use bollard::query_parameters::{InspectContainerOptions, ListContainersOptionsBuilder};
use runbook_core::value::{Value, display};

use crate::engine::{checked_name, is_missing, said};

/// Label of a container's Compose project.
pub(crate) const PROJECT: &str = "com.docker.compose.project";
/// Label of its service.
pub(crate) const SERVICE: &str = "com.docker.compose.service";
const NUMBER: &str = "com.docker.compose.container-number";
const ONE_OFF: &str = "com.docker.compose.oneoff";
const DIRECTORY: &str = "com.docker.compose.project.working_dir";
const FILES: &str = "com.docker.compose.project.config_files";

/// Which container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The one of this name or id.
    Named(String),
    /// That of a Compose service.
    Service {
        /// The service.
        service: String,
        /// The project, when it is said.
        project: Option<String>,
        /// The Compose files, when they are said.
        files: Vec<String>,
    },
}

/// A container that has been found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The engine's own name for it.
    pub(crate) id: String,
    /// When it was started: another time, another incarnation.
    pub(crate) started: String,
}

impl Which {
    /// The container that a target of kind `container` names.
    pub(crate) fn container(params: &Value) -> Result<Self, String> {
        let name = display(&params["name"]);
        checked_name("a container", &name)?;
        Ok(Which::Named(name))
    }

    /// The container that a target of kind `service` names.
    pub(crate) fn service(params: &Value) -> Result<Self, String> {
        let compose = &params["compose"];
        let files = match &compose["file"] {
            Value::Null => Vec::new(),
            Value::Array(files) => files.iter().map(display).collect(),
            file => vec![display(file)],
        };
        let project = Some(&compose["project"]).filter(|project| !project.is_null()).map(display);
        Ok(Which::Service { service: display(&params["name"]), project, files })
    }

    /// What messages call it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Which::Named(name) => format!("container `{name}`"),
            Which::Service { service, project: Some(project), .. } => {
                format!("service `{service}` of project `{project}`")
            }
            Which::Service { service, .. } => format!("service `{service}`"),
        }
    }

    /// The container, which must be running.
    pub(crate) async fn running(&self, docker: &Docker) -> Result<Found, String> {
        let name = match self {
            Which::Named(name) => name.clone(),
            Which::Service { service, project, files } => {
                of_service(docker, service, project.as_deref(), files).await?
            }
        };
        let found = inspect(docker, &name).await?.ok_or_else(|| format!("there is no {}", self.shown()))?;
        let state = found.state.unwrap_or_default();
        if state.running != Some(true) || state.paused == Some(true) || state.restarting == Some(true) {
            return Err(format!("{} {}", self.shown(), how(&state)));
        }
        Ok(Found { id: found.id.unwrap_or(name), started: state.started_at.unwrap_or_default() })
    }
}

/// Everything about the container `name`; `None` when there is none.
pub(crate) async fn inspect(docker: &Docker, name: &str) -> Result<Option<ContainerInspectResponse>, String> {
    match docker.inspect_container(name, None::<InspectContainerOptions>).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(said(&error)),
    }
}

/// How a container is that cannot be used, for people.
pub(crate) fn how(state: &ContainerState) -> String {
    let status = state.status.map_or_else(|| "in an unknown state".to_owned(), |status| status.to_string());
    let code = state.exit_code.unwrap_or_default();
    let why = match state.error.as_deref() {
        Some(error) if !error.is_empty() => format!(": {error}"),
        _ => String::new(),
    };
    let memory = if state.oom_killed == Some(true) { ", out of memory" } else { "" };
    match status.as_str() {
        "exited" | "dead" => format!("is not running: it exited with {code}{memory}{why}"),
        "restarting" => {
            format!("does not stay up: it is being restarted, and exited with {code}{memory} before{why}")
        }
        "created" => format!("was never started{why}"),
        "paused" => "is paused".to_owned(),
        other => format!("is {other}{why}"),
    }
}

/// The id of the container of a service.
async fn of_service(
    docker: &Docker,
    service: &str,
    project: Option<&str>,
    files: &[String],
) -> Result<String, String> {
    let mut labels = vec![format!("{SERVICE}={service}")];
    labels.extend(project.map(|project| format!("{PROJECT}={project}")));
    let filters = HashMap::from([("label".to_owned(), labels)]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let mut found = docker.list_containers(Some(options)).await.map_err(|error| said(&error))?;
    found.retain(|container| {
        let label =
            |name| container.labels.as_ref().and_then(|labels| labels.get(name)).map_or("", |l| l.as_str());
        let of_file = |file: &String| {
            let (directory, files) = (label(DIRECTORY), label(FILES));
            files.split(',').any(|known| known == file || format!("{directory}/{known}") == *file)
                || (!file.starts_with('/')
                    && files.split(',').any(|known| known.ends_with(&format!("/{file}"))))
        };
        !label(ONE_OFF).eq_ignore_ascii_case("true") && (project.is_some() || files.iter().all(of_file))
    });
    let label = |container: &bollard::models::ContainerSummary, name: &str| {
        container.labels.as_ref().and_then(|labels| labels.get(name)).cloned().unwrap_or_default()
    };
    let mut projects: Vec<String> = found.iter().map(|container| label(container, PROJECT)).collect();
    projects.sort();
    projects.dedup();
    if let [_, _, ..] = projects.as_slice() {
        return Err(format!(
            "several projects have a service `{service}`: {}; name one with `compose: {{project: …}}`",
            projects.join(", ")
        ));
    }
    // Of several the first that runs: when none does, the first says why.
    found.sort_by_key(|container| {
        let runs = container.state.is_some_and(|state| state.to_string() == "running");
        (!runs, label(container, NUMBER).parse::<u32>().unwrap_or(u32::MAX))
    });
    let of = project.map_or(String::new(), |project| format!(" of project `{project}`"));
    let first = found.into_iter().next().and_then(|container| container.id);
    first.ok_or_else(|| {
        format!("service `{service}`{of} has no container: it was never started, or was removed")
    })
}

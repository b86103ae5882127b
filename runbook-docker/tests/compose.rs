//! `compose` against the program that is installed and a real engine.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use common::{Jobs, Shown, docker_says, engine_is_there, unique};
use runbook_core::kind::Target;
use runbook_core::local::LocalConnector;
use runbook_core::port::{ActionContext, ConnectError, Connection, Connections, Connector, Executor};
use runbook_core::run::{Ending, StepResult};
use runbook_core::testing::action_context;
use runbook_core::value::{Duration, Value};
use runbook_docker::ComposeExecutor;
use serde_json::json;

struct Here;

#[async_trait]
impl Connections for Here {
    async fn get(&self, target: &Target) -> Result<Arc<dyn Connection>, ConnectError> {
        LocalConnector::inherit().connect(target).await
    }
}

/// A project in a directory of its own, which is taken down in the end.
struct Project {
    name: String,
    directory: tempfile::TempDir,
    jobs: Jobs,
}

impl Project {
    fn new(file: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("docker-compose.yml"), file).unwrap();
        Project { name: unique("project"), directory, jobs: Jobs::new() }
    }

    fn context(&self, mut params: Value) -> ActionContext {
        params["project"] = json!(self.name);
        params["file"] = json!(self.directory.path().join("docker-compose.yml"));
        let token = unique("step");
        let mut context = action_context(params, self.jobs.path(&token));
        context.token = token;
        context.timeout = Some(Duration::from_secs(120));
        context.connections = Arc::new(Here);
        context
    }

    async fn act(&self, params: Value) -> StepResult {
        ComposeExecutor::new(common::address()).execute(&self.context(params)).await
    }

    async fn well(&self, params: Value) -> StepResult {
        let result = self.act(params.clone()).await;
        assert!(result.ok && result.exit_code.is_none_or(|code| code == 0), "{params}: {result:?}");
        result
    }

    fn left(&self) -> String {
        docker_says(&["ps", "-aq", "--filter", &format!("label=com.docker.compose.project={}", self.name)])
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let file = self.directory.path().join("docker-compose.yml");
        let _ = Command::new("docker-compose")
            .args(["-p", &self.name, "-f", &file.to_string_lossy(), "down", "-v", "-t", "1"])
            .output();
    }
}

const STACK: &str = r#"
version: "3.4"
services:
  api:
    image: runbook-test-host
    init: true
    command: ["sh", "-c", "echo api начался; sleep 1; touch /tmp/ready; sleep infinity"]
    environment: {TOKEN: canary-of-the-api, FROM: "${RUNBOOK_TEST_ABSENT:-x}"}
    volumes: ["data:/data"]
    healthcheck: {test: ["CMD", "test", "-e", "/tmp/ready"], interval: 1s, retries: 30}
  worker:
    image: runbook-test-host
    init: true
    command: ["sleep", "infinity"]
volumes: {data: {}}
"#;

#[tokio::test]
async fn a_stack_goes_up_and_down() {
    if !engine_is_there() {
        return;
    }
    let project = Project::new(STACK);
    project.well(json!({"up": null, "wait": true})).await;
    let services = project.well(json!({"ps": null})).await;
    let services = services.fields["json"].as_array().unwrap().clone();
    let told: Vec<_> =
        services.iter().map(|s| (s["service"].clone(), s["state"].clone(), s["health"].clone())).collect();
    let running = json!("running");
    assert_eq!(
        told,
        [(json!("api"), running.clone(), json!("healthy")), (json!("worker"), running, Value::Null)]
    );

    let logs = project.well(json!({"logs": "api", "tail": 5})).await;
    assert!(logs.stdout.head.contains("api начался"), "{logs:?}");
    let params = json!({"exec": "api", "command": ["sh", "-c", "cat; echo \"$A $TOKEN\"; pwd"], "stdin": "in ", "env": {"A": "б"}, "workdir": "/tmp"});
    let result = project.well(params).await;
    assert_eq!(result.stdout.head, "in б canary-of-the-api\n/tmp\n");

    project.well(json!({"stop": "worker", "timeout": "1s"})).await;
    assert_eq!(project.well(json!({"ps": null})).await.fields["json"].as_array().unwrap().len(), 1);
    let all = project.well(json!({"ps": "worker", "all": true})).await;
    assert_eq!(all.fields["json"][0]["state"], json!("exited"));
    project.well(json!({"start": "worker"})).await;
    project.well(json!({"restart": ["api"], "timeout": "1s", "wait": true})).await;
    let there = common::target("service", json!({"name": "api", "compose": {"project": project.name}}));
    let report =
        common::run(&*common::connect(&there).await, &project.jobs.argv(&["touch", "/data/kept"])).await;
    assert_eq!(report.end, runbook_core::port::ExecEnd::Exited(0), "{report:?}");

    project.well(json!({"down": null, "timeout": "1s"})).await;
    assert_eq!(project.left(), "");
    let volume = format!("{}_data", project.name);
    docker_says(&["volume", "inspect", &volume]);
    project.well(json!({"down": null, "volumes": true})).await;
    assert_eq!(docker_says(&["volume", "ls", "-q", "--filter", &format!("name={volume}")]), "");
}

#[tokio::test]
async fn a_projects_secrets_are_not_shown() {
    if !engine_is_there() {
        return;
    }
    let project = Project::new(STACK);
    std::fs::write(project.directory.path().join("env"), "RUNBOOK_TEST_ABSENT=canary-of-the-file\n").unwrap();
    let mut context =
        project.context(json!({"config": null, "env_file": project.directory.path().join("env")}));
    let shown = Arc::new(Shown::default());
    context.output = shown.clone();
    let result = ComposeExecutor::new(common::address()).execute(&context).await;
    assert!(result.ok, "{result:?}");
    let all =
        format!("{result:?} {} {}", shown.text(runbook_core::port::Stream::Stdout), result.fields["json"]);
    assert!(!all.contains("canary"), "{all}");
    assert_eq!(result.fields["json"]["services"]["worker"]["image"], json!(common::IMAGE));
    let left: Vec<_> = std::fs::read_dir(&context.directory).into_iter().flatten().collect();
    assert!(left.is_empty(), "{left:?}");

    let broken = Project::new("services: {api: {imagine: nothing}}");
    let result = broken.act(json!({"config": null})).await;
    assert!(!result.ok && result.reason.as_deref().unwrap().contains("imagine"), "{result:?}");
}

#[tokio::test]
async fn what_does_not_come_up_is_told_with_its_reason() {
    if !engine_is_there() {
        return;
    }
    let project = Project::new(
        "version: '3.4'\nservices: {api: {image: runbook-test-host, command: [sh, -c, 'exit 7']}}\n",
    );
    let result = project.act(json!({"up": null, "wait": true})).await;
    assert!(!result.ok && result.reason.as_deref().unwrap().contains("exited with 7"), "{result:?}");
    let result = project.act(json!({"restart": "no_such_service"})).await;
    assert!(result.exit_code.is_some_and(|code| code != 0), "{result:?}");
    assert!(result.stderr.head.contains("no_such_service"), "{result:?}");
    let result = project.act(json!({"restart": "-h"})).await;
    assert_eq!(result.ending, Ending::NotStarted);
    let result = project.act(json!({"exec": "api", "command": ["true"]})).await;
    assert!(result.ending == Ending::NotStarted && result.reason.unwrap().contains("exited with 7"));
}

#[tokio::test]
async fn a_lost_engine_finds_out_what_became_of_the_stack() {
    if !engine_is_there() {
        return;
    }
    let project = Project::new(STACK);
    let executor = ComposeExecutor::new(common::address());
    let context = project.context(json!({"up": "worker"}));
    let result = executor.execute(&context).await;
    assert_eq!(result.exit_code, Some(0), "{result:?}");
    // The engine is lost before it has written that down.
    let found = executor.recover(&context, jiff::Timestamp::now()).await;
    assert_eq!((found.ending, found.exit_code), (Ending::Completed, Some(0)), "{found:?}");
    let never = project.context(json!({"down": null}));
    let found = executor.recover(&never, jiff::Timestamp::now()).await;
    assert_eq!(found.ending, Ending::NotStarted);
    assert_ne!(project.left(), "");
}

//! `docker` against a real engine.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::sync::Arc;

use common::{Container, IMAGE, Jobs, Shown, docker, docker_says, engine_is_there, unique};
use runbook_core::port::{ActionContext, Executor};
use runbook_core::run::{Ending, StepResult};
use runbook_core::testing::action_context;
use runbook_core::value::{Duration, Value};
use runbook_docker::DockerExecutor;
use serde_json::json;

fn context(jobs: &Jobs, params: Value) -> ActionContext {
    let token = unique("step");
    let mut context = action_context(params, jobs.path(&token));
    context.token = token;
    context.timeout = Some(Duration::from_secs(60));
    context
}

async fn act(params: Value) -> StepResult {
    let jobs = Jobs::new();
    DockerExecutor::new(common::address()).execute(&context(&jobs, params)).await
}

/// What it yields; it must go well.
async fn json_of(params: Value) -> Value {
    let result = act(params.clone()).await;
    assert!(result.ok, "{params}: {result:?}");
    result.fields.get("json").cloned().unwrap_or_default()
}

#[tokio::test]
async fn containers_are_looked_at() {
    if !engine_is_there() {
        return;
    }
    let script = "echo out; echo ошибка >&2; sleep infinity";
    let container =
        Container::with("looked", &["--init", "--memory=256m", "--label=a=b"], &["sh", "-c", script]);
    let name = &container.name;
    let listed = json_of(json!({"ps": name})).await;
    assert_eq!(listed[0]["name"], json!(name));
    assert_eq!((&listed[0]["state"], &listed[0]["labels"]["a"]), (&json!("running"), &json!("b")));
    assert_eq!(json_of(json!({"ps": null, "filters": {"label": "a=nothing"}})).await, json!([]));
    let found = json_of(json!({"inspect": name})).await;
    assert_eq!(
        (&found["State"]["Running"], &found["HostConfig"]["Memory"]),
        (&json!(true), &json!(268_435_456))
    );
    assert_eq!(json_of(json!({"inspect": [name]})).await[0]["Name"], json!(format!("/{name}")));
    let used = json_of(json!({"stats": name})).await;
    assert_eq!((&used["name"], &used["memory_limit_bytes"]), (&json!(name), &json!(268_435_456)));
    assert!(used["memory_bytes"].as_u64().unwrap() > 0 && used["pids"].as_u64().unwrap() >= 2, "{used}");

    let logs = act(json!({"logs": name, "tail": 10, "since": "1h"})).await;
    assert_eq!((&*logs.stdout.head, &*logs.stderr.head), ("out\n", "ошибка\n"), "{logs:?}");
    let stamped = act(json!({"logs": name, "timestamps": true})).await;
    assert!(stamped.stdout.head.ends_with("Z out\n"), "{stamped:?}");

    let absent = act(json!({"inspect": unique("absent")})).await;
    assert!((absent.ending, absent.ok) == (Ending::Completed, false), "{absent:?}");
    let strange = act(json!({"inspect": "../info?x=1"})).await;
    assert!(strange.ending == Ending::NotStarted && strange.reason.unwrap().contains("not the name"));
    assert!(json_of(json!({"image_inspect": IMAGE})).await["Id"].as_str().unwrap().starts_with("sha256:"));
}

#[tokio::test]
async fn containers_are_started_and_stopped() {
    if !engine_is_there() {
        return;
    }
    let container = Container::idle("started");
    let name = &container.name;
    let stopped = json_of(json!({"stop": name, "timeout": "2s"})).await;
    assert_eq!((&stopped["changed"], &stopped["state"]), (&json!(true), &json!("exited")));
    assert_eq!(json_of(json!({"stop": name})).await["changed"], json!(false));
    assert_eq!(json_of(json!({"start": [name], "wait": true})).await[0]["state"], json!("running"));
    assert_eq!(json_of(json!({"start": name})).await["changed"], json!(false));
    let before = docker_says(&["inspect", "-f", "{{.State.StartedAt}}", name]);
    json_of(json!({"restart": name, "timeout": "1s"})).await;
    assert_ne!(docker_says(&["inspect", "-f", "{{.State.StartedAt}}", name]), before);
    json_of(json!({"kill": name, "signal": "KILL"})).await;
    docker_says(&["wait", name]);
    assert_eq!(json_of(json!({"inspect": name})).await["State"]["ExitCode"], json!(137));
    let killed = act(json!({"kill": name})).await;
    assert!(!killed.ok && killed.reason.as_deref().unwrap().contains("is not running"), "{killed:?}");
    json_of(json!({"rm": name})).await;
    let again = act(json!({"rm": name})).await;
    assert!(!again.ok && again.reason.unwrap().contains("No such container"));
    assert_eq!(json_of(json!({"rm": name, "force": true})).await["changed"], json!(false));
}

#[tokio::test]
async fn health_is_waited_for() {
    if !engine_is_there() {
        return;
    }
    let health = |command: &str| format!("--health-cmd={command}");
    let becomes = health("test -e /tmp/ready");
    let options = ["--init", &becomes, "--health-interval=1s", "--health-start-period=30s"];
    let script = "rm -f /tmp/ready; sleep 2; touch /tmp/ready; sleep infinity";
    let container = Container::with("healthy", &options, &["sh", "-c", script]);
    let done = json_of(json!({"restart": container.name, "wait": true})).await;
    assert_eq!((&done["state"], &done["health"]), (&json!("running"), &json!("healthy")));
    assert_eq!(json_of(json!({"ps": container.name})).await[0]["health"], json!("healthy"));

    let never = health("echo broken database; false");
    let options = ["--init", &never, "--health-interval=1s", "--health-retries=1"];
    let container = Container::with("unhealthy", &options, &["sleep", "infinity"]);
    let jobs = Jobs::new();
    let mut context = context(&jobs, json!({"restart": container.name, "wait": true}));
    context.timeout = Some(Duration::from_secs(8));
    let result = DockerExecutor::new(common::address()).execute(&context).await;
    assert!(!result.ok && result.reason.as_deref().unwrap().contains("broken database"), "{result:?}");

    // One that falls over again and again, and one that ends.
    let container = Container::with("loop", &["--restart=always"], &["sh", "-c", "sleep 0.3; exit 3"]);
    context.params = json!({"restart": container.name, "wait": true});
    let result = DockerExecutor::new(common::address()).execute(&context).await;
    assert!(!result.ok && result.reason.as_deref().unwrap().contains("not well within"), "{result:?}");
    let container = Container::with("ends", &[], &["sh", "-c", "exit 3"]);
    let result = act(json!({"restart": container.name, "wait": true})).await;
    assert!(!result.ok && result.reason.as_deref().unwrap().contains("exited with 3"), "{result:?}");
}

#[tokio::test]
async fn one_off_containers_run_and_are_gone() {
    if !engine_is_there() {
        return;
    }
    let volume = unique("data");
    json_of(json!({"volume_create": volume, "labels": {"of": "tests"}})).await;
    assert_eq!(json_of(json!({"volume_inspect": volume})).await["Labels"]["of"], json!("tests"));
    let holder =
        Container::with("holder", &["--init", "-v", &format!("{volume}:/data")], &["sleep", "infinity"]);
    holder.says("echo из тома >/data/файл");

    let result =
        act(json!({"run": IMAGE, "command": ["cat", "/data/файл"], "volumes_from": [holder.name]})).await;
    assert_eq!((result.exit_code, &*result.stdout.head), (Some(0), "из тома\n"), "{result:?}");
    let id = result.fields["json"]["id"].as_str().unwrap();
    assert!(!docker(&["inspect", id]).status.success(), "it is removed");
    let params = json!({
        "run": IMAGE, "command": "echo \"$GREETING\"; pwd; id -un; echo e >&2; exit 3",
        "env": {"GREETING": "при вет"}, "user": "redis", "workdir": "/data", "volumes": [format!("{volume}:/data:ro")],
    });
    let result = act(params).await;
    assert_eq!((result.exit_code, &*result.stdout.head), (Some(3), "при вет\n/data\nredis\n"), "{result:?}");
    assert_eq!(result.stderr.head, "e\n");

    let kept = act(json!({"run": IMAGE, "command": ["true"], "remove": false, "name": unique("kept")})).await;
    let name = kept.fields["json"]["name"].as_str().unwrap().to_owned();
    assert_eq!(json_of(json!({"inspect": name})).await["State"]["Status"], json!("exited"));
    json_of(json!({"rm": name})).await;

    let held = act(json!({"volume_rm": volume})).await;
    assert!(!held.ok && held.reason.unwrap().contains("in use"));
    drop(holder);
    json_of(json!({"volume_rm": volume})).await;

    let result = act(json!({"run": "no-such-image", "command": ["true"]})).await;
    assert!(result.ending == Ending::NotStarted && result.reason.unwrap().contains("pull"));
    let jobs = Jobs::new();
    let mut context =
        context(&jobs, json!({"run": IMAGE, "command": "trap 'exit 9' TERM; echo ready; sleep 600 & wait"}));
    context.timeout = Some(Duration::from_secs(2));
    let result = DockerExecutor::new(common::address()).execute(&context).await;
    assert_eq!((result.ending, &*result.stdout.head), (Ending::TimedOut, "ready\n"), "{result:?}");
    assert_eq!(
        docker_says(&["ps", "-aq", "--filter", &format!("label=runbook.attempt={}", context.token)]),
        ""
    );
}

#[tokio::test]
async fn a_lost_one_off_container_is_found_again() {
    if !engine_is_there() {
        return;
    }
    let jobs = Jobs::new();
    let executor = DockerExecutor::new(common::address());
    let mut context =
        context(&jobs, json!({"run": IMAGE, "command": "echo begun; sleep 2; echo ended; exit 4"}));
    let shown = Arc::new(Shown::default());
    context.output = shown.clone();
    tokio::select! {
        result = executor.execute(&context) => panic!("{result:?}"),
        () = shown.until("begun") => {}
    }
    let result = executor.recover(&context, jiff::Timestamp::now()).await;
    assert_eq!((result.exit_code, &*result.stdout.head), (Some(4), "begun\nended\n"), "{result:?}");
    // Its container is gone, and how it ended is still known.
    let result = executor.recover(&context, jiff::Timestamp::now()).await;
    assert_eq!((result.ending, result.exit_code), (Ending::Completed, Some(4)));

    context.token = unique("never");
    context.directory = jobs.path(&context.token);
    assert_eq!(executor.recover(&context, jiff::Timestamp::now()).await.ending, Ending::Unknown);
    let again = |params: Value| {
        let mut context = context.clone();
        context.params = params;
        let executor = executor.clone();
        async move { executor.recover(&context, jiff::Timestamp::now()).await.ending }
    };
    assert_eq!(again(json!({"stop": "a"})).await, Ending::NotStarted, "stopping again does no harm");
    assert_eq!(again(json!({"restart": "a"})).await, Ending::Unknown);
}

#[tokio::test]
async fn networks_come_and_go() {
    if !engine_is_there() {
        return;
    }
    let network = unique("net");
    let container = Container::idle("networked");
    assert_eq!(json_of(json!({"network_create": network, "internal": true})).await["Internal"], json!(true));
    assert!(!act(json!({"network_create": network})).await.ok, "a second one of that name");
    json_of(json!({"network_connect": network, "container": container.name})).await;
    let found = json_of(json!({"network_inspect": network})).await;
    assert_eq!(found["Containers"].as_object().unwrap().len(), 1);
    let held = act(json!({"network_rm": network})).await;
    assert!(!held.ok && held.reason.unwrap().contains("active endpoints"));
    json_of(json!({"network_disconnect": network, "container": container.name})).await;
    json_of(json!({"network_rm": network})).await;
    let gone = act(json!({"network_inspect": network})).await;
    assert!(!gone.ok && gone.reason.unwrap().contains("not found"));
    let result = act(json!({"run": IMAGE, "command": ["true"], "network": network})).await;
    assert!(!result.ok && result.reason.unwrap().contains("not found"));
}

#[tokio::test]
async fn commands_and_what_nobody_uses() {
    if !engine_is_there() {
        return;
    }
    let label = unique("prune");
    let container =
        Container::with("pruned", &["--init", &format!("--label={label}")], &["sleep", "infinity"]);
    let params = json!({"exec": container.name, "command": ["sh", "-c", "cat; echo \"$A\"; pwd"], "stdin": "in\n", "env": {"A": "б"}, "workdir": "/tmp"});
    let result = act(params).await;
    assert_eq!((result.exit_code, &*result.stdout.head), (Some(0), "in\nб\n/tmp\n"), "{result:?}");
    let result = act(json!({"exec": container.name, "command": "exit 5"})).await;
    assert_eq!((result.exit_code, result.ending), (Some(5), Ending::Completed));

    let filters = json!({"label": label});
    assert_eq!(
        json_of(json!({"prune": "containers", "filters": filters})).await["containers"]["removed"],
        json!([])
    );
    docker_says(&["kill", &container.name]);
    docker_says(&["wait", &container.name]);
    let pruned = json_of(json!({"prune": ["containers", "networks"], "filters": filters})).await;
    assert_eq!(pruned["containers"]["removed"].as_array().unwrap().len(), 1, "{pruned}");
    assert!(act(json!({"prune": "everything"})).await.reason.unwrap().contains("containers, images"));

    let pulled = act(json!({"pull": "127.0.0.1:1/absent:v1"})).await;
    assert!(!pulled.ok && pulled.reason.is_some(), "{pulled:?}");
}

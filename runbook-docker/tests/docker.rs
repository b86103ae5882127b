//! The docker kinds, as a program that embeds them sees them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use runbook_core::diag::{Code, Diagnostics};
use runbook_core::drive::Engine;
use runbook_core::kind::{ActionKind, Kinds, TargetKind};
use runbook_core::model::Effect;
use runbook_core::source::SourceId;
use runbook_core::yaml::Node;
use runbook_core::{read, yaml};
use runbook_docker::{ComposeKind, ContainerKind, DockerKind, ServiceKind};
use serde_json::json;

fn codes(check: impl Fn(&Node, &mut Diagnostics), params: &str) -> Vec<Code> {
    let mut found = Diagnostics::default();
    let node = yaml::parse(SourceId(0), params, &mut found).unwrap();
    check(&node, &mut found);
    found.into_sorted().iter().map(|problem| problem.code).collect()
}

fn docker(params: &str) -> Vec<Code> {
    codes(|node, found| DockerKind.check(node, found), params)
}

fn compose(params: &str) -> Vec<Code> {
    codes(|node, found| ComposeKind.check(node, found), params)
}

#[test]
fn operations_are_accepted() {
    let operations = [
        "{restart: [api, worker], timeout: 10s}",
        "{logs: '${{ inputs.container }}', tail: 100, since: 1h}",
        "{ps: , all: true, filters: {name: api}}",
        "{exec: api, command: [redis-cli, ping]}",
        "{run: 'alpine:3', command: echo hello, remove: true, volumes: ['data:/data']}",
        "{volume_rm: data}",
        "{network_connect: front, container: api}",
        "{prune: [containers, images]}",
    ];
    for operation in operations {
        assert_eq!(docker(operation), [], "{operation}");
    }
    let operations = [
        "{up: , build: true, file: docker-compose.yml, project: organizer}",
        "{restart: [api], file: [a.yml, b.yml]}",
        "{exec: db, command: [pg_dump, app], user: postgres}",
        "{down: , volumes: true}",
        "{build: api, no_cache: true}",
    ];
    for operation in operations {
        assert_eq!(compose(operation), [], "{operation}");
    }
}

#[test]
fn what_cannot_be_done_is_reported() {
    let cases: [(&str, &[Code]); 8] = [
        ("restart", &[Code::WRONG_TYPE]),
        ("{}", &[Code::MISSING_KEY]),
        ("{start: api, stop: api}", &[Code::SEVERAL_ACTIONS]),
        ("{restrat: api}", &[Code::MISSING_KEY, Code::UNKNOWN_KEY]),
        ("{restart: api, tail: 5}", &[Code::KEY_NOT_HERE]),
        ("{restart: []}", &[Code::EMPTY_LIST]),
        ("{exec: api}", &[Code::MISSING_KEY]),
        ("{stop: api, timeout: 10}", &[Code::BAD_DURATION]),
    ];
    for (operation, expected) in cases {
        assert_eq!(docker(operation), expected, "{operation}");
    }
}

#[test]
fn an_option_may_share_its_name_with_an_operation() {
    assert_eq!(compose("{up: , build: true}"), []);
    assert_eq!(compose("{up: , stop: api}"), [Code::SEVERAL_ACTIONS]);
}

#[test]
fn the_operation_decides_the_effect() {
    let effects = [
        (Effect::Read, &["ps", "logs", "inspect", "stats", "volume_ls", "network_inspect"][..]),
        (Effect::Change, &["start", "stop", "restart", "kill", "pull", "run", "exec", "network_create"]),
        (Effect::Destroy, &["rm", "prune", "volume_rm", "network_rm"]),
    ];
    for (effect, operations) in effects {
        for operation in operations {
            let params = json!({ *operation: "x" });
            assert_eq!(DockerKind.effect(&params), effect, "{operation}");
        }
    }
    let effects = [
        (Effect::Read, &["ps", "logs", "config"][..]),
        (Effect::Change, &["up", "restart", "stop", "build", "pull", "exec"]),
        (Effect::Destroy, &["down"]),
    ];
    for (effect, operations) in effects {
        for operation in operations {
            assert_eq!(ComposeKind.effect(&json!({ *operation: null })), effect, "{operation}");
        }
    }
    assert_eq!(DockerKind.effect(&json!({})), Effect::Change, "what is not known is never taken for a read");
    assert_eq!(ComposeKind.effect(&json!({"up": null, "build": true})), Effect::Change);
}

#[test]
fn people_see_what_is_done_to_what() {
    let params = json!({"restart": ["api", "worker"], "timeout": "10s"});
    assert_eq!(DockerKind.show(&params), "docker restart --timeout=10s api worker");
    assert_eq!(DockerKind.show(&json!({"volume_rm": "data"})), "docker volume rm data");
    assert_eq!(ComposeKind.show(&json!({"down": null, "volumes": true})), "docker compose down --volumes");
    let params = json!({"up": null, "file": "prod.yml", "services": ["api"]});
    assert_eq!(ComposeKind.show(&params), "docker compose --file=prod.yml up api");
}

#[test]
fn targets_name_a_container_or_a_service() {
    let container = |params: &str| codes(|node, found| ContainerKind.check(node, found), params);
    assert_eq!(container("{name: organizer-worker, on: app}"), []);
    assert_eq!(container("{on: app}"), [Code::MISSING_KEY]);
    let service = |params: &str| codes(|node, found| ServiceKind.check(node, found), params);
    assert_eq!(service("{compose: {file: docker-compose.yml, project: organizer}, name: api, on: app}"), []);
    assert_eq!(service("{compose: prod.yml, name: api}"), [Code::WRONG_TYPE]);
}

#[test]
fn a_value_does_not_become_program() {
    assert_eq!(docker("{exec: api, command: 'echo ${{ inputs.name }}'}"), [Code::VALUE_IN_CONTAINER_SCRIPT]);
    assert_eq!(compose("{exec: api, command: 'echo ${{ inputs.name }}'}"), [Code::VALUE_IN_CONTAINER_SCRIPT]);
    assert_eq!(
        docker("{run: image, command: [echo, '${{ inputs.name }}'], env: {A: '${{ inputs.name }}'}}"),
        []
    );
}

#[test]
fn what_can_be_repeated_says_so() {
    let again = |params: serde_json::Value| DockerKind.is_idempotent(&params);
    assert!(again(json!({"stop": "a"})) && again(json!({"start": "a"})) && again(json!({"logs": "a"})));
    assert!(!again(json!({"restart": "a"})) && !again(json!({"exec": "a"})) && !again(json!({})));
    assert!(
        !ComposeKind.is_idempotent(&json!({"up": null})) && ComposeKind.is_idempotent(&json!({"stop": null}))
    );
}

#[test]
fn a_runbook_can_use_them() {
    let mut kinds = Kinds::default();
    runbook_docker::register(&mut kinds);
    for action in ["docker: {restart: api}", "compose: {up: }"] {
        let text = format!("apiVersion: runbook/v1\nkind: Runbook\nname: a\nsteps:\n  - {action}\n");
        let found: Vec<Code> =
            read::parse("a.yaml", &text, &kinds).diagnostics.iter().map(|d| d.code).collect();
        assert_eq!(found, [], "{action}");
    }
}

#[test]
fn an_engine_takes_them() {
    let address = runbook_docker::EngineAddress::default();
    let engine = runbook_docker::plug_in(Engine::builder(), &address).build().unwrap();
    let kinds = engine.kinds();
    let keys: Vec<&str> = kinds.action_keys().collect();
    assert!(["compose", "docker"].iter().all(|key| keys.contains(key)), "{keys:?}");
}

#[tokio::test]
async fn an_engine_that_is_not_there_has_begun_nothing() {
    use runbook_core::run::Ending;
    use runbook_core::testing::action_context;
    let address = runbook_docker::EngineAddress::of_docker_host(Some("unix:///no/such/socket"));
    for executor in runbook_docker::executors(&address) {
        let context = action_context(json!({"ps": null}), "unused");
        let result = executor.execute(&context).await;
        assert_eq!((result.ending, result.ok), (Ending::NotStarted, false), "{result:?}");
    }
    for connector in runbook_docker::connectors(&address) {
        let target = common::target(connector.kind(), json!({"name": "worker", "compose": {}}));
        let error = connector.connect(&target).await.err().unwrap();
        assert_eq!(error.kind, "connect_failed");
        assert!(error.message.contains("/no/such/socket") && error.message.contains("`there`"), "{error}");
    }
}

//! What is known of a Compose command before it is carried out.

use runbook_core::diag::Diagnostics;
use runbook_core::kind::{ActionKind, Param, Shape};
use runbook_core::model::Effect;
use runbook_core::value::Value;
use runbook_core::yaml::Node;

use crate::operation::{Operation, Operations};

const OPERATIONS: Operations =
    Operations { what: "`compose`", program: "docker compose", common: COMMON, table: TABLE };

/// Each operation's key holds the services it is about; without any, it is about all of them.
const TABLE: &[Operation] = &[
    Operation { name: "ps", effect: Effect::Read, subject: Shape::TextsOrNothing, options: PS },
    Operation { name: "logs", effect: Effect::Read, subject: Shape::TextsOrNothing, options: LOGS },
    Operation { name: "config", effect: Effect::Read, subject: Shape::TextsOrNothing, options: &[] },
    Operation { name: "up", effect: Effect::Change, subject: Shape::TextsOrNothing, options: UP },
    Operation { name: "restart", effect: Effect::Change, subject: Shape::TextsOrNothing, options: STOP },
    Operation { name: "stop", effect: Effect::Change, subject: Shape::TextsOrNothing, options: STOP },
    Operation { name: "build", effect: Effect::Change, subject: Shape::TextsOrNothing, options: BUILD },
    Operation { name: "pull", effect: Effect::Change, subject: Shape::TextsOrNothing, options: &[] },
    Operation { name: "exec", effect: Effect::Change, subject: Shape::Text, options: EXEC },
    // Containers with what they wrote, networks, and on request the volumes: a full outage at the least.
    Operation { name: "down", effect: Effect::Destroy, subject: Shape::TextsOrNothing, options: DOWN },
];

const COMMON: &[Param] = &[
    Param::optional("file", Shape::Texts),
    Param::optional("project", Shape::Text),
    Param::optional("services", Shape::Texts),
    Param::optional("env_file", Shape::Text),
    Param::optional("profiles", Shape::Texts),
];

const PS: &[Param] = &[Param::optional("all", Shape::Bool)];

const LOGS: &[Param] =
    &[Param::optional("tail", Shape::Whole(0, u64::MAX)), Param::optional("since", Shape::Text)];

const UP: &[Param] = &[
    Param::optional("build", Shape::Bool),
    Param::optional("force_recreate", Shape::Bool),
    Param::optional("remove_orphans", Shape::Bool),
    Param::optional("wait", Shape::Bool),
];

const STOP: &[Param] = &[Param::optional("timeout", Shape::Duration)];

const BUILD: &[Param] = &[Param::optional("no_cache", Shape::Bool)];

const EXEC: &[Param] = &[
    Param::required("command", Shape::Command),
    Param::optional("user", Shape::Text),
    Param::optional("workdir", Shape::Text),
    Param::optional("env", Shape::TextMap),
];

const DOWN: &[Param] = &[
    Param::optional("volumes", Shape::Bool),
    Param::optional("remove_orphans", Shape::Bool),
    Param::optional("timeout", Shape::Duration),
];

/// The static half of the action `compose`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ComposeKind;

impl ActionKind for ComposeKind {
    fn key(&self) -> &str {
        "compose"
    }

    fn available(&self) -> bool {
        false
    }

    fn check(&self, params: &Node, found: &mut Diagnostics) {
        OPERATIONS.check(params, found);
    }

    fn effect(&self, params: &Value) -> Effect {
        OPERATIONS.effect(params)
    }

    fn show(&self, params: &Value) -> String {
        OPERATIONS.show(params)
    }
}

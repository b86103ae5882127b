//! What is known of a Compose command before it is carried out.

use runbook_core::kind::{Param, Shape};

use crate::operation::{Operation, Operations, action_kind};

pub(crate) const OPERATIONS: Operations =
    Operations { what: "`compose`", program: "docker compose", common: COMMON, table: TABLE };

/// Each operation's key holds the services it is about; without any, it is about all of them.
const TABLE: &[Operation] = &[
    Operation::read("ps", Shape::TextsOrNothing, PS),
    Operation::read("logs", Shape::TextsOrNothing, LOGS),
    Operation::read("config", Shape::TextsOrNothing, &[]),
    Operation::change("up", Shape::TextsOrNothing, UP),
    Operation::change("start", Shape::TextsOrNothing, START).again(),
    Operation::change("restart", Shape::TextsOrNothing, RESTART),
    Operation::change("stop", Shape::TextsOrNothing, STOP).again(),
    Operation::change("build", Shape::TextsOrNothing, BUILD).again(),
    Operation::change("pull", Shape::TextsOrNothing, &[]).again(),
    Operation::change("exec", Shape::Text, EXEC),
    // Containers with what they wrote, networks, and on request the volumes: a full outage at the least.
    Operation::destroy("down", Shape::TextsOrNothing, DOWN),
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

const START: &[Param] = &[Param::optional("wait", Shape::Bool)];

const RESTART: &[Param] =
    &[Param::optional("timeout", Shape::Duration), Param::optional("wait", Shape::Bool)];

const BUILD: &[Param] = &[Param::optional("no_cache", Shape::Bool)];

const EXEC: &[Param] = &[
    Param::required("command", Shape::Command),
    Param::optional("stdin", Shape::Text),
    Param::optional("user", Shape::Text),
    Param::optional("workdir", Shape::Text),
    Param::optional("env", Shape::TextMap),
];

const DOWN: &[Param] = &[
    Param::optional("volumes", Shape::Bool),
    Param::optional("remove_orphans", Shape::Bool),
    Param::optional("timeout", Shape::Duration),
];

action_kind! {
    /// The static half of the action `compose`.
    ComposeKind, "compose"
}

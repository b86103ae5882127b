//! What is known of an operation of the container engine before it is carried out.

use runbook_core::kind::{Param, Shape};

use crate::operation::{Operation, Operations, action_kind};

const STOP: &[Param] = &[Param::optional("timeout", Shape::Duration)];

pub(crate) const OPERATIONS: Operations =
    Operations { what: "`docker`", program: "docker", common: &[], table: TABLE };

const TABLE: &[Operation] = &[
    Operation::read("ps", Shape::TextsOrNothing, PS),
    Operation::read("inspect", Shape::Texts, &[]),
    Operation::read("stats", Shape::TextsOrNothing, &[]),
    Operation::read("logs", Shape::Text, LOGS),
    Operation::change("start", Shape::Texts, WAIT).again(),
    Operation::change("stop", Shape::Texts, STOP).again(),
    Operation::change("restart", Shape::Texts, RESTART),
    Operation::change("kill", Shape::Texts, KILL),
    Operation::change("pull", Shape::Texts, &[]).again(),
    Operation::change("run", Shape::Text, RUN),
    Operation::change("exec", Shape::Text, EXEC),
    Operation::destroy("rm", Shape::Texts, RM),
    Operation::destroy("prune", Shape::Texts, PRUNE),
    Operation::read("image_inspect", Shape::Texts, &[]),
    Operation::read("volume_ls", Shape::TextsOrNothing, &[]),
    Operation::read("volume_inspect", Shape::Texts, &[]),
    Operation::change("volume_create", Shape::Text, VOLUME).again(),
    Operation::destroy("volume_rm", Shape::Texts, &[]),
    Operation::read("network_ls", Shape::TextsOrNothing, &[]),
    Operation::read("network_inspect", Shape::Texts, &[]),
    Operation::change("network_create", Shape::Text, NETWORK),
    Operation::change("network_connect", Shape::Text, CONNECT),
    Operation::change("network_disconnect", Shape::Text, CONNECT),
    Operation::destroy("network_rm", Shape::Texts, &[]),
];

const WAIT: &[Param] = &[Param::optional("wait", Shape::Bool)];

const RESTART: &[Param] =
    &[Param::optional("timeout", Shape::Duration), Param::optional("wait", Shape::Bool)];

const VOLUME: &[Param] = &[Param::optional("driver", Shape::Text), Param::optional("labels", Shape::TextMap)];

const NETWORK: &[Param] = &[
    Param::optional("driver", Shape::Text),
    Param::optional("labels", Shape::TextMap),
    Param::optional("internal", Shape::Bool),
];

const PS: &[Param] = &[Param::optional("all", Shape::Bool), Param::optional("filters", Shape::TextMap)];

const LOGS: &[Param] = &[
    Param::optional("tail", Shape::Whole(0, u64::MAX)),
    Param::optional("since", Shape::Text),
    Param::optional("timestamps", Shape::Bool),
];

const KILL: &[Param] = &[Param::optional("signal", Shape::Text)];

const RUN: &[Param] = &[
    Param::optional("command", Shape::Command),
    Param::optional("env", Shape::TextMap),
    Param::optional("name", Shape::Text),
    Param::optional("network", Shape::Text),
    Param::optional("volumes", Shape::Texts),
    Param::optional("volumes_from", Shape::Texts),
    Param::optional("ports", Shape::Texts),
    Param::optional("user", Shape::Text),
    Param::optional("workdir", Shape::Text),
    Param::optional("detach", Shape::Bool),
    Param::optional("wait", Shape::Bool),
    Param::optional("remove", Shape::Bool),
];

const EXEC: &[Param] = &[
    Param::required("command", Shape::Command),
    Param::optional("env", Shape::TextMap),
    Param::optional("stdin", Shape::Text),
    Param::optional("user", Shape::Text),
    Param::optional("workdir", Shape::Text),
];

const RM: &[Param] = &[Param::optional("force", Shape::Bool), Param::optional("volumes", Shape::Bool)];

const PRUNE: &[Param] = &[Param::optional("filters", Shape::TextMap)];

const CONNECT: &[Param] = &[Param::required("container", Shape::Text)];

action_kind! {
    /// The static half of the action `docker`.
    DockerKind, "docker"
}

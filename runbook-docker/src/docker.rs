//! What is known of an operation of the container engine before it is carried out.

use runbook_core::diag::Diagnostics;
use runbook_core::kind::{ActionKind, Param, Shape};
use runbook_core::model::Effect;
use runbook_core::value::Value;
use runbook_core::yaml::Node;

use crate::operation::{Operation, Operations};

const STOP: &[Param] = &[Param::optional("timeout", Shape::Duration)];

const OPERATIONS: Operations = Operations { what: "`docker`", program: "docker", common: &[], table: TABLE };

const TABLE: &[Operation] = &[
    Operation { name: "ps", effect: Effect::Read, subject: Shape::TextsOrNothing, options: PS },
    Operation { name: "inspect", effect: Effect::Read, subject: Shape::Texts, options: &[] },
    Operation { name: "stats", effect: Effect::Read, subject: Shape::TextsOrNothing, options: &[] },
    Operation { name: "logs", effect: Effect::Read, subject: Shape::Text, options: LOGS },
    Operation { name: "start", effect: Effect::Change, subject: Shape::Texts, options: &[] },
    Operation { name: "stop", effect: Effect::Change, subject: Shape::Texts, options: STOP },
    Operation { name: "restart", effect: Effect::Change, subject: Shape::Texts, options: STOP },
    Operation { name: "kill", effect: Effect::Change, subject: Shape::Texts, options: KILL },
    Operation { name: "pull", effect: Effect::Change, subject: Shape::Texts, options: &[] },
    Operation { name: "run", effect: Effect::Change, subject: Shape::Text, options: RUN },
    Operation { name: "exec", effect: Effect::Change, subject: Shape::Text, options: EXEC },
    Operation { name: "rm", effect: Effect::Destroy, subject: Shape::Texts, options: RM },
    Operation { name: "prune", effect: Effect::Destroy, subject: Shape::Texts, options: PRUNE },
    Operation { name: "volume_ls", effect: Effect::Read, subject: Shape::TextsOrNothing, options: &[] },
    Operation { name: "volume_inspect", effect: Effect::Read, subject: Shape::Texts, options: &[] },
    Operation { name: "volume_create", effect: Effect::Change, subject: Shape::Text, options: &[] },
    Operation { name: "volume_rm", effect: Effect::Destroy, subject: Shape::Texts, options: &[] },
    Operation { name: "network_ls", effect: Effect::Read, subject: Shape::TextsOrNothing, options: &[] },
    Operation { name: "network_inspect", effect: Effect::Read, subject: Shape::Texts, options: &[] },
    Operation { name: "network_create", effect: Effect::Change, subject: Shape::Text, options: &[] },
    Operation { name: "network_connect", effect: Effect::Change, subject: Shape::Text, options: CONNECT },
    Operation { name: "network_disconnect", effect: Effect::Change, subject: Shape::Text, options: CONNECT },
    Operation { name: "network_rm", effect: Effect::Destroy, subject: Shape::Texts, options: &[] },
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
    Param::optional("ports", Shape::Texts),
    Param::optional("user", Shape::Text),
    Param::optional("detach", Shape::Bool),
    Param::optional("remove", Shape::Bool),
];

const EXEC: &[Param] = &[
    Param::required("command", Shape::Command),
    Param::optional("env", Shape::TextMap),
    Param::optional("user", Shape::Text),
    Param::optional("workdir", Shape::Text),
];

const RM: &[Param] = &[Param::optional("force", Shape::Bool), Param::optional("volumes", Shape::Bool)];

const PRUNE: &[Param] = &[Param::optional("filters", Shape::TextMap)];

const CONNECT: &[Param] = &[Param::required("container", Shape::Text)];

/// The static half of the action `docker`.
#[derive(Clone, Copy, Debug, Default)]
pub struct DockerKind;

impl ActionKind for DockerKind {
    fn key(&self) -> &str {
        "docker"
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

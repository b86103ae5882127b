//! What is known of containers and services before they are reached.

use runbook_core::diag::Diagnostics;
use runbook_core::kind::{Param, Shape, TargetKind, check_params};
use runbook_core::yaml::Node;

const CONTAINER: &[Param] = &[
    Param::required("name", Shape::Text),
    Param::optional("user", Shape::Text),
    Param::optional("on", Shape::Text),
];

const SERVICE: &[Param] = &[
    Param::required("compose", Shape::Map(COMPOSE)),
    Param::required("name", Shape::Text),
    Param::optional("user", Shape::Text),
    Param::optional("on", Shape::Text),
];

const COMPOSE: &[Param] = &[Param::optional("file", Shape::Texts), Param::optional("project", Shape::Text)];

/// A container, by its name, on the host that `on` names.
#[derive(Clone, Copy, Debug, Default)]
pub struct ContainerKind;

impl TargetKind for ContainerKind {
    fn key(&self) -> &str {
        "container"
    }

    fn check(&self, params: &Node, found: &mut Diagnostics) {
        check_params(params, "`container`", CONTAINER, found);
    }
}

/// The container of a Compose service, on the host that `on` names.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServiceKind;

impl TargetKind for ServiceKind {
    fn key(&self) -> &str {
        "service"
    }

    fn check(&self, params: &Node, found: &mut Diagnostics) {
        check_params(params, "`service`", SERVICE, found);
    }
}

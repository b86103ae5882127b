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

/// Implements the static half of a target kind by the table of its parameters.
macro_rules! target_kind {
    ($(#[$doc:meta])* $name:ident, $key:literal, $params:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;

        impl TargetKind for $name {
            fn key(&self) -> &str {
                $key
            }

            fn check(&self, params: &Node, found: &mut Diagnostics) {
                check_params(params, concat!("`", $key, "`"), $params, found);
            }
        }
    };
}

target_kind! {
    /// A container, by its name, on the host that `on` names.
    ContainerKind, "container", CONTAINER
}

target_kind! {
    /// The container of a Compose service, on the host that `on` names.
    ServiceKind, "service", SERVICE
}

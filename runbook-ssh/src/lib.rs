//! The target kind `ssh`.
//!
//! This version knows the kind and checks its parameters, but cannot reach such targets yet:
//! [`SshKind::available`](TargetKind::available) is `false`, and a connector that is called all the same says so.

use std::sync::Arc;

use async_trait::async_trait;
use runbook_core::diag::{Code, Diagnostic, Diagnostics};
use runbook_core::drive::EngineBuilder;
use runbook_core::kind::{Kinds, Param, Shape, Target, TargetKind, check_params};
use runbook_core::port::{ConnectError, Connection, Connector};
use runbook_core::yaml::Node;

/// The key of the kind.
const KEY: &str = "ssh";

const PARAMS: &[Param] = &[
    Param::required("host", Shape::Text),
    Param::optional("user", Shape::Text),
    Param::optional("port", Shape::Whole(1, 65_535)),
    Param::optional("proxy_jump", Shape::Text),
    Param::optional("options", Shape::TextMap),
];

/// Options of OpenSSH that would take host keys on trust, in lower case.
const TRUSTING: [&str; 2] = ["stricthostkeychecking", "userknownhostsfile"];

/// Adds the static half to `kinds`, for reading and checking runbooks.
pub fn register(kinds: &mut Kinds) {
    kinds.add_target(Arc::new(SshKind));
}

/// Adds the connector to an engine.
pub fn plug_in(engine: EngineBuilder) -> EngineBuilder {
    engine.connector(Arc::new(SshConnector))
}

/// The static half of the target kind `ssh`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SshKind;

impl TargetKind for SshKind {
    fn key(&self) -> &str {
        KEY
    }

    fn available(&self) -> bool {
        false
    }

    fn check(&self, params: &Node, found: &mut Diagnostics) {
        check_params(params, "`ssh`", PARAMS, found);
        check_host(params, found);
        check_options(params, found);
    }
}

fn check_host(params: &Node, found: &mut Diagnostics) {
    let Some(node) = params.get("host") else { return };
    let Some(host) = node.as_scalar().map(|scalar| scalar.text()) else { return };
    // With a dash in front, ssh would read it as an option.
    let misread = host.is_empty() || host.starts_with('-') || host.contains(char::is_whitespace);
    if misread && !host.contains("${{") && !node.is_nothing() {
        let message = format!("`{host}` cannot be the name of a host");
        found.push(Diagnostic::error(Code::BAD_NAME, node.span, message));
    }
}

/// Host keys are checked; there is no silent way to switch that off.
fn check_options(params: &Node, found: &mut Diagnostics) {
    let options = params.get("options").and_then(Node::as_map);
    for (name, value) in options.into_iter().flat_map(|map| map.iter()) {
        if TRUSTING.contains(&name.value.to_lowercase().as_str()) {
            let message = format!("`{}` would decide whether the host's key is checked", name.value);
            found.push(
                Diagnostic::error(Code::BAD_VALUE, name.span.to(value.span), message)
                    .note("a host that is not known may be anybody's")
                    .help("add the host's key to your known hosts instead"),
            );
        }
    }
}

/// Reaches `ssh` targets; not in this version.
#[derive(Clone, Copy, Debug, Default)]
pub struct SshConnector;

#[async_trait]
impl Connector for SshConnector {
    fn kind(&self) -> &str {
        KEY
    }

    async fn connect(&self, target: &Target) -> Result<Arc<dyn Connection>, ConnectError> {
        let message = format!("target `{}`: `ssh` is not available yet in this version", target.name);
        Err(ConnectError { kind: "not_available", message, help: None })
    }
}

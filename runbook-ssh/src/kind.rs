//! The static half of the target kind `ssh`: what its parameters may be.

use runbook_core::diag::{Code, Diagnostic, Diagnostics};
use runbook_core::kind::{Param, Shape, TargetKind, check_params};
use runbook_core::yaml::Node;

use crate::KEY;
use crate::host::{is_misread, refused_option};

const PARAMS: &[Param] = &[
    Param::required("host", Shape::Text),
    Param::optional("user", Shape::Text),
    Param::optional("port", Shape::Whole(1, 65_535)),
    Param::optional("identity_file", Shape::Text),
    Param::optional("proxy_jump", Shape::Text),
    Param::optional("config", Shape::Text),
    Param::optional("options", Shape::TextMap),
    Param::optional("connect_timeout", Shape::Duration),
    Param::optional("keepalive", Shape::Duration),
];

/// The static half of the target kind `ssh`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SshKind;

impl TargetKind for SshKind {
    fn key(&self) -> &str {
        KEY
    }

    fn check(&self, params: &Node, found: &mut Diagnostics) {
        check_params(params, "`ssh`", PARAMS, found);
        check_name(params, "host", "the name of a host", found);
        check_name(params, "user", "the name of a user", found);
        check_name(params, "proxy_jump", "a list of hosts, such as `admin@bastion,inner`", found);
        check_options(params, found);
    }
}

fn check_name(params: &Node, key: &str, what: &str, found: &mut Diagnostics) {
    let Some(node) = params.get(key) else { return };
    let Some(name) = node.as_scalar().map(|scalar| scalar.text()) else { return };
    // With a dash in front, ssh would read it as an option.
    if is_misread(name) && !name.contains("${{") && !node.is_nothing() {
        found.push(Diagnostic::error(Code::BAD_NAME, node.span, format!("`{name}` cannot be {what}")));
    }
}

/// Host keys are checked; there is no silent way to switch that off.
fn check_options(params: &Node, found: &mut Diagnostics) {
    let options = params.get("options").and_then(Node::as_map);
    for (name, value) in options.into_iter().flat_map(|map| map.iter()) {
        if let Some(why) = refused_option(&name.value) {
            let message = format!("`{}` {why}", name.value);
            let problem = Diagnostic::error(Code::SSH_OPTION, name.span.to(value.span), message);
            found.push(match why.contains("key") {
                true => problem
                    .note("a host that is not known may be anybody's")
                    .help("add the host's key to your known hosts instead"),
                false => problem.help("what concerns your own machine belongs into your ~/.ssh/config"),
            });
        }
    }
}

//! What is known of an HTTP request before it is sent.

use runbook_core::diag::{Code, Diagnostic, Diagnostics};
use runbook_core::kind::{ActionKind, Param, Shape, check_params, choose_one};
use runbook_core::model::Effect;
use runbook_core::value::{Value, display};
use runbook_core::yaml::Node;

/// The action key.
const KEY: &str = "http";

/// The methods: each is the key that holds the URL.
const METHODS: [&str; 6] = ["get", "post", "put", "patch", "delete", "head"];

/// The keys that make the body of a request; at most one of them.
const BODIES: [&str; 3] = ["json", "form", "body"];

const PARAMS: &[Param] = &[
    Param::optional("get", Shape::Text),
    Param::optional("post", Shape::Text),
    Param::optional("put", Shape::Text),
    Param::optional("patch", Shape::Text),
    Param::optional("delete", Shape::Text),
    Param::optional("head", Shape::Text),
    Param::optional("headers", Shape::TextMap),
    Param::optional("query", Shape::Any),
    Param::optional("json", Shape::Any),
    Param::optional("form", Shape::Any),
    Param::optional("body", Shape::Text),
    Param::optional("basic", Shape::Map(BASIC)),
    Param::optional("bearer", Shape::Text),
    Param::optional("timeout", Shape::Duration),
    Param::optional("tls", Shape::Map(TLS)),
    Param::optional("follow", Shape::Bool),
];

const BASIC: &[Param] = &[Param::required("user", Shape::Text), Param::required("password", Shape::Text)];

const TLS: &[Param] = &[
    Param::optional("ca", Shape::Text),
    Param::optional("cert", Shape::Text),
    Param::optional("key", Shape::Text),
];

/// The static half of the action `http`.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpKind;

impl ActionKind for HttpKind {
    fn key(&self) -> &str {
        KEY
    }

    fn available(&self) -> bool {
        false
    }

    fn check(&self, params: &Node, found: &mut Diagnostics) {
        check_params(params, "`http`", PARAMS, found);
        let Some(method) = choose_one(params, "`http`", "method", &METHODS, found) else { return };
        check_url(params, method, found);
        check_body(params, method, found);
        at_most_one(params, &["basic", "bearer"], "a request authenticates in one way", found);
    }

    fn effect(&self, params: &Value) -> Effect {
        match method_and_url(params) {
            Some(("get" | "head", _)) => Effect::Read,
            Some(("delete", _)) => Effect::Destroy,
            _ => Effect::Change,
        }
    }

    fn is_channel(&self, params: &Value) -> bool {
        matches!(method_and_url(params), Some(("get" | "post" | "put", _)))
    }

    fn show(&self, params: &Value) -> String {
        match method_and_url(params) {
            Some((method, url)) => format!("{} {}", method.to_uppercase(), display(url)),
            None => "http".to_owned(),
        }
    }
}

fn method_and_url(params: &Value) -> Option<(&'static str, &Value)> {
    METHODS.iter().find_map(|method| Some((*method, params.get(method)?)))
}

/// A URL that is written out must be one that can be asked.
fn check_url(params: &Node, method: &str, found: &mut Diagnostics) {
    let Some(node) = params.get(method) else { return };
    let Some(url) = node.as_str() else { return };
    let after = ["http://", "https://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let names_a_host = after.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']));
    if !names_a_host && !url.starts_with("${{") {
        let message = format!("`{url}` is not the URL of a web server");
        found.push(
            Diagnostic::error(Code::BAD_VALUE, node.span, message)
                .help("write it whole, such as `https://api.example.net/health`"),
        );
    }
}

fn check_body(params: &Node, method: &str, found: &mut Diagnostics) {
    at_most_one(params, &BODIES, "a request has one body", found);
    if !matches!(method, "get" | "head") {
        return;
    }
    for (key, _) in params.as_map().into_iter().flat_map(|map| map.iter()) {
        if BODIES.contains(&key.value.as_str()) {
            let message = format!("`{}` means nothing for `{method}`", key.value);
            found.push(
                Diagnostic::error(Code::KEY_NOT_HERE, key.span, message)
                    .note("servers ignore the body of such a request")
                    .help("put the values into `query`, or use `post`"),
            );
        }
    }
}

fn at_most_one(params: &Node, names: &[&str], why: &str, found: &mut Diagnostics) {
    let Some(map) = params.as_map() else { return };
    let mut written = map.iter().filter(|(key, _)| names.contains(&key.value.as_str()));
    let Some((first, _)) = written.next() else { return };
    for (other, _) in written {
        let message = format!("`{}` beside `{}`", other.value, first.value);
        found.push(
            Diagnostic::error(Code::KEY_NOT_HERE, other.span, message)
                .also(first.span, "the first one")
                .note(why),
        );
    }
}

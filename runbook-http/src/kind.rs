//! What is known of an HTTP request before it is sent.

use runbook_core::diag::Diagnostics;
use runbook_core::kind::ActionKind;
use runbook_core::model::Effect;
use runbook_core::value::{Value, display};
use runbook_core::yaml::Node;

/// The action key.
const KEY: &str = "http";

/// The methods: each is the key that holds the URL.
pub(crate) const METHODS: [&str; 6] = ["get", "post", "put", "patch", "delete", "head"];

/// The static half of the action `http`.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpKind;

impl ActionKind for HttpKind {
    fn key(&self) -> &str {
        KEY
    }

    fn check(&self, params: &Node, found: &mut Diagnostics) {
        crate::written::check(params, found);
    }

    fn check_expect(&self, expect: &Node, found: &mut Diagnostics) {
        crate::expect::check(expect, found);
    }

    fn effect(&self, params: &Value) -> Effect {
        match method_and_url(params) {
            Some(("get" | "head", _)) => Effect::Read,
            Some(("delete", _)) => Effect::Destroy,
            _ => Effect::Change,
        }
    }

    fn is_idempotent(&self, params: &Value) -> bool {
        // As RFC 9110 says it of methods; an author whose server is different says `idempotent: false`.
        matches!(method_and_url(params), Some(("get" | "head" | "put" | "delete", _)))
    }

    fn is_channel(&self, params: &Value) -> bool {
        matches!(method_and_url(params), Some(("get" | "post" | "put", _)))
    }

    fn show(&self, params: &Value) -> String {
        let Some((method, url)) = method_and_url(params) else { return KEY.to_owned() };
        let text = |name: &str| params.get(name).filter(|value| !value.is_null()).map(display);
        let mut shown = format!("{} {}", method.to_uppercase(), display(url));
        if let Some(query) = text("query") {
            shown.push_str(&format!(" with {query}"));
        }
        if let Some(body) = ["json", "form", "body"].into_iter().find_map(text) {
            shown.push_str(&format!(" {body}"));
        }
        if let Some(file) = text("file") {
            shown.push_str(&format!(" (the file {file})"));
        }
        if let Some(proxy) = text("proxy") {
            shown.push_str(&format!(" (through {proxy})"));
        }
        if let Some(why) = params.get("tls").and_then(|tls| tls.get("insecure_because")) {
            shown.push_str(&format!(" (certificate NOT checked: {})", display(why)));
        }
        shown.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// The method, as its key, and the URL.
pub(crate) fn method_and_url(params: &Value) -> Option<(&'static str, &Value)> {
    METHODS.iter().find_map(|method| Some((*method, params.get(method)?)))
}

//! Looking at a request as it is written.

use reqwest::Url;
use reqwest::header::HeaderName;
use runbook_core::diag::{Code, Diagnostic, Diagnostics};
use runbook_core::kind::{Param, Shape, check_params, choose_one};
use runbook_core::source::Span;
use runbook_core::yaml::Node;

use crate::kind::METHODS;
use crate::request::OWN_HEADERS;

/// The keys that make the body of a request; at most one of them.
const BODIES: [&str; 4] = ["json", "form", "body", "file"];

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
    Param::optional("file", Shape::Text),
    Param::optional("basic", Shape::Map(BASIC)),
    Param::optional("bearer", Shape::Text),
    Param::optional("timeout", Shape::Duration),
    Param::optional("tls", Shape::Map(TLS)),
    Param::optional("proxy", Shape::Text),
    Param::optional("follow", Shape::Bool),
    Param::optional("idempotency_key", Shape::Bool),
];

const BASIC: &[Param] = &[Param::required("user", Shape::Text), Param::required("password", Shape::Text)];

const TLS: &[Param] = &[
    Param::optional("ca", Shape::Text),
    Param::optional("cert", Shape::Text),
    Param::optional("key", Shape::Text),
    Param::optional("insecure_because", Shape::Text),
];

/// Reports everything about `params` that cannot be sent, or should not be written like this.
pub(crate) fn check(params: &Node, found: &mut Diagnostics) {
    check_params(params, "`http`", PARAMS, found);
    check_credentials(params, found);
    check_headers(params, found);
    check_pairs(params, found);
    check_tls(params, found);
    at_most_one(params, &["basic", "bearer"], "a request authenticates in one way", found);
    at_most_one(params, &BODIES, "a request has one body", found);
    let Some(method) = choose_one(params, "`http`", "method", &METHODS, found) else { return };
    check_url(params, method, found);
    check_body(params, method, found);
}

/// The text of a scalar.
fn text(node: &Node) -> Option<&str> {
    node.as_scalar().map(|scalar| scalar.text())
}

fn is_known_later(text: &str) -> bool {
    text.contains("${{")
}

/// Whether a secret stands in `text`.
fn has_secret(text: &str) -> bool {
    text.split("${{").skip(1).any(|rest| rest.trim_start().starts_with("secrets."))
}

/// A URL is whole as far as it is written out, and who it goes to can be seen.
fn check_url(params: &Node, method: &str, found: &mut Diagnostics) {
    let Some((node, url)) = params.get(method).and_then(|node| Some((node, text(node)?))) else { return };
    let bad = |message: String, help: &str| Diagnostic::error(Code::BAD_URL, node.span, message).help(help);
    // What an expression yields is known later; it cannot be a user.
    let (head, whole) = match url.find("${{") {
        Some(start) => (&url[..start], false),
        None => (url, true),
    };
    let after = ["http://", "https://"].iter().find_map(|scheme| head.strip_prefix(scheme));
    let host = after.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let names_a_host = host.is_some_and(|host| !host.is_empty() || !whole && after == Some(""));
    let begins_later = !whole && head.is_empty();
    if !begins_later && !names_a_host || whole && Url::parse(url).is_err() {
        let help = "write it whole, such as `https://api.example.net/health`";
        return found.push(bad(format!("`{url}` is not the URL of a web server"), help));
    }
    if host.is_some_and(|host| host.contains('@')) {
        let help = "write `basic: {user: …, password: \"${{ secrets.name }}\"}`";
        return found.push(bad("a URL holds no user and no password".to_owned(), help));
    }
    let in_host = after.is_none_or(|rest| !rest.contains(['/', '?']));
    if !whole && in_host && has_secret(url.split('/').nth(2).map_or(url, |_| until_path(url))) {
        let help = "a secret may stand after the host: `https://hooks.example.net/${{ secrets.path }}`";
        found.push(
            bad("nobody could see to whom this goes: the host would be secret".to_owned(), help)
                .note("who approves a request sees its host"),
        );
    }
}

/// `url` up to the path, expressions as they are.
fn until_path(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let mut rest = &url[start..];
    let mut end = start;
    loop {
        let (slash, open) = (rest.find(['/', '?', '#']), rest.find("${{"));
        match (slash, open) {
            (Some(slash), None) => return &url[..end + slash],
            (Some(slash), Some(open)) if slash < open => return &url[..end + slash],
            (_, None) => return url,
            (_, Some(open)) => {
                let Some(close) = rest[open..].find("}}") else { return url };
                end += open + close + 2;
                rest = &url[end..];
            }
        }
    }
}

fn check_body(params: &Node, method: &str, found: &mut Diagnostics) {
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

/// What opens a door is a secret.
fn check_credentials(params: &Node, found: &mut Diagnostics) {
    let must_be_secret = |node: &Node, what: &str, found: &mut Diagnostics| {
        if let Some(text) = text(node).filter(|text| !has_secret(text) && !text.is_empty()) {
            let shown = if is_known_later(text) { "is computed" } else { "is written out" };
            found.push(credential(node.span, &format!("{what} {shown}")));
        }
    };
    if let Some(node) = params.get("bearer") {
        must_be_secret(node, "a token that", found);
    }
    if let Some(node) = params.get("basic").and_then(|basic| basic.get("password")) {
        must_be_secret(node, "a password that", found);
    }
    if let Some(node) = params.get("tls").and_then(|tls| tls.get("key"))
        && text(node).is_some_and(|text| text.contains("-----BEGIN"))
    {
        must_be_secret(node, "a private key that", found);
    }
    for (key, value) in params.get("headers").and_then(Node::as_map).into_iter().flat_map(|map| map.iter()) {
        if opens_doors(&key.value) {
            must_be_secret(value, &format!("a header `{}` that", key.value), found);
        }
    }
}

fn credential(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error(Code::CREDENTIAL_WRITTEN, span, format!("{what}, and not a secret"))
        .help("declare it under `secrets` and write `${{ secrets.name }}`")
}

/// Whether a header of this name says who may do something.
fn opens_doors(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let known = ["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "apikey"];
    let ends = ["-token", "-secret", "-password", "-api-key", "-auth"];
    known.contains(&name.as_str()) || ends.iter().any(|end| name.ends_with(end))
}

fn check_headers(params: &Node, found: &mut Diagnostics) {
    for (key, value) in params.get("headers").and_then(Node::as_map).into_iter().flat_map(|map| map.iter()) {
        let name = key.value.as_str();
        let bad = |span, message: String| Diagnostic::error(Code::BAD_HEADER, span, message);
        match HeaderName::from_bytes(name.as_bytes()) {
            Err(_) => {
                let message = format!("`{}` is not the name of a header", name.escape_debug());
                found.push(bad(key.span, message).help("letters, digits and `-`, such as `X-Request-Id`"));
            }
            Ok(known) if OWN_HEADERS.contains(&known.as_str()) => {
                let message = format!("the header `{name}` is decided by the request itself");
                found.push(bad(key.span, message).help("leave it away"));
            }
            Ok(_) => {
                if text(value).is_some_and(|text| text.trim_end().contains(['\r', '\n', '\0'])) {
                    found.push(bad(value.span, format!("the header `{name}` has more than one line")));
                }
            }
        }
    }
}

/// `query` and `form` are maps of names to values.
fn check_pairs(params: &Node, found: &mut Diagnostics) {
    for name in ["query", "form"] {
        let Some(node) = params.get(name) else { continue };
        let wrong = |node: &Node, what: String| {
            Diagnostic::error(Code::WRONG_TYPE, node.span, format!("{what}, found {}", node.kind_name()))
        };
        let Some(map) = node.as_map() else {
            if !text(node).is_some_and(is_known_later) {
                found.push(wrong(node, format!("`{name}` must be a map of names to values")));
            }
            continue;
        };
        for (key, value) in map.iter() {
            let values = value.as_seq().unwrap_or(std::slice::from_ref(value));
            for value in values.iter().filter(|value| value.as_scalar().is_none()) {
                let what = format!("`{}` must be a text, a number, or a list of them", key.value);
                found.push(wrong(value, what).help("what has a shape of its own is sent as `json`"));
            }
        }
    }
}

fn check_tls(params: &Node, found: &mut Diagnostics) {
    let Some(tls) = params.get("tls") else { return };
    for (one, other) in [("cert", "key"), ("key", "cert")] {
        if tls.get(one).is_some() && tls.get(other).is_none() {
            found.push(Diagnostic::error(
                Code::MISSING_KEY,
                tls.span,
                format!("`{one}` needs `{other}` beside it"),
            ));
        }
    }
    let Some(why) = tls.get("insecure_because") else { return };
    if text(why).is_none_or(|text| text.trim().is_empty()) {
        let problem = Diagnostic::error(Code::BAD_VALUE, why.span, "`insecure_because` gives no reason");
        found.push(problem.help("say why the certificate cannot be checked, or leave it away"));
    } else {
        found.push(
            Diagnostic::warning(
                Code::CERTIFICATE_NOT_CHECKED,
                why.span,
                "the server's certificate is not checked",
            )
            .note("anybody between here and the server can answer in its place, and read what is sent")
            .help("name its own certificate authority: `tls: {ca: file.pem}`"),
        );
    }
}

//! Looking at `expect` of a request.

use runbook_core::diag::{Code, Diagnostic, Diagnostics};
use runbook_core::yaml::Node;

/// The fields of a result, with what they are.
const FIELDS: [&str; 11] = [
    "status",
    "headers",
    "json",
    "body",
    "latency",
    "url",
    "version",
    "redirects",
    "status_text",
    "stdout",
    "stderr",
];

/// Reports what no answer of a server can be.
pub(crate) fn check(expect: &Node, found: &mut Diagnostics) {
    for (key, value) in expect.as_map().into_iter().flat_map(|map| map.iter()) {
        match key.value.as_str() {
            "status" => check_status(value, found),
            "latency" => check_latency(value, found),
            "headers" | "json" if value.as_map().is_none() => {
                let message = format!("`{}` must be a map, found {}", key.value, value.kind_name());
                let help = match key.value.as_str() {
                    "json" => {
                        "write `json: {path.to.it: value}`, or an expression: `expect: result.json == …`"
                    }
                    _ => "write `headers: {name: value}`",
                };
                found.push(Diagnostic::error(Code::WRONG_TYPE, value.span, message).help(help));
            }
            field if FIELDS.contains(&field) => {}
            "exit_code" => {
                let problem =
                    Diagnostic::error(Code::IMPOSSIBLE_EXPECTATION, key.span, "a request has no exit code");
                found.push(problem.help("write `status: 200` or `status: 2xx`"));
            }
            other => {
                let message = format!("a request's result has no `{other}`");
                let problem = Diagnostic::error(Code::IMPOSSIBLE_EXPECTATION, key.span, message)
                    .did_you_mean(other, FIELDS);
                found.push(match problem.help.is_empty() {
                    true => problem
                        .help("it has status, headers, json, body, latency, url, version and redirects"),
                    false => problem,
                });
            }
        }
    }
}

/// `200`, `2xx`, or a list of these.
fn check_status(node: &Node, found: &mut Diagnostics) {
    let impossible = |node: &Node, what: String| {
        Diagnostic::error(Code::IMPOSSIBLE_EXPECTATION, node.span, what)
            .help("write a number from 100 to 599, a class such as `2xx`, or a list of these")
    };
    if let Some([]) = node.as_seq() {
        return found.push(Diagnostic::error(Code::EMPTY_LIST, node.span, "`status` holds nothing"));
    }
    if let Some(map) = node.as_map() {
        let limits = map.iter().all(|(key, _)| matches!(key.value.as_str(), "min" | "max"));
        if !limits {
            found.push(impossible(node, "`status` is a number or a class, not a map".to_owned()));
        }
        return;
    }
    for item in node.as_seq().unwrap_or(std::slice::from_ref(node)) {
        let Some(scalar) = item.as_scalar() else {
            found.push(impossible(item, format!("no status is {}", item.kind_name())));
            continue;
        };
        let text = scalar.text();
        let digits = text.trim_end_matches('x');
        let number = digits.parse::<u32>().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let fits = match text.len() - digits.len() {
            0 => number.is_some_and(|number| (100..600).contains(&number)) && scalar.is_plain(),
            1 => number.is_some_and(|number| (10..60).contains(&number)),
            2 => number.is_some_and(|number| (1..6).contains(&number)),
            _ => false,
        };
        if !fits && !text.contains("${{") {
            found.push(impossible(item, format!("no status is `{text}`")));
        }
    }
}

/// `{max: 500ms}`.
fn check_latency(node: &Node, found: &mut Diagnostics) {
    let limits = node.as_map().is_some_and(|map| {
        !map.is_empty() && map.iter().all(|(key, _)| matches!(key.value.as_str(), "min" | "max"))
    });
    if !limits {
        let problem =
            Diagnostic::error(Code::IMPOSSIBLE_EXPECTATION, node.span, "no latency is exactly that");
        found.push(problem.help("write `latency: {max: 500ms}`"));
    }
}

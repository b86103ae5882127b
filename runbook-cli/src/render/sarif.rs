//! Problems of files as SARIF 2.1.0, for code scanning.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use runbook_core::diag::{Code, Diagnostic, Place, Severity, code_info};
use runbook_core::lint::{Silenced, name_of};
use runbook_core::source::{Sources, Span};
use serde_json::{Map, Value, json};

use crate::source::Checked;

/// One log with one run: every problem of every file, and what the files themselves silence.
pub(crate) fn log<'a>(files: impl Iterator<Item = (&'a Checked, &'a [Silenced])>, strict: bool) -> Value {
    let files: Vec<_> = files.collect();
    let codes: BTreeSet<Code> = files
        .iter()
        .flat_map(|(checked, silenced)| {
            let quiet = silenced.iter().map(|one| one.finding.code);
            checked.diagnostics.iter().map(|one| one.code).chain(quiet)
        })
        .collect();
    let codes: Vec<Code> = codes.into_iter().collect();
    let mut results = Vec::new();
    for (checked, silenced) in files {
        let sources = &checked.sources;
        results.extend(checked.diagnostics.iter().map(|one| result(one, sources, &codes, strict)));
        for one in silenced {
            let mut quiet = result(&one.finding, sources, &codes, strict);
            quiet["suppressions"] = json!([{ "kind": "inSource", "justification": one.reason }]);
            results.push(quiet);
        }
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "runbook",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": codes.iter().map(|code| rule(*code)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: Code) -> Value {
    let mut rule = Map::new();
    rule.insert("id".into(), code.to_string().into());
    if let Some(name) = name_of(code) {
        rule.insert("name".into(), name.into());
    }
    if let Some(info) = code_info(code) {
        rule.insert("shortDescription".into(), json!({ "text": sentence(info.title) }));
        rule.insert("fullDescription".into(), json!({ "text": info.cause }));
        rule.insert(
            "help".into(),
            json!({
                "text": format!("{}\n\nCure: {}", info.cause, info.cure),
                "markdown": format!("{}\n\n**Cure:** {}", info.cause, info.cure),
            }),
        );
    }
    Value::Object(rule)
}

fn result(found: &Diagnostic, sources: &Sources, codes: &[Code], strict: bool) -> Value {
    let level = match found.severity {
        Severity::Error => "error",
        _ if strict => "error",
        _ => "warning",
    };
    let mut text = sentence(&found.message);
    if !found.primary.text.is_empty() {
        text.push_str(&format!(" ({})", found.primary.text));
    }
    for more in found.notes.iter().chain(&found.help) {
        text.push_str(&format!("\n{}", sentence(more)));
    }
    let related: Vec<Value> = found
        .secondary
        .iter()
        .map(|label| {
            let mut place = location(label.span, sources);
            place["message"] = json!({ "text": label.text });
            place
        })
        .collect();
    let mut result = json!({
        "ruleId": found.code.to_string(),
        "ruleIndex": codes.iter().position(|code| *code == found.code),
        "level": level,
        "message": { "text": text },
        "locations": [location(found.primary.span, sources)],
    });
    if !related.is_empty() {
        result["relatedLocations"] = related.into();
    }
    result
}

fn location(span: Span, sources: &Sources) -> Value {
    let place = Place::of(span, sources);
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(&place.file) },
        "region": {
            "startLine": place.start.line,
            "startColumn": place.start.column,
            "endLine": place.end.line,
            "endColumn": place.end.column,
        },
    }})
}

/// `file` as a relative reference, or as a `file:` URI when it is absolute.
fn uri(file: &str) -> String {
    let mut uri = String::new();
    for part in Path::new(file).components() {
        match part {
            Component::RootDir => uri.push_str("file:///"),
            Component::CurDir => {}
            part => {
                if !uri.is_empty() && !uri.ends_with('/') {
                    uri.push('/');
                }
                uri.push_str(&escaped(&part.as_os_str().to_string_lossy()));
            }
        }
    }
    uri
}

fn escaped(part: &str) -> String {
    let mut escaped = String::with_capacity(part.len());
    for byte in part.bytes() {
        match byte {
            b if b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=@".contains(&b) => escaped.push(char::from(b)),
            b => escaped.push_str(&format!("%{b:02X}")),
        }
    }
    escaped
}

/// `text` with a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let text: String =
        chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default();
    if text.ends_with(['.', '?', '!']) { text } else { text + "." }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_references() {
        assert_eq!(uri("./books/a b.yaml"), "books/a%20b.yaml");
        assert_eq!(uri("../выкатка.yaml"), "../%D0%B2%D1%8B%D0%BA%D0%B0%D1%82%D0%BA%D0%B0.yaml");
        assert_eq!(uri("/opt/x:y.yaml"), "file:///opt/x%3Ay.yaml");
        assert_eq!(uri("<stdin>"), "%3Cstdin%3E");
    }
}

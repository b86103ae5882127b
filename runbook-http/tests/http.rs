//! The action `http`, as a program that embeds it sees it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use runbook_core::diag::{Code, Diagnostics};
use runbook_core::drive::Engine;
use runbook_core::kind::{ActionKind, Kinds};
use runbook_core::model::Effect;
use runbook_core::source::SourceId;
use runbook_core::{read, yaml};
use runbook_http::HttpKind;
use serde_json::json;

fn codes(params: &str) -> Vec<Code> {
    let mut found = Diagnostics::default();
    let node = yaml::parse(SourceId(0), params, &mut found).unwrap();
    HttpKind.check(&node, &mut found);
    found.into_sorted().iter().map(|problem| problem.code).collect()
}

#[test]
fn whole_requests_are_accepted() {
    let requests = [
        "{get: 'http://localhost:8080/health', timeout: 5s, follow: true, headers: {Accept: text/plain}}",
        "{get: '${{ vars.base }}/health', query: {q: 1, all: true}}",
        "{post: 'https://api.example.net/items', json: {a: [1, {b: null}]}, bearer: '${{ secrets.token }}'}",
        "{put: 'https://api.example.net/items/1', body: text, basic: {user: u, password: '${{ secrets.p }}'}}",
        "{delete: 'https://api.example.net/items/1', tls: {ca: ca.pem}}",
        "{patch: 'https://api.example.net', form: {a: b}}",
    ];
    for request in requests {
        assert_eq!(codes(request), [], "{request}");
    }
}

#[test]
fn what_cannot_be_sent_is_reported() {
    let cases: [(&str, &[Code]); 9] = [
        ("http://localhost", &[Code::WRONG_TYPE]),
        ("{headers: {a: b}}", &[Code::MISSING_KEY]),
        ("{get: 'http://a', post: 'http://b'}", &[Code::SEVERAL_ACTIONS]),
        ("{get: 'http://a', header: {a: b}}", &[Code::UNKNOWN_KEY]),
        ("{get: /health}", &[Code::BAD_VALUE]),
        ("{get: 'http://a', timeout: 5}", &[Code::BAD_DURATION]),
        ("{get: 'http://a', json: {}}", &[Code::KEY_NOT_HERE]),
        ("{post: 'http://a', json: {}, body: x}", &[Code::KEY_NOT_HERE]),
        ("{post: 'http://a', bearer: t, basic: {user: u}}", &[Code::KEY_NOT_HERE, Code::MISSING_KEY]),
    ];
    for (request, expected) in cases {
        assert_eq!(codes(request), expected, "{request}");
    }
}

#[test]
fn the_method_decides_the_effect() {
    let effects = [
        ("get", Effect::Read),
        ("head", Effect::Read),
        ("post", Effect::Change),
        ("put", Effect::Change),
        ("patch", Effect::Change),
        ("delete", Effect::Destroy),
    ];
    for (method, effect) in effects {
        assert_eq!(HttpKind.effect(&json!({ method: "http://a" })), effect, "{method}");
    }
    assert_eq!(HttpKind.effect(&json!({})), Effect::Change, "what is not known is never taken for a read");
}

#[test]
fn people_see_method_and_url() {
    assert_eq!(HttpKind.show(&json!({"post": "http://a/b", "bearer": "t0ken"})), "POST http://a/b");
}

#[test]
fn a_runbook_that_needs_it_is_refused_and_not_called_unknown() {
    let text =
        "apiVersion: runbook/v1\nkind: Runbook\nname: ask\nsteps:\n  - http: {get: 'http://localhost'}\n";
    let mut kinds = Kinds::default();
    runbook_http::register(&mut kinds);
    let codes: Vec<Code> = read::parse("ask.yaml", text, &kinds).diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(codes, [Code::NOT_SUPPORTED_YET]);
}

#[test]
fn an_engine_takes_it() {
    let engine = runbook_http::plug_in(Engine::builder()).build().unwrap();
    let kinds = engine.kinds();
    assert!(kinds.action("http").is_some_and(|kind| !kind.available()));
}

#[tokio::test]
async fn what_is_called_all_the_same_has_not_begun() {
    use runbook_core::run::Ending;
    use runbook_core::testing::action_context;
    for executor in runbook_http::executors() {
        let context = action_context(json!({}), "unused");
        let result = executor.execute(&context).await;
        assert_eq!((result.ending, result.ok), (Ending::NotStarted, false));
        let result = executor.recover(&context, jiff::Timestamp::UNIX_EPOCH).await;
        assert_eq!(result.ending, Ending::NotStarted);
    }
}

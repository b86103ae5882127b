//! What is known of a request before it is sent.

use runbook_core::diag::{Code, Diagnostics};
use runbook_core::drive::Engine;
use runbook_core::kind::ActionKind;
use runbook_core::model::Effect;
use runbook_core::source::SourceId;
use runbook_core::yaml;
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
        "{patch: 'https://api.example.net', form: {a: b, c: [1, 2]}, idempotency_key: true}",
        "{post: 'https://hooks.example.net/${{ secrets.path }}?t=${{ secrets.t }}', file: report.csv}",
        "{post: '${{ inputs.base }}/bot${{ secrets.token }}/getMe', headers: {X-Api-Key: 'k ${{ secrets.k }}'}}",
        "{get: 'https://${{ inputs.host }}:8443/health', tls: {ca: ca.pem, cert: c.pem, key: '${{ secrets.key }}'}}",
        "{get: 'http://[::1]:8080/', proxy: 'http://proxy.example.net:3128', headers: {Host: app.example.net}}",
    ];
    for request in requests {
        assert_eq!(codes(request), [], "{request}");
    }
}

#[test]
fn what_cannot_be_sent_is_reported() {
    let cases: [(&str, &[Code]); 28] = [
        ("http://localhost", &[Code::WRONG_TYPE]),
        ("{headers: {a: b}}", &[Code::MISSING_KEY]),
        ("{get: 'http://a', post: 'http://b'}", &[Code::SEVERAL_ACTIONS]),
        ("{get: 'http://a', header: {a: b}}", &[Code::UNKNOWN_KEY]),
        ("{get: /health}", &[Code::BAD_URL]),
        ("{get: 'http://'}", &[Code::BAD_URL]),
        ("{get: 'http://?a'}", &[Code::BAD_URL]),
        ("{get: 'http://a b/'}", &[Code::BAD_URL]),
        ("{get: 'http://user:word@a/'}", &[Code::BAD_URL]),
        ("{get: 'ftp://a/${{ vars.x }}'}", &[Code::BAD_URL]),
        ("{post: '${{ secrets.hook }}'}", &[Code::BAD_URL]),
        ("{post: 'https://${{ secrets.hook }}'}", &[Code::BAD_URL]),
        ("{post: 'https://${{ secrets.host }}/x'}", &[Code::BAD_URL]),
        ("{get: 'http://a', bearer: t0ken}", &[Code::CREDENTIAL_WRITTEN]),
        ("{get: 'http://a', bearer: '${{ inputs.token }}'}", &[Code::CREDENTIAL_WRITTEN]),
        ("{get: 'http://a', basic: {user: a, password: b}}", &[Code::CREDENTIAL_WRITTEN]),
        ("{get: 'http://a', headers: {Authorization: Bearer x}}", &[Code::CREDENTIAL_WRITTEN]),
        ("{get: 'http://a', headers: {private-token: x, cookie: a=b}}", &[Code::CREDENTIAL_WRITTEN; 2]),
        ("{get: 'http://a', headers: {a b: c, Content-Length: '3'}}", &[Code::BAD_HEADER; 2]),
        ("{get: 'http://a', query: text}", &[Code::WRONG_TYPE]),
        ("{post: 'http://a', form: {a: {b: c}}}", &[Code::WRONG_TYPE]),
        ("{get: 'https://a', tls: {cert: c.pem}}", &[Code::MISSING_KEY]),
        ("{get: 'https://a', tls: {insecure_because: ''}}", &[Code::BAD_VALUE]),
        ("{get: 'https://a', tls: {insecure_because: old}}", &[Code::CERTIFICATE_NOT_CHECKED]),
        ("{get: 'http://a', timeout: 5}", &[Code::BAD_DURATION]),
        ("{get: 'http://a', json: {}}", &[Code::KEY_NOT_HERE]),
        ("{post: 'http://a', json: {}, body: x}", &[Code::KEY_NOT_HERE]),
        (
            "{post: 'http://a', bearer: '${{ secrets.t }}', basic: {user: u}}",
            &[Code::KEY_NOT_HERE, Code::MISSING_KEY],
        ),
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
    for (params, shown) in [
        (json!({"post": "http://a/b", "bearer": "t0ken"}), "POST http://a/b"),
        (json!({"get": "http://a", "query": {"q": 1}}), r#"GET http://a with {"q":1}"#),
        (json!({"post": "http://a", "json": {"a": "b\nc"}}), r#"POST http://a {"a":"b\nc"}"#),
        (json!({"put": "http://a", "body": "a\n b"}), "PUT http://a a b"),
        (
            json!({"put": "http://a", "file": "x.csv", "proxy": "http://p"}),
            "PUT http://a (the file x.csv) (through http://p)",
        ),
        (
            json!({"get": "https://a", "tls": {"insecure_because": "old"}}),
            "GET https://a (certificate NOT checked: old)",
        ),
    ] {
        assert_eq!(HttpKind.show(&params), shown);
    }
}

#[test]
fn an_engine_takes_it() {
    let engine = runbook_http::plug_in(Engine::builder()).build().unwrap();
    assert!(engine.kinds().action("http").is_some_and(|kind| kind.available()));
}

fn expected(expect: &str) -> Vec<Code> {
    let mut found = Diagnostics::default();
    let node = yaml::parse(SourceId(0), expect, &mut found).unwrap();
    HttpKind.check_expect(&node, &mut found);
    found.into_sorted().iter().map(|problem| problem.code).collect()
}

#[test]
fn what_an_answer_can_be_is_accepted() {
    for expect in [
        "{status: 200}",
        "{status: 2xx, body: ready, latency: {max: 500ms}}",
        "{status: [200, 40x, '${{ inputs.status }}'], json: {a.b: 1}, headers: {X-A: {exists: false}}}",
        "{status: {min: 200, max: 299}, url: {contains: login}, version: HTTP/2, stdout: {empty: false}}",
    ] {
        assert_eq!(expected(expect), [], "{expect}");
    }
}

#[test]
fn what_no_answer_can_be_is_reported() {
    let impossible = Code::IMPOSSIBLE_EXPECTATION;
    for (expect, codes) in [
        ("{status: 2000}", vec![impossible]),
        ("{status: 6xx}", vec![impossible]),
        ("{status: [200, ok]}", vec![impossible]),
        ("{status: '200'}", vec![impossible]),
        ("{status: []}", vec![Code::EMPTY_LIST]),
        ("{status: {equals: 200}}", vec![impossible]),
        ("{exit_code: 0}", vec![impossible]),
        ("{statuss: 200}", vec![impossible]),
        ("{latency: 500ms}", vec![impossible]),
        ("{json: up}", vec![Code::WRONG_TYPE]),
        ("{headers: [a]}", vec![Code::WRONG_TYPE]),
    ] {
        assert_eq!(expected(expect), codes, "{expect}");
    }
}

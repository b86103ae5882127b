//! Requests in runbooks: what a whole run comes to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use runbook_core::drive::{Engine, EngineBuilder, RunEnd};
use runbook_core::mask::SecretText;
use runbook_core::plan::{Plan, PlanRequest};
use runbook_core::port::{SecretRequest, Secrets, Store as _};
use runbook_core::read;
use runbook_core::run::Outcome;
use runbook_core::store::MemoryStore;
use runbook_core::testing::{ManualClock, Recorder};
use serde_json::json;

use crate::support::{Say, Seen, Server, answer, ok};

struct Known;

#[async_trait]
impl Secrets for Known {
    async fn get(&self, name: &str, _request: &SecretRequest) -> Result<SecretText, String> {
        Ok(SecretText::new(format!("kanarienvogel-{name}")))
    }
}

/// A run, and everything that could be seen of it.
pub(crate) struct Seenable {
    pub(crate) end: RunEnd,
    pub(crate) told: Vec<String>,
    pub(crate) log: String,
}

impl Seenable {
    pub(crate) fn reason(&self, key: &str) -> String {
        let plan = self.end.machine.plan();
        let id = plan.nodes.iter().position(|node| node.key == key).unwrap();
        self.end.machine.state().nodes[id].reason.clone().unwrap_or_default()
    }

    pub(crate) fn outputs(&self) -> serde_json::Value {
        serde_json::Value::Object(self.end.machine.state().outputs.clone())
    }
}

pub(crate) async fn run_with(builder: EngineBuilder, book: &str, base: &str) -> Seenable {
    let (store, told) = (Arc::new(MemoryStore::new().unwrap()), Arc::new(Recorder::default()));
    let builder = builder.store(store.clone()).reporter(told.clone()).secrets(Arc::new(Known));
    let engine = runbook_http::plug_in(builder).build().unwrap();
    let text = format!(
        "apiVersion: runbook/v1\nkind: Runbook\nname: ask\ninputs: {{base: {{type: url}}}}\n\
         secrets: {{token: {{env: TOKEN}}, path: {{env: PATH_OF_HOOK}}}}\n{book}"
    );
    let loaded = read::parse("ask.yaml", &text, &engine.kinds());
    let runbook = loaded.runbook.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
    let plan = Plan::build(&runbook, &PlanRequest::default().text_input("base", base)).unwrap();
    let end = engine.start(plan, None).await.unwrap().wait().await.unwrap();
    let log = serde_json::to_string(&store.entries(&end.id).await.unwrap()).unwrap();
    Seenable { end, told: told.events(), log }
}

async fn run(book: &str, server: &Server) -> Seenable {
    run_with(Engine::builder(), book, &server.url("")).await
}

#[tokio::test]
async fn steps_and_checks_ask_and_use_what_they_hear() {
    let server = Server::start(|seen: &Seen| match seen.path() {
        "/version" => answer(
            "200 OK",
            "ETag: \"7\"\r\nContent-Type: application/json\r\n",
            r#"{"version": "1.10", "hosts": [{"name": "a"}, {"name": "b"}]}"#,
        ),
        "/health" => ok("работает"),
        _ => answer("404 Not Found", "", ""),
    })
    .await;
    let book = r#"
preconditions:
  - http: {get: "${{ inputs.base }}/health"}
    expect: {status: 200, body: {contains: работает}, latency: {max: 60s}}
  - http: {get: "${{ inputs.base }}/absent"}
    expect: {status: [404, 410]}
steps:
  - id: version
    http: {get: "${{ inputs.base }}/version"}
    expect:
      status: 2xx
      headers: {ETag: {matches: '^"\d+"$'}, Content-Type: application/json, X-Debug: {exists: false}}
      json: {version: "${{ '1.' ~ 10 }}", hosts.1.name: b, hosts: {contains: {name: a}}}
    outputs: {version: result.json.version, hosts: "result.json.hosts | length", etag: result.headers.etag}
  - id: judged
    http: {get: "${{ inputs.base }}/version"}
    expect: result.status == 200 and result.json.hosts | length > 1
    verify:
      - http: {get: "${{ inputs.base }}/health"}
outputs: {version: steps.version.outputs.version, hosts: steps.version.outputs.hosts, etag: steps.version.outputs.etag}
"#;
    let run = run(book, &server).await;
    assert_eq!(run.end.outcome, Some(Outcome::Succeeded), "{:#?}", run.told);
    assert_eq!(run.outputs(), json!({"version": "1.10", "hosts": 2, "etag": "\"7\""}));
}

#[tokio::test]
async fn what_was_expected_otherwise_is_said() {
    let server = Server::start(|seen: &Seen| match seen.path() {
        "/bad" => answer("502 Bad Gateway", "", "<html>nginx</html>"),
        "/wait" => answer("503 Service Unavailable", "Retry-After: 120\r\n", ""),
        _ => answer("200 OK", "", r#"{"count": 3, "state": "down"}"#),
    })
    .await;
    for (expect, path, why) in [
        ("", "/bad", "status 502 Bad Gateway"),
        ("", "/wait", "status 503 Service Unavailable (the server asks to wait 2m)"),
        ("expect: {body: {contains: apache}}", "/bad", "status 502 Bad Gateway"),
        ("expect: {status: 2xx}", "/bad", "status is 502, expected 2xx"),
        ("expect: {status: 5xx, body: {contains: apache}}", "/bad", "body does not contain `apache`"),
        ("expect: {json: {state: up}}", "/", "json.state is `down`, expected `up`"),
        ("expect: {json: {count: '3'}}", "/", "json.count is the number `3`, expected the text `3`"),
        ("expect: {json: {count: {min: 4}}}", "/", "json.count is 3, expected at least 4"),
        ("expect: {latency: {min: 60s}}", "/", "expected at least"),
        ("expect: {json: {a: 1}, status: [502]}", "/bad", "there is no `json` in the result"),
        ("expect: result.json.state == 'up'", "/", "expected `result.json.state == 'up'`"),
    ] {
        let book = format!(
            "steps:\n  - id: ask\n    http: {{get: \"${{{{ inputs.base }}}}{path}\"}}\n    {expect}\n"
        );
        let run = run(&book, &server).await;
        assert_eq!(run.end.outcome, Some(Outcome::Failed), "{expect}");
        assert!(run.reason("ask").contains(why), "{expect}: {}", run.reason("ask"));
    }
}

#[tokio::test]
async fn a_server_that_asks_to_wait_is_left_alone_so_long() {
    let (clock, count) = (Arc::new(ManualClock::default()), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    let server = Server::start(move |_| match counted.fetch_add(1, Ordering::SeqCst) % 3 {
        0 => answer("503 Service Unavailable", "Retry-After: 300\r\n", ""),
        1 => answer("429 Too Many Requests", "Retry-After: 40\r\n", ""),
        _ => ok("up"),
    })
    .await;
    for (book, waited) in [
        ("steps:\n  - http: {get: \"${{ inputs.base }}/\"}\n    retry: {every: 5s, attempts: 3}\n", 340),
        (
            "steps:\n  - http: {get: \"${{ inputs.base }}/\"}\n    retry: {every: 5s, attempts: 3, max_every: 10s}\n",
            20,
        ),
        (
            "steps:\n  - run: [\"true\"]\n    verify:\n      - http: {get: \"${{ inputs.base }}/\"}\n        retry: {every: 5s, within: 10m}\n",
            340,
        ),
    ] {
        let start = runbook_core::port::Clock::now(clock.as_ref());
        let moving = Arc::clone(&clock);
        let mover = tokio::spawn(async move {
            loop {
                moving.advance_to_next_wake().await;
                tokio::task::yield_now().await;
            }
        });
        let run = run_with(Engine::builder().clock(clock.clone()), book, &server.url("")).await;
        mover.abort();
        assert_eq!(run.end.outcome, Some(Outcome::Succeeded), "{:#?}", run.told);
        let took = runbook_core::port::Clock::now(clock.as_ref()).duration_since(start);
        assert_eq!(took.as_secs(), waited, "{book}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 9);
}

#[tokio::test]
async fn a_post_that_broke_off_is_in_doubt_and_its_verification_decides() {
    let server = Server::start(|seen: &Seen| match seen.path() {
        "/jobs" => vec![Say::Reset],
        _ => ok(r#"{"jobs": 1}"#),
    })
    .await;
    let doubt = "steps:\n  - {id: order, http: {post: \"${{ inputs.base }}/jobs\", json: {}}}\n";
    let run_of = run(doubt, &server).await;
    assert_eq!(run_of.end.outcome, None, "it waits for somebody who knows: {:#?}", run_of.told);
    assert!(
        run_of.reason("order").contains("the server may have carried it out"),
        "{}",
        run_of.reason("order")
    );
    assert_eq!(server.seen().len(), 1, "nothing is repeated");
    let verified = format!("{doubt}    verify:\n      - http: {{get: \"${{{{ inputs.base }}}}/count\"}}\n        expect: {{json: {{jobs: 1}}}}\n").replace("  - {id: order, http: {post: \"${{ inputs.base }}/jobs\", json: {}}}", "  - id: order\n    http: {post: \"${{ inputs.base }}/jobs\", json: {}}");
    let run = run(&verified, &server).await;
    assert_eq!(run.end.outcome, Some(Outcome::Succeeded), "{:#?}", run.told);
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn what_may_be_repeated_is_repeated_as_often_as_retry_says() {
    let server = Server::always(vec![Say::Reset]).await;
    let put = "steps:\n  - {id: put, http: {put: \"${{ inputs.base }}/\", body: x}, retry: {attempts: 3, every: 0s}}\n";
    let post = "steps:\n  - {id: post, http: {post: \"${{ inputs.base }}/\", body: x}, idempotent: true, retry: {attempts: 3, every: 0s}}\n";
    let once = "steps:\n  - {id: post, http: {post: \"${{ inputs.base }}/\", body: x}, idempotent: true}\n";
    for (book, times) in [(put, 3), (post, 3), (once, 1)] {
        let before = server.seen().len();
        let run = run(book, &server).await;
        assert_eq!(run.end.outcome, Some(Outcome::Failed), "{:#?}", run.told);
        assert_eq!(server.seen().len() - before, times, "{book}");
    }
}

#[tokio::test]
async fn a_step_can_ask_to_be_carried_out_once() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let server = Server::start(move |_| match counted.fetch_add(1, Ordering::SeqCst) {
        0 => answer("500 Internal Server Error", "", ""),
        _ => ok(""),
    })
    .await;
    let book = "steps:\n  - {id: pay, http: {post: \"${{ inputs.base }}/\", json: {}, idempotency_key: true}, idempotent: true, retry: {attempts: 2, every: 0s}}\n";
    let run = run(book, &server).await;
    assert_eq!(run.end.outcome, Some(Outcome::Succeeded));
    let keys: Vec<String> = server
        .seen()
        .iter()
        .map(|seen| seen.header("idempotency-key").unwrap_or_default().to_owned())
        .collect();
    assert_eq!(keys[0], keys[1], "every attempt of a step has the same");
    assert_eq!(keys[0], format!("{}/pay", run.end.id));
}

#[tokio::test]
async fn secrets_are_sent_and_never_seen() {
    // A server that tells everything it was told.
    let server = Server::start(|seen: &Seen| {
        let all = format!("{seen:?} {}", seen.text());
        answer("200 OK", &format!("X-Echo: {}\r\n", seen.path()), all)
    })
    .await;
    let book = r#"
steps:
  - id: hook
    http:
      post: "${{ inputs.base }}/bot${{ secrets.path }}/send"
      bearer: ${{ secrets.token }}
      headers: {X-Api-Key: "key ${{ secrets.token }}"}
      query: {token: "${{ secrets.token }}"}
      json: {token: "${{ secrets.token }}"}
    outputs: {body: result.body, url: result.url}
    evidence: true
  - id: bad
    http: {post: "${{ inputs.base }}/x", form: {password: "${{ secrets.token }}"}, basic: {user: app, password: "${{ secrets.token }}"}}
    expect: {body: {contains: nothing like that}}
    on_failure: continue
  - id: unreachable
    http: {get: "http://127.0.0.1:1/${{ secrets.path }}"}
    on_failure: continue
outputs: {body: steps.hook.outputs.body}
"#;
    let run = run(book, &server).await;
    let seen = server.seen();
    assert_eq!(seen[0].path(), "/botkanarienvogel-path/send?token=kanarienvogel-token");
    assert_eq!(seen[0].header("authorization"), Some("Bearer kanarienvogel-token"));
    assert_eq!(seen[0].header("x-api-key"), Some("key kanarienvogel-token"));
    assert_eq!(seen[1].text(), "password=kanarienvogel-token");
    assert!(run.log.contains("/bot") && run.log.contains("127.0.0.1:1"), "hosts and paths are not hidden");
    for part in ["kanarienvogel", "YXBwOmthbmFyaWVudm9nZWw"] {
        assert!(!run.log.contains(part), "{}", run.log);
        assert!(!run.told.concat().contains(part));
    }
}

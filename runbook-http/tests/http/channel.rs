//! `notify` over a webhook.

use runbook_core::drive::Engine;
use runbook_core::run::Outcome;
use serde_json::{Value, json};

use crate::runs::run_with;
use crate::support::{Say, Seen, Server, answer, ok};

const BOOK: &str = r#"
channels:
  chat:
    http:
      post: "${{ inputs.base }}/hooks/${{ secrets.path }}"
      json: {text: "${{ subject }}: ${{ message }}", to: "${{ to }}", handle: "${{ contact.handle }}"}
      timeout: 500ms
  down: {http: {post: "http://127.0.0.1:1/hook", json: {text: "${{ message }}"}}}
  refuses: {http: {post: "${{ inputs.base }}/refuses", bearer: "${{ secrets.token }}", body: "${{ message }}"}}
  silent: {http: {post: "${{ inputs.base }}/silent", json: {}}, timeout: 300ms}
contacts:
  L1: {role: On-call Engineer, channel: chat, handle: "@anna"}
steps:
  - {id: tell, notify: {to: TO, subject: Авария, message: "Сервис не отвечает"}, outputs: {sent: result.sent, failed: result.failed}}
  - {id: after, run: ["true"], effect: read}
outputs: {sent: steps.tell.outputs.sent, failed: steps.tell.outputs.failed}
"#;

async fn server() -> Server {
    Server::start(|seen: &Seen| match seen.path() {
        "/refuses" => answer("403 Forbidden", "", "no"),
        "/silent" => vec![Say::Hang],
        _ => ok("ok"),
    })
    .await
}

#[tokio::test]
async fn a_webhook_is_told() {
    let server = server().await;
    let run = run_with(Engine::builder(), &BOOK.replace("TO,", "[L1],"), &server.url("")).await;
    assert_eq!(run.end.outcome, Some(Outcome::Succeeded), "{:#?}", run.told);
    assert_eq!(run.outputs(), json!({"sent": ["L1"], "failed": []}));
    let seen = server.last();
    assert_eq!(seen.path(), "/hooks/kanarienvogel-path");
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(body, json!({"text": "Авария: Сервис не отвечает", "to": "L1", "handle": "@anna"}));
    assert!(!run.log.contains("kanarienvogel"), "{}", run.log);
}

#[tokio::test]
async fn a_webhook_that_fails_is_a_warning_that_says_why() {
    let server = server().await;
    let run =
        run_with(Engine::builder(), &BOOK.replace("TO,", "[down, refuses, silent, L1],"), &server.url(""))
            .await;
    assert_eq!(run.end.outcome, Some(Outcome::Succeeded), "{:#?}", run.told);
    let outputs = run.outputs();
    assert_eq!(outputs["sent"], json!(["L1"]));
    let failed: Vec<String> = outputs["failed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{}: {}", one["to"], one["reason"]))
        .collect();
    assert!(failed[0].contains("Connection refused"), "{failed:#?}");
    assert!(failed[1].contains("status 403 Forbidden"), "{failed:#?}");
    assert!(failed[2].contains("within 300ms"), "{failed:#?}");
    assert!(!run.log.contains("kanarienvogel"), "{}", run.log);
}

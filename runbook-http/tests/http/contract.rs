//! The executor keeps the contract of executors.

use std::sync::Arc;

use runbook_core::testing::ExecutorContract;
use runbook_http::HttpExecutor;

use crate::support::{Say, Server, ok};

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_of_executors() {
    let place = tempfile::tempdir().unwrap();
    let (server, silent) =
        (Server::always(ok(r#"{"state": "работает"}"#)).await, Server::always(vec![Say::Hang]).await);
    let (get, post, secret) = (server.url("/"), server.url("/"), server.url("/"));
    let (slow, lost) = (silent.url("/"), silent.url("/"));
    ExecutorContract::new(Arc::new(HttpExecutor), place.path())
        .good(move |_| format!("{{get: '{get}', headers: {{Accept: text/plain}}, query: {{a: [1, я]}}, timeout: 5s, follow: false}}"))
        .good(move |_| format!("{{post: '{post}', json: {{a: [1, null]}}, idempotency_key: true}}"))
        .secret(move |_| {
            format!("{{post: '{secret}${{{{ secrets.canary }}}}', bearer: '${{{{ secrets.canary }}}}', form: {{a: '${{{{ secrets.canary }}}}'}}}}")
        })
        .slow(move |_| format!("{{get: '{slow}'}}"))
        .slow(move |_| format!("{{post: '{lost}', body: x}}"))
        .refused(|_| "{get: /health}".to_owned())
        .refused(|_| "{headers: {a: b}}".to_owned())
        .refused(|_| "{post: 'http://127.0.0.1:1/', json: {}, body: x}".to_owned())
        .refused(|_| "{get: 'http://127.0.0.1:1/', tls: {cert: a.pem}}".to_owned())
        .verify()
        .await
        .unwrap_or_else(|broken| panic!("{broken}"));
}

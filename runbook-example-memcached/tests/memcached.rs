//! The contract, and a runbook, against a server that speaks the protocol.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use runbook_core::drive::Engine;
use runbook_core::kind::Kinds;
use runbook_core::plan::{Plan, PlanRequest};
use runbook_core::port::Executor as _;
use runbook_core::read;
use runbook_core::run::{Ending, Outcome};
use runbook_core::testing::{ExecutorContract, action_context};
use runbook_example_memcached::Memcached;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A server with one entry, `count`. It never answers about the key `silent`, and hangs up at `lost`.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let entries = BTreeMap::from([("count".to_owned(), b"41".to_vec())]);
    let entries = Arc::new(Mutex::new(entries));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&entries)));
        }
    });
    address
}

async fn serve(stream: TcpStream, entries: Arc<Mutex<BTreeMap<String, Vec<u8>>>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let said = match words[..] {
            [_, "silent", ..] => std::future::pending().await,
            [_, "lost", ..] => return None,
            ["get", key] => match entries.lock().unwrap().get(key) {
                Some(value) => {
                    let value = String::from_utf8(value.clone()).unwrap();
                    format!("VALUE {key} 0 {}\r\n{value}\r\nEND\r\n", value.len())
                }
                None => "END\r\n".to_owned(),
            },
            ["set", key, _, _, size] => {
                let mut value = vec![0; size.parse::<usize>().unwrap() + 2];
                stream.read_exact(&mut value).await.ok()?;
                value.truncate(value.len() - 2);
                entries.lock().unwrap().insert(key.to_owned(), value);
                "STORED\r\n".to_owned()
            }
            ["incr", key, _] => match entries.lock().unwrap().get_mut(key) {
                Some(value) => {
                    let number = String::from_utf8(value.clone()).unwrap().parse::<u64>().unwrap() + 1;
                    *value = number.to_string().into_bytes();
                    format!("{number}\r\n")
                }
                None => "NOT_FOUND\r\n".to_owned(),
            },
            ["flush_all"] => {
                entries.lock().unwrap().clear();
                "OK\r\n".to_owned()
            }
            _ => "ERROR\r\n".to_owned(),
        };
        stream.write_all(said.as_bytes()).await.ok()?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_of_executors() {
    let (place, server) = (tempfile::tempdir().unwrap(), server().await);
    ExecutorContract::new(Arc::new(Memcached), place.path())
        .good(move |_| format!("{{get: count, server: '{server}'}}"))
        .good(move |_| format!("{{set: {{a: привет, b: \"two\\nlines\"}}, server: '{server}'}}"))
        .good(move |_| format!("{{incr: count, server: '{server}'}}"))
        .secret(move |_| format!("{{set: {{password: '${{{{ secrets.canary }}}}'}}, server: '{server}'}}"))
        .slow(move |_| format!("{{get: silent, server: '{server}'}}"))
        .slow(move |_| format!("{{incr: silent, server: '{server}'}}"))
        .refused(|_| "{get: count}".to_owned())
        .refused(|_| "{get: a b, server: 'localhost:1'}".to_owned())
        .verify()
        .await
        .unwrap_or_else(|broken| panic!("{broken}"));
}

#[tokio::test]
async fn what_may_not_be_repeated_is_in_doubt_when_the_server_breaks_off() {
    let server = server().await;
    for (params, ending) in [
        (json!({"get": "lost", "server": server.to_string()}), Ending::Completed),
        (json!({"set": {"lost": "x"}, "server": server.to_string()}), Ending::Completed),
        (json!({"incr": "lost", "server": server.to_string()}), Ending::Unknown),
        (json!({"incr": "lost", "server": "127.0.0.1:1"}), Ending::NotStarted),
    ] {
        let result = Memcached.execute(&action_context(params.clone(), "unused")).await;
        assert_eq!((result.ending, result.ok), (ending, false), "{params}");
    }
}

#[tokio::test]
async fn a_runbook_uses_it() {
    const BOOK: &str = r#"
apiVersion: runbook/v1
kind: Runbook
name: cache
inputs: {server: {type: string}}
steps:
  - id: counted
    memcached: {incr: count, server: "${{ inputs.server }}"}
    outputs: {value: result.value}
  - id: set
    memcached: {set: {release: "v${{ steps.counted.outputs.value }}"}, server: "${{ inputs.server }}"}
    verify:
      - memcached: {get: release, server: "${{ inputs.server }}"}
        expect: {value: v42}
  - id: flush
    memcached: {flush: true, server: "${{ inputs.server }}"}
    verify:
      - memcached: {get: release, server: "${{ inputs.server }}"}
        expect: {found: false}
outputs: {value: steps.counted.outputs.value}
"#;
    let server = server().await;
    let engine = runbook_example_memcached::plug_in(Engine::builder()).build().unwrap();
    let mut kinds = Kinds::default();
    runbook_example_memcached::register(&mut kinds);
    let loaded = read::parse("cache.yaml", BOOK, &kinds);
    let runbook = loaded.runbook.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
    let request = PlanRequest::default().text_input("server", server.to_string());
    let plan = Plan::build(&runbook, &request).unwrap();
    let effects: Vec<&str> = plan.nodes.iter().map(|node| node.spec.effect.name()).collect();
    assert_eq!(effects, ["change", "change", "destroy"]);
    let end = engine.start(plan, None).await.unwrap().wait().await.unwrap();
    assert_eq!(end.outcome, Some(Outcome::Succeeded));
    assert_eq!(end.machine.state().outputs.get("value"), Some(&json!(42)));
}

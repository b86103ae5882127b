//! What goes wrong on the way: what has not happened, what failed, and what is in doubt.

use std::process::Command;
use std::time::{Duration, Instant};

use runbook_core::port::Executor as _;
use runbook_core::run::{Ending, StepResult};
use runbook_http::HttpExecutor;
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{Say, Server, ask, ask_within, context, ok, reason};

/// A URL where nobody listens.
async fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

/// What each method comes to, and what is said.
async fn each(params: impl Fn(&str) -> serde_json::Value, wanted: [(&str, Ending); 4], said: &[&str]) {
    for (method, ending) in wanted {
        let begin = Instant::now();
        let result = ask_within(params(method), "500ms").await;
        assert_eq!((result.ending, result.ok), (ending, false), "{method}: {result:?}");
        for part in said {
            assert!(reason(&result).contains(part), "{method}: {}", reason(&result));
        }
        let doubt = reason(&result).contains("the server may have carried it out");
        assert_eq!(doubt, ending == Ending::Unknown, "{}", reason(&result));
        assert!(begin.elapsed() < Duration::from_secs(30), "it hangs");
    }
}

#[tokio::test]
async fn what_is_refused_has_not_happened() {
    let url = closed().await;
    for method in ["get", "post", "put", "delete"] {
        let result = ask(json!({method: url})).await;
        assert_eq!(result.ending, Ending::NotStarted);
        // Method, URL and the whole chain of causes.
        let said = reason(&result);
        let why = "tcp connect error: Connection refused (os error 111)";
        assert_eq!(said, format!("{} {url}: {why}", method.to_uppercase()));
    }
}

#[tokio::test]
async fn what_never_connects_has_not_happened() {
    // It accepts the connection, and never begins to speak TLS.
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", server.local_addr().unwrap());
    let never = Ending::NotStarted;
    let wanted = [("get", never), ("post", never), ("put", never), ("patch", never)];
    each(|method| json!({method: url}), wanted, &["no whole answer within 500ms"]).await;
}

#[tokio::test]
async fn a_reset_after_sending_is_in_doubt_unless_it_may_be_repeated() {
    let server = Server::always(vec![Say::Reset]).await;
    let (doubt, failed) = (Ending::Unknown, Ending::Completed);
    let wanted = [("get", failed), ("put", failed), ("post", doubt), ("patch", doubt)];
    each(|method| json!({method: server.url("/"), "timeout": "20s"}), wanted, &[]).await;
    assert_eq!(server.seen().len(), 4, "nothing is sent twice");
}

#[tokio::test]
async fn silence_after_sending_is_in_doubt_unless_it_may_be_repeated() {
    let server = Server::always(vec![Say::Hang]).await;
    let (doubt, late) = (Ending::Unknown, Ending::TimedOut);
    let wanted = [("get", late), ("delete", late), ("post", doubt), ("patch", doubt)];
    each(|method| json!({method: server.url("/")}), wanted, &["no whole answer within 500ms"]).await;
}

#[tokio::test]
async fn slow_headers_and_slow_bodies_do_not_hold_anybody_up() {
    let headers =
        Server::always(vec![Say::Bytes(b"HTTP/1.1 200 OK\r\n".to_vec()), Say::Drip(b"X-A: b\r\n".to_vec())])
            .await;
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".to_vec();
    let body = Server::always(vec![Say::Bytes(head), Say::Drip(b"x".to_vec())]).await;
    let (doubt, late) = (Ending::Unknown, Ending::TimedOut);
    for server in [headers, body] {
        let wanted = [("get", late), ("put", late), ("post", doubt), ("patch", doubt)];
        each(|method| json!({method: server.url("/")}), wanted, &["500ms"]).await;
    }
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_no_answer() {
    let text = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbeginning".to_vec();
    let server = Server::always(vec![Say::Bytes(text)]).await;
    let (doubt, failed) = (Ending::Unknown, Ending::Completed);
    let wanted = [("get", failed), ("put", failed), ("post", doubt), ("patch", doubt)];
    let said = ["status 200 came, then the answer broke off after 9 bytes"];
    each(|method| json!({method: server.url("/")}), wanted, &said).await;
}

#[tokio::test]
async fn what_is_no_http_is_no_answer() {
    let server = Server::always(vec![Say::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())]).await;
    let (doubt, failed) = (Ending::Unknown, Ending::Completed);
    let wanted = [("get", failed), ("put", failed), ("post", doubt), ("patch", doubt)];
    each(|method| json!({method: server.url("/")}), wanted, &["invalid HTTP"]).await;
}

#[tokio::test]
async fn a_stop_after_sending_is_in_doubt_unless_it_may_be_repeated() {
    for (method, ending) in [("get", Ending::Cancelled), ("post", Ending::Unknown)] {
        let server = Server::always(vec![Say::Hang]).await;
        let context = context(json!({method: server.url("/")}));
        let stopping = async {
            while server.seen().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            context.stop.cancel();
        };
        let (result, ()) = tokio::join!(HttpExecutor.execute(&context), stopping);
        assert_eq!(result.ending, ending);
        assert!(reason(&result).contains("it was stopped"), "{}", reason(&result));
    }
}

#[tokio::test]
async fn a_request_has_its_own_limit_below_that_of_the_step() {
    let server = Server::always(vec![Say::Hang]).await;
    let result = ask_within(json!({"get": server.url("/"), "timeout": "200ms"}), "1h").await;
    assert!(reason(&result).contains("within 200ms"), "{}", reason(&result));
    let result = ask_within(json!({"get": server.url("/"), "timeout": "1h"}), "200ms").await;
    assert!(reason(&result).contains("within 200ms"), "{}", reason(&result));
}

#[tokio::test]
async fn a_lost_engine_leaves_it_in_doubt() {
    let context = context(json!({"post": "http://127.0.0.1:1/jobs"}));
    let result: StepResult = HttpExecutor.recover(&context, jiff::Timestamp::now()).await;
    assert_eq!(result.ending, Ending::Unknown);
    assert!(reason(&result).starts_with("POST http://127.0.0.1:1/jobs: the engine was lost"), "{result:?}");
}

#[tokio::test]
async fn what_cannot_be_sent_is_said_and_not_sent() {
    for (params, why) in [
        (json!({"get": "http://127.0.0.1:1/", "post": "http://127.0.0.1:1/"}), "one of get, post"),
        (json!({}), "one of get, post"),
        (json!({"get": "ftp://127.0.0.1/"}), "is not the URL of a web server"),
        (json!({"get": "/health"}), "is not a URL"),
        (json!({"get": "http://u:p@127.0.0.1:1/"}), "no user and no password"),
        (json!({"get": "http://127.0.0.1:1/", "headers": {"a b": "c"}}), "`a b` is not the name of a header"),
        (
            json!({"get": "http://127.0.0.1:1/", "headers": {"X-A": "b\r\nX-C: d"}}),
            "the value of the header `X-A`",
        ),
        (json!({"get": "http://127.0.0.1:1/", "headers": {"Content-Length": "3"}}), "decided by the request"),
        (json!({"get": "http://127.0.0.1:1/", "query": {"a": {"b": 1}}}), "`query.a`"),
        (json!({"post": "http://127.0.0.1:1/", "json": 1, "body": "x"}), "one body"),
        (json!({"get": "http://127.0.0.1:1/", "bearer": "a\nb"}), "cannot be sent"),
        (json!({"get": "http://127.0.0.1:1/", "timeout": "5"}), "needs a unit"),
        (json!({"get": "https://127.0.0.1:1/", "tls": {"cert": "x"}}), "`tls.cert` needs `tls.key`"),
        (
            json!({"get": "https://127.0.0.1:1/", "tls": {"ca": "/no/such/ca.pem"}}),
            "`tls.ca`: `/no/such/ca.pem`",
        ),
        (json!({"get": "http://127.0.0.1:1/", "proxy": "socks5://127.0.0.1:1"}), "is not an HTTP proxy"),
        (json!({"get": "http://127.0.0.1:1/", "proxy": "http://u:p@127.0.0.1:1"}), "wants a user"),
        (json!({"get": "http://127.0.0.1:1/", "proxy": "proxy"}), "`proxy`"),
    ] {
        let result = ask(params.clone()).await;
        assert_eq!(result.ending, Ending::NotStarted, "{params}");
        assert!(reason(&result).contains(why), "{params}: {}", reason(&result));
    }
    let result = ask(json!({"get": "http://127.0.0.1:1/", "headers": {"X-Token": "s3cret\u{7f}\n"}})).await;
    assert!(!reason(&result).contains("s3cret"), "a value may be a secret: {}", reason(&result));
}

#[tokio::test]
async fn a_proxy_is_asked_when_the_author_says_so() {
    let proxy = Server::always(ok("through the proxy")).await;
    let result = ask(json!({"get": "http://app.example.net/health", "proxy": proxy.url("")})).await;
    assert_eq!(result.fields["body"], "through the proxy", "{result:?}");
    assert_eq!(proxy.last().line, "GET http://app.example.net/health HTTP/1.1");
}

/// Asks a server in an environment that names a proxy.
#[tokio::test]
#[ignore = "is started by another test"]
async fn with_a_proxy_in_the_environment() {
    let server = Server::always(ok("directly")).await;
    let result = ask(json!({"get": server.url("/")})).await;
    assert_eq!(result.fields["body"], "directly", "{result:?}");
}

#[test]
fn the_environment_names_no_proxy() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "trouble::with_a_proxy_in_the_environment", "--ignored"]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env(name, "http://127.0.0.1:1/");
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

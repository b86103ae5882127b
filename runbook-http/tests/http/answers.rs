//! What servers get, and what is made of their answers.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use runbook_core::expr::is_unusable;
use runbook_core::run::Ending;
use serde_json::{Value, json};

use crate::support::{Say, Server, answer, ask, ok, peak_memory, reason};

/// More than any test here may need.
const LITTLE: u64 = 150 * 1024 * 1024;

#[tokio::test]
async fn an_answer_is_status_headers_body_and_json() {
    let headers =
        "Content-Type: application/json; charset=utf-8\r\nX-Id: 7\r\nSet-Cookie: a=1, b\r\nSet-Cookie: c\r\n";
    let server = Server::always(answer("200 OK", headers, r#"{"state": "работает", "n": [1]}"#)).await;
    let result = ask(json!({"get": server.url("/health?a=1")})).await;
    assert_eq!((result.ending, result.ok, result.reason.as_deref()), (Ending::Completed, true, None));
    let field = |name: &str| result.fields[name].clone();
    assert_eq!((field("status"), field("status_text")), (json!(200), json!("OK")));
    assert_eq!(field("json"), json!({"state": "работает", "n": [1]}));
    assert_eq!(field("body"), json!(r#"{"state": "работает", "n": [1]}"#));
    assert_eq!(field("headers")["x-id"], "7");
    assert_eq!(field("headers")["set-cookie"], "a=1, b\nc");
    assert_eq!(field("url"), json!(server.url("/health?a=1")));
    assert_eq!(field("version"), "HTTP/1.1");
    assert!(field("latency").as_f64().is_some_and(|seconds| (0.0..60.0).contains(&seconds)));
    assert!(!result.fields.contains_key("redirects"));
    let seen = server.last();
    assert_eq!(seen.line, "GET /health?a=1 HTTP/1.1");
    assert!(seen.header("user-agent").is_some_and(|agent| agent.starts_with("runbook/")));
    assert_eq!(seen.header("referer"), None);
}

#[tokio::test]
async fn any_status_is_an_answer() {
    for (status, number) in [("404 Not Found", 404), ("502 Bad Gateway", 502), ("204 No Content", 204)] {
        let server = Server::always(answer(status, "", "")).await;
        let result = ask(json!({"post": server.url("/")})).await;
        // `expect` judges it, not the executor.
        assert_eq!((result.ending, result.ok), (Ending::Completed, true));
        assert_eq!(result.fields["status"], number);
    }
}

#[tokio::test]
async fn what_is_written_arrives() {
    let server = Server::always(ok("")).await;
    let url = server.url("/путь?first=1");
    let query = json!({"имя": "a b&c", "page": 2, "all": true, "tag": ["x", "y"], "none": null});
    ask(json!({"get": url, "query": query})).await;
    let path = "/%D0%BF%D1%83%D1%82%D1%8C?first=1&%D0%B8%D0%BC%D1%8F=a+b%26c&page=2&all=true&tag=x&tag=y";
    assert_eq!(server.last().path(), path);

    ask(json!({"post": server.url("/"), "json": {"текст": "привет", "n": [1, null, 1.5]}})).await;
    let seen = server.last();
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(
        serde_json::from_slice::<Value>(&seen.body).unwrap(),
        json!({"текст": "привет", "n": [1, null, 1.5]})
    );

    ask(json!({"post": server.url("/"), "form": {"a": "1 2", "я": ["б", "в"]}})).await;
    let seen = server.last();
    assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(seen.text(), "a=1+2&%D1%8F=%D0%B1&%D1%8F=%D0%B2");

    ask(json!({"put": server.url("/"), "body": "просто текст"})).await;
    let seen = server.last();
    assert_eq!(
        (seen.text().as_str(), seen.header("content-type")),
        ("просто текст", Some("text/plain; charset=utf-8"))
    );

    let headers =
        json!({"X-Текст": null, "X-Note": "привет", "Content-Type": "text/csv", "Host": "app.example.net"});
    ask(json!({"post": server.url("/"), "body": "a,b", "headers": headers})).await;
    let seen = server.last();
    assert_eq!(seen.header("content-type"), Some("text/csv"));
    assert_eq!((seen.header("x-note"), seen.header("host")), (Some("привет"), Some("app.example.net")));

    ask(json!({"delete": server.url("/"), "basic": {"user": "app", "password": "пароль:1"}})).await;
    assert_eq!(server.last().header("authorization"), Some("Basic YXBwOtC/0LDRgNC+0LvRjDox"));
    ask(json!({"patch": server.url("/"), "bearer": " t0ken\n"})).await;
    assert_eq!(server.last().header("authorization"), Some("Bearer t0ken"));
    assert_eq!(server.last().line, "PATCH / HTTP/1.1");
}

#[tokio::test]
async fn a_file_is_sent_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("данные.bin");
    let content: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    std::fs::write(&path, &content).unwrap();
    let server = Server::always(ok("")).await;
    let result = ask(json!({"put": server.url("/"), "file": path})).await;
    assert!(result.ok, "{result:?}");
    let seen = server.last();
    assert_eq!(seen.header("content-length"), Some("3000000"));
    assert_eq!(seen.header("transfer-encoding"), None);
    assert!(seen.body == content, "{} bytes came", seen.body.len());
    for (path, why) in
        [(place.path().join("absent"), "No such file"), (place.path().to_owned(), "is not a file")]
    {
        let result = ask(json!({"put": server.url("/"), "file": path})).await;
        assert_eq!(result.ending, Ending::NotStarted);
        assert!(reason(&result).contains(why), "{result:?}");
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_head_has_no_body() {
    let server =
        Server::always(vec![Say::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n".to_vec())]).await;
    let result = ask(json!({"head": server.url("/")})).await;
    assert_eq!((result.ok, &result.fields["body"]), (true, &json!("")));
    assert_eq!(result.fields["headers"]["content-length"], "500");
}

#[tokio::test]
async fn json_is_what_is_json() {
    for (kind, body, json) in [
        ("text/html", r#"{"a": 1}"#, Some(json!({"a": 1}))),
        ("application/problem+json", "3", Some(json!(3))),
        ("application/json", "{broken", None),
        ("text/plain", "3", None),
        ("text/plain", "[not json", None),
    ] {
        let server = Server::always(answer("200 OK", &format!("Content-Type: {kind}\r\n"), body)).await;
        let result = ask(json!({"get": server.url("/")})).await;
        assert_eq!(result.fields.get("json"), json.as_ref(), "{kind}: {body}");
        assert_eq!(result.fields["body"], body);
    }
}

#[tokio::test]
async fn bytes_that_are_not_text_are_shown_as_such() {
    let server = Server::always(ok(b"\xff\xfeok\x00\xd0")).await;
    let result = ask(json!({"get": server.url("/")})).await;
    assert_eq!(result.fields["body"], "\u{fffd}\u{fffd}ok\0\u{fffd}");
}

#[tokio::test]
async fn compressed_bodies_are_read() {
    let text = "привет, ".repeat(10_000);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::default());
    deflate.write_all(text.as_bytes()).unwrap();
    for (name, body) in [("gzip", gzip.finish().unwrap()), ("deflate", deflate.finish().unwrap())] {
        let server = Server::always(answer("200 OK", &format!("Content-Encoding: {name}\r\n"), body)).await;
        let result = ask(json!({"get": server.url("/")})).await;
        assert_eq!(result.fields["body"], text.as_str(), "{name}");
        assert!(server.last().header("accept-encoding").is_some_and(|accepts| accepts.contains(name)));
    }
    let server = Server::always(answer("200 OK", "Content-Encoding: gzip\r\n", "this is not gzip")).await;
    let result = ask(json!({"get": server.url("/")})).await;
    assert_eq!((result.ending, result.ok), (Ending::Completed, false));
    assert!(reason(&result).contains("status 200 came, then the answer broke off"), "{result:?}");
}

#[tokio::test]
async fn of_a_gigabyte_only_the_beginning_is_fetched() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n".to_vec();
    let server = Server::always(vec![Say::Bytes(head), Say::Again(vec![b'x'; 1 << 20], 1024)]).await;
    let result = ask(json!({"get": server.url("/")})).await;
    assert!(result.ok, "{}", reason(&result));
    assert!(is_unusable(&result.fields["body"]) && is_unusable(&result.fields["json"]));
    assert_eq!(result.stdout.head.len(), 8 * 1024);
    assert!(result.stdout.tail.is_some(), "nobody takes it for the whole");
    assert!(peak_memory() < LITTLE, "{} bytes", peak_memory());
}

#[tokio::test]
async fn a_small_body_that_unpacks_to_a_gigabyte_needs_little_memory() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..1024 {
        gzip.write_all(&[0; 1 << 20]).unwrap();
    }
    let server = Server::always(answer("200 OK", "Content-Encoding: gzip\r\n", gzip.finish().unwrap())).await;
    let result = ask(json!({"get": server.url("/")})).await;
    assert!(result.ok && is_unusable(&result.fields["body"]), "{}", reason(&result));
    assert!(peak_memory() < LITTLE, "{} bytes", peak_memory());
}

#[tokio::test]
async fn chunks_are_put_together() {
    let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n";
    let server = Server::always(vec![Say::Bytes(text.into())]).await;
    assert_eq!(ask(json!({"get": server.url("/")})).await.fields["body"], "hello, world");
}

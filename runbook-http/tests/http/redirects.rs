//! Where servers send the client on, and what it takes along.

use runbook_core::run::Ending;
use serde_json::json;

use crate::support::{Say, Seen, Server, answer, ask, ok, reason};

fn lead(status: &str, to: &str) -> Vec<Say> {
    answer(status, &format!("Location: {to}\r\n"), "moved")
}

/// Leads from `/a` to wherever `to` says, and answers everywhere else.
async fn leading(status: &'static str, to: impl Into<String>) -> Server {
    let to = to.into();
    Server::start(move |seen: &Seen| match seen.path() {
        "/a" => lead(status, &to),
        path => ok(format!("{} {path}", seen.line.split(' ').next().unwrap_or_default())),
    })
    .await
}

#[tokio::test]
async fn a_get_is_followed_and_says_where_it_went() {
    for status in
        ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let server = leading(status, "b?x=1").await;
        let result = ask(json!({"get": server.url("/a"), "bearer": "t0ken"})).await;
        assert_eq!(result.fields["body"], "GET /b?x=1", "{status}");
        assert_eq!(result.fields["url"], server.url("/b?x=1"));
        assert_eq!(result.fields["redirects"], json!([server.url("/b?x=1")]));
        // The same server gets the same credentials.
        assert_eq!(server.last().header("authorization"), Some("Bearer t0ken"));
    }
}

#[tokio::test]
async fn nothing_of_the_author_goes_to_another_server() {
    let other = Server::always(ok("elsewhere")).await;
    let server = leading("302 Found", other.url("/b")).await;
    let headers = json!({"X-Api-Key": "k3y", "X-Note": "n", "Accept": "text/plain"});
    let result = ask(json!({"get": server.url("/a"), "bearer": "t0ken", "headers": headers})).await;
    assert_eq!(result.fields["body"], "elsewhere");
    assert_eq!(result.fields["url"], other.url("/b"));
    let seen = other.last();
    for name in ["authorization", "x-api-key", "x-note", "referer", "cookie"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert_eq!(seen.header("accept"), Some("text/plain"));
}

#[tokio::test]
async fn a_post_is_not_followed_unless_its_author_says_so() {
    for status in ["302 Found", "307 Temporary Redirect"] {
        let server = leading(status, "/b").await;
        let result = ask(json!({"post": server.url("/a"), "json": {"a": 1}})).await;
        assert_eq!(result.fields["status"].as_u64(), status[..3].parse().ok());
        assert_eq!(server.seen().len(), 1);
    }
    let server = leading("303 See Other", "/b").await;
    let result = ask(json!({"post": server.url("/a"), "json": {"a": 1}, "follow": true})).await;
    assert_eq!(result.fields["body"], "GET /b");
    assert_eq!((server.last().text().as_str(), server.last().header("content-type")), ("", None));
    let server = leading("308 Permanent Redirect", "/b").await;
    let result = ask(json!({"post": server.url("/a"), "json": {"a": 1}, "follow": true})).await;
    assert_eq!((&result.fields["body"], server.last().text().as_str()), (&json!("POST /b"), r#"{"a":1}"#));
}

#[tokio::test]
async fn what_must_not_be_followed_fails_and_says_why() {
    let other = Server::always(ok("elsewhere")).await;
    for (params, to, why) in [
        (json!({"json": {"a": 1}, "follow": true}), other.url("/b"), "another server, which would get"),
        (json!({"follow": true}), "ftp://127.0.0.1/x".to_owned(), "which is no web server"),
        (json!({"follow": true}), format!("http://u:p@{}/", other.address), "with a user in it"),
        (json!({"follow": true}), "http://[broken".to_owned(), "which is not a URL"),
    ] {
        let server = leading("307 Temporary Redirect", to).await;
        let mut all = params.clone();
        all["post"] = server.url("/a").into();
        let result = ask(all).await;
        assert_eq!((result.ending, result.ok), (Ending::Completed, false), "{params}");
        assert!(reason(&result).contains(why), "{}", reason(&result));
        assert_eq!(result.fields["status"], 307, "what came is there all the same");
    }
    assert_eq!(other.seen().len(), 0);
}

#[tokio::test]
async fn a_circle_ends() {
    let server = leading("302 Found", "/a").await;
    let result = ask(json!({"get": server.url("/a")})).await;
    assert_eq!((result.ending, result.ok), (Ending::Completed, false));
    assert!(reason(&result).contains("sent on ten times"), "{}", reason(&result));
    assert_eq!(server.seen().len(), 11);
}

#[tokio::test]
async fn without_follow_a_redirect_is_the_answer() {
    let server = leading("302 Found", "/b").await;
    let result = ask(json!({"get": server.url("/a"), "follow": false})).await;
    assert_eq!(
        (&result.fields["status"], &result.fields["headers"]["location"]),
        (&json!(302), &json!("/b"))
    );
}

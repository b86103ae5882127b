//! What the server says, as a result that expressions and `expect` can use.

use std::time::Duration as StdDuration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use runbook_core::expr::unusable;
use runbook_core::run::{Captured, StepResult};
use runbook_core::value::{Duration, Object, Value};

/// The head of an answer, and as much of its body as is kept.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    version: String,
    body: Vec<u8>,
    /// Whether there is more of the body than what is kept.
    more: bool,
}

/// An answer that broke off.
pub(crate) struct CutOff {
    pub(crate) status: StatusCode,
    /// How much of the body came.
    pub(crate) bytes: usize,
    pub(crate) error: reqwest::Error,
}

impl Answer {
    /// Reads the body up to what a log keeps whole; the rest is not fetched.
    pub(crate) async fn of(mut response: Response) -> Result<Self, CutOff> {
        let status = response.status();
        let headers = response.headers().clone();
        let version = format!("{:?}", response.version()).replace("/2.0", "/2").replace("/3.0", "/3");
        let mut body = Vec::new();
        let more = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    let room = Captured::WHOLE - body.len();
                    body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                    if chunk.len() > room {
                        break true;
                    }
                }
                Ok(None) => break false,
                Err(error) => return Err(CutOff { status, bytes: body.len(), error }),
            }
        };
        Ok(Answer { status, headers, version, body, more })
    }

    /// Where it sends the client on, when it does.
    pub(crate) fn location(&self, from: &Url) -> Option<Result<Url, String>> {
        if !matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let header = self.headers.get(reqwest::header::LOCATION)?;
        let text = String::from_utf8_lossy(header.as_bytes()).into_owned();
        Some(from.join(&text).map_err(|error| format!("it leads to `{text}`, which is not a URL: {error}")))
    }

    pub(crate) fn into_result(self, url: &Url, redirects: &[Url], took: StdDuration) -> StepResult {
        let mut result = StepResult::success();
        let text = String::from_utf8_lossy(&self.body).into_owned();
        result.stdout = shortened(&text, self.more);
        result.retry_after = retry_after(self.status, &self.headers, Timestamp::now());
        let fields = &mut result.fields;
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        put("status", self.status.as_u16().into());
        if let Some(reason) = self.status.canonical_reason() {
            put("status_text", reason.into());
        }
        put("headers", Value::Object(header_map(&self.headers)));
        if self.more {
            let why = format!("it has more than {} bytes, and the rest was not fetched", Captured::WHOLE);
            put("body", unusable(why.clone()));
            put("json", unusable(why));
        } else {
            if let Some(json) = json(&self.headers, &text) {
                put("json", json);
            }
            put("body", text.into());
        }
        put("latency", ((took.as_secs_f64() * 1000.0).round() / 1000.0).into());
        put("url", url.as_str().into());
        put("version", self.version.into());
        if !redirects.is_empty() {
            put("redirects", redirects.iter().map(Url::as_str).collect::<Vec<_>>().into());
        }
        result
    }
}

/// What evidence and people are shown of the body.
fn shortened(text: &str, more: bool) -> Captured {
    if text.len() <= Captured::ENDS && !more {
        return Captured::of_text(text);
    }
    let end = (0..=Captured::ENDS.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    let head = text[..end.unwrap_or(0)].to_owned();
    Captured { head, tail: Some(String::new()), bytes: text.len() as u64, ..Captured::default() }
}

/// Names in small letters; several values of one name are one text, as RFC 9110 joins them.
fn header_map(headers: &HeaderMap) -> Object {
    let mut map = Object::new();
    for name in headers.keys() {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        // Cookies may have commas in them.
        let between = if name == reqwest::header::SET_COOKIE { "\n" } else { ", " };
        map.insert(name.as_str().to_owned(), values.join(between).into());
    }
    map
}

/// The body as JSON: where the server calls it so, and where it is a map or a list.
fn json(headers: &HeaderMap, text: &str) -> Option<Value> {
    let called = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        kind.ends_with("/json") || kind.ends_with("+json")
    });
    let looks = text.trim_start().starts_with(['{', '[']);
    if called || looks { serde_json::from_str(text).ok() } else { None }
}

/// How long the server wants to be left alone: seconds, or a date.
fn retry_after(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let asks = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() || status.is_redirection();
    let text = headers.get(RETRY_AFTER).filter(|_| asks)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let left = at.as_millisecond().saturating_sub(now.as_millisecond());
    Some(Duration::from_millis(u64::try_from(left).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn a_server_can_ask_to_wait_in_seconds_or_until_a_date() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let asked = |status: u16, value: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]);
            retry_after(StatusCode::from_u16(status).unwrap(), &headers, now)
        };
        assert_eq!(asked(503, "120"), Some(Duration::from_secs(120)));
        assert_eq!(asked(429, "Thu, 01 Jan 2026 00:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(asked(429, "Wed, 31 Dec 2025 23:59:59 GMT"), Some(Duration::default()));
        assert_eq!(asked(503, "soon"), None);
        assert_eq!(asked(200, "120"), None, "who has answered needs not be left alone");
    }
}

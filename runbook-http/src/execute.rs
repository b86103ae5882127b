//! Sending a request once, and following where it leads.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use reqwest::header::{
    ACCEPT, ACCEPT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use reqwest::{Method, StatusCode, Url};
use runbook_core::kind::ActionKind;
use runbook_core::port::{ActionContext, Executor};
use runbook_core::run::{Ending, StepResult};
use runbook_core::value::Duration;
use tokio_util::io::ReaderStream;

use crate::answer::Answer;
use crate::client::From;
use crate::fault::{Broken, Kind, Progress, chain};
use crate::kind::HttpKind;
use crate::request::{Body, Request};

/// How long a request may take when nobody says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many times a server may send the client on.
const MOST_REDIRECTS: usize = 10;

/// Carries out `http` actions.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpExecutor;

#[async_trait]
impl Executor for HttpExecutor {
    fn kind(&self) -> Arc<dyn ActionKind> {
        Arc::new(HttpKind)
    }

    async fn execute(&self, context: &ActionContext) -> StepResult {
        let mut request = match Request::of(&context.params) {
            Ok(request) => request,
            Err(why) => return StepResult::failure(Ending::NotStarted, why),
        };
        if context.stop.is_cancelled() {
            return StepResult::failure(Ending::NotStarted, "the run was stopped before it was sent");
        }
        if request.once
            && let Err(why) = ask_for_once(&mut request, &context.token)
        {
            return StepResult::failure(Ending::NotStarted, why);
        }
        let shown = request.shown();
        let limit = limit(request.timeout, context.timeout);
        let (idempotent, progress) = (request.is_idempotent(), Progress::default());
        let exchange = exchange(&request, context, &progress);
        let ended = tokio::select! {
            // An answer that is there counts, even when its time is over.
            biased;
            ended = exchange => ended,
            () = context.stop.cancelled() => Err(progress.broken(Kind::SentStopped, "it was stopped")),
            () = tokio::time::sleep(limit.to_std()) => {
                Err(progress.broken(Kind::SentTooLate, format!("no whole answer within {limit}")))
            }
        };
        ended.unwrap_or_else(|broken| broken.into_result(&shown, idempotent))
    }

    async fn recover(&self, context: &ActionContext, _started: jiff::Timestamp) -> StepResult {
        let shown = Request::of(&context.params).map_or_else(|_| "the request".to_owned(), |one| one.shown());
        let why = format!(
            "{shown}: the engine was lost while it was under way, and the server cannot be asked about it"
        );
        StepResult::failure(Ending::Unknown, why)
    }
}

/// The shorter of both limits; the step's own is the hard one.
fn limit(own: Option<Duration>, step: Option<Duration>) -> Duration {
    match (own, step) {
        (Some(own), Some(step)) => own.min(step),
        (one, other) => one.or(other).unwrap_or(PATIENCE),
    }
}

/// Names the step of this run, the same for every attempt.
fn ask_for_once(request: &mut Request, token: &str) -> Result<(), String> {
    let step = token.rsplit_once('/').map_or(token, |(step, _)| step);
    let key: String = step.chars().map(|c| if c.is_ascii_graphic() { c } else { '-' }).collect();
    let value = HeaderValue::from_str(&key).map_err(|error| error.to_string())?;
    request.headers.insert(HeaderName::from_static("idempotency-key"), value);
    Ok(())
}

/// Sends it, and follows where it leads.
async fn exchange(
    request: &Request,
    context: &ActionContext,
    progress: &Progress,
) -> Result<StepResult, Broken> {
    let begin = Instant::now();
    let from = From::of(context).await.map_err(|why| progress.broken(Kind::Sent, why))?;
    let mut hop = Hop {
        method: request.method.clone(),
        url: request.url.clone(),
        headers: request.headers.clone(),
        with_body: true,
    };
    let mut redirects: Vec<Url> = Vec::new();
    loop {
        let answer = hop.send(request, &from, progress).await?;
        let next = match answer.location(&hop.url) {
            Some(next) if request.follow => next.and_then(|url| hop.to(url, answer.status, redirects.len())),
            _ => {
                return Ok(answer.into_result(&hop.url, &redirects, begin.elapsed()));
            }
        };
        match next {
            Ok(next) => {
                redirects.push(next.url.clone());
                hop = next;
            }
            Err(why) => {
                let mut result = answer.into_result(&hop.url, &redirects, begin.elapsed());
                result.ok = false;
                result.reason = Some(format!("{}: {why}", request.shown()));
                return Ok(result);
            }
        }
    }
}

/// One request on the way.
struct Hop {
    method: Method,
    url: Url,
    headers: HeaderMap,
    with_body: bool,
}

impl Hop {
    async fn send(&self, request: &Request, from: &From, progress: &Progress) -> Result<Answer, Broken> {
        let way =
            from.way(&self.url, request, progress).await.map_err(|why| progress.broken(Kind::Sent, why))?;
        let mut sending =
            way.client.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
        if self.with_body {
            sending = match &request.body {
                Body::None => sending,
                Body::Bytes(bytes) => sending.body(bytes.clone()),
                Body::File(path) => {
                    let (body, length) = file(path).await.map_err(|why| progress.broken(Kind::Sent, why))?;
                    sending.header(CONTENT_LENGTH, length).body(body)
                }
            };
        }
        let response = sending.send().await.map_err(|error| progress.failed(error))?;
        Answer::of(response).await.map_err(|cut| {
            let (status, bytes, why) = (cut.status.as_u16(), cut.bytes, chain(&cut.error.without_url()));
            let what = format!("status {status} came, then the answer broke off after {bytes} bytes: {why}");
            progress.broken(Kind::Sent, what)
        })
    }

    /// The next request, when `url` may be followed; `Err` says why not.
    fn to(&self, url: Url, status: StatusCode, so_far: usize) -> Result<Hop, String> {
        let refuse = |why: &str| Err(format!("status {} leads to {url}, {why}", status.as_u16()));
        if so_far >= MOST_REDIRECTS {
            return refuse("and it was sent on ten times already");
        }
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return refuse("which is no web server");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("with a user in it; not followed");
        }
        if self.url.scheme() == "https" && url.scheme() == "http" {
            return refuse("where everybody could read along; not followed");
        }
        let keeps_method =
            matches!(status.as_u16(), 307 | 308) || matches!(self.method, Method::GET | Method::HEAD);
        let method = if keeps_method { self.method.clone() } else { Method::GET };
        let elsewhere = self.url.origin() != url.origin();
        if elsewhere && keeps_method && !matches!(method, Method::GET | Method::HEAD) {
            return refuse("another server, which would get what was meant for this one; not followed");
        }
        let mut headers = self.headers.clone();
        if !keeps_method {
            headers.remove(CONTENT_TYPE);
        }
        if elsewhere {
            // Any header may be a secret.
            let harmless = [ACCEPT, ACCEPT_LANGUAGE, USER_AGENT];
            let kept =
                harmless.into_iter().filter_map(|name| Some((name.clone(), self.headers.get(name)?.clone())));
            headers = kept.collect();
        }
        Ok(Hop { method, url, headers, with_body: self.with_body && keeps_method })
    }
}

/// The file at `path`, to be read while it is sent, and its length.
async fn file(path: &str) -> Result<(reqwest::Body, u64), String> {
    let trouble = |error: std::io::Error| format!("`{path}` cannot be read: {error}");
    let file = tokio::fs::File::open(path).await.map_err(trouble)?;
    let facts = file.metadata().await.map_err(trouble)?;
    if !facts.is_file() {
        return Err(format!("`{path}` is not a file"));
    }
    Ok((reqwest::Body::wrap_stream(ReaderStream::new(file)), facts.len()))
}

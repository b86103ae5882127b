//! Following a command that was started, until it has ended or must be ended.

use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt as _;
use runbook_core::port::{ExecEnd, ExecJob, Stream};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::end;
use super::start::{Output, Refused};
use crate::capture::Capture;
use crate::container::{Found, inspect};
use crate::engine::{is_missing, said, status};

/// Time between two questions whether it has ended, while its output is open: a process that outlives it keeps that so.
const LOOK: Duration = Duration::from_millis(500);

/// The same when its output is closed, so that it is about to end.
const SOON: Duration = Duration::from_millis(20);

/// How long output may be silent after the command has ended before it counts as read.
const QUIET: Duration = Duration::from_millis(200);

/// How long an engine may be away before nobody knows what became of its commands.
const AWAY: Duration = Duration::from_secs(60);

/// How long memory that ran out may be looked for in the engine's events.
const EVENTS: Duration = Duration::from_secs(2);

/// A command that was started.
pub(super) struct Watched<'a> {
    pub(super) docker: &'a Docker,
    pub(super) id: &'a str,
    pub(super) container: &'a Found,
    pub(super) user: Option<&'a str>,
    pub(super) job: &'a ExecJob,
    pub(super) capture: Capture,
}

/// How it ended.
pub(super) struct Outcome {
    pub(super) end: ExecEnd,
    pub(super) note: Option<String>,
    /// What the engine said instead of starting it.
    pub(super) refused: Option<Refused>,
}

/// Follows it to its end, and brings that about when its time is up or `stop` says so.
pub(super) async fn watch(
    watched: &mut Watched<'_>,
    output: Option<Output>,
    limit: Option<runbook_core::value::Duration>,
    stop: &CancellationToken,
) -> Outcome {
    let since = std::time::SystemTime::now();
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit.to_std()));
    let late = async {
        match deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        biased;
        ended = watched.ending(output) => Ok(ended),
        () = late => Err(ExecEnd::TimedOut),
        () = stop.cancelled() => Err(ExecEnd::Cancelled),
    };
    match ended {
        Ok(Ok(code)) => watched.judge(code, since).await,
        Ok(Err(why)) => Outcome { end: ExecEnd::Lost(why), note: None, refused: None },
        Err(end) => {
            let note = end::end(watched).await;
            Outcome { end, note, refused: None }
        }
    }
}

impl Watched<'_> {
    /// Its exit code; or why nobody knows it.
    async fn ending(&mut self, mut output: Option<Output>) -> Result<i32, String> {
        let mut looks = Looks::default();
        loop {
            let Some(stream) = &mut output else {
                if let Some(code) = looks.look(self.docker, self.id).await? {
                    return Ok(code);
                }
                sleep(looks.pause()).await;
                continue;
            };
            tokio::select! {
                biased;
                piece = stream.next() => match piece {
                    Some(Ok(piece)) => push(&mut self.capture, piece),
                    // The engine has gone away, or is done with it: what it knows decides.
                    Some(Err(_)) | None => {
                        output = None;
                        looks = Looks::default();
                    }
                },
                () = sleep(LOOK) => {
                    if let Some(code) = looks.look(self.docker, self.id).await? {
                        self.drain(stream).await;
                        return Ok(code);
                    }
                }
            }
        }
    }

    /// Takes what is left of the output of a command that has ended.
    async fn drain(&mut self, stream: &mut Output) {
        while let Ok(Some(Ok(piece))) = timeout_at(Instant::now() + QUIET, stream.next()).await {
            push(&mut self.capture, piece);
        }
    }

    /// What an exit code says of how it ended.
    async fn judge(&self, code: i32, since: std::time::SystemTime) -> Outcome {
        let refused = Refused::of(code, self.capture.small_stdout());
        let exited = |note| Outcome { end: ExecEnd::Exited(code), note, refused };
        if code <= 128 {
            return exited(None);
        }
        // Killed: by its own container's end, which is nobody's verdict on what it did, or by something else.
        match interruption(self.docker, self.container).await {
            Some(why) => Outcome { end: ExecEnd::Lost(why), note: None, refused: None },
            None if code == 137 && out_of_memory(self.docker, &self.container.id, since).await => {
                exited(Some("it was killed because the container ran out of memory".to_owned()))
            }
            None => exited(None),
        }
    }
}

/// How it is asked whether a command has ended.
struct Looks {
    pause: Duration,
    away: Option<Instant>,
}

impl Default for Looks {
    fn default() -> Self {
        Looks { pause: SOON, away: None }
    }
}

impl Looks {
    /// Its exit code, when it has ended. An engine that is away for a moment is waited for.
    async fn look(&mut self, docker: &Docker, id: &str) -> Result<Option<i32>, String> {
        match docker.inspect_exec(id).await {
            Ok(found) => {
                self.away = None;
                let code = found.exit_code.and_then(|code| i32::try_from(code).ok());
                Ok(code.filter(|_| found.running != Some(true)))
            }
            Err(error) if is_missing(&error) => Err(
                "the container engine no longer knows the command: it was restarted, or the container was"
                    .into(),
            ),
            Err(error) if status(&error).is_some() => Err(said(&error)),
            Err(error) => {
                let since = *self.away.get_or_insert_with(Instant::now);
                self.pause = LOOK;
                if since.elapsed() < AWAY {
                    Ok(None)
                } else {
                    Err(format!("the container engine is gone: {}", said(&error)))
                }
            }
        }
    }

    fn pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(LOOK);
        pause
    }
}

/// The exit code of a command whose output is closed.
pub(super) async fn exit_code(docker: &Docker, id: &str) -> Result<i32, String> {
    let mut looks = Looks::default();
    loop {
        if let Some(code) = looks.look(docker, id).await? {
            return Ok(code);
        }
        sleep(looks.pause()).await;
    }
}

/// Why a container is not the one any more that a command was started in.
pub(super) async fn interruption(docker: &Docker, container: &Found) -> Option<String> {
    // The end of a container is known a moment later than that of what ran in it.
    sleep(QUIET).await;
    match inspect(docker, &container.id).await {
        Ok(None) => Some("the container was removed while the command ran".to_owned()),
        Ok(Some(now)) => {
            let state = now.state.unwrap_or_default();
            if state.started_at.as_deref() != Some(container.started.as_str()) {
                return Some("the container was restarted while the command ran".to_owned());
            }
            (state.running != Some(true))
                .then(|| "the container was stopped while the command ran".to_owned())
        }
        Err(why) => {
            Some(format!("the command was killed, and how its container is cannot be found out: {why}"))
        }
    }
}

/// Whether the engine has noted that memory ran out in the container.
pub(crate) async fn out_of_memory(docker: &Docker, container: &str, since: std::time::SystemTime) -> bool {
    let seconds = |time: std::time::SystemTime| {
        time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs()
    };
    let filters = std::collections::HashMap::from([
        ("container".to_owned(), vec![container.to_owned()]),
        ("event".to_owned(), vec!["oom".to_owned()]),
    ]);
    let options = EventsOptionsBuilder::new()
        .since(&seconds(since).to_string())
        .until(&(seconds(std::time::SystemTime::now()) + 1).to_string())
        .filters(&filters)
        .build();
    let mut events = docker.events(Some(options));
    matches!(tokio::time::timeout(EVENTS, events.next()).await, Ok(Some(Ok(_))))
}

fn push(capture: &mut Capture, piece: LogOutput) {
    match piece {
        LogOutput::StdErr { message } => capture.push(Stream::Stderr, &message),
        other => capture.push(Stream::Stdout, other.as_ref()),
    }
}

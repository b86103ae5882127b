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
use super::place::{code_in, tidy};
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

/// The exit code of commands that the engine did not start, and of those that it lost sight of.
const REFUSED: i32 = 126;

/// A command that was started.
pub(super) struct Watched<'a> {
    pub(super) docker: &'a Docker,
    pub(super) id: &'a str,
    pub(super) container: &'a Found,
    /// The file in the container that gets its exit code.
    pub(super) code: Option<&'a str>,
    pub(super) user: Option<&'a str>,
    pub(super) job: &'a ExecJob,
    pub(super) capture: Capture,
}

/// What the engine says of a command that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) code: i32,
    /// Whether it ever was a process: when not, the engine says in the place of its output why.
    pub(super) had_process: bool,
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
        ended = watched.truly_ended(output) => Ok(ended),
        () = late => Err(ExecEnd::TimedOut),
        () = stop.cancelled() => Err(ExecEnd::Cancelled),
    };
    match ended {
        Ok(Ok(Ended { had_process: false, .. })) => {
            let refused = Some(Refused::of(watched.capture.beginning()));
            Outcome { end: ExecEnd::Exited(REFUSED), note: None, refused }
        }
        Ok(Ok(Ended { code, .. })) => watched.judge(code, since).await,
        Ok(Err(why)) => Outcome { end: ExecEnd::Lost(why), note: None, refused: None },
        Err(end) => {
            let note = end::end(watched).await;
            Outcome { end, note, refused: None }
        }
    }
}

impl Watched<'_> {
    /// Removes what the command has left in the container, when nobody needs it any more.
    pub(super) async fn tidy(&self, outcome: &Outcome) {
        if let (Some(file), ExecEnd::Exited(_), None) = (self.code, &outcome.end, &outcome.refused) {
            tidy(self.docker, self.container, self.user, file).await;
        }
    }

    /// How it ended; or why nobody knows that.
    async fn truly_ended(&mut self, output: Option<Output>) -> Result<Ended, String> {
        let mut attached = output.is_some();
        let ended = self.ending(output, &mut attached).await?;
        if ended.code != REFUSED || !ended.had_process {
            return Ok(ended);
        }
        // It may be so, or the engine has lost sight of it.
        let Some(file) = self.code else {
            let doubt = "the container engine lost sight of the command when its output was no longer taken";
            return if attached { Ok(ended) } else { Err(doubt.to_owned()) };
        };
        loop {
            let alive = end::is_alive(self).await;
            // Asked after the one above: what is gone has left all it will leave.
            if let Some(code) = code_in(self.docker, self.container, self.user, file).await? {
                // It stays: nobody else knows the code, and this engine may be lost too.
                self.code = None;
                return Ok(Ended { code, had_process: true });
            }
            if !alive? {
                return Err("the command was killed, and left no exit code".to_owned());
            }
            sleep(LOOK).await;
        }
    }

    /// What the engine says of its end. `attached` is whether all of its output was taken.
    async fn ending(&mut self, mut output: Option<Output>, attached: &mut bool) -> Result<Ended, String> {
        let mut looks = Looks::default();
        loop {
            let Some(stream) = &mut output else {
                if let Some(ended) = looks.look(self.docker, self.id).await? {
                    return Ok(ended);
                }
                sleep(looks.pause()).await;
                continue;
            };
            tokio::select! {
                biased;
                piece = stream.next() => match piece {
                    Some(Ok(piece)) => push(&mut self.capture, piece),
                    // The engine has gone away, or is done with it: what it knows decides.
                    broken @ (Some(Err(_)) | None) => {
                        *attached = broken.is_none();
                        output = None;
                        looks = Looks::default();
                    }
                },
                () = sleep(LOOK) => {
                    if let Some(ended) = looks.look(self.docker, self.id).await? {
                        self.drain(stream).await;
                        return Ok(ended);
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
        let exited = |note| Outcome { end: ExecEnd::Exited(code), note, refused: None };
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
    /// How it ended, when it has. An engine that is away for a moment is waited for.
    async fn look(&mut self, docker: &Docker, id: &str) -> Result<Option<Ended>, String> {
        match docker.inspect_exec(id).await {
            Ok(found) => {
                self.away = None;
                let code = found.exit_code.and_then(|code| i32::try_from(code).ok());
                let had_process = found.pid.is_some_and(|pid| pid != 0);
                Ok(code.filter(|_| found.running != Some(true)).map(|code| Ended { code, had_process }))
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

/// How a command ended whose output is closed.
pub(super) async fn exit_code(docker: &Docker, id: &str) -> Result<Ended, String> {
    let mut looks = Looks::default();
    loop {
        if let Some(ended) = looks.look(docker, id).await? {
            return Ok(ended);
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

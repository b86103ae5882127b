//! Commands that end with their connection: those that only read, and those of targets that nothing can be written on.

use std::sync::Arc;
use std::time::Duration;

use runbook_core::local::{Live, not_started, report};
use runbook_core::port::{ExecEnd, ExecJob, ExecReport, OutputSink, Stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::command::{CommandText, stopping};
use crate::connection::{SshConnection, unreachable};
use crate::link::Lane;
use crate::session::{Said, Talk};
use crate::text::{self, Program, programs};

/// How often a command that only reads is begun again when its connection was lost.
const AGAIN: u32 = 3;
/// How long a target may take to say that what was ended has ended.
const LAST_WORD: Duration = Duration::from_secs(10);

/// What is written down of a command's output, and how far it has come.
pub(crate) struct Capture {
    pub(crate) live: Live,
    /// Bytes of standard output and standard error that have come.
    pub(crate) received: [u64; 2],
    /// Why some of it is missing.
    fault: Option<String>,
}

impl Capture {
    /// Nothing has come yet.
    pub(crate) fn new(live: Live) -> Self {
        Capture { live, received: [0; 2], fault: None }
    }

    pub(crate) fn take(&mut self, stream: Stream, bytes: &[u8]) {
        self.received[usize::from(stream == Stream::Stderr)] += bytes.len() as u64;
        if let Err(error) = self.live.write(stream, bytes) {
            self.fault.get_or_insert_with(|| format!("its output could not be kept here: {error}"));
        }
    }

    /// The report of a command that ended like `end`.
    pub(crate) async fn report(self, end: ExecEnd, note: Option<String>) -> ExecReport {
        let note = [note, self.fault].into_iter().flatten().collect::<Vec<_>>().join("; ");
        report(end, Some(note).filter(|note| !note.is_empty()), self.live).await
    }
}

/// Why a session is no longer followed.
pub(crate) enum Ending {
    /// Its program's last word.
    Word(String),
    /// The connection is gone.
    Gone,
    /// It is time to end the command.
    Stop(ExecEnd),
}

/// Follows `talk`; with `pokes`, has a capsule show its output now and then.
pub(crate) async fn follow(
    talk: &mut Talk,
    capture: &mut Capture,
    pokes: bool,
    deadline: Option<Instant>,
    stop: &CancellationToken,
) -> Ending {
    loop {
        let late = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let said = tokio::select! {
            biased;
            () = stop.cancelled() => return Ending::Stop(ExecEnd::Cancelled),
            said = talk.next(|stream, bytes| capture.take(stream, bytes)) => said,
            () = late => return Ending::Stop(ExecEnd::TimedOut),
        };
        match said {
            Said::Output => {}
            Said::Tick => {
                capture.live.tick();
                if pokes {
                    talk.poke().await;
                }
            }
            Said::Word(word) => return Ending::Word(word),
            Said::Gone => return Ending::Gone,
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Ending::Stop(ExecEnd::TimedOut);
        }
    }
}

/// When a job that begins now is ended.
pub(crate) fn deadline(job: &ExecJob, since: Duration) -> Option<Instant> {
    Instant::now().checked_add(job.timeout?.to_std().saturating_sub(since))
}

/// Tenths of a second between asking processes to end and killing them.
pub(crate) fn grace(job: &ExecJob) -> String {
    job.grace.to_std().as_millis().div_ceil(100).to_string()
}

impl SshConnection {
    /// Runs a command that ends with its connection. With `note`, it may have an effect, and is begun once only.
    pub(crate) async fn leased(
        &self,
        job: &ExecJob,
        output: Arc<dyn OutputSink>,
        stop: &CancellationToken,
        note: Option<String>,
    ) -> ExecReport {
        let tries = if note.is_some() { 1 } else { AGAIN };
        let mut why = String::new();
        for _ in 0..tries {
            match self.lease(job, Arc::clone(&output), stop, note.clone()).await {
                Ok(report) => return report,
                Err(lost) => why = lost,
            }
        }
        ExecReport { end: ExecEnd::Lost(why), note, ..not_started("") }
    }

    /// One try; fails with what ssh said when the connection was lost.
    async fn lease(
        &self,
        job: &ExecJob,
        output: Arc<dyn OutputSink>,
        stop: &CancellationToken,
        note: Option<String>,
    ) -> Result<ExecReport, String> {
        let name = text::random();
        let command = match CommandText::of(job, &name) {
            Ok(command) => command,
            Err(why) => return Ok(not_started(why)),
        };
        let grace_tenths = grace(job);
        let variables = [
            ("rb_cwd", command.cwd.as_deref().unwrap_or_default()),
            ("rb_mark", &*name),
            ("rb_grace", &*grace_tenths),
        ];
        let given = format!(
            "rb_job() {{\n{}\n}}\n{}",
            command.run,
            stopping(job.run_as.as_ref(), &text::end(), &name)
        );
        let program = Program::new(&variables, &given, programs::LEASE);
        let live = match Live::fed(output, &job.directory, false) {
            Ok(live) => live,
            Err(error) => return Ok(cannot_prepare(job, &error)),
        };
        let mut capture = Capture::new(live);
        let seated = tokio::select! {
            () = stop.cancelled() => return Ok(not_started("the run was stopped before it began")),
            seated = self.link.seat(&program, Lane::Work) => seated,
        };
        let mut seat = match seated {
            Ok(seat) => seat,
            Err(error) => return Ok(unreachable(&error)),
        };
        let ending = follow(&mut seat.talk, &mut capture, false, deadline(job, Duration::ZERO), stop).await;
        let (end, note) = match ending {
            Ending::Word(word) => (self.ended(job, &word), note),
            Ending::Gone if seat.talk.has_begun() || self.link.check(&seat.master).await => {
                return Err(self.lost(&seat.master).await);
            }
            Ending::Gone => (ExecEnd::NotStarted(self.not_a_shell(&seat.talk.noise())), note),
            Ending::Stop(end) => {
                seat.talk.hang_up();
                let limit = Some(Instant::now() + job.grace.to_std() + LAST_WORD);
                let unseen =
                    match follow(&mut seat.talk, &mut capture, false, limit, &CancellationToken::new()).await
                    {
                        Ending::Word(_) => None,
                        _ => Some("whether all its processes have ended could not be seen".to_owned()),
                    };
                (end, [note, unseen].into_iter().flatten().reduce(|all, more| format!("{all}; {more}")))
            }
        };
        seat.leave();
        if let ExecEnd::NotStarted(why) = end {
            return Ok(not_started(why));
        }
        Ok(capture.report(end, note).await)
    }

    /// The end that a program's last word says.
    pub(crate) fn ended(&self, job: &ExecJob, word: &str) -> ExecEnd {
        let mut words = word.split_whitespace();
        match (words.next(), words.next().unwrap_or_default(), words.next()) {
            (Some("code"), _, Some("timed_out")) => ExecEnd::TimedOut,
            (Some("code"), _, Some("cancelled")) => ExecEnd::Cancelled,
            (Some("code"), code, _) => match code.parse() {
                Ok(code) => ExecEnd::Exited(code),
                Err(_) => ExecEnd::Lost(format!("its exit code cannot be read: `{code}`")),
            },
            (Some("not-started"), "cwd", _) => ExecEnd::NotStarted(format!(
                "working directory `{}` on `{}` does not exist or may not be entered",
                job.cwd.as_deref().unwrap_or_default(),
                self.link.host.target
            )),
            _ => ExecEnd::Lost(format!("an answer that is not understood: `{word}`")),
        }
    }
}

/// The engine's own directory of the attempt cannot be used.
pub(crate) fn cannot_prepare(job: &ExecJob, error: &std::io::Error) -> ExecReport {
    not_started(format!("cannot prepare `{}`: {error}", job.directory.display()))
}

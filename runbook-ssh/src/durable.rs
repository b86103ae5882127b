//! Commands with an effect: in a capsule on the target, whose outcome is fetched whatever happens to the connection.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use runbook_core::local::{Live, not_started};
use runbook_core::port::{ExecEnd, ExecJob, ExecReport, OutputSink, Recovered};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::command::{CommandText, stopping};
use crate::connection::{Place, SshConnection, unreachable};
use crate::lease::{Capture, Ending, cannot_prepare, deadline, follow, grace};
use crate::link::{Lane, Seat, jittered};
use crate::record::{Outcome, Record};
use crate::text::{self, Program, programs};

/// How often a capsule is begun anew that certainly never ran a command.
const STARTS: u32 = 20;
/// How long a target may be away before what became of its command is left to people.
const AWAY: Duration = Duration::from_secs(90);
/// How long an ended command's last output may take.
const LAST_OUTPUT: Duration = Duration::from_secs(10);
/// After how many days capsules are removed from targets.
const KEPT_DAYS: i64 = 14;
/// After how many days an attempt without a capsule may be one whose capsule was removed.
const SURE_DAYS: i64 = 10;

/// What became of a capsule.
enum Fate {
    /// It ended like this; what could not be ended with it; the session that waits until that is kept here.
    Ended(ExecEnd, Option<String>, Option<Box<Seat>>),
    /// It never began, and never will.
    Never,
    /// It did not begin, and why.
    NotStarted(String),
    /// The target is not what the record says, and nothing has begun: its place must be looked up anew.
    Moved(String),
    /// That cannot be found out, and why.
    Unknown(String),
    /// It is time to end it.
    Stop(ExecEnd),
}

impl SshConnection {
    /// Runs a command with an effect.
    pub(crate) async fn durable(
        &self,
        job: &ExecJob,
        output: Arc<dyn OutputSink>,
        stop: &CancellationToken,
    ) -> ExecReport {
        match Record::read(&job.directory) {
            Ok(None) => {}
            // Somebody has begun it before: it is not begun again.
            Ok(Some(_)) => return joined(self.recovered(job, Timestamp::now(), output, stop).await),
            Err(error) => return cannot_prepare(job, &error),
        }
        let mut capture = match Live::fed(Arc::clone(&output), &job.directory, true) {
            Ok(live) => Capture::new(live),
            Err(error) => return cannot_prepare(job, &error),
        };
        let mut last = String::new();
        for _ in 0..STARTS {
            let place = tokio::select! {
                () = stop.cancelled() => return not_started("the run was stopped before it began"),
                place = self.place() => place,
            };
            let place = match place {
                Ok(place) => place,
                Err(error) if error.kind == "lost" => {
                    last = error.message;
                    continue;
                }
                Err(error) => return unreachable(&error),
            };
            let record = Record { name: text::random(), base: place.base.clone(), boot: place.boot.clone() };
            if let Err(error) = record.write(&job.directory) {
                return cannot_prepare(job, &error);
            }
            if record.base.is_empty() {
                return self.leased(job, output, stop, Some(self.no_place())).await;
            }
            let mut fate = self.start(job, &record, &mut capture, stop).await;
            if let Fate::Stop(end) = fate {
                fate = match self.stopped(job, &record, end, &mut capture).await {
                    Fate::Never => Fate::NotStarted("the run was stopped before it began".to_owned()),
                    other => other,
                };
            }
            match fate {
                Fate::Never => last = "the connection was lost each time before it began".to_owned(),
                Fate::Moved(why) => {
                    self.forget_place(&place).await;
                    last = why;
                }
                Fate::NotStarted(why) => {
                    Record::remove(&job.directory);
                    return not_started(why);
                }
                other => return joined(self.concluded(job, other, capture).await),
            }
        }
        Record::remove(&job.directory);
        not_started(last)
    }

    /// Finds out what became of a command whose engine was lost.
    pub(crate) async fn recovered(
        &self,
        job: &ExecJob,
        started: Timestamp,
        output: Arc<dyn OutputSink>,
        stop: &CancellationToken,
    ) -> Recovered {
        let unreadable = |error: &dyn std::fmt::Display| {
            Recovered::Unknown(format!("`{}` cannot be read: {error}", job.directory.display()))
        };
        match Outcome::read(&job.directory) {
            Ok(None) => {}
            Ok(Some(outcome)) => {
                return match Live::found(output, &job.directory) {
                    Ok(live) => {
                        let report = Capture::new(live).report(outcome.into(), None).await;
                        Recovered::Ended(Box::new(report))
                    }
                    Err(error) => unreadable(&error),
                };
            }
            Err(error) => return unreadable(&error),
        }
        let record = match Record::read(&job.directory) {
            Ok(Some(record)) => record,
            Ok(None) => return Recovered::NotStarted,
            Err(error) => return unreadable(&error),
        };
        if record.base.is_empty() {
            return Recovered::Unknown(format!("{}, and the engine was lost", self.no_place()));
        }
        let since = Duration::try_from(Timestamp::now().duration_since(started)).unwrap_or_default();
        if since > Duration::from_secs(SURE_DAYS.unsigned_abs() * 86_400) {
            return Recovered::Unknown(format!("it was begun more than {SURE_DAYS} days ago"));
        }
        let mut capture = match Live::fed(output, &job.directory, true) {
            Ok(live) => Capture::new(live),
            Err(error) => return unreadable(&error),
        };
        let mut fate = self.find(&record, &mut capture, deadline(job, since), stop).await;
        if let Fate::Stop(end) = fate {
            fate = self.stopped(job, &record, end, &mut capture).await;
        }
        self.concluded(job, fate, capture).await
    }

    /// Starts a capsule and follows it to its end.
    async fn start(
        &self,
        job: &ExecJob,
        record: &Record,
        capture: &mut Capture,
        stop: &CancellationToken,
    ) -> Fate {
        let command = match CommandText::of(job, &record.name) {
            Ok(command) => command,
            Err(why) => return Fate::NotStarted(why),
        };
        let text = format!("{}\n#{}", command.run, record.name);
        let variables = [
            ("rb_base", &*record.base),
            ("rb_name", &*record.name),
            ("rb_boot", &*record.boot),
            ("rb_cwd", command.cwd.as_deref().unwrap_or_default()),
            ("rb_capsule", &*text::capsule()),
            ("rb_text", &*text),
        ];
        let program = Program::new(&variables, "", programs::START);
        let seated = tokio::select! {
            () = stop.cancelled() => return Fate::NotStarted("the run was stopped before it began".to_owned()),
            seated = self.link.seat(&program, Lane::Work) => seated,
        };
        let mut seat = match seated {
            Ok(seat) => seat,
            Err(error) => return Fate::NotStarted(crate::connection::told(&error)),
        };
        // Waiting for a place on the connection is not the command's time.
        let until = deadline(job, Duration::ZERO);
        let fate = match follow(&mut seat.talk, capture, true, until, stop).await {
            Ending::Word(word) => match word.as_str() {
                "not-started boot" => Fate::Moved("the target was restarted just now".to_owned()),
                "not-started place" => Fate::Moved(format!("nothing can be written in `{}`", record.base)),
                word if word.starts_with("unknown") => self.find(record, capture, until, stop).await,
                word => match self.ended(job, word) {
                    ExecEnd::NotStarted(why) => Fate::NotStarted(why),
                    end => return Fate::Ended(end, None, Some(Box::new(seat))),
                },
            },
            Ending::Gone => {
                if !seat.talk.has_begun() && !self.link.check(&seat.master).await {
                    let noise = seat.talk.noise();
                    if !noise.is_empty() {
                        return Fate::NotStarted(self.not_a_shell(&noise));
                    }
                }
                self.find(record, capture, until, stop).await
            }
            Ending::Stop(end) => Fate::Stop(end),
        };
        seat.leave();
        fate
    }

    /// Finds out, over other connections, what became of a capsule; waits for it when it still runs.
    async fn find(
        &self,
        record: &Record,
        capture: &mut Capture,
        until: Option<Instant>,
        stop: &CancellationToken,
    ) -> Fate {
        let mut seen = Instant::now();
        let mut pause = Duration::from_millis(100);
        loop {
            let program = follower(record, capture);
            let seated = tokio::select! {
                () = stop.cancelled() => return Fate::Stop(ExecEnd::Cancelled),
                seated = self.link.seat(&program, Lane::Work) => seated,
            };
            let why = match seated {
                Ok(mut seat) => {
                    let ending = follow(&mut seat.talk, capture, true, until, stop).await;
                    if seat.talk.has_begun() {
                        seen = Instant::now();
                        pause = Duration::from_millis(100);
                    }
                    match ending {
                        Ending::Stop(end) => {
                            seat.leave();
                            return Fate::Stop(end);
                        }
                        Ending::Word(word) => return self.verdict(&word, seat),
                        Ending::Gone => self.lost(&seat.master).await,
                    }
                }
                Err(error) => crate::connection::told(&error),
            };
            if seen.elapsed() > AWAY {
                return Fate::Unknown(format!("{why}; it was not there again within {} s", AWAY.as_secs()));
            }
            tokio::select! {
                () = stop.cancelled() => return Fate::Stop(ExecEnd::Cancelled),
                () = tokio::time::sleep(jittered(pause)) => {}
            }
            pause = (pause * 2).min(Duration::from_secs(3));
        }
    }

    /// What the last word of `follow.sh` means.
    fn verdict(&self, word: &str, seat: Seat) -> Fate {
        let fate = match word {
            "never" => Fate::Never,
            "unknown boot" => Fate::Unknown("the target was restarted while the command ran".to_owned()),
            "unknown place" => {
                Fate::Unknown("the target lets nothing be written where its capsule is".to_owned())
            }
            // What an engine began to end may be gone before its shell could write that down.
            "unknown killed timed_out" => Fate::Ended(ExecEnd::TimedOut, None, None),
            "unknown killed cancelled" => Fate::Ended(ExecEnd::Cancelled, None, None),
            word if word.starts_with("unknown") => {
                Fate::Unknown("the command's capsule was killed on the target".to_owned())
            }
            word => {
                let mut words = word.split_whitespace().skip(1);
                let end = match (words.next().and_then(|code| code.parse().ok()), words.next()) {
                    (Some(_), Some("timed_out")) => ExecEnd::TimedOut,
                    (Some(_), Some("cancelled")) => ExecEnd::Cancelled,
                    (Some(code), _) => ExecEnd::Exited(code),
                    (None, _) => ExecEnd::Lost(format!("an answer that is not understood: `{word}`")),
                };
                return Fate::Ended(end, None, Some(Box::new(seat)));
            }
        };
        seat.leave();
        fate
    }

    /// Ends a capsule's command because of `end`, and fetches what it wrote until then.
    async fn stopped(&self, job: &ExecJob, record: &Record, end: ExecEnd, capture: &mut Capture) -> Fate {
        let start = Instant::now();
        let limit = start + job.grace.to_std() + LAST_OUTPUT;
        let mut why = String::new();
        let mut pause = Duration::from_millis(100);
        while start.elapsed() < AWAY {
            match self.stop_once(job, record, &end, limit).await {
                Ok(Stopped::Never) => return Fate::Never,
                Ok(Stopped::Ended(left)) => {
                    let until = Some(Instant::now() + LAST_OUTPUT);
                    let fate = self.find(record, capture, until, &CancellationToken::new()).await;
                    let (end, seat) = match fate {
                        // It may have ended by itself just before.
                        Fate::Ended(end, _, seat) => (end, seat),
                        _ => (end, None),
                    };
                    let left = (!left.is_empty()).then(|| format!("could not be ended: {}", left.join(", ")));
                    return Fate::Ended(end, left, seat);
                }
                Err(error) => why = error,
            }
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(Duration::from_secs(3));
        }
        Fate::Unknown(format!("it was to be ended, but the target is not reached: {why}"))
    }

    /// One try to end a capsule's command; fails when the connection was lost.
    async fn stop_once(
        &self,
        job: &ExecJob,
        record: &Record,
        end: &ExecEnd,
        limit: Instant,
    ) -> Result<Stopped, String> {
        let tenths = grace(job);
        let variables = [
            ("rb_base", &*record.base),
            ("rb_name", &*record.name),
            ("rb_mark", &*record.name),
            ("rb_why", if *end == ExecEnd::TimedOut { "timed_out" } else { "cancelled" }),
            ("rb_grace", &*tenths),
        ];
        let given = stopping(job.run_as.as_ref(), &text::end(), &record.name);
        let program = Program::new(&variables, &given, programs::STOP);
        let (word, said) =
            self.ask(&program, limit).await.map_err(|error| crate::connection::told(&error))?;
        match word.as_str() {
            "never" => Ok(Stopped::Never),
            _ => Ok(Stopped::Ended(said.lines().map(str::to_owned).collect())),
        }
    }

    /// The answer for a capsule whose fate is known; what it wrote is kept here before it goes.
    async fn concluded(&self, job: &ExecJob, fate: Fate, capture: Capture) -> Recovered {
        match fate {
            Fate::Ended(end, note, seat) => {
                let outcome = Outcome::of(&end);
                let report = capture.report(end, note).await;
                if let (Some(outcome), Some(seat)) = (outcome, seat) {
                    self.keep(outcome, &job.directory, *seat);
                }
                Recovered::Ended(Box::new(report))
            }
            Fate::Never | Fate::NotStarted(_) | Fate::Moved(_) | Fate::Stop(_) => {
                Record::remove(&job.directory);
                Recovered::NotStarted
            }
            Fate::Unknown(why) => Recovered::Unknown(why),
        }
    }

    /// Keeps an outcome here, aside, and has the capsule removed then.
    fn keep(&self, outcome: Outcome, directory: &Path, mut seat: Seat) {
        let directory = directory.to_owned();
        let kept = tokio::task::spawn_blocking(move || match outcome.write(&directory) {
            // It is in the log already, and the directory is gone.
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
            Ok(()) => true,
        });
        self.tidying.spawn(async move {
            if kept.await.unwrap_or(false) {
                seat.talk.thank().await;
            }
            seat.talk.close().await;
        });
    }

    /// Where capsules may be on the target.
    pub(crate) async fn place(&self) -> Result<Place, runbook_core::port::ConnectError> {
        let mut known = self.place.lock().await;
        if let Some(place) = &*known {
            return Ok(place.clone());
        }
        let days = KEPT_DAYS.to_string();
        let program = Program::new(&[("rb_days", &*days)], "", programs::PROBE);
        let limit = Instant::now() + Duration::from_secs(60);
        let (_, said) = self.ask(&program, limit).await?;
        let mut lines = said.lines();
        let boot = lines.next().unwrap_or_default().to_owned();
        let place = Place { boot, base: lines.next().unwrap_or_default().to_owned() };
        *known = Some(place.clone());
        Ok(place)
    }

    /// `place` was not as it seemed.
    async fn forget_place(&self, place: &Place) {
        let mut known = self.place.lock().await;
        if known.as_ref() == Some(place) {
            *known = None;
        }
    }

    fn no_place(&self) -> String {
        format!(
            "nothing can be written on `{}`, so what becomes of a command is not known when its connection is lost",
            self.link.host.target
        )
    }
}

/// What came of ending a capsule's command.
enum Stopped {
    /// It never began, and never will.
    Never,
    /// It has ended, but for these processes.
    Ended(Vec<String>),
}

/// The program that follows a capsule from where its output was lost.
fn follower(record: &Record, capture: &Capture) -> Program {
    let [out, err] = capture.received.map(|bytes| bytes.to_string());
    let variables = [
        ("rb_base", &*record.base),
        ("rb_name", &*record.name),
        ("rb_boot", &*record.boot),
        ("rb_pattern", &*text::pattern(&record.name)),
        ("rb_skip_out", &*out),
        ("rb_skip_err", &*err),
    ];
    Program::new(&variables, "", programs::FOLLOW)
}

/// As the report of a command that was to run.
fn joined(recovered: Recovered) -> ExecReport {
    match recovered {
        Recovered::Ended(report) => *report,
        Recovered::NotStarted => not_started("it was given up before it began"),
        Recovered::Unknown(why) => ExecReport { end: ExecEnd::Lost(why), ..not_started("") },
    }
}

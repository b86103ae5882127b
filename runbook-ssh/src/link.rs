//! The way to one host: a connection that is opened when it is needed and again when it was lost, and a limited number
//! of sessions on it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use runbook_core::port::ConnectError;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::host::Host;
use crate::master::{Failure, Master};
use crate::session::Talk;
use crate::text::Program;

/// Sessions of commands on one connection; a default sshd allows ten of all kinds.
const SESSIONS: usize = 8;
/// Sessions that look after commands, which must not wait for them.
const CARES: usize = 2;
/// How long a host may refuse connections or sessions because it has too many.
const CROWDED: Duration = Duration::from_secs(120);
/// How long a host that was reached before may be away until what needs it fails.
const AWAY: Duration = Duration::from_secs(30);

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// A command.
    Work,
    /// Looking after commands: ending them, asking what became of them.
    Care,
}

/// A session, and its place on the connection.
pub(crate) struct Seat {
    pub(crate) talk: Talk,
    /// What it runs on; held so that it is not closed.
    pub(crate) master: Arc<Master>,
    _permit: OwnedSemaphorePermit,
}

impl Seat {
    /// Waits until the session is over, aside.
    pub(crate) fn leave(self) {
        tokio::spawn(async move {
            self.talk.close().await;
            drop(self.master);
        });
    }
}

/// The way to one host.
pub(crate) struct Link {
    pub(crate) host: Host,
    master: Mutex<Option<Arc<Master>>>,
    work: Arc<Semaphore>,
    care: Arc<Semaphore>,
    /// How many connections may be opened at once, to all hosts together.
    opening: Arc<Semaphore>,
    /// Whether it was open before: then what fails may be on its way back.
    known: AtomicBool,
}

impl Link {
    /// A way that is not open yet.
    pub(crate) fn new(host: Host, opening: Arc<Semaphore>) -> Self {
        let places = |number| Arc::new(Semaphore::new(number));
        Link {
            host,
            master: Mutex::default(),
            work: places(SESSIONS),
            care: places(CARES),
            opening,
            known: AtomicBool::new(false),
        }
    }

    /// The connection, opened when there is none.
    pub(crate) async fn master(&self) -> Result<Arc<Master>, ConnectError> {
        let mut master = self.master.lock().await;
        if let Some(master) = &*master {
            return Ok(Arc::clone(master));
        }
        let opened = Arc::new(self.open().await?);
        *master = Some(Arc::clone(&opened));
        self.known.store(true, Ordering::Relaxed);
        Ok(opened)
    }

    /// Connects; a host that has too many connections is asked again.
    async fn open(&self) -> Result<Master, ConnectError> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(100);
        loop {
            let opened = match self.opening.acquire().await {
                Ok(_permit) => Master::open(&self.host).await,
                Err(_) => Err(Failure::Setup("the engine is ending".to_owned())),
            };
            match opened {
                Ok(master) => return Ok(master),
                Err(failure) if failure.is_crowded() && start.elapsed() < CROWDED => {
                    tokio::time::sleep(jittered(pause)).await;
                    pause = (pause * 2).min(Duration::from_secs(3));
                }
                Err(failure) => return Err(failure.told(&self.host)),
            }
        }
    }

    /// Forgets `master` when it is gone; says whether it was.
    pub(crate) async fn check(&self, master: &Arc<Master>) -> bool {
        if master.is_alive().await {
            return false;
        }
        let mut current = self.master.lock().await;
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, master)) {
            *current = None;
        }
        true
    }

    /// Starts `program` in a session of its own. Fails only when it was not sent.
    pub(crate) async fn seat(&self, program: &Program, lane: Lane) -> Result<Seat, ConnectError> {
        let places = if lane == Lane::Work { &self.work } else { &self.care };
        let Ok(permit) = Arc::clone(places).acquire_owned().await else {
            return Err(Failure::Setup("the connection is closed".to_owned()).told(&self.host));
        };
        let start = Instant::now();
        let mut pause = Duration::from_millis(50);
        loop {
            let master = match self.master().await {
                Ok(master) => master,
                Err(error) if self.may_come_back(&error) && start.elapsed() < AWAY => {
                    tokio::time::sleep(jittered(pause)).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let error = match Talk::open(master.session(), program).await {
                Ok(talk) => return Ok(Seat { talk, master, _permit: permit }),
                Err(error) => error,
            };
            let gone = self.check(&master).await;
            if start.elapsed() > CROWDED {
                return Err(ConnectError {
                    kind: "sessions",
                    message: format!(
                        "target `{}`: {} opens no session: {error}",
                        self.host.target,
                        self.host.shown()
                    ),
                    help: Some("raise `MaxSessions` in its sshd_config".to_owned()),
                });
            }
            // It allows fewer sessions than others, or others use the same account: one will end.
            if !gone {
                tokio::time::sleep(jittered(pause)).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
        }
    }

    /// Whether a host that was reached before is only away for a moment, as while its sshd is restarted.
    fn may_come_back(&self, error: &ConnectError) -> bool {
        let passing = ["lost", "refused", "timeout", "unreachable", "proxy"];
        self.known.load(Ordering::Relaxed) && passing.contains(&error.kind)
    }

    /// Ends the connection; it is opened again when somebody needs it.
    pub(crate) async fn close(&self) {
        *self.master.lock().await = None;
    }
}

/// Between half of `pause` and all of it: who was refused together does not come back together.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    pause / 2 + pause.mul_f64((random % 1024) as f64 / 2048.0)
}

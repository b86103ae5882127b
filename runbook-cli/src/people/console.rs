//! Whoever sits at the terminal: lines out, lines in.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::oneshot;

use crate::render::screen::{Hold, Screen};
use crate::render::style::Paint;

/// Somewhere a dialogue can be held.
pub(crate) trait Console: Send + Sync {
    /// Begins a dialogue; everything else stays silent until it is dropped.
    fn open(&self) -> Box<dyn Dialogue>;
}

/// A conversation with a person.
#[async_trait]
pub(crate) trait Dialogue: Send + Sync {
    /// Shows `text`.
    fn say(&self, text: &str);

    /// The next line that is typed, without its end; `None` when nobody is there (any more).
    async fn line(&self) -> Option<String>;

    /// The same, without showing what is typed.
    async fn hidden_line(&self) -> Option<String>;

    /// How to paint what is said.
    fn paint(&self) -> Paint;
}

/// Standard input and standard error.
pub(crate) struct Terminal {
    screen: Screen,
    paint: Paint,
    /// A question was withdrawn while somebody may have been typing the answer.
    withdrawn: Arc<AtomicBool>,
}

impl Terminal {
    /// The terminal, when somebody can be expected to sit there.
    pub(crate) fn find(screen: &Screen, paint: Paint) -> Option<Self> {
        let attended = io::stdin().is_terminal() && io::stderr().is_terminal();
        let automatic = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false");
        (attended && !automatic).then(|| Terminal {
            screen: screen.clone(),
            paint,
            withdrawn: Arc::new(AtomicBool::new(false)),
        })
    }
}

impl Console for Terminal {
    fn open(&self) -> Box<dyn Dialogue> {
        // What was typed for a question that is gone must not answer the next one.
        if self.withdrawn.swap(false, Ordering::AcqRel) {
            let _ = rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush);
        }
        Box::new(Talk { hold: self.screen.hold(), paint: self.paint, withdrawn: self.withdrawn.clone() })
    }
}

struct Talk {
    hold: Hold,
    paint: Paint,
    withdrawn: Arc<AtomicBool>,
}

#[async_trait]
impl Dialogue for Talk {
    fn say(&self, text: &str) {
        self.hold.write(text);
    }

    async fn line(&self) -> Option<String> {
        let (send, receive) = oneshot::channel();
        let mut cancel =
            Cancel { flag: Arc::new(AtomicBool::new(false)), withdrawn: Some(self.withdrawn.clone()) };
        let cancelled = cancel.flag.clone();
        // A thread of its own: a read that waits must hold up neither the run nor its end.
        let reader = std::thread::Builder::new().name("runbook-input".into()).spawn(move || {
            // Nobody listens any more: the question was withdrawn.
            let _ = send.send(read_line(&cancelled));
        });
        reader.ok()?;
        let line = receive.await.ok().flatten();
        cancel.withdrawn = None;
        if line.is_none() {
            self.say("\n");
        }
        line
    }

    async fn hidden_line(&self) -> Option<String> {
        let _silence = Silence::begin();
        let line = self.line().await;
        // The line break was not shown either.
        self.say("\n");
        line
    }

    fn paint(&self) -> Paint {
        self.paint
    }
}

/// The terminal shows nothing of what is typed, until this is dropped.
struct Silence {
    before: Option<Termios>,
}

impl Silence {
    fn begin() -> Self {
        let before = tcgetattr(io::stdin()).ok();
        if let Some(mut quiet) = before.clone() {
            quiet.local_modes.remove(LocalModes::ECHO);
            // Where that is not possible nothing was promised by the terminal.
            let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &quiet);
        }
        Silence { before }
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// Ends the reading thread when the question is withdrawn.
struct Cancel {
    flag: Arc<AtomicBool>,
    withdrawn: Option<Arc<AtomicBool>>,
}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.flag.store(true, Ordering::Release);
        if let Some(withdrawn) = &self.withdrawn {
            withdrawn.store(true, Ordering::Release);
        }
    }
}

/// One line of standard input, read only once it is complete; `None` at its end or when `cancelled`.
///
/// Nothing is read ahead, so that a withdrawn question swallows no line that is meant for the next one.
fn read_line(cancelled: &AtomicBool) -> Option<String> {
    let stdin = io::stdin();
    let mut bytes = Vec::new();
    loop {
        if cancelled.load(Ordering::Acquire) {
            return None;
        }
        let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
        let slice = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        match poll(&mut ready, Some(&slice)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => return None,
        }
        if cancelled.load(Ordering::Acquire) {
            return None;
        }
        let mut byte = [0];
        match rustix::io::read(&stdin, &mut byte) {
            Ok(0) => return None,
            Ok(_) if byte[0] == b'\n' => {
                let line = String::from_utf8_lossy(&bytes).into_owned();
                return Some(line.trim_end_matches('\r').to_owned());
            }
            Ok(_) => bytes.push(byte[0]),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(_) => return None,
        }
    }
}

/// Says `prompt` and reads one line, before there is a run.
pub(crate) fn ask_at_once(prompt: &str) -> Option<String> {
    crate::output::talk(prompt);
    let line = read_line(&AtomicBool::new(false));
    if line.is_none() {
        crate::output::talk("\n");
    }
    line
}

//! One session on a connection: a program is sent, its output comes back as a stream, and its last word.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use memchr::memmem;
use openssh::{Child, ChildStderr, ChildStdin, ChildStdout, Session, Stdio};
use runbook_core::port::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::text::Program;

/// Time between two looks at what a capsule's command has written.
const TICK: Duration = Duration::from_millis(250);
/// Size of the buffers that output passes through.
const CHUNK: usize = 64 * 1024;
/// How much of what a host says before the program is kept for people.
const MOST_NOISE: usize = 2048;

/// A running program of [`text`](crate::text) and what it says.
pub(crate) struct Talk {
    child: Option<Child<Arc<Session>>>,
    stdin: Option<ChildStdin>,
    out: Side<ChildStdout>,
    err: Side<ChildStderr>,
    tick: Interval,
}

/// What has come.
pub(crate) enum Said {
    /// The beginning, or output of the command.
    Output,
    /// Time has passed.
    Tick,
    /// The program's last word; the session stays until [`Talk::close`].
    Word(String),
    /// The session is over without one.
    Gone,
}

struct Side<R> {
    pipe: Option<R>,
    scan: Scan,
    buffer: Vec<u8>,
}

impl Talk {
    /// Starts `program`. Fails when the session is not opened; nothing has been sent then.
    pub(crate) async fn open(session: Arc<Session>, program: &Program) -> Result<Self, openssh::Error> {
        let mut command = session.arc_raw_command(program.command_line());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().await?;
        let side = || Scan::new(&program.nonce);
        let mut talk = Talk {
            stdin: child.stdin().take(),
            out: Side { pipe: child.stdout().take(), scan: side(), buffer: Vec::new() },
            err: Side { pipe: child.stderr().take(), scan: side(), buffer: Vec::new() },
            child: Some(child),
            tick: interval_at(Instant::now() + TICK, TICK),
        };
        talk.tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        talk.send(program.text()).await;
        Ok(talk)
    }

    /// Whether the program has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.out.scan.has_begun() || self.err.scan.has_begun()
    }

    /// What came before the program began: from login scripts, or from something that took its place.
    pub(crate) fn noise(&self) -> String {
        let noise = [&self.err.scan.noise[..], &self.out.scan.noise[..]].concat();
        String::from_utf8_lossy(&noise).trim().to_owned()
    }

    /// The next thing that comes; output goes to `take`.
    ///
    /// Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self, mut take: impl FnMut(Stream, &[u8])) -> Said {
        loop {
            if let (Some(word), Some(_)) = (self.err.scan.word(), self.out.scan.word()) {
                return Said::Word(word.to_owned());
            }
            if self.out.pipe.is_none() && self.err.pipe.is_none() {
                return Said::Gone;
            }
            let stream = tokio::select! {
                () = self.out.read() => Stream::Stdout,
                () = self.err.read() => Stream::Stderr,
                _ = self.tick.tick() => return Said::Tick,
            };
            let mut some = !self.has_begun();
            let mut take = |bytes: &[u8]| {
                some = true;
                take(stream, bytes);
            };
            match stream {
                Stream::Stdout => self.out.pass(&mut take),
                Stream::Stderr => self.err.pass(&mut take),
            }
            if some && self.has_begun() {
                return Said::Output;
            }
        }
    }

    /// Tells the program that it may show what there is.
    pub(crate) async fn poke(&mut self) {
        // With a full pipe nobody is listening now.
        let _ = tokio::time::timeout(Duration::from_millis(10), self.send(b"t\n")).await;
    }

    /// Tells the program that what it said is in safe hands.
    pub(crate) async fn thank(&mut self) {
        self.send(b"kept\n").await;
    }

    async fn send(&mut self, bytes: &[u8]) {
        let Some(stdin) = &mut self.stdin else { return };
        // When the connection is gone, that shows where answers are read.
        if stdin.write_all(bytes).await.is_err() {
            self.stdin = None;
        }
    }

    /// The way to the program's standard input, for data after its text.
    pub(crate) fn input(&mut self) -> Option<ChildStdin> {
        self.stdin.take()
    }

    /// Takes the engine's end away: a lease ends its command then.
    pub(crate) fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// Waits until the session is over, so that its place is free.
    pub(crate) async fn close(mut self) {
        self.hang_up();
        let Some(child) = self.child.take() else { return };
        let rest = async {
            let mut left = vec![0; CHUNK];
            if let Some(pipe) = &mut self.out.pipe {
                while pipe.read(&mut left).await.is_ok_and(|read| read > 0) {}
            }
            // What it ended with was said before.
            let _ = child.wait().await;
        };
        let _ = tokio::time::timeout(Duration::from_secs(10), rest).await;
    }
}

impl<R: AsyncReadExt + Unpin> Side<R> {
    /// Reads more, or waits for ever when there will not be more.
    async fn read(&mut self) {
        let Some(pipe) = &mut self.pipe else { return std::future::pending().await };
        self.buffer.clear();
        self.buffer.reserve(CHUNK);
        let read: io::Result<usize> = pipe.read_buf(&mut self.buffer).await;
        if !read.is_ok_and(|read| read > 0) {
            self.pipe = None;
        }
    }

    fn pass(&mut self, take: &mut dyn FnMut(&[u8])) {
        self.scan.push(&self.buffer, take);
        if self.pipe.is_none() {
            self.scan.flush(take);
        }
    }
}

/// Finds what is between a program's first and last word.
struct Scan {
    begin: Vec<u8>,
    end: Vec<u8>,
    /// What may be the start of a word.
    held: Vec<u8>,
    noise: Vec<u8>,
    state: State,
}

enum State {
    Before,
    Inside,
    After(Option<String>),
}

impl Scan {
    fn new(nonce: &str) -> Self {
        Scan {
            begin: format!("{nonce}B\n").into_bytes(),
            end: format!("{nonce}E").into_bytes(),
            held: Vec::new(),
            noise: Vec::new(),
            state: State::Before,
        }
    }

    fn has_begun(&self) -> bool {
        !matches!(self.state, State::Before)
    }

    fn word(&self) -> Option<&str> {
        match &self.state {
            State::After(word) => word.as_deref(),
            _ => None,
        }
    }

    fn push(&mut self, bytes: &[u8], take: &mut dyn FnMut(&[u8])) {
        let joined;
        let mut bytes = if self.held.is_empty() {
            bytes
        } else {
            self.held.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.held);
            &joined
        };
        if let State::Before = self.state {
            match memmem::find(bytes, &self.begin) {
                Some(at) => {
                    self.noise.extend_from_slice(&bytes[..at]);
                    bytes = &bytes[at + self.begin.len()..];
                    self.state = State::Inside;
                }
                None => {
                    let safe = bytes.len() - overlap(bytes, &self.begin);
                    self.noise.extend_from_slice(&bytes[..safe]);
                    self.held = bytes[safe..].to_vec();
                }
            }
            let excess = self.noise.len().saturating_sub(MOST_NOISE);
            self.noise.drain(..excess);
        }
        if let State::Inside = self.state {
            match memmem::find(bytes, &self.end) {
                Some(at) => {
                    pass(&bytes[..at], take);
                    bytes = &bytes[at + self.end.len()..];
                    self.state = State::After(None);
                }
                None => {
                    let safe = bytes.len() - overlap(bytes, &self.end);
                    pass(&bytes[..safe], take);
                    self.held = bytes[safe..].to_vec();
                }
            }
        }
        if let State::After(word @ None) = &mut self.state {
            match memchr::memchr(b'\n', bytes) {
                Some(at) => *word = Some(String::from_utf8_lossy(&bytes[..at]).trim().to_owned()),
                None => self.held = bytes.to_vec(),
            }
        }
    }

    /// There will not be more.
    fn flush(&mut self, take: &mut dyn FnMut(&[u8])) {
        let held = std::mem::take(&mut self.held);
        match self.state {
            State::Before => self.noise.extend_from_slice(&held),
            State::Inside => pass(&held, take),
            State::After(_) => {}
        }
    }
}

fn pass(bytes: &[u8], take: &mut dyn FnMut(&[u8])) {
    if !bytes.is_empty() {
        take(bytes);
    }
}

/// How many bytes at the end of `bytes` may be the beginning of `word`.
fn overlap(bytes: &[u8], word: &[u8]) -> usize {
    let most = bytes.len().min(word.len() - 1);
    (1..=most).rev().find(|length| bytes.ends_with(&word[..*length])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes through when `text` is cut at every place.
    #[test]
    fn words_are_found_wherever_the_stream_is_cut() {
        let text = b"Welcome!\nabcB\nout\nab abcabE abcEcode 3\nlater";
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let mut scan = Scan::new("abc");
                let mut got = Vec::new();
                for piece in [&text[..first], &text[first..second], &text[second..]] {
                    scan.push(piece, &mut |bytes| got.extend_from_slice(bytes));
                }
                assert_eq!(String::from_utf8_lossy(&got), "out\nab abcabE ", "{first} {second}");
                assert_eq!(scan.word(), Some("code 3"), "{first} {second}");
                assert_eq!(scan.noise, b"Welcome!\n");
            }
        }
    }

    #[test]
    fn what_is_held_back_comes_at_the_end() {
        let mut scan = Scan::new("abc");
        let mut got = Vec::new();
        scan.push(b"abcB\nmore ab", &mut |bytes| got.extend_from_slice(bytes));
        assert_eq!(got, b"more ");
        scan.flush(&mut |bytes| got.extend_from_slice(bytes));
        assert_eq!(got, b"more ab");
        assert!(scan.has_begun() && scan.word().is_none());
    }
}

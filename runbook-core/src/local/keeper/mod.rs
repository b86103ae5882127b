//! A process that holds durable commands, so that they need no shell beside each of them.
//!
//! It is started when the first durable command comes, lives as long as its engine or its commands, and
//! claims attempts as a capsule does. An engine that cannot have one uses capsules.

mod serve;
mod wire;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::Mutex;

use super::command::{self, Program};
use crate::port::ExecJob;

pub use serve::keep;
pub(super) use wire::Reply;
use wire::{HELLO, Request};

/// How long a keeper may take to come up.
const PATIENCE: Duration = Duration::from_secs(5);

/// The program that calls [`keep`]: usually the engine's own, started in a way that only it knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeeperProgram {
    /// Where it is.
    pub path: PathBuf,
    /// The arguments that make a keeper of it.
    pub args: Vec<OsString>,
}

/// The keeper of one connection, started when it is needed.
#[derive(Debug)]
pub(super) struct Keepers {
    program: KeeperProgram,
    /// What commands get before their jobs add to it.
    env: Vec<(OsString, OsString)>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// None was needed, or the last one has died.
    None,
    Some(Arc<Keeper>),
    /// The program is no keeper, or cannot be one here.
    Never,
}

/// A keeper at work.
#[derive(Debug)]
pub(super) struct Keeper {
    /// Closed when the engine needs it no longer, or is gone.
    channel: Option<UnixStream>,
    child: Option<Child>,
    /// Where commands run that do not say where.
    cwd: Option<PathBuf>,
    /// Whether it has said that it is a keeper.
    ready: bool,
    /// Whether it has ever answered a job.
    proven: AtomicBool,
}

impl Keepers {
    pub(super) fn new(program: KeeperProgram, env: Vec<(OsString, OsString)>) -> Self {
        Keepers { program, env, state: Mutex::new(State::None) }
    }

    /// The keeper for a job in `cwd`; `None` when there is none that would run it as the engine would.
    pub(super) async fn get(&self, job: &ExecJob) -> Option<Arc<Keeper>> {
        // Other systems do not say when a process was started, so that a keeper could not be told from a
        // process that has its id.
        if !cfg!(target_os = "linux") {
            return None;
        }
        let mut state = self.state.lock().await;
        if let State::None = *state {
            *state = match self.start().await {
                Ok(keeper) => State::Some(Arc::new(keeper)),
                Err(_) => State::Never,
            };
        }
        let State::Some(keeper) = &*state else { return None };
        let same_place = || std::env::current_dir().ok() == keeper.cwd;
        (job.cwd.as_ref().is_some_and(|cwd| cwd.starts_with('/')) || same_place()).then(|| Arc::clone(keeper))
    }

    /// Does not use `keeper` any more, which has not answered.
    pub(super) async fn give_up(&self, keeper: &Arc<Keeper>) {
        let mut state = self.state.lock().await;
        if matches!(&*state, State::Some(now) if Arc::ptr_eq(now, keeper)) {
            // What dies before its first answer is not tried for every job.
            *state = if keeper.proven.load(Ordering::Relaxed) { State::None } else { State::Never };
        }
    }

    async fn start(&self) -> io::Result<Keeper> {
        let (channel, other) = UnixStream::pair()?;
        let mut command = Command::new(&self.program.path);
        command.args(&self.program.args).env_clear();
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::from(std::os::fd::OwnedFd::from(other)));
        // A group of its own: it is not interrupted with the engine.
        command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let cwd = std::env::current_dir().ok();
        let child = Some(command.spawn()?);
        drop(command);
        channel.set_nonblocking(true)?;
        let mut hello = [0; HELLO.len()];
        let mut reader = tokio::net::UnixStream::from_std(channel.try_clone()?)?;
        let mut keeper =
            Keeper { channel: Some(channel), child, cwd, ready: false, proven: AtomicBool::new(false) };
        tokio::time::timeout(PATIENCE, reader.read_exact(&mut hello)).await??;
        keeper.ready = hello == *HELLO;
        if keeper.ready { Ok(keeper) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

impl Keeper {
    /// Has the keeper run `job`. Does not wait.
    pub(super) fn send(&self, job: &ExecJob, request: &[u8], outputs: [&File; 2]) -> io::Result<Waiting> {
        let (reader, answer) = io::pipe()?;
        // The request may hold secrets, as standard input may: it is never on a disk.
        let request = command::input(Some(request))?;
        let stdin = command::input(job.stdin.as_deref())?;
        let mut descriptors = Vec::with_capacity(5);
        descriptors.extend(request.as_ref().map(AsFd::as_fd));
        descriptors.push(answer.as_fd());
        descriptors.extend(outputs.map(AsFd::as_fd));
        descriptors.extend(stdin.as_ref().map(AsFd::as_fd));
        wire::pass(self.channel.as_ref().ok_or(io::ErrorKind::NotConnected)?, &descriptors)?;
        Ok(Waiting(pipe::Receiver::from_owned_fd(reader.into())?))
    }

    /// What it answers. Fails when it does not: then what is recorded of the attempt says whether it has begun.
    pub(super) async fn answer(&self, Waiting(mut pipe): Waiting) -> io::Result<Reply> {
        let mut reply = [0; Reply::LENGTH];
        pipe.read_exact(&mut reply).await?;
        self.proven.store(true, Ordering::Relaxed);
        Reply::decode(reply)
    }
}

/// A job that was sent.
#[derive(Debug)]
pub(super) struct Waiting(pipe::Receiver);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.channel = None;
        if let Some(mut child) = self.child.take() {
            if !self.ready {
                // Whatever it is, it was given nothing to do, and may have ended by itself.
                let _ = child.kill();
            }
            // It may have commands to wait for. When there is no thread for that, its entry stays until
            // this process ends.
            let waiting = std::thread::Builder::new().name("runbook-keeper-end".into());
            let _ = waiting.spawn(move || child.wait());
        }
    }
}

/// What a keeper is told of `job`.
pub(super) fn request(job: &ExecJob, attempt: &super::attempt::Attempt, program: &Program) -> Vec<u8> {
    Request {
        directory: attempt.directory().to_owned(),
        token: job.token.clone(),
        program: program.clone(),
        cwd: job.cwd.clone(),
        env: job.env.clone(),
    }
    .encode()
}

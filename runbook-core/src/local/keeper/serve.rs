//! The keeper: starts commands for one engine and waits for them, also when the engine is gone.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::Arc;

use tokio::io::Interest;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use super::wire::{self, HELLO, Handles, Reply, Request};
use crate::local::attempt::Attempt;
use crate::local::claim::{KeeperName, KeptEnd, command_line};
use crate::local::command::CannotRun;
use crate::local::process::MARK;
use crate::local::{exec, table};

/// Carries out durable commands for the engine at the other end of standard input, until that is gone and all
/// commands have ended.
///
/// This is all that the program does that [`KeeperProgram`](super::KeeperProgram) names. It ends at once when
/// standard input is no engine.
pub fn keep() -> io::Result<()> {
    let channel = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(channel))
}

async fn serve(channel: UnixStream) -> io::Result<()> {
    use io::ErrorKind::{Interrupted, WouldBlock};
    // For as long as they are held, these signals end nothing here; commands get them as they were before.
    let _deaf = deaf()?;
    let pid = std::process::id().cast_signed();
    let own = table::find(pid).ok_or(io::ErrorKind::NotFound)?;
    let name = Arc::new(KeeperName { pid, start: own.start, boot: table::boot().to_owned() }.to_string());
    (&channel).write_all(HELLO)?;
    channel.set_nonblocking(true)?;
    let channel = tokio::net::UnixStream::from_std(channel)?;
    let (mut jobs, mut engine) = (JoinSet::new(), true);
    while engine || !jobs.is_empty() {
        tokio::select! {
            ready = channel.readable(), if engine => {
                ready?;
                match channel.try_io(Interest::READABLE, || wire::accept(&channel)) {
                    Ok(Some(Ok(handles))) => {
                        jobs.spawn(job(Arc::clone(&name), handles));
                    }
                    // Its pipe is closed: the engine sees that nobody took it.
                    Ok(Some(Err(_))) => {}
                    Err(error) if matches!(error.kind(), WouldBlock | Interrupted) => {}
                    Ok(None) | Err(_) => engine = false,
                }
            }
            Some(_) = jobs.join_next() => {}
        }
    }
    Ok(())
}

/// Takes the signals that a capsule does not die of either, apart from those that are ignored already: what is
/// ignored here stays so in commands.
fn deaf() -> io::Result<Vec<Signal>> {
    let kinds = [
        SignalKind::hangup(),
        SignalKind::interrupt(),
        SignalKind::quit(),
        SignalKind::alarm(),
        SignalKind::terminate(),
        SignalKind::user_defined1(),
        SignalKind::user_defined2(),
    ];
    let ignored = table::ignored_signals();
    let heard = |kind: &SignalKind| ignored >> (kind.as_raw_value() - 1) & 1 == 0;
    kinds.into_iter().filter(heard).map(signal).collect()
}

async fn job(keeper: Arc<String>, handles: Handles) {
    let Handles { mut request, mut answer, stdout, stderr, stdin } = handles;
    // It is whole in its file, or this is not the engine.
    let mut bytes = Vec::new();
    let read = request.read_to_end(&mut bytes).and_then(|_| Request::decode(&bytes));
    drop(request);
    let Ok(request) = read else { return };
    let reply = carry_out(&keeper, request, Outputs { stdout, stderr, stdin }).await;
    // There is room for it, and when the engine is gone, what is recorded has to do.
    let _ = answer.write_all(&reply.encode());
}

struct Outputs {
    stdout: OwnedFd,
    stderr: OwnedFd,
    stdin: Option<OwnedFd>,
}

async fn carry_out(keeper: &str, request: Request, outputs: Outputs) -> Reply {
    let claimed = Attempt::at(&request.directory).and_then(|attempt| attempt.claim_as(keeper));
    let Ok(Some(mut record)) = claimed else { return Reply::Look };
    let mut child = match start(&request, outputs) {
        Ok(Ok(child)) => child,
        Ok(Err(code)) => {
            note(&mut record, KeptEnd::Code(code));
            return Reply::Ended(code);
        }
        Err(error) => {
            note(&mut record, KeptEnd::NotStarted);
            return Reply::NotStarted(error.raw_os_error().unwrap_or_default());
        }
    };
    if let Some(pid) = child.id() {
        // Without it a later engine does not know what to end, and says so.
        let _ = record.write_all(command_line(pid).as_bytes());
    }
    // Nothing else of this process runs between the moment the process id is free for another command, and
    // the record of the end: an id on record without an end is not another command's.
    let code = exec::code_of(&child.wait().await);
    note(&mut record, code.map_or(KeptEnd::Lost, KeptEnd::Code));
    code.map_or(Reply::Look, Reply::Ended)
}

/// Adds the end to the record.
fn note(record: &mut File, end: KeptEnd) {
    // One write, so that a line is there whole or is not taken for one. An engine that still lives is told
    // the end in any case; a later one finds the keeper gone and the end unknown.
    let _ = record.write_all(end.to_string().as_bytes());
}

/// Starts the command; the exit code a shell would give where that is not possible.
fn start(request: &Request, outputs: Outputs) -> io::Result<Result<Child, i32>> {
    let Outputs { stdout, stderr, stdin } = outputs;
    let stdin = stdin.map(File::from);
    let spawn = |mut command: Command| {
        // The rest of the environment is the keeper's own.
        command.envs(request.env.iter().map(|(name, value)| (name, value))).env(MARK, &request.token);
        if let Some(cwd) = &request.cwd {
            command.current_dir(cwd);
        }
        let stdin = stdin.as_ref().map(File::try_clone).transpose()?;
        command.stdin(stdin.map_or_else(Stdio::null, Stdio::from)).process_group(0);
        command.stdout(stdout.try_clone()?).stderr(stderr.try_clone()?).spawn()
    };
    let mut spawned = spawn(request.program.command());
    if spawned.as_ref().is_err_and(exec::needs_shell) {
        spawned = spawn(request.program.command_through_shell());
    }
    let error = match spawned {
        Ok(child) => return Ok(Ok(child)),
        Err(error) => error,
    };
    match CannotRun::from_error(&request.program.name.to_string_lossy(), &error) {
        Some(CannotRun { code, message }) => {
            // It is for people; the exit code counts.
            let _ = File::from(stderr).write_all(message.as_bytes());
            Ok(Err(code))
        }
        None => Err(error),
    }
}

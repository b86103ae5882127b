//! Making an exec, starting it, and reporting what came of it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use futures_util::{Stream, StreamExt as _};
use runbook_core::port::{ExecCommand, ExecEnd, ExecJob, ExecReport, OutputSink};
use runbook_core::run::Captured;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use super::place::{CAPSULE, Places};
use super::record::Record;
use super::watch::{Watched, watch};
use super::{MARK, recover};
use crate::capture::Capture;
use crate::container::{Found, Which};
use crate::engine::{said, status};

/// Reads a script and runs it.
const SCRIPT: &str = include_str!("script.sh");

/// How much output is taken at once.
const CHUNK: usize = 64 * 1024;

/// A job that did not begin.
pub(super) fn not_started(why: impl Into<String>) -> ExecReport {
    let (stdout, stderr) = Default::default();
    ExecReport { end: ExecEnd::NotStarted(why.into()), stdout, stderr, note: None }
}

/// Output of an exec.
pub(super) type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>;

/// Runs `job` in the container `which` as `user`, to its end.
pub(crate) async fn run(
    docker: &Docker,
    which: &Which,
    user: Option<&str>,
    places: &Places,
    job: &ExecJob,
    output: Arc<dyn OutputSink>,
    stop: CancellationToken,
) -> ExecReport {
    if stop.is_cancelled() {
        return not_started("the run was stopped before it began");
    }
    if job.durable && !matches!(Record::read(&job.directory), Ok(None)) {
        return recover::join(docker, user, job, output, stop).await;
    }
    let container = match which.running(docker).await {
        Ok(container) => container,
        Err(why) => return not_started(why),
    };
    let (mut argv, input) = command_line(job);
    let code = if job.durable { places.file(docker, &container, user, &job.token).await } else { None };
    if let Some(file) = &code {
        argv.splice(0..0, ["sh", "-c", CAPSULE, "sh", file].map(str::to_owned));
    }
    let mut env: Vec<String> = job.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    env.push(format!("{MARK}={}", job.token));
    let exec =
        Exec { container: &container.id, argv, env, cwd: job.cwd.as_deref(), user, input: input.is_some() };
    let id = match exec.create(docker).await {
        Ok(id) => id,
        Err(why) => return not_started(why),
    };
    if job.durable {
        let record = Record::Exec { id: id.clone(), container: container.clone(), code: code.clone() };
        match record.write(&job.directory) {
            Ok(true) => {}
            // What was made here is never started.
            Ok(false) => return recover::join(docker, user, job, output, stop).await,
            Err(error) => {
                return not_started(format!("cannot write to `{}`: {error}", job.directory.display()));
            }
        }
    }
    let capture = Capture::new(output, &job.directory, job.durable);
    let (stream, mut writer) = match start(docker, &id).await {
        Ok(started) => started,
        Err(error) if status(&error).is_some() => return not_started(said(&error)),
        Err(error) => return lost(&said(&error), capture).await,
    };
    let feeding = async {
        // A command need not read its input.
        let _ = writer.write_all(&input.unwrap_or_default()).await;
        let _ = writer.shutdown().await;
        std::future::pending::<Infallible>().await
    };
    let mut watched =
        Watched { docker, id: &id, container: &container, code: code.as_deref(), user, job, capture };
    let outcome = tokio::select! {
        outcome = watch(&mut watched, Some(stream), job.timeout, &stop) => outcome,
        never = feeding => match never {},
    };
    watched.tidy(&outcome).await;
    report(outcome.end, outcome.note, watched.capture, outcome.refused).await
}

/// What is created in the engine.
struct Exec<'a> {
    container: &'a str,
    argv: Vec<String>,
    env: Vec<String>,
    cwd: Option<&'a str>,
    user: Option<&'a str>,
    input: bool,
}

impl Exec<'_> {
    async fn create(self, docker: &Docker) -> Result<String, String> {
        let options = CreateExecOptions {
            attach_stdin: Some(self.input),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            env: Some(self.env),
            cmd: Some(self.argv),
            user: self.user.map(str::to_owned),
            working_dir: self.cwd.map(str::to_owned),
            ..CreateExecOptions::default()
        };
        let made = docker.create_exec(self.container, options).await;
        made.map(|made| made.id).map_err(|error| said(&error))
    }
}

async fn start(docker: &Docker, id: &str) -> Result<(Output, Pin<Box<dyn AsyncWrite + Send>>), Error> {
    let options = StartExecOptions { detach: false, tty: false, output_capacity: Some(CHUNK) };
    match docker.start_exec(id, Some(options)).await? {
        StartExecResults::Attached { output, input } => Ok((output, input)),
        StartExecResults::Detached => {
            Ok((Box::pin(futures_util::stream::empty()), Box::pin(tokio::io::sink())))
        }
    }
}

/// What is executed, and what goes to its standard input: a script travels there, never as an argument.
fn command_line(job: &ExecJob) -> (Vec<String>, Option<Vec<u8>>) {
    match &job.command {
        ExecCommand::Argv(argv) => (argv.clone(), job.stdin.clone()),
        ExecCommand::Script { shell, text } => {
            let hash = Sha256::digest(text.as_bytes());
            let end: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            let end = format!("end of script {end}");
            let input = if job.stdin.is_some() { "open" } else { "closed" };
            let argv =
                [shell.program(), "-c", SCRIPT, shell.program(), &end, input].map(str::to_owned).to_vec();
            let newline = if text.ends_with('\n') { "" } else { "\n" };
            let mut sent = format!("{text}{newline}{end}\n").into_bytes();
            sent.extend(job.stdin.as_deref().unwrap_or_default());
            (argv, Some(sent))
        }
    }
}

/// A command of which nobody knows what became.
pub(super) async fn lost(why: &str, capture: Capture) -> ExecReport {
    report(ExecEnd::Lost(why.to_owned()), None, capture, None).await
}

/// The report of a command that ended like `end`; `refused` is what the engine said instead of starting it.
pub(super) async fn report(
    end: ExecEnd,
    note: Option<String>,
    capture: Capture,
    refused: Option<Refused>,
) -> ExecReport {
    if let Some(refused) = refused {
        let (stdout, stderr) = (Captured::default(), Captured::of_text(format!("{}\n", refused.why)));
        return match refused.code {
            Some(code) => ExecReport { end: ExecEnd::Exited(code), stdout, stderr, note },
            None => not_started(refused.why),
        };
    }
    let (stdout, stderr, unkept) = capture.finish().await;
    let note = match (note, unkept) {
        (Some(note), Some(unkept)) => Some(format!("{note}; {unkept}")),
        (note, unkept) => note.or(unkept),
    };
    ExecReport { end, stdout, stderr, note }
}

/// Why the engine did not start a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// What a shell would exit with, when the program is the reason.
    pub(super) code: Option<i32>,
    /// What the engine says, without its own machinery's names.
    pub(super) why: String,
}

impl Refused {
    /// Reads it from what an exec left that never got a process: the engine puts its message where output goes.
    pub(super) fn of(message: &[u8]) -> Self {
        let text = String::from_utf8_lossy(message);
        let text = text.trim();
        let why = text.strip_suffix(": unknown").unwrap_or(text);
        let why =
            ["OCI runtime exec failed: ", "exec failed: ", "unable to start container process: ", "exec: "]
                .iter()
                .fold(why, |why, machinery| why.strip_prefix(machinery).unwrap_or(why));
        // Only a program that is looked for is named in quotes at the beginning.
        let code = why.starts_with('"').then(|| {
            let absent = ["executable file not found", "no such file or directory"];
            if absent.iter().any(|text| why.contains(text)) { 127 } else { 126 }
        });
        let why = if why.is_empty() { "the container engine did not start it" } else { why };
        Refused { code, why: why.to_owned() }
    }
}

/// How a small command ended.
pub(crate) struct Ran {
    /// Its exit code.
    pub(crate) code: i32,
    /// What it wrote.
    pub(crate) stdout: Vec<u8>,
    /// What it complained.
    pub(crate) stderr: String,
}

/// Runs a command of this crate's own in a container: one that is short, and harmless when it is lost.
pub(crate) async fn small(
    docker: &Docker,
    container: &Found,
    user: Option<&str>,
    argv: &[&str],
    input: Option<&[u8]>,
) -> Result<Ran, String> {
    let argv = argv.iter().map(|word| (*word).to_owned()).collect();
    let exec =
        Exec { container: &container.id, argv, env: Vec::new(), cwd: None, user, input: input.is_some() };
    let id = exec.create(docker).await?;
    let (mut stream, mut writer) = start(docker, &id).await.map_err(|error| said(&error))?;
    let mut ran = Ran { code: 0, stdout: Vec::new(), stderr: String::new() };
    let feeding = async {
        // It may end without reading all of it; its exit code says whether that is bad.
        let _ = writer.write_all(input.unwrap_or_default()).await;
        let _ = writer.shutdown().await;
    };
    let reading = async {
        while let Some(piece) = stream.next().await {
            match piece.map_err(|error| said(&error))? {
                LogOutput::StdErr { message } => ran.stderr.push_str(&String::from_utf8_lossy(&message)),
                other => ran.stdout.extend_from_slice(other.as_ref()),
            }
        }
        Ok::<(), String>(())
    };
    let ((), read) = tokio::join!(feeding, reading);
    read?;
    let ended = super::watch::exit_code(docker, &id).await?;
    ran.code = ended.code;
    if ended.had_process { Ok(ran) } else { Err(Refused::of(&ran.stdout).why) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_own_messages_say_whether_the_program_is_the_reason() {
        let of = |text: &str| Refused::of(text.as_bytes());
        let start = "OCI runtime exec failed: exec failed: unable to start container process: ";
        let absent = of(&format!("{start}exec: \"nope\": executable file not found in $PATH: unknown\r\n"));
        assert_eq!(absent.code, Some(127));
        assert_eq!(absent.why, "\"nope\": executable file not found in $PATH");
        let denied = of(&format!("{start}exec: \"/etc/passwd\": permission denied: unknown"));
        assert_eq!(denied.code, Some(126));
        let cwd =
            format!("{start}chdir to cwd (\"/nope\") set in config.json failed: no such file or directory");
        assert_eq!(of(&cwd).code, None);
        assert_eq!(of("unable to find user a: no matching entries in passwd file").code, None);
        assert!(!of("").why.is_empty());
    }
}

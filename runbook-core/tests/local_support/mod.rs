//! What the tests of local commands share.
#![allow(dead_code, reason = "each test program uses a part")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration as StdDuration, Instant};

use runbook_core::kind::Target;
use runbook_core::local::{KeeperProgram, LocalConnector, keep};
use runbook_core::model::Shell;
use runbook_core::port::{Connector, ExecCommand, ExecJob, ExecReport, OutputSink, Stream};
use runbook_core::run::Captured;
use runbook_core::value::Duration;
use tokio_util::sync::CancellationToken;

/// What holds a durable command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Capsule,
    Keeper,
}

/// How directories of attempts begin whose commands a keeper holds: the job itself does not say.
const KEPT: &str = "kept";

/// A directory for one test; what its commands have started is ended with it.
pub(crate) struct Place(tempfile::TempDir, Holder);

impl Place {
    pub(crate) fn new() -> Self {
        Self::with(Holder::Capsule)
    }

    /// A place whose durable jobs are held by `holder`.
    pub(crate) fn with(holder: Holder) -> Self {
        Place(tempfile::tempdir().unwrap(), holder)
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    /// Where the attempt is.
    pub(crate) fn directory(&self) -> PathBuf {
        self.root().join(if self.1 == Holder::Keeper { KEPT } else { "attempt" })
    }

    /// The living keepers of its jobs.
    pub(crate) fn keepers(&self) -> Vec<i32> {
        with_item("cmdline", &keeper_name(&self.directory()))
    }

    /// The token of its jobs. Everything with the same token belongs together, so tests must not share one.
    pub(crate) fn token(&self) -> String {
        format!("token-of-{}", self.root().display())
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.root().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn program(&self, name: &str, text: &str) -> String {
        let path = self.write(name, text);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    /// Whether anything of its jobs lives, capsules included.
    pub(crate) fn is_at_work(&self) -> bool {
        !with_variable(&format!("RUNBOOK_ATTEMPT={}", self.token())).is_empty()
    }

    pub(crate) fn kill_marked(&self) {
        for pid in marked(self) {
            let pid = rustix::process::Pid::from_raw(pid).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.kill_marked();
    }
}

/// Shell text that marks the command after it.
pub(crate) fn mark(place: &Place) -> String {
    format!("RB_MARK={}", place.root().display())
}

/// The living processes that carry the mark.
pub(crate) fn marked(place: &Place) -> Vec<i32> {
    with_variable(&mark(place))
}

fn with_variable(wanted: &str) -> Vec<i32> {
    with_item("environ", wanted)
}

fn with_item(list: &str, wanted: &str) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap() {
        let Ok(pid) = entry.unwrap().file_name().to_string_lossy().parse::<i32>() else { continue };
        let items = std::fs::read(format!("/proc/{pid}/{list}")).unwrap_or_default();
        if items.split(|byte| *byte == 0).any(|item| item == wanted.as_bytes()) && alive(pid) {
            found.push(pid);
        }
    }
    found
}

/// Whether `pid` lives.
pub(crate) fn alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.starts_with(" Z") && !rest.starts_with(" X"))
}

fn job(place: &Place, command: ExecCommand) -> ExecJob {
    ExecJob {
        command,
        env: Vec::new(),
        stdin: None,
        cwd: None,
        run_as: None,
        timeout: None,
        grace: Duration::from_secs(5),
        durable: false,
        directory: place.directory(),
        token: place.token(),
    }
}

pub(crate) fn argv(place: &Place, argv: &[&str]) -> ExecJob {
    job(place, ExecCommand::Argv(argv.iter().map(|item| (*item).to_owned()).collect()))
}

pub(crate) fn script(place: &Place, text: &str) -> ExecJob {
    job(place, ExecCommand::Script { shell: Shell::Sh, text: text.into() })
}

pub(crate) fn bash(place: &Place, text: &str) -> ExecJob {
    job(place, ExecCommand::Script { shell: Shell::Bash, text: text.into() })
}

/// The same job, to survive its engine, with a token of its own place.
pub(crate) fn durable(job: ExecJob) -> ExecJob {
    ExecJob { durable: true, ..job }
}

/// The same job, held by a keeper.
pub(crate) fn kept(job: ExecJob) -> ExecJob {
    let name = format!("{KEPT}-{}", job.directory.file_name().unwrap().to_str().unwrap());
    ExecJob { directory: job.directory.with_file_name(name), ..durable(job) }
}

fn is_kept(directory: &Path) -> bool {
    directory.file_name().unwrap().to_str().unwrap().starts_with(KEPT)
}

/// What keepers of the jobs beside `directory` are called, apart from others.
fn keeper_name(directory: &Path) -> String {
    format!("keeper-of-{}", directory.parent().unwrap().display())
}

/// This test program as a keeper for the jobs beside `directory`.
pub(crate) fn keeper_program(directory: &Path) -> KeeperProgram {
    let name = keeper_name(directory);
    let args = ["--exact", "local_support::keeper", "--ignored", "--nocapture", &name];
    KeeperProgram { path: std::env::current_exe().unwrap(), args: args.map(Into::into).into() }
}

/// The keeper. Run by hand it ends at once.
#[test]
#[ignore = "is started by other tests"]
fn keeper() {
    let _ = keep();
}

/// `connector` with a keeper where `job` is to have one.
pub(crate) fn connector_for(connector: LocalConnector, job: &ExecJob) -> LocalConnector {
    match is_kept(&job.directory) {
        true => connector.with_keeper(keeper_program(&job.directory)),
        false => connector,
    }
}

pub(crate) async fn exec(job: &ExecJob) -> ExecReport {
    exec_with(LocalConnector::inherit(), job, Arc::new(())).await
}

/// Runs `job` on `connector`, with a keeper where it is to have one.
pub(crate) async fn exec_with(
    connector: LocalConnector,
    job: &ExecJob,
    output: Arc<dyn OutputSink>,
) -> ExecReport {
    let connection = connector_for(connector, job).connect(&Target::local()).await.unwrap();
    let report = connection.exec(job, output, CancellationToken::new()).await;
    connection.close().await;
    if is_kept(&job.directory) && job.directory.join("claim").exists() {
        let claim = std::fs::read_to_string(job.directory.join("claim")).unwrap();
        assert!(claim.starts_with("keeper ") || claim == "engine\n", "it was not kept: {claim}");
    }
    report
}

/// The process id of the capsule or keeper in the claim, when there is one.
pub(crate) fn claimed(directory: &Path) -> Option<i32> {
    let claim = std::fs::read_to_string(directory.join("claim")).ok()?;
    let (first, _) = claim.split_once('\n')?;
    first.trim_start_matches("keeper ").split(' ').next()?.parse().ok()
}

pub(crate) fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    // It may be gone already.
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

pub(crate) fn lines(captured: &Captured) -> Vec<String> {
    captured.whole().unwrap().lines().map(str::to_owned).collect()
}

/// Waits for `condition`; fails loudly when it does not come.
pub(crate) async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < StdDuration::from_secs(20), "it never came that {what}");
        tokio::time::sleep(StdDuration::from_millis(5)).await;
    }
}

/// The most memory this process has ever used, in bytes.
pub(crate) fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Keeps what is shown.
#[derive(Default)]
pub(crate) struct Collected(Mutex<[Vec<u8>; 2]>);

impl Collected {
    pub(crate) fn text(&self, stream: Stream) -> String {
        String::from_utf8(self.0.lock().unwrap()[stream as usize].clone()).unwrap()
    }
}

impl OutputSink for Collected {
    fn chunk(&self, stream: Stream, bytes: &[u8]) {
        self.0.lock().unwrap()[stream as usize].extend_from_slice(bytes);
    }
}

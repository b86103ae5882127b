//! Throwaway SSH servers on this machine, with keys and configuration of their own, and jobs for them.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration as StdDuration, Instant};

use runbook_core::kind::Target;
use runbook_core::model::Shell;
use runbook_core::port::{
    ConnectError, Connection, Connector, ExecCommand, ExecJob, ExecReport, OutputSink, Stream,
};
use runbook_core::value::{Duration, Value};
use runbook_ssh::SshConnector;
use rustix::process::{Pid, Signal, kill_process};
use tokio_util::sync::CancellationToken;

const SSHD: &str = "/usr/sbin/sshd";

/// An SSH server that is gone with this.
pub(crate) struct Sshd {
    directory: tempfile::TempDir,
    pub(crate) port: u16,
    listener: Mutex<Option<Child>>,
}

impl Sshd {
    /// A server with these lines in its configuration; `None`, said loudly, where there is no sshd.
    pub(crate) fn start(extra: &str) -> Option<Self> {
        if !Path::new(SSHD).exists() {
            assert!(
                std::env::var_os("RUNBOOK_REQUIRE_E2E").is_none_or(|value| value != "1"),
                "RUNBOOK_REQUIRE_E2E=1, and there is no {SSHD}: install openssh-server"
            );
            eprintln!("SKIPPED: there is no {SSHD}; install openssh-server to test against a real one");
            return None;
        }
        let directory = tempfile::Builder::new().prefix("rb-sshd-").tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        for key in ["host_key", "user_key"] {
            make_key(&at(key));
        }
        fs::copy(at("user_key.pub"), at("authorized_keys")).unwrap();
        for name in ["state", "home"] {
            fs::create_dir(at(name)).unwrap();
        }
        let here = directory.path().display();
        // The first value of an option counts. Login scripts of whoever runs the tests stay out of it.
        let config = format!(
            "{extra}\nListenAddress 127.0.0.1:{port}\nHostKey {here}/host_key\nPidFile none\nAuthorizedKeysFile {here}/authorized_keys\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nLogLevel VERBOSE\n\
             SetEnv HOME={here}/home XDG_STATE_HOME={here}/state RB_SSHD={here}\n"
        );
        fs::write(at("sshd_config"), config).unwrap();
        let sshd = Sshd { directory, port, listener: Mutex::default() };
        sshd.know(&sshd.host_key());
        fs::write(
            sshd.at("ssh_config"),
            format!(
                "UserKnownHostsFile {here}/known_hosts\nGlobalKnownHostsFile /dev/null\nIdentityFile {here}/user_key\nIdentitiesOnly yes\n",
                here = sshd.root().display()
            ),
        )
        .unwrap();
        sshd.listen();
        Some(sshd)
    }

    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Where its capsules are.
    pub(crate) fn capsules(&self) -> PathBuf {
        self.at("state/runbook/capsules")
    }

    /// How many capsules there are.
    pub(crate) fn capsule_count(&self) -> usize {
        fs::read_dir(self.capsules()).map_or(0, |entries| entries.count())
    }

    pub(crate) fn host_key(&self) -> String {
        fs::read_to_string(self.at("host_key.pub")).unwrap()
    }

    /// Has clients know `key` as this host's.
    pub(crate) fn know(&self, key: &str) {
        let key: Vec<&str> = key.split_whitespace().take(2).collect();
        fs::write(self.at("known_hosts"), format!("[127.0.0.1]:{} {}\n", self.port, key.join(" "))).unwrap();
    }

    /// Begins to listen.
    pub(crate) fn listen(&self) {
        if rustix::process::geteuid().is_root() {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let child = Command::new(SSHD)
            .args(["-D", "-f"])
            .arg(self.at("sshd_config"))
            .arg("-E")
            .arg(self.at("sshd.log"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        *self.listener.lock().unwrap() = Some(child);
        wait_until("sshd listens", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    /// Stops listening; sessions stay.
    pub(crate) fn stop_listening(&self) {
        if let Some(mut child) = self.listener.lock().unwrap().take() {
            let _ = child.kill();
            child.wait().unwrap();
        }
    }

    /// The processes that serve connections, found among the listener's descendants.
    pub(crate) fn sessions(&self) -> Vec<i32> {
        let Some(listener) = self.listener.lock().unwrap().as_ref().map(|child| child.id().cast_signed())
        else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let mut parents = vec![listener];
        while let Some(parent) = parents.pop() {
            for pid in children(parent) {
                if cmdline(pid).starts_with("sshd:") {
                    parents.push(pid);
                    found.push(pid);
                }
            }
        }
        found
    }

    /// Kills whatever serves connections.
    pub(crate) fn kill_sessions(&self) {
        self.sessions().into_iter().for_each(kill);
    }

    /// The living processes of commands on this server, the engine's own included.
    pub(crate) fn at_work(&self) -> Vec<i32> {
        let wanted = format!("RB_SSHD={}", self.root().display());
        with_variable(&wanted)
    }

    /// The target `t` that this server is.
    pub(crate) fn target(&self) -> Target {
        self.target_with(Value::Null)
    }

    /// The same with more parameters.
    pub(crate) fn target_with(&self, extra: Value) -> Target {
        let mut params = serde_json::json!({
            "host": "127.0.0.1",
            "port": self.port,
            "config": self.at("ssh_config").to_str().unwrap(),
        });
        if let Value::Object(extra) = extra {
            params.as_object_mut().unwrap().extend(extra);
        }
        Target { name: "t".into(), kind: "ssh".into(), params, ..Target::local() }
    }

    pub(crate) async fn connect(&self) -> Arc<dyn Connection> {
        self.try_connect(&self.target()).await.unwrap()
    }

    pub(crate) async fn try_connect(&self, target: &Target) -> Result<Arc<dyn Connection>, ConnectError> {
        SshConnector::default().connect(target).await
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill_sessions();
        self.stop_listening();
        self.at_work().into_iter().for_each(kill);
    }
}

/// A new key pair at `path`.
pub(crate) fn make_key(path: &Path) {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status();
    assert!(made.unwrap().success());
}

/// The next server, or the end of the test.
macro_rules! sshd {
    () => {
        sshd!("")
    };
    ($extra:expr) => {
        match $crate::support::Sshd::start($extra) {
            Some(sshd) => sshd,
            None => return,
        }
    };
}
pub(crate) use sshd;

/// Directories of attempts on the engine's machine.
pub(crate) struct Jobs {
    directory: tempfile::TempDir,
    number: std::sync::atomic::AtomicUsize,
}

impl Jobs {
    pub(crate) fn new() -> Self {
        Jobs { directory: tempfile::tempdir().unwrap(), number: Default::default() }
    }

    /// Where their directories are.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn job(&self, command: ExecCommand) -> ExecJob {
        let number = self.number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        ExecJob {
            command,
            env: Vec::new(),
            stdin: None,
            cwd: None,
            run_as: None,
            timeout: Some(Duration::from_secs(120)),
            grace: Duration::from_secs(2),
            durable: false,
            directory: self.directory.path().join(number.to_string()),
            token: format!("run/step/{number}"),
        }
    }

    pub(crate) fn script(&self, text: &str) -> ExecJob {
        self.job(ExecCommand::Script { shell: Shell::Sh, text: text.into() })
    }

    pub(crate) fn bash(&self, text: &str) -> ExecJob {
        self.job(ExecCommand::Script { shell: Shell::Bash, text: text.into() })
    }

    pub(crate) fn argv(&self, words: &[&str]) -> ExecJob {
        self.job(ExecCommand::Argv(words.iter().map(|word| (*word).to_owned()).collect()))
    }

    /// A job both ways: with a lease, and in a capsule.
    pub(crate) fn both(&self, job: ExecJob) -> [ExecJob; 2] {
        let durable = ExecJob { directory: self.job(job.command.clone()).directory, ..durable(job.clone()) };
        [job, durable]
    }
}

pub(crate) fn durable(job: ExecJob) -> ExecJob {
    ExecJob { durable: true, ..job }
}

pub(crate) async fn exec(connection: &Arc<dyn Connection>, job: &ExecJob) -> ExecReport {
    connection.exec(job, Arc::new(()), CancellationToken::new()).await
}

/// Output as it was shown.
#[derive(Default)]
pub(crate) struct Collected(pub(crate) Mutex<Vec<(Stream, Vec<u8>)>>);

impl Collected {
    pub(crate) fn text(&self, stream: Stream) -> String {
        let chunks = self.0.lock().unwrap();
        let bytes: Vec<u8> =
            chunks.iter().filter(|(of, _)| *of == stream).flat_map(|(_, bytes)| bytes.clone()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl OutputSink for Collected {
    fn chunk(&self, stream: Stream, bytes: &[u8]) {
        self.0.lock().unwrap().push((stream, bytes.to_vec()));
    }
}

/// Waits until `holds`; a minute at most.
pub(crate) fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < StdDuration::from_secs(60), "{what}: not within a minute");
        std::thread::sleep(StdDuration::from_millis(10));
    }
}

/// The same beside other tasks.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < StdDuration::from_secs(60), "{what}: not within a minute");
        tokio::time::sleep(StdDuration::from_millis(10)).await;
    }
}

pub(crate) fn kill(pid: i32) {
    // It may be gone already.
    let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
}

fn processes() -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.unwrap().file_name().to_string_lossy().parse().ok()).collect()
}

fn children(parent: i32) -> Vec<i32> {
    let is_child = |pid: &i32| stat(*pid).is_some_and(|(state, of)| of == parent && state != 'Z');
    processes().into_iter().filter(is_child).collect()
}

fn stat(pid: i32) -> Option<(char, i32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let mut words = rest.split_whitespace();
    Some((words.next()?.chars().next()?, words.next()?.parse().ok()?))
}

pub(crate) fn cmdline(pid: i32) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).replace('\0', " ")
}

/// The living processes with this variable.
pub(crate) fn with_variable(wanted: &str) -> Vec<i32> {
    let has = |pid: &i32| {
        let items = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        items.split(|byte| *byte == 0).any(|item| item == wanted.as_bytes())
            && stat(*pid).is_some_and(|(state, _)| state != 'Z' && state != 'X')
    };
    processes().into_iter().filter(has).collect()
}

/// The living processes of `user` whose command line is `line`.
pub(crate) fn processes_of(user: &str, line: &str) -> Vec<i32> {
    let uid = Command::new("id").args(["-u", user]).output().unwrap().stdout;
    let uid: u32 = String::from_utf8(uid).unwrap().trim().parse().unwrap();
    let is_theirs = |pid: &i32| {
        use std::os::unix::fs::MetadataExt;
        let owner = fs::metadata(format!("/proc/{pid}")).map(|meta| meta.uid());
        owner.is_ok_and(|owner| owner == uid) && cmdline(*pid).trim() == line
    };
    processes().into_iter().filter(is_theirs).collect()
}

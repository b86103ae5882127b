//! An engine in a process of its own, which may be killed, and the state it works in.
//!
//! The process is this test program itself, running only [`engine`].

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use runbook_core::drive::{Engine, RunEnd};
use runbook_core::ids::RunId;
use runbook_core::local::{KeeperProgram, LocalConnector, keep};
use runbook_core::plan::{Plan, PlanRequest};
use runbook_core::port::{LockState, PendingAnswer, Reply, RunRecord, Store};
use runbook_core::read;
use runbook_core::run::{Answerer, Ending, Entry, Event, Machine};
use runbook_core::store::{SqliteStore, new_run_id, this_process};
use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group};

const STATE: &str = "RUNBOOK_TEST_STATE";
const KILL: &str = "RUNBOOK_TEST_KILL";
const KEEPS: &str = "RUNBOOK_TEST_KEEPS";

/// What holds the commands of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Capsule,
    Keeper,
}

/// Every one of these tests, whoever holds the commands.
macro_rules! whoever_holds_it {
    ($($name:ident),* $(,)?) => {
        mod in_capsules {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::support::Holder::Capsule).await;
            })*
        }
        mod by_keepers {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::support::Holder::Keeper).await;
            })*
        }
    };
}
pub(crate) use whoever_holds_it;

/// How long anything here may take before the test is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A state directory with one runbook, and a directory in which its commands leave their effects.
pub(crate) struct Place(tempfile::TempDir, Holder);

impl Place {
    /// `steps` are the runbook's keys after its header; commands run in the directory of the effects.
    pub(crate) fn new(book: &str, holder: Holder) -> Self {
        let place = Place(tempfile::tempdir().unwrap(), holder);
        let header = "apiVersion: runbook/v1\nkind: Runbook\nname: kills\n\
                      inputs: {dir: {type: path}}\ndefaults: {cwd: \"${{ inputs.dir }}\"}\n";
        fs::write(place.0.path().join("book.yaml"), format!("{header}{book}")).unwrap();
        fs::create_dir(place.work()).unwrap();
        place
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.0.path().join("work")
    }

    /// What the commands have done, in order.
    pub(crate) fn effects(&self) -> Vec<String> {
        let text = fs::read_to_string(self.work().join("effects")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) fn store(&self) -> Arc<SqliteStore> {
        Arc::new(open(self.0.path()))
    }

    /// The one run, if it was created.
    pub(crate) async fn run(&self) -> Option<RunId> {
        only_run(&self.store()).await
    }

    /// Starts or goes on with the run in another process.
    ///
    /// `kill` is a point of a commit and its number, at which that process kills itself.
    pub(crate) fn engine(&self, kill: Option<(&str, u64)>) -> Process {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "support::engine", "--ignored", "--nocapture"]);
        command.env(STATE, self.0.path()).env_remove(KILL).env_remove(KEEPS);
        if self.1 == Holder::Keeper {
            command.env(KEEPS, "1");
        }
        if let Some((point, at)) = kill {
            command.env(KILL, format!("{} {at}", point.replace(' ', "-")));
        }
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Process { child, said }
    }

    /// Starts or goes on with the run in this process, until the engine leaves it.
    pub(crate) async fn carry_out(&self) -> RunEnd {
        carry_out(&self.engine_here(), self.0.path(), self.store()).await
    }

    /// An engine in this process.
    pub(crate) fn engine_here(&self) -> Engine {
        engine_with(self.0.path(), self.store(), self.1)
    }

    /// The living keepers of its engines.
    pub(crate) fn keepers(&self) -> Vec<Pid> {
        let wanted = keeper_name(self.0.path());
        let pids = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<i32>().ok());
        let is_keeper = |pid: &i32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).any(|item| item == wanted.as_bytes())
        };
        pids.filter(is_keeper).filter_map(Pid::from_raw).collect()
    }

    /// Waits until nothing lives that a command of the run has started.
    pub(crate) async fn commands_end(&self) {
        let Some(run) = self.run().await else { return };
        let mark = format!("RUNBOOK_ATTEMPT={run}/");
        let lives = || {
            fs::read_dir("/proc").unwrap().any(|entry| {
                let all = fs::read(entry.unwrap().path().join("environ")).unwrap_or_default();
                all.split(|byte| *byte == 0).any(|item| item.starts_with(mark.as_bytes()))
            })
        };
        let start = Instant::now();
        while lives() {
            assert!(start.elapsed() < PATIENCE, "a command stays");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until its keepers have nothing left to do and are gone.
    pub(crate) async fn keepers_go(&self) {
        let start = Instant::now();
        while !self.keepers().is_empty() {
            assert!(start.elapsed() < PATIENCE, "a keeper stays");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Where the one run stands, as its log says.
    pub(crate) async fn carried_out(&self) -> Machine {
        let store = self.store();
        replayed(&store, &only_run(&store).await.unwrap()).await
    }

    /// Whether the one run is over.
    pub(crate) async fn is_over(&self) -> bool {
        self.run().await.is_some()
            && self.log().await.iter().any(|entry| matches!(entry.event, Event::Finished { .. }))
    }

    /// Has another run take the lock `key`.
    pub(crate) async fn lock_for_another(&self, key: &str) -> LockState {
        let store = self.store();
        let record = store.record(&only_run(&store).await.unwrap()).await.unwrap();
        let other = RunRecord { id: new_run_id(record.started), ..record };
        store.create(&other, &this_process()).await.unwrap();
        store.lock(key, &other.id).await.unwrap()
    }

    pub(crate) async fn log(&self) -> Vec<Entry> {
        let store = self.store();
        store.entries(&only_run(&store).await.unwrap()).await.unwrap()
    }

    pub(crate) async fn leave_answer(&self, token: String, reply: Reply) {
        let store = self.store();
        let run = only_run(&store).await.unwrap();
        let by = Answerer::new("ann", "test");
        let answer = PendingAnswer { token, reply, by, at: Timestamp::now(), expires: None };
        assert!(store.leave_answer(&run, &answer).await.unwrap());
    }

    /// The directory of an attempt.
    pub(crate) async fn attempt(&self, step: &str, number: u32) -> PathBuf {
        let store = self.store();
        store.directory(&only_run(&store).await.unwrap()).join("steps").join(format!("{step}.{number}"))
    }

    /// Waits until an attempt was claimed and its command runs. Says the process id of who holds it, and the
    /// group of the command.
    pub(crate) async fn claimed(&self, step: &str, number: u32) -> (Pid, Pid) {
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < PATIENCE, "nobody claims it");
            if self.run().await.is_some() {
                let claim = self.attempt(step, number).await.join("claim");
                let text = fs::read_to_string(claim).unwrap_or_default();
                if let Some(found) = holder_and_group(&text) {
                    return found;
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Kills who holds an attempt, and the command.
    pub(crate) async fn kill_holder(&self, step: &str, number: u32) {
        let (holder, group) = self.claimed(step, number).await;
        let _ = kill_process(holder, Signal::KILL);
        let _ = kill_process_group(group, Signal::KILL);
        let start = Instant::now();
        while rustix::process::test_kill_process_group(group).is_ok() {
            assert!(start.elapsed() < PATIENCE, "the command does not die");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.keepers_go().await;
    }
}

/// What a whole claim says; that of a keeper is whole when the command has been started.
fn holder_and_group(claim: &str) -> Option<(Pid, Pid)> {
    let pid = |text: &str| Pid::from_raw(text.split(' ').next()?.parse().ok()?);
    let (first, rest) = claim.split_once('\n')?;
    match first.strip_prefix("keeper ") {
        None => Some((pid(first)?, pid(first)?)),
        Some(keeper) => Some((pid(keeper)?, pid(rest.strip_prefix("command ")?.split_once('\n')?.0)?)),
    }
}

/// An engine in another process.
pub(crate) struct Process {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Process {
    /// Waits until it is about to take the run.
    pub(crate) fn is_ready(&mut self) {
        for line in (&mut self.said).lines() {
            if line.unwrap().ends_with("ready") {
                return;
            }
        }
    }

    /// Kills it and nothing else. `false`: it has ended before.
    pub(crate) fn kill(mut self) -> bool {
        let killed = self.child.try_wait().unwrap().is_none();
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.code().is_none_or(|code| code == 0), "the engine failed: {status}");
        killed && status.code().is_none()
    }

    /// Waits for its end. `false`: it was killed.
    pub(crate) fn ends(mut self) -> bool {
        let status = self.child.wait().unwrap();
        assert!(status.code().is_none_or(|code| code == 0), "the engine failed: {status}");
        status.success()
    }
}

fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir.join("state")).unwrap()
}

async fn only_run(store: &SqliteStore) -> Option<RunId> {
    let runs = store.list().await.unwrap();
    assert!(runs.len() <= 1, "{runs:?}");
    runs.into_iter().next().map(|run| run.id)
}

fn keeper_name(dir: &Path) -> String {
    format!("keeper-of-{}", dir.display())
}

fn engine_with(dir: &Path, store: Arc<SqliteStore>, holder: Holder) -> Engine {
    let mut builder = Engine::builder().store(store);
    if holder == Holder::Keeper {
        let name = keeper_name(dir);
        let args = ["--exact", "support::keeper", "--ignored", "--nocapture", &name].map(Into::into).into();
        let program = KeeperProgram { path: env::current_exe().unwrap(), args };
        builder = builder.connector(Arc::new(LocalConnector::inherit().with_keeper(program)));
    }
    builder.build().unwrap()
}

#[test]
#[ignore = "runs only inside of the other tests"]
fn keeper() {
    let _ = keep();
}

async fn carry_out(engine: &Engine, dir: &Path, store: Arc<SqliteStore>) -> RunEnd {
    let run = match only_run(&store).await {
        Some(run) => engine.resume(&run).await.unwrap(),
        None => {
            let text = fs::read_to_string(dir.join("book.yaml")).unwrap();
            let loaded = read::parse("book.yaml", &text, &engine.kinds());
            let book = loaded.runbook.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
            let work = dir.join("work").to_str().unwrap().to_owned();
            let plan = Plan::build(&book, &PlanRequest::default().text_input("dir", work)).unwrap();
            engine.start(plan, Some("book.yaml".into())).await.unwrap()
        }
    };
    let end = run.wait().await.unwrap();
    let replayed = replayed(&store, &end.id).await;
    assert_eq!(replayed.state(), end.machine.state(), "the log does not tell what happened");
    // A stored plan has no places in the text.
    let same = replayed.plan().to_json().unwrap() == end.machine.plan().to_json().unwrap();
    assert!(same, "the log does not tell how the plan has grown");
    store.verify(&end.id).await.unwrap();
    end
}

/// What the stored plan and the log amount to.
async fn replayed(store: &SqliteStore, run: &RunId) -> Machine {
    let record = store.record(run).await.unwrap();
    Machine::replay(Arc::new(Plan::from_json(&record.plan).unwrap()), &store.entries(run).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs only inside of the other tests"]
async fn engine() {
    let Ok(dir) = env::var(STATE) else { return };
    let mut store = open(Path::new(&dir));
    if let Ok(kill) = env::var(KILL) {
        let (point, at) = kill.split_once(' ').unwrap();
        let (point, at) = (point.replace('-', " "), at.parse::<u64>().unwrap());
        store = store.with_hook(Arc::new(move |here, n| {
            if here == point && n == at {
                kill_process(getpid(), Signal::KILL).unwrap();
                // The signal comes to the process, not to this thread: nothing more is written meanwhile.
                std::thread::sleep(PATIENCE);
            }
        }));
    }
    println!("ready");
    std::io::stdout().flush().unwrap();
    let store = Arc::new(store);
    let holder = if env::var(KEEPS).is_ok() { Holder::Keeper } else { Holder::Capsule };
    let engine = engine_with(Path::new(&dir), store.clone(), holder);
    let end = carry_out(&engine, Path::new(&dir), store).await;
    println!("ended {:?}", end.outcome);
}

/// Whether the log admits of any step that it is not known what became of it.
pub(crate) fn is_in_doubt(log: &[Entry]) -> bool {
    log.iter().any(|entry| match &entry.event {
        Event::Ended { result, .. } => result.ending == Ending::Unknown,
        Event::Resolved { .. } => true,
        _ => false,
    })
}

/// A run in which a step fails and everything before it is undone.
pub(crate) const ROLLED_BACK: &str = r"
lock: kills
preconditions:
  - run: [test, -d, .]
steps:
  - {id: look, effect: read, run: [pwd]}
  - id: one
    effect: change
    run: echo one >> effects
    rollback: [{id: undo_one, effect: change, run: echo undo_one >> effects}]
    cleanup: [{id: clean_one, effect: change, run: echo clean_one >> effects}]
  - id: both
    parallel:
      - id: left
        effect: change
        run: echo left >> effects; sleep 0.01
        rollback: [{id: undo_left, effect: change, run: echo undo_left >> effects}]
      - id: right
        effect: change
        run: sleep 0.01; echo right >> effects
        rollback: [{id: undo_right, effect: change, run: echo undo_right >> effects}]
  - {id: count, effect: read, run: [wc, -l, effects], outputs: {lines: 'result.stdout | trim'}}
  - id: three
    effect: change
    run: [sh, -c, 'sleep 0.01; echo three >> effects']
    verify: [{run: [grep, -qx, three, effects]}]
    rollback: [{id: undo_three, effect: change, run: echo undo_three >> effects}]
  - id: fails
    effect: change
    run: echo fails >> effects; exit 3
    rollback: [{id: undo_fails, effect: change, run: echo undo_fails >> effects, verify: [{run: [grep, -qx, undo_fails, effects]}]}]
  - {id: unreached, effect: change, run: echo unreached >> effects}
on_failure:
  rollback: auto
  steps: [{id: told, effect: change, run: echo told >> effects}]
finally:
  - {id: last, effect: change, run: echo last >> effects}
";

/// What that run does, whatever happens to its engines.
pub(crate) fn is_rolled_back(effects: &[String]) -> Result<(), String> {
    let mut seen: Vec<&str> = effects.iter().map(String::as_str).collect();
    let place = |name: &str| effects.iter().position(|effect| effect == name);
    if place("right") < place("left") {
        let (left, right) = (place("left"), place("right"));
        if let (Some(left), Some(right)) = (left, right) {
            seen.swap(left, right);
        }
    }
    // Of two steps that began at the same time, either is the later one.
    let (left, right) = (place("undo_left"), place("undo_right"));
    if let (Some(left), Some(right)) = (left, right)
        && left < right
    {
        seen.swap(left, right);
    }
    let expected = [
        "one",
        "left",
        "right",
        "three",
        "fails",
        "told",
        "undo_fails",
        "undo_three",
        "undo_right",
        "undo_left",
        "undo_one",
        "clean_one",
        "last",
    ];
    if seen == expected { Ok(()) } else { Err(format!("{effects:?}")) }
}

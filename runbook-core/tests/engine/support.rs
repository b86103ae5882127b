//! An engine, people who answer by a script, and a kind of action that can do anything.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use runbook_core::diag::{Diagnostic, Diagnostics};
use runbook_core::drive::{Engine, EngineBuilder, Run, RunEnd};
use runbook_core::ids::RunId;
use runbook_core::kind::ActionKind;
use runbook_core::model::{Effect, Policy};
use runbook_core::plan::{Plan, PlanRequest};
use runbook_core::port::{
    ActionContext, Approver, Ask, Durability, EngineClaim, Executor, Notice, PendingAnswer, Reply, Reporter,
    RunRecord, Store,
};
use runbook_core::read;
use runbook_core::run::{
    Answerer, Choice, Decision, Ending, Entry, Event, State, Status, StepResult, Undoing,
};
use runbook_core::store::{MemoryStore, new_run_id, this_process};
use runbook_core::value::{Duration as Span, Object, Value};
use runbook_core::yaml::Node;

/// How long anything here may take before the test is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A store, a directory in which commands leave their effects, and what was heard of the runs.
pub(crate) struct Bench {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) heard: Arc<Heard>,
    pub(crate) probe: Arc<Probe>,
    dir: tempfile::TempDir,
    answer: Option<Arc<Script>>,
    jobs: Option<usize>,
    request: PlanRequest,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with_store(Arc::new(MemoryStore::new().unwrap()))
    }

    pub(crate) fn with_store(store: Arc<dyn Store>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let request = PlanRequest::default().text_input("dir", dir.path().to_str().unwrap());
        Bench { store, heard: Arc::default(), probe: Arc::default(), dir, answer: None, jobs: None, request }
    }

    /// Questions are answered by `answer`.
    pub(crate) fn people(
        mut self,
        answer: impl Fn(&Plan, &Ask) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        self.answer = Some(Arc::new(Script { answer: Box::new(answer), asked: Mutex::default() }));
        self
    }

    /// Nobody answers any more.
    pub(crate) fn nobody(mut self) -> Self {
        self.answer = None;
        self
    }

    pub(crate) fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = Some(jobs);
        self
    }

    pub(crate) fn input(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.request = self.request.input(name, value);
        self
    }

    /// Only `step` is to run.
    pub(crate) fn only(mut self, step: &str) -> Self {
        self.request = self.request.only(step);
        self
    }

    /// What people were asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.answer.as_ref().map_or_else(Vec::new, |script| script.asked.lock().unwrap().clone())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What commands have done, in order.
    pub(crate) fn effects(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("effects")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) fn builder(&self) -> EngineBuilder {
        let mut builder = Engine::builder()
            .store(self.store.clone())
            .executor(self.probe.clone())
            .reporter(self.heard.clone())
            .grace(Span::from_millis(500))
            .identity("ann");
        if let Some(answer) = &self.answer {
            builder = builder.approver(answer.clone());
        }
        if let Some(jobs) = self.jobs {
            builder = builder.jobs(jobs);
        }
        builder
    }

    pub(crate) fn engine(&self) -> Engine {
        self.builder().build().unwrap()
    }

    /// Everything is planned under `policy`.
    pub(crate) fn under(mut self, policy: Policy) -> Self {
        self.request = self.request.policy(policy);
        self
    }

    pub(crate) fn plan(&self, book: &str) -> Plan {
        self.try_plan(book).unwrap_or_else(|found| panic!("{found:#?}\n{book}"))
    }

    /// Why `book` cannot be planned.
    pub(crate) fn refused(&self, book: &str) -> String {
        let found = self.try_plan(book).unwrap_err();
        found.iter().map(|problem| format!("{} {}\n", problem.code, problem.message)).collect()
    }

    fn try_plan(&self, book: &str) -> Result<Plan, Vec<Diagnostic>> {
        let inputs = if book.starts_with("inputs:") { "" } else { "inputs: {dir: {type: path}}\n" };
        let header =
            "apiVersion: runbook/v1\nkind: Runbook\nname: test\ndefaults: {cwd: '${{ inputs.dir }}'}\n";
        let text = format!("{header}{inputs}{book}");
        let loaded = read::parse("test.yaml", &text, &self.engine().kinds());
        let found = loaded.diagnostics;
        let book = loaded.runbook.unwrap_or_else(|| panic!("{found:#?}\n{text}"));
        Plan::build(&book, &self.request)
    }

    pub(crate) async fn start(&self, book: &str) -> Run {
        self.engine().start(self.plan(book), None).await.unwrap()
    }

    pub(crate) async fn run(&self, book: &str) -> End {
        ended(self.start(book).await).await
    }

    /// Waits until `step` has begun to act.
    pub(crate) async fn heard_of(&self, step: &str) {
        let waiting = async {
            loop {
                if self.heard.begun.lock().unwrap().iter().any(|begun| begun == step) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("`{step}` does not begin"));
    }

    pub(crate) async fn resume(&self, run: &RunId) -> End {
        ended(self.engine().resume(run).await.unwrap()).await
    }

    pub(crate) async fn leave(&self, run: &RunId, token: String, reply: Reply) -> bool {
        let answer = PendingAnswer {
            token,
            reply,
            by: Answerer::new("bob", "test"),
            at: Timestamp::now(),
            expires: None,
        };
        self.store.leave_answer(run, &answer).await.unwrap()
    }

    /// A run like `run` with another log, whose engine is dead.
    pub(crate) async fn with_log(&self, run: &RunId, log: &[Entry]) -> RunId {
        let record = self.store.record(run).await.unwrap();
        let record = RunRecord { id: new_run_id(record.started), ..record };
        self.store.create(&record, &EngineClaim { pid: 0, ..this_process() }).await.unwrap();
        self.store.append(&record.id, log, "running", Durability::Process).await.unwrap();
        record.id
    }

    pub(crate) async fn log(&self, run: &RunId) -> Vec<Entry> {
        self.store.entries(run).await.unwrap()
    }
}

pub(crate) async fn ended(run: Run) -> End {
    End(tokio::time::timeout(PATIENCE, run.wait()).await.expect("the run does not end").unwrap())
}

/// How an engine left a run.
pub(crate) struct End(pub(crate) RunEnd);

impl End {
    pub(crate) fn outcome(&self) -> &'static str {
        self.0.outcome.map_or("waits", runbook_core::run::Outcome::name)
    }

    pub(crate) fn status(&self, step: &str) -> Status {
        let machine = &self.0.machine;
        machine.state().status(machine.plan().find(step).unwrap_or_else(|| panic!("no step `{step}`")))
    }

    pub(crate) fn statuses<const N: usize>(&self, steps: [&str; N]) -> [&'static str; N] {
        steps.map(|step| self.status(step).name())
    }

    pub(crate) fn state(&self, step: &str) -> &runbook_core::run::NodeState {
        let machine = &self.0.machine;
        machine.state().node(machine.plan().find(step).unwrap())
    }

    pub(crate) fn reason(&self, step: &str) -> &str {
        self.state(step).reason.as_deref().unwrap_or("")
    }

    pub(crate) fn output(&self, step: &str, name: &str) -> Value {
        let result = self.state(step).result.as_ref().unwrap_or_else(|| panic!("`{step}` has no result"));
        result.outputs.get(name).cloned().unwrap_or(Value::Null)
    }

    pub(crate) fn id(&self) -> &RunId {
        &self.0.id
    }
}

type Answer = dyn Fn(&Plan, &Ask) -> Option<Reply> + Send + Sync;

struct Script {
    answer: Box<Answer>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Approver for Script {
    async fn ask(&self, plan: &Plan, ask: &Ask) -> Option<(Reply, Answerer)> {
        let key = |node| plan.node(node).key.clone();
        self.asked.lock().unwrap().push(match ask {
            Ask::Gate { node, .. } => format!("gate {}", key(*node)),
            Ask::Manual { node, .. } => format!("manual {}", key(*node)),
            Ask::Failure { node, .. } => format!("failure {}", key(*node)),
            Ask::Doubt { node, .. } => format!("doubt {}", key(*node)),
            Ask::Rollback { steps } => {
                format!("rollback {}", steps.iter().map(|node| key(*node)).collect::<Vec<_>>().join(" "))
            }
            other => format!("{other:?}"),
        });
        (self.answer)(plan, ask).map(|reply| (reply, Answerer::new("ann", "terminal")))
    }
}

pub(crate) fn approve() -> Option<Reply> {
    Some(Reply::Gate { decision: Decision::Approve })
}

pub(crate) fn deny() -> Option<Reply> {
    Some(Reply::Gate { decision: Decision::Deny })
}

pub(crate) fn choose(choice: Choice) -> Option<Reply> {
    Some(Reply::Failure { choice })
}

pub(crate) fn undo(decision: Undoing) -> Option<Reply> {
    Some(Reply::Rollback { decision })
}

pub(crate) fn done(fields: Object) -> Option<Reply> {
    Some(Reply::Manual { done: true, fields, note: None })
}

/// What reporters were told.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) entries: Mutex<Vec<Entry>>,
    remarks: Mutex<Vec<String>>,
    begun: Mutex<Vec<String>>,
    output: Mutex<Vec<u8>>,
}

impl Heard {
    pub(crate) fn remarks(&self) -> Vec<String> {
        self.remarks.lock().unwrap().clone()
    }

    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().unwrap()).into_owned()
    }
}

impl Reporter for Heard {
    fn entry(&self, plan: &Plan, state: &State, entry: &Entry) {
        assert!(state.seq >= entry.seq);
        if let Event::Started { node, .. } = &entry.event {
            self.begun.lock().unwrap().push(plan.node(*node).key.clone());
        }
        self.entries.lock().unwrap().push(entry.clone());
    }

    fn notice(&self, _plan: &Plan, notice: &Notice<'_>) {
        match notice {
            Notice::Remark(text) => self.remarks.lock().unwrap().push((*text).to_owned()),
            Notice::Output { bytes, .. } => self.output.lock().unwrap().extend_from_slice(bytes),
            _ => {}
        }
    }
}

/// An action that does what its parameter says: `probe: ok`, `fail`, `unknown`, `panic`, `not_started`,
/// `hang` (until it is stopped), `deaf` (for ever), `pause` (a little), `flaky N` (good from the N-th time on),
/// `recover-KIND` (hangs, and knows after a crash that it was `ok`, `not_started` or `unknown`).
#[derive(Default)]
pub(crate) struct Probe {
    /// The steps it was called for, as `step.attempt`, and `recover step.attempt`.
    calls: Mutex<Vec<String>>,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Probe {
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// How many were under way at once, at most.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    /// Waits until it was called for `call`.
    pub(crate) async fn is_called(&self, call: &str) {
        let waiting = async {
            while !self.calls().iter().any(|made| made == call) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("no call {call}"));
    }
}

struct ProbeKind;

impl ActionKind for ProbeKind {
    fn key(&self) -> &str {
        "probe"
    }

    fn check(&self, _params: &Node, _found: &mut Diagnostics) {}

    fn effect(&self, _params: &Value) -> Effect {
        Effect::Change
    }

    fn is_channel(&self, _params: &Value) -> bool {
        true
    }

    fn show(&self, params: &Value) -> String {
        assert!(params.as_str() != Some("unshowable"), "on purpose");
        format!("probe {params}")
    }
}

#[async_trait]
impl Executor for Probe {
    fn kind(&self) -> Arc<dyn ActionKind> {
        Arc::new(ProbeKind)
    }

    async fn execute(&self, context: &ActionContext) -> StepResult {
        self.calls.lock().unwrap().push(format!("{}.{}", context.key, context.attempt));
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let result = self.what(context).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        result
    }

    async fn recover(&self, context: &ActionContext, _started: Timestamp) -> StepResult {
        self.calls.lock().unwrap().push(format!("recover {}.{}", context.key, context.attempt));
        match context.params.as_str().and_then(|params| params.strip_prefix("recover-")) {
            Some("ok") => StepResult::success(),
            Some("not_started") => StepResult::failure(Ending::NotStarted, "it never came"),
            _ => StepResult::failure(Ending::Unknown, "nobody knows"),
        }
    }
}

impl Probe {
    async fn what(&self, context: &ActionContext) -> StepResult {
        let params = context.params.as_str().unwrap().to_owned();
        match params.split_once(' ').unwrap_or((&params, "")) {
            ("ok" | "unshowable", _) => StepResult::success(),
            ("fail", _) => StepResult::failure(Ending::Completed, "on purpose"),
            ("unknown", _) => StepResult::failure(Ending::Unknown, "the line went dead"),
            ("not_started", _) => StepResult::failure(Ending::NotStarted, "nobody answered the door"),
            ("panic", _) => panic!("on purpose"),
            ("pause", _) => {
                tokio::time::sleep(Duration::from_millis(30)).await;
                StepResult::success()
            }
            ("flaky", from) if context.attempt >= from.parse().unwrap() => StepResult::success(),
            ("flaky", _) => StepResult::failure(Ending::Completed, "not yet"),
            ("deaf", _) => std::future::pending().await,
            _ => {
                context.stop.cancelled().await;
                StepResult::failure(Ending::Cancelled, "was stopped")
            }
        }
    }
}

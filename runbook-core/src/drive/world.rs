//! What the tasks of a run share: executors, connections, clock, people.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex as StdMutex};

use async_trait::async_trait;
use tokio::sync::{Mutex, OnceCell, Semaphore};

use super::judge::Rules;
use super::secrets::RunSecrets;
use crate::ids::NodeId;
use crate::kind::Target;
use crate::mask::MaskStream;
use crate::model::Policy;
use crate::model::TargetRef;
use crate::plan::Plan;
use crate::port::{
    Approver, Clock, ConnectError, Connection, Connections, Connector, Executor, Notice, OutputSink,
    Reporter, Secrets, StandIn, Store, Stream,
};
use crate::render::resolve_target;
use crate::run::{Entry, State};
use crate::value::{Duration, Object, Value};

/// What an engine was built with.
pub(super) struct World {
    pub(super) store: Arc<dyn Store>,
    pub(super) connectors: BTreeMap<String, Arc<dyn Connector>>,
    pub(super) executors: BTreeMap<String, Arc<dyn Executor>>,
    /// Takes the place of connectors and executors.
    pub(super) stand_in: Option<Arc<dyn StandIn>>,
    pub(super) approver: Option<Arc<dyn Approver>>,
    pub(super) reporters: Vec<Arc<dyn Reporter>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) jobs: usize,
    pub(super) secrets: Arc<dyn Secrets>,
    /// Policies that apply to every run, besides its own.
    pub(super) policies: Vec<Policy>,
    pub(super) identity: String,
    pub(super) grace: Duration,
}

impl World {
    /// What to show people of an action that an executor brings.
    pub(super) fn show(&self, kind: &str, params: &Value) -> String {
        let shown = self.executors.get(kind).and_then(|executor| unharmed(|| executor.kind().show(params)));
        shown.unwrap_or_else(|| format!("{kind} {params}"))
    }

    pub(super) fn entry(&self, plan: &Plan, state: &State, entry: &Entry) {
        for reporter in &self.reporters {
            unharmed(|| reporter.entry(plan, state, entry));
        }
    }

    pub(super) fn notice(&self, plan: &Plan, notice: &Notice<'_>) {
        for reporter in &self.reporters {
            unharmed(|| reporter.notice(plan, notice));
        }
    }
}

/// Calls what an embedder has written; what panics there is no reason to lose the run.
fn unharmed<T>(call: impl FnOnce() -> T) -> Option<T> {
    // Nothing of the engine's own is changed inside.
    catch_unwind(AssertUnwindSafe(call)).ok()
}

/// A connection that is opened once, by whoever needs it first.
type Opened = Arc<OnceCell<Arc<dyn Connection>>>;

/// The connections of one run: each opened when it is first needed, then kept.
pub(super) struct RunConnections {
    world: Arc<World>,
    plan: Arc<Plan>,
    open: Mutex<HashMap<String, Opened>>,
}

impl RunConnections {
    pub(super) fn new(world: Arc<World>, plan: Arc<Plan>) -> Self {
        RunConnections { world, plan, open: Mutex::default() }
    }

    fn connector(&self, target: &Target) -> Result<&Arc<dyn Connector>, ConnectError> {
        self.world.connectors.get(&target.kind).ok_or_else(|| ConnectError {
            kind: "not_available",
            message: format!("no executor in this program reaches targets of kind `{}`", target.kind),
            help: None,
        })
    }

    /// The connection to the target `name` that `target` is on.
    async fn host(&self, target: &Target, name: &str) -> Result<Arc<dyn Connection>, ConnectError> {
        let refused = |why: &str| ConnectError {
            kind: "bad_target",
            message: format!("target `{}` is on `{name}`, {why}", target.name),
            help: None,
        };
        let host = self.plan.targets.iter().find(|host| host.name == name);
        let host = host.ok_or_else(|| refused("which is not declared"))?;
        if self.connector(host)?.through(host).is_some() {
            return Err(refused("which is on another target itself"));
        }
        self.get(host).await
    }

    pub(super) async fn close(&self) {
        for (_, cell) in self.open.lock().await.drain() {
            if let Some(connection) = cell.get() {
                connection.close().await;
            }
        }
    }
}

#[async_trait]
impl Connections for RunConnections {
    async fn get(&self, target: &Target) -> Result<Arc<dyn Connection>, ConnectError> {
        let cell = Arc::clone(self.open.lock().await.entry(target.name.clone()).or_default());
        let opened = cell
            .get_or_try_init(|| async {
                let connector = self.connector(target)?;
                match connector.through(target) {
                    Some(host) => connector.connect_through(target, self.host(target, &host).await?).await,
                    None => connector.connect(target).await,
                }
            })
            .await?;
        Ok(Arc::clone(opened))
    }
}

/// What a task of a run needs.
#[derive(Clone)]
pub(super) struct TaskContext {
    pub(super) world: Arc<World>,
    pub(super) plan: Arc<Plan>,
    pub(super) connections: Arc<RunConnections>,
    pub(super) run: String,
    pub(super) secrets: Arc<RunSecrets>,
    pub(super) rules: Arc<Rules>,
    /// What expressions see that belong to no step.
    pub(super) book: Arc<Object>,
    /// Checks that may be asked at once, apart from actions.
    pub(super) checks: Arc<Semaphore>,
    pub(super) directory: PathBuf,
}

impl TaskContext {
    /// Where a check is asked.
    pub(super) fn target(&self, place: &TargetRef, scope: &Object) -> Result<Target, String> {
        resolve_target(&self.plan, place, scope).map_err(|error| error.to_string())
    }

    pub(super) fn attempt_directory(&self, key: &str, attempt: u32) -> PathBuf {
        self.directory.join("steps").join(format!("{key}.{attempt}"))
    }

    pub(super) fn token(&self, key: &str, attempt: u32) -> String {
        format!("{}/{key}/{attempt}", self.run)
    }
}

/// Passes a step's output on to the reporters, without the secrets in it.
pub(super) struct StepOutput {
    context: TaskContext,
    node: NodeId,
    /// One for each stream: a secret may come in pieces.
    masks: StdMutex<[MaskStream; 2]>,
}

impl StepOutput {
    pub(super) fn new(context: TaskContext, node: NodeId) -> Self {
        let masks = StdMutex::new([context.secrets.masker.stream(), context.secrets.masker.stream()]);
        StepOutput { context, node, masks }
    }

    fn tell(&self, stream: Stream, bytes: &[u8]) {
        if !bytes.is_empty() {
            let notice = Notice::Output { node: self.node, stream, bytes };
            self.context.world.notice(&self.context.plan, &notice);
        }
    }
}

impl OutputSink for StepOutput {
    fn chunk(&self, stream: Stream, bytes: &[u8]) {
        let place = usize::from(stream == Stream::Stderr);
        let mut masks = self.masks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let shown = masks[place].push(bytes);
        drop(masks);
        self.tell(stream, &shown);
    }
}

impl Drop for StepOutput {
    fn drop(&mut self) {
        let masks = self.masks.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let fresh = || self.context.secrets.masker.stream();
        let rest = std::mem::replace(masks, [fresh(), fresh()]).map(MaskStream::finish);
        for (stream, rest) in [Stream::Stdout, Stream::Stderr].into_iter().zip(rest) {
            self.tell(stream, &rest);
        }
    }
}

//! The engine's own surface: build it, start runs, go on with them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::outcome::{EngineError, Run};
use super::rehearse::{self, Rehearsal};
use super::session::{Begin, Session};
use super::world::World;
use crate::files;
use crate::ids::RunId;
use crate::kind::Kinds;
use crate::local::{LocalConnector, LocalSecrets};
use crate::model::Policy;
use crate::plan::Plan;
use crate::port::{
    Approver, Clock, Connector, Executor, LockState, Reporter, RunRecord, Secrets, StandIn, Store,
    SystemClock,
};
use crate::run::{Answerer, Event, Machine, Outcome, Undoing};
use crate::store::{MemoryStore, new_run_id, this_process};
use crate::value::Duration;

/// Runs plans. Cheap to clone; one engine can carry out many runs at once.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use runbook_core::{drive::Engine, plan::{Plan, PlanRequest}, read, run::Outcome};
///
/// let engine = Engine::builder().build().unwrap();
/// let loaded = read::parse("hello.yaml", "
/// apiVersion: runbook/v1
/// kind: Runbook
/// name: hello
/// steps:
///   - {id: greet, run: [echo, hello], effect: read}
/// ", &engine.kinds());
/// let plan = Plan::build(&loaded.runbook.unwrap(), &PlanRequest::default()).unwrap();
/// let end = engine.start(plan, None).await.unwrap().wait().await.unwrap();
/// assert_eq!(end.outcome, Some(Outcome::Succeeded));
/// # });
/// ```
#[derive(Clone)]
pub struct Engine {
    world: Arc<World>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("connectors", &self.world.connectors.keys())
            .field("executors", &self.world.executors.keys())
            .finish_non_exhaustive()
    }
}

/// Puts an [`Engine`] together. Everything has a sensible default.
#[derive(Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct EngineBuilder {
    store: Option<Arc<dyn Store>>,
    connectors: Vec<Arc<dyn Connector>>,
    executors: Vec<Arc<dyn Executor>>,
    stand_in: Option<Arc<dyn StandIn>>,
    approver: Option<Arc<dyn Approver>>,
    reporters: Vec<Arc<dyn Reporter>>,
    clock: Option<Arc<dyn Clock>>,
    jobs: Option<usize>,
    secrets: Option<Arc<dyn Secrets>>,
    policies: Vec<Policy>,
    identity: Option<String>,
    grace: Option<Duration>,
}

impl EngineBuilder {
    /// Where runs are kept; in memory unless said otherwise.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Adds a kind of target. `local` is there without being added.
    pub fn connector(mut self, connector: Arc<dyn Connector>) -> Self {
        self.connectors.push(connector);
        self
    }

    /// Adds a kind of action. `run` is there without being added.
    pub fn executor(mut self, executor: Arc<dyn Executor>) -> Self {
        self.executors.push(executor);
        self
    }

    /// Lets `stand_in` take the place of every executor and every connection: nothing is reached any more.
    /// Executors that were added still say what their actions look like.
    pub fn stand_in(mut self, stand_in: Arc<dyn StandIn>) -> Self {
        self.stand_in = Some(stand_in);
        self
    }

    /// Who is asked; nobody unless said otherwise, so that every gate suspends the run.
    pub fn approver(mut self, approver: Arc<dyn Approver>) -> Self {
        self.approver = Some(approver);
        self
    }

    /// Adds somebody who is told what happens.
    pub fn reporter(mut self, reporter: Arc<dyn Reporter>) -> Self {
        self.reporters.push(reporter);
        self
    }

    /// Puts every run that the engine carries out under `policy`, whatever its plan says. A gate that the policy
    /// wants must be in the plan: give it to the [`PlanRequest`](crate::plan::PlanRequest) too.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policies.push(policy);
        self
    }

    /// Where time comes from; the system's clock unless said otherwise.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// How many actions of a run may be under way at once; 8 unless said otherwise, at least 1.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = Some(jobs.max(1));
        self
    }

    /// Where the values of secrets come from; this machine's environment, files and commands unless said otherwise.
    pub fn secrets(mut self, secrets: Arc<dyn Secrets>) -> Self {
        self.secrets = Some(secrets);
        self
    }

    /// On whose behalf runs are started; `unknown` unless said otherwise.
    pub fn identity(mut self, who: impl Into<String>) -> Self {
        self.identity = Some(who.into());
        self
    }

    /// Time between TERM and KILL when a command is stopped; 5 s unless said otherwise.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// The engine. Fails only when the default store cannot make its directory.
    pub fn build(self) -> Result<Engine, EngineError> {
        let store = match self.store {
            Some(store) => store,
            None => Arc::new(MemoryStore::new()?),
        };
        let mut connectors: BTreeMap<String, Arc<dyn Connector>> = BTreeMap::new();
        connectors.insert("local".to_owned(), Arc::new(LocalConnector::inherit()));
        connectors.extend(self.connectors.into_iter().map(|c| (c.kind().to_owned(), c)));
        let executors = files::executors().into_iter().chain(self.executors);
        let executors = executors.map(|e| (e.kind().key().to_owned(), e)).collect();
        let world = World {
            store,
            connectors,
            executors,
            stand_in: self.stand_in,
            approver: self.approver,
            reporters: self.reporters,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
            jobs: self.jobs.unwrap_or(8),
            secrets: self.secrets.unwrap_or_else(|| Arc::new(LocalSecrets)),
            policies: self.policies,
            identity: self.identity.unwrap_or_else(|| "unknown".to_owned()),
            grace: self.grace.unwrap_or(Duration::from_secs(5)),
        };
        Ok(Engine { world: Arc::new(world) })
    }
}

impl Engine {
    /// Starts to put an engine together.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// The kinds of actions and targets that this engine can carry out, for reading and checking runbooks.
    pub fn kinds(&self) -> Kinds {
        let mut kinds = Kinds::default();
        for executor in self.world.executors.values() {
            kinds.add_action(executor.kind());
        }
        kinds
    }

    /// Begins a run of `plan`; it goes on in the background, also when the returned handle is dropped.
    ///
    /// `file` is what the runbook's file is called in listings.
    pub async fn start(&self, plan: Plan, file: Option<String>) -> Result<Run, EngineError> {
        let now = self.world.clock.now();
        let record = RunRecord {
            id: new_run_id(now),
            runbook: plan.runbook.name.clone(),
            title: plan.runbook.title.clone(),
            file,
            started: now,
            digest: plan.digest(),
            plan: plan.to_json().map_err(|error| EngineError::Setup(error.to_string()))?,
        };
        let claim = this_process();
        self.world.store.create(&record, &claim).await?;
        let machine = Machine::new(Arc::new(plan));
        self.spawn(Begin { record, claim, machine, then: None })
    }

    /// Rehearses `plan`: steps that only look and all checks are carried out, changes are not made, people are not
    /// asked, and nothing is kept. What cannot be judged because a change is missing is stale, never failed.
    ///
    /// # Errors
    /// When there is no place for what the commands write. Whatever goes wrong in the rehearsal is in its report.
    pub async fn rehearse(&self, plan: Plan) -> Result<Rehearsal, EngineError> {
        rehearse::rehearse(Arc::clone(&self.world), plan).await
    }

    /// Goes on with a run whose engine was lost, or has left it to wait for people.
    pub async fn resume(&self, run: &RunId) -> Result<Run, EngineError> {
        self.take_up(run, None).await
    }

    /// Undoes what a run at rest has done, latest first.
    ///
    /// [`EngineError::NotNow`] when there is nothing to undo, or the run is not at rest.
    pub async fn rollback(&self, run: &RunId) -> Result<Run, EngineError> {
        let by = Answerer::new(self.world.identity.clone(), "runbook rollback");
        self.take_up(run, Some(Event::RollbackDecided { decision: Undoing::Begin, by })).await
    }

    /// Gives a run up: nothing more will happen in it, and its locks are free.
    pub async fn abandon(&self, run: &RunId, reason: &str) -> Result<(), EngineError> {
        let by = Answerer::new(self.world.identity.clone(), "runbook abandon");
        let event = Event::Abandoned { reason: reason.to_owned(), by };
        self.take_up(run, Some(event)).await?.wait().await.map(drop)
    }

    /// A run as its log tells it, without touching it.
    pub async fn inspect(&self, run: &RunId) -> Result<(RunRecord, Machine), EngineError> {
        let record = self.world.store.record(run).await?;
        let plan = Plan::from_json(&record.plan).map_err(|error| EngineError::Setup(error.to_string()))?;
        let log = self.world.store.entries(run).await?;
        let machine = Machine::replay(Arc::new(plan), &log);
        Ok((record, machine))
    }

    async fn take_up(&self, run: &RunId, then: Option<Event>) -> Result<Run, EngineError> {
        let not_now = |reason: &str| EngineError::NotNow { run: run.clone(), reason: reason.to_owned() };
        let claim = this_process();
        self.world.store.claim(run, &claim).await?;
        // Only now: while another engine held the run, its log was still growing.
        let prepared = async {
            let (record, machine) = self.inspect(run).await?;
            match &then {
                Some(Event::RollbackDecided { .. }) => self.may_roll_back(run, &machine).await?,
                Some(event) => machine.admit(event).map_err(not_now)?,
                None if machine.state().finished.is_some() => return Err(not_now("the run is over")),
                None => {}
            }
            Ok((record, machine))
        };
        match prepared.await {
            Ok((record, machine)) => self.spawn(Begin { record, claim, machine, then }),
            Err(error) => {
                let freed = self.free_locks_of_the_dead(run).await;
                self.world.store.release(run, &claim).await?;
                if let EngineError::NotNow { .. } = error {
                    freed?;
                }
                Err(error)
            }
        }
    }

    /// An engine that was killed right after a run was given up may have left its locks.
    async fn free_locks_of_the_dead(&self, run: &RunId) -> Result<(), EngineError> {
        let (_, machine) = self.inspect(run).await?;
        if machine.state().finished.is_some_and(|outcome| outcome != Outcome::Stuck) {
            self.world.store.unlock(run).await?;
        }
        Ok(())
    }

    async fn may_roll_back(&self, run: &RunId, machine: &Machine) -> Result<(), EngineError> {
        let not_now = |reason: &str| EngineError::NotNow { run: run.clone(), reason: reason.to_owned() };
        match machine.state().finished {
            Some(Outcome::Abandoned) => return Err(not_now("the run was abandoned")),
            Some(_) if machine.undoable().is_empty() => return Err(not_now("there is nothing to undo")),
            Some(_) => {}
            None => return Err(not_now("the run is not over; resume or abandon it")),
        }
        if let Some(lock) = &machine.plan().lock
            && let LockState::HeldBy(holder) = self.world.store.lock(&lock.key, run).await?
        {
            return Err(EngineError::Locked { key: lock.key.clone(), holder });
        }
        Ok(())
    }

    fn spawn(&self, begin: Begin) -> Result<Run, EngineError> {
        let (interrupts, heard) = mpsc::unbounded_channel();
        let id = begin.record.id.clone();
        let session = Session::new(Arc::clone(&self.world), begin, heard);
        let task = tokio::spawn(session.carry_out());
        Ok(Run { id, interrupts, task })
    }
}

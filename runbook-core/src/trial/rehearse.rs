//! One run in virtual time.

use std::sync::Arc;
use std::time::Duration as StdDuration;

use async_trait::async_trait;

use super::people::People;
use super::world::World;
use crate::drive::{Engine, EngineError};
use crate::kind::{ActionKind, Kinds};
use crate::plan::Plan;
use crate::port::{ActionContext, Approver, Clock, Executor, StandIn, Store};
use crate::run::{Ending, Entry, Machine, StepResult};
use crate::store::MemoryStore;
use crate::testing::ManualClock;

/// How long a run may take by a real clock before it is said not to come to rest.
const PATIENCE: StdDuration = StdDuration::from_secs(60);

/// Who and what a run meets.
pub(super) struct Cast {
    pub(super) world: World,
    pub(super) people: People,
}

/// What came of a run.
pub(super) struct Ended {
    pub(super) machine: Machine,
    pub(super) log: Vec<Entry>,
}

/// Runs `plan` to its end, or until it waits for people. Time passes when nothing else can happen.
///
/// `Err` says why that was not possible.
pub(super) fn rehearse(plan: &Plan, kinds: &Kinds, cast: &Cast) -> Result<Ended, String> {
    // The caller may be inside of a runtime, where none can be started.
    std::thread::scope(|scope| {
        let run = scope.spawn(|| in_virtual_time(plan, kinds, cast));
        run.join().unwrap_or_else(|_| Err("the engine failed inside".to_owned()))
    })
}

fn in_virtual_time(plan: &Plan, kinds: &Kinds, cast: &Cast) -> Result<Ended, String> {
    let clock = Arc::new(ManualClock::default());
    let idle = Arc::clone(&clock);
    // The thread parks when no task can go on: only then it is time for what waits for time.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .on_thread_park(move || {
            idle.jump();
        })
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(carry_out(plan.clone(), kinds, cast, clock)).map_err(|error| error.to_string())
}

async fn carry_out(
    plan: Plan,
    kinds: &Kinds,
    cast: &Cast,
    clock: Arc<ManualClock>,
) -> Result<Ended, EngineError> {
    let store = Arc::new(MemoryStore::new()?);
    let time = Arc::clone(&clock) as Arc<dyn Clock>;
    let mut builder = Engine::builder()
        .store(Arc::clone(&store) as Arc<dyn Store>)
        .stand_in(Arc::new(cast.world.at(Arc::clone(&time))) as Arc<dyn StandIn>)
        .approver(Arc::new(cast.people.at(Arc::clone(&time))) as Arc<dyn Approver>)
        .clock(time)
        .identity("tester");
    for kind in kinds.action_keys().filter_map(|key| kinds.action(key)) {
        builder = builder.executor(Arc::new(Shown(Arc::clone(kind))));
    }
    let run = builder.build()?.start(plan, None).await?;
    let id = run.id().clone();
    match tokio::time::timeout(PATIENCE, run.wait()).await {
        Ok(end) => Ok(Ended { machine: end?.machine, log: store.entries(&id).await? }),
        Err(_) => {
            let seconds = PATIENCE.as_secs();
            Err(EngineError::Setup(format!("it does not come to rest within {seconds} s of real time")))
        }
    }
}

/// Says what actions of a kind look like; the world stands in for everything else.
struct Shown(Arc<dyn ActionKind>);

#[async_trait]
impl Executor for Shown {
    fn kind(&self) -> Arc<dyn ActionKind> {
        Arc::clone(&self.0)
    }

    async fn execute(&self, _context: &ActionContext) -> StepResult {
        StepResult::failure(Ending::NotStarted, "nothing is carried out in a test")
    }
}

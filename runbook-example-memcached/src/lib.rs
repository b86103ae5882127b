//! The action `memcached`: an executor that does not belong to the project, as anybody could write one.
//!
//! ```yaml
//! steps:
//!   - id: before
//!     memcached: {get: release, server: "cache.example.net:11211"}
//!     outputs: {release: result.value}
//!   - memcached: {set: {release: v2, banner: "hello"}, server: "cache.example.net:11211"}
//!   - memcached: {incr: deployments, server: "cache.example.net:11211"}
//! ```
//!
//! `kind` is the half that is known before anything runs: keys, effect, what people see. `speak` is the protocol, and
//! knows nothing of runbooks. This file brings both together: it does one thing once and says how it ended.

mod kind;
mod speak;

use std::sync::Arc;
use std::time::Duration as StdDuration;

use async_trait::async_trait;
use runbook_core::drive::EngineBuilder;
use runbook_core::kind::{ActionKind, Kinds};
use runbook_core::port::{ActionContext, Executor};
use runbook_core::run::{Ending, StepResult};
use runbook_core::value::Value;

pub use kind::MemcachedKind;
use kind::Operation;
use speak::{Session, Trouble};

/// How long an operation may take when nobody says otherwise.
const PATIENCE: StdDuration = StdDuration::from_secs(10);

/// Adds the static half to `kinds`, for reading and checking runbooks.
pub fn register(kinds: &mut Kinds) {
    kinds.add_action(Arc::new(MemcachedKind));
}

/// Adds the run-time half to an engine.
pub fn plug_in(engine: EngineBuilder) -> EngineBuilder {
    engine.executor(Arc::new(Memcached))
}

/// Carries out `memcached` actions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memcached;

#[async_trait]
impl Executor for Memcached {
    fn kind(&self) -> Arc<dyn ActionKind> {
        Arc::new(MemcachedKind)
    }

    async fn execute(&self, context: &ActionContext) -> StepResult {
        let (operation, server) = match Operation::of(&context.params) {
            Ok(known) => known,
            Err(why) => return StepResult::failure(Ending::NotStarted, why),
        };
        if context.stop.is_cancelled() {
            return StepResult::failure(Ending::NotStarted, "the run was stopped before it began");
        }
        let limit = context.timeout.map_or(PATIENCE, |limit| limit.to_std());
        // Before there is a connection nothing can have happened.
        let session = tokio::select! {
            session = Session::open(&server) => session,
            () = context.stop.cancelled() => Err(Trouble::new("it was stopped")),
            () = tokio::time::sleep(limit) => Err(Trouble::new(format!("no connection within {limit:?}"))),
        };
        let mut session = match session {
            Ok(session) => session,
            Err(why) => return StepResult::failure(Ending::NotStarted, format!("{server}: {why}")),
        };
        let (ending, why) = tokio::select! {
            said = carry_out(&mut session, &operation) => match said {
                Ok(result) => return result,
                Err(why) => (Ending::Completed, why),
            },
            () = context.stop.cancelled() => (Ending::Cancelled, Trouble::new("it was stopped")),
            () = tokio::time::sleep(limit) => (Ending::TimedOut, Trouble::new(format!("no answer within {limit:?}"))),
        };
        // What may be done twice has failed; what became of the rest is for somebody else to find out.
        let ending = if operation.is_idempotent() { ending } else { Ending::Unknown };
        StepResult::failure(ending, format!("{server}: {why}"))
    }
}

async fn carry_out(session: &mut Session, operation: &Operation) -> Result<StepResult, Trouble> {
    let mut result = StepResult::success();
    match operation {
        Operation::Get(key) => {
            let value = session.get(key).await?;
            result.fields.insert("found".to_owned(), value.is_some().into());
            result.fields.insert("value".to_owned(), value.map_or(Value::Null, Value::String));
        }
        Operation::Set(entries) => {
            for (key, value) in entries {
                session.set(key, value).await?;
            }
            result.fields.insert("stored".to_owned(), entries.len().into());
        }
        Operation::Incr(key) => match session.incr(key).await? {
            Some(value) => {
                result.fields.insert("value".to_owned(), value.into());
            }
            None => return Ok(StepResult::failure(Ending::Completed, format!("there is no `{key}`"))),
        },
        Operation::Flush => session.flush().await?,
    }
    Ok(result)
}

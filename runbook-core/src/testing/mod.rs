//! For tests of programs that embed the engine, of executors, and of the engine itself: a clock that stands
//! still, scripted people and actions, stand-ins that must never be reached, and the contracts that every connector
//! and every executor keeps.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use std::sync::Arc;
//!
//! use runbook_core::model::Effect;
//! use runbook_core::run::{Outcome, StepResult};
//! use runbook_core::testing::{Recorder, ScriptedExecutor};
//! use runbook_core::{drive::Engine, plan::{Plan, PlanRequest}, read};
//!
//! let page = Arc::new(ScriptedExecutor::new("page", Effect::Change).answer("call", StepResult::success()));
//! let told = Arc::new(Recorder::default());
//! let engine = Engine::builder().executor(page.clone()).reporter(told.clone()).build().unwrap();
//! let loaded = read::parse("call.yaml", "
//! apiVersion: runbook/v1
//! kind: Runbook
//! name: call
//! steps:
//!   - {id: call, page: {who: oncall}}
//! ", &engine.kinds());
//! let plan = Plan::build(&loaded.runbook.unwrap(), &PlanRequest::default()).unwrap();
//! let end = engine.start(plan, None).await.unwrap().wait().await.unwrap();
//!
//! assert_eq!(end.outcome, Some(Outcome::Succeeded));
//! assert_eq!(page.calls()[0].params["who"], "oncall");
//! assert!(told.events().iter().any(|event| event == "started call 1"));
//! # });
//! ```

mod actions;
mod clock;
mod contract;
mod forbidden;
mod people;
mod recorder;

pub use actions::{Call, ScriptedExecutor, action_context};
pub use clock::ManualClock;
pub use contract::{Broken, ConnectorContract, ExecutorContract};
pub use forbidden::{ForbiddenConnector, ForbiddenExecutor};
pub use people::ScriptedApprover;
pub use recorder::Recorder;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The contents of `mutex`; a test that panicked elsewhere has left them whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Actions that answer from a script.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::locked;
use crate::diag::Diagnostics;
use crate::kind::{ActionKind, Target};
use crate::model::Effect;
use crate::port::{ActionContext, ConnectError, Connection, Connections, Executor};
use crate::run::{Ending, StepResult};
use crate::value::Value;
use crate::yaml::Node;

/// An executor that carries nothing out, answers from a script, and remembers what it was asked to do.
///
/// A step for which the script has no answer (left) does not begin and fails, so that a script that is too
/// short is found out.
#[derive(Debug)]
pub struct ScriptedExecutor {
    kind: Arc<ScriptedKind>,
    answers: Mutex<HashMap<String, VecDeque<StepResult>>>,
    otherwise: Option<StepResult>,
    calls: Mutex<Vec<Call>>,
}

/// What an executor was asked to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Call {
    /// The step's name.
    pub key: String,
    /// Which attempt.
    pub attempt: u32,
    /// The rendered parameters.
    pub params: Value,
    /// Whether it was asked what became of the attempt, instead of to carry it out.
    pub recovery: bool,
}

impl ScriptedExecutor {
    /// An executor for the action `key`, all of whose actions have the effect `effect`.
    pub fn new(key: impl Into<String>, effect: Effect) -> Self {
        ScriptedExecutor {
            kind: Arc::new(ScriptedKind { key: key.into(), effect }),
            answers: Mutex::default(),
            otherwise: None,
            calls: Mutex::default(),
        }
    }

    /// What the next attempt of the step `key`, after those already scripted, comes to.
    #[must_use]
    pub fn answer(self, key: impl Into<String>, result: StepResult) -> Self {
        locked(&self.answers).entry(key.into()).or_default().push_back(result);
        self
    }

    /// What everything else comes to.
    #[must_use]
    pub fn otherwise(mut self, result: StepResult) -> Self {
        self.otherwise = Some(result);
        self
    }

    /// What it was asked to do so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.calls).clone()
    }

    fn called(&self, context: &ActionContext, recovery: bool) -> StepResult {
        let ActionContext { key, attempt, params, .. } = context;
        let call = Call { key: key.clone(), attempt: *attempt, params: params.clone(), recovery };
        locked(&self.calls).push(call);
        let scripted = locked(&self.answers).get_mut(key).and_then(VecDeque::pop_front);
        scripted.or_else(|| self.otherwise.clone()).unwrap_or_else(|| {
            StepResult::failure(
                Ending::NotStarted,
                format!("the script has no answer for attempt {attempt} of `{key}`"),
            )
        })
    }
}

#[async_trait]
impl Executor for ScriptedExecutor {
    fn kind(&self) -> Arc<dyn ActionKind> {
        Arc::clone(&self.kind) as Arc<dyn ActionKind>
    }

    async fn execute(&self, context: &ActionContext) -> StepResult {
        self.called(context, false)
    }

    async fn recover(&self, context: &ActionContext, _started: Timestamp) -> StepResult {
        self.called(context, true)
    }
}

/// A kind that takes any parameters.
#[derive(Debug)]
pub(super) struct ScriptedKind {
    pub(super) key: String,
    pub(super) effect: Effect,
}

impl ActionKind for ScriptedKind {
    fn key(&self) -> &str {
        &self.key
    }

    fn check(&self, _params: &Node, _found: &mut Diagnostics) {}

    fn effect(&self, _params: &Value) -> Effect {
        self.effect
    }

    fn show(&self, params: &Value) -> String {
        format!("{} {params}", self.key)
    }
}

/// What an executor is called with when the engine is left out: attempt 1 of a step `step` on this machine,
/// with `directory` for its files and no way to connect anywhere.
pub fn action_context(params: Value, directory: impl Into<PathBuf>) -> ActionContext {
    ActionContext {
        params,
        target: Target::local(),
        key: "step".to_owned(),
        attempt: 1,
        timeout: None,
        stop: CancellationToken::new(),
        output: Arc::new(()),
        directory: directory.into(),
        token: "test/step/1".to_owned(),
        connections: Arc::new(NoConnections),
    }
}

struct NoConnections;

#[async_trait]
impl Connections for NoConnections {
    async fn get(&self, target: &Target) -> Result<Arc<dyn Connection>, ConnectError> {
        let message = format!("target `{}` cannot be reached from here", target.name);
        Err(ConnectError { kind: "not_available", message, help: None })
    }
}

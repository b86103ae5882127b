//! What the clauses about executors work with.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration as StdDuration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::diag::{Diagnostic, Diagnostics};
use crate::kind::{ActionKind, Target};
use crate::local::LocalConnector;
use crate::port::{ActionContext, ConnectError, Connection, Connections, Connector, Executor};
use crate::run::StepResult;
use crate::source::SourceId;
use crate::value::{Duration, Value};
use crate::yaml::{self, Node};

/// How long anything may take that takes no time when it works.
pub(super) const PATIENCE: StdDuration = StdDuration::from_secs(60);

/// Parameters as YAML, for a directory.
pub(super) struct Sample(Box<dyn Fn(&Path) -> String + Send + Sync>);

impl Sample {
    pub(super) fn new(params: impl Fn(&Path) -> String + Send + Sync + 'static) -> Self {
        Sample(Box::new(params))
    }
}

/// Parameters of each sort.
#[derive(Default)]
pub(super) struct Samples {
    pub(super) good: Vec<Sample>,
    pub(super) refused: Vec<Sample>,
    pub(super) slow: Vec<Sample>,
    pub(super) secret: Vec<Sample>,
}

/// An executor, and where it is tried.
pub(super) struct Bench {
    pub(super) executor: Arc<dyn Executor>,
    pub(super) connector: Arc<dyn Connector>,
    pub(super) target: Target,
    pub(super) samples: Samples,
    directory: PathBuf,
    number: AtomicU64,
}

impl Bench {
    pub(super) fn new(executor: Arc<dyn Executor>, directory: PathBuf) -> Self {
        Bench {
            executor,
            connector: Arc::new(LocalConnector::inherit()),
            target: Target::local(),
            samples: Samples::default(),
            directory,
            number: AtomicU64::new(0),
        }
    }

    pub(super) fn place(&mut self, connector: Arc<dyn Connector>, target: Target) {
        (self.connector, self.target) = (connector, target);
    }

    pub(super) fn who(&self) -> String {
        format!("the executor `{}`", self.kind().key())
    }

    pub(super) fn kind(&self) -> Arc<dyn ActionKind> {
        self.executor.kind()
    }

    /// A directory that nothing has used yet, which exists.
    pub(super) fn fresh(&self) -> Result<PathBuf, String> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let place = self.directory.join(format!("place-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
        Ok(place)
    }

    /// What `sample` says in a directory of its own.
    pub(super) fn text(&self, sample: &Sample) -> Result<String, String> {
        Ok((sample.0)(&self.fresh()?))
    }

    /// What `sample` says, as the parameters of an action.
    pub(super) fn params(&self, sample: &Sample) -> Result<Value, String> {
        Ok(parsed(&self.text(sample)?)?.to_value())
    }

    /// What the static half reports of `text`.
    pub(super) fn reported(&self, text: &str) -> Result<Vec<Diagnostic>, String> {
        let node = parsed(text)?;
        let kind = self.kind();
        unharmed(&format!("`check` of {text}"), || {
            let mut found = Diagnostics::default();
            kind.check(&node, &mut found);
            found.into_sorted()
        })
    }

    /// What the executor is called with.
    pub(super) fn context(&self, params: Value) -> Result<ActionContext, String> {
        let mut context = super::super::super::action_context(params, self.fresh()?.join("attempt"));
        context.target = self.target.clone();
        context.token = format!("contract/{}", context.directory.display());
        context.timeout = Some(Duration::from_secs(60));
        context.connections = Arc::new(Through(Arc::clone(&self.connector)));
        Ok(context)
    }

    /// Carries it out; a panic is an error.
    pub(super) async fn act(&self, context: &ActionContext) -> Result<StepResult, String> {
        let (executor, context) = (Arc::clone(&self.executor), context.clone());
        let shown = context.params.to_string();
        let task = tokio::spawn(async move { executor.execute(&context).await });
        match tokio::time::timeout(PATIENCE, task).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(_)) => Err(format!("`execute` panics with {shown}")),
            Err(_) => Err(format!("`execute` hangs with {shown}")),
        }
    }

    /// Carries it out with `params`.
    pub(super) async fn act_with(&self, params: Value) -> Result<StepResult, String> {
        self.act(&self.context(params)?).await
    }

    /// A token that is cancelled.
    pub(super) fn stopped() -> CancellationToken {
        let stop = CancellationToken::new();
        stop.cancel();
        stop
    }
}

/// `text` as YAML.
pub(super) fn parsed(text: &str) -> Result<Node, String> {
    let mut found = Diagnostics::default();
    yaml::parse(SourceId(0), text, &mut found).ok_or_else(|| format!("the sample is not YAML: {text}"))
}

/// Calls what must not panic.
pub(super) fn unharmed<T>(what: &str, call: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(AssertUnwindSafe(call)).map_err(|_| format!("{what} panics"))
}

/// Values that nobody expects.
pub(super) fn strange() -> Vec<Value> {
    use serde_json::json;
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("a\0b"),
        json!("привет, мир 🌍\n\t\u{202e}"),
        json!("../../../no/such/place"),
        json!([]),
        json!([[null], {"a": []}]),
        json!({}),
        json!({"no_such_key": {"a": [1]}}),
    ]
}

/// `params` with each of its values in turn replaced by each strange one, or left away; and strange ones alone.
pub(super) fn distorted(params: &Value) -> Vec<Value> {
    let mut all = strange();
    let Value::Object(fields) = params else { return all };
    for name in fields.keys() {
        let mut without = fields.clone();
        without.remove(name);
        all.push(Value::Object(without));
        for value in strange() {
            let mut other = fields.clone();
            other.insert(name.clone(), value);
            all.push(Value::Object(other));
        }
    }
    all
}

/// Connections over one connector; each is opened anew.
struct Through(Arc<dyn Connector>);

#[async_trait]
impl Connections for Through {
    async fn get(&self, target: &Target) -> Result<Arc<dyn Connection>, ConnectError> {
        self.0.connect(target).await
    }
}

/// No target can be reached.
pub(super) struct Unreachable;

#[async_trait]
impl Connections for Unreachable {
    async fn get(&self, target: &Target) -> Result<Arc<dyn Connection>, ConnectError> {
        let message = format!("no route to `{}`", target.name);
        Err(ConnectError { kind: "connect_failed", message, help: None })
    }
}

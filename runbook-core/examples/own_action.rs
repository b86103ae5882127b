//! A program that adds an action of its own: `count`, which counts the files of a directory.
//!
//! `cargo run -p runbook-core --example own_action`

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use runbook_core::diag::Diagnostics;
use runbook_core::drive::Engine;
use runbook_core::kind::{ActionKind, Param, Shape, check_params};
use runbook_core::model::Effect;
use runbook_core::plan::{Plan, PlanRequest};
use runbook_core::port::{ActionContext, Executor};
use runbook_core::read;
use runbook_core::run::{Ending, Outcome, StepResult};
use runbook_core::value::Value;
use runbook_core::yaml::Node;

const RUNBOOK: &str = r#"
apiVersion: runbook/v1
kind: Runbook
name: look
inputs:
  directory: {type: path}
  least: {type: int, default: 1}
steps:
  - id: files
    count: {directory: "${{ inputs.directory }}", suffix: .txt}
    expect: result.found >= inputs.least
    outputs: {found: result.found}
outputs:
  found: steps.files.outputs.found
"#;

/// The static half: what `validate` and `plan` need to know. It touches nothing.
struct CountKind;

impl ActionKind for CountKind {
    fn key(&self) -> &str {
        "count"
    }

    fn check(&self, params: &Node, found: &mut Diagnostics) {
        let table = [Param::required("directory", Shape::Text), Param::optional("suffix", Shape::Text)];
        check_params(params, "`count`", &table, found);
    }

    fn effect(&self, _params: &Value) -> Effect {
        Effect::Read
    }

    fn show(&self, params: &Value) -> String {
        format!("count the files in {}", params["directory"])
    }
}

/// The other half: does it once, and says how that ended.
struct Count;

#[async_trait]
impl Executor for Count {
    fn kind(&self) -> Arc<dyn ActionKind> {
        Arc::new(CountKind)
    }

    async fn execute(&self, context: &ActionContext) -> StepResult {
        let text = |name: &str| context.params[name].as_str().unwrap_or_default().to_owned();
        let (directory, suffix) = (text("directory"), text("suffix"));
        let entries = match std::fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) => return StepResult::failure(Ending::Completed, format!("{directory}: {error}")),
        };
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut result = StepResult::success();
        result.fields.insert("found".to_owned(), names.filter(|name| name.ends_with(&suffix)).count().into());
        result
    }
}

/// Counts the text files in `directory`: how the run ended, and what it declares as its result.
pub(crate) async fn count(directory: &Path, least: u64) -> Result<(Option<Outcome>, Value), Box<dyn Error>> {
    let engine = Engine::builder().executor(Arc::new(Count)).build()?;
    let loaded = read::parse("look.yaml", RUNBOOK, &engine.kinds());
    let runbook = loaded.runbook.ok_or_else(|| format!("{:?}", loaded.diagnostics))?;
    let mut request = PlanRequest::default();
    request.inputs.insert("directory".to_owned(), directory.to_string_lossy().into());
    request.inputs.insert("least".to_owned(), least.into());
    let plan = Plan::build(&runbook, &request).map_err(|problems| format!("{problems:?}"))?;
    let end = engine.start(plan, None).await?.wait().await?;
    let found = end.machine.state().outputs.get("found").cloned();
    Ok((end.outcome, found.unwrap_or_default()))
}

#[tokio::main]
#[allow(dead_code, reason = "a test calls what is above")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (outcome, found) = count(&std::env::current_dir()?, 0).await?;
    println!("{}: {found} text files here", outcome.map_or("waits for people", Outcome::name));
    Ok(())
}

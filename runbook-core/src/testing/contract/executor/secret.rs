//! Secrets in parameters: where they are found afterwards.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::super::{Kept, ensure};
use super::bench::Bench;
use crate::drive::Engine;
use crate::mask::SecretText;
use crate::plan::{Plan, PlanRequest};
use crate::port::{SecretRequest, Secrets, Store};
use crate::read;
use crate::run::Outcome;
use crate::store::MemoryStore;
use crate::testing::Recorder;

/// What is searched for.
const CANARY: &str = "kanarienvogel-7Qp2vXw9LmZ4";

struct Canary;

#[async_trait]
impl Secrets for Canary {
    async fn get(&self, _name: &str, _request: &SecretRequest) -> Result<SecretText, String> {
        Ok(SecretText::new(CANARY.to_owned()))
    }
}

pub(super) async fn secrets_stay_where_they_belong(bench: &Bench) -> Kept {
    for sample in &bench.samples.secret {
        let (store, told) = (new_store()?, Arc::new(Recorder::default()));
        let engine = Engine::builder()
            .executor(Arc::clone(&bench.executor))
            .connector(Arc::clone(&bench.connector))
            .secrets(Arc::new(Canary))
            .store(store.clone())
            .reporter(told.clone())
            .build()
            .map_err(|error| error.to_string())?;
        let params = crate::value::Value::to_string(&bench.params(sample)?);
        let key = bench.kind().key().to_owned();
        let target = &bench.target;
        let targets = match target.kind.as_str() {
            "local" => String::new(),
            kind => format!("targets: {{{}: {{{kind}: {}}}}}\n", target.name, target.params),
        };
        let text = format!(
            "apiVersion: runbook/v1\nkind: Runbook\nname: contract\nsecrets: {{canary: {{env: CANARY}}}}\n\
             {targets}defaults: {{target: {}}}\nsteps:\n  - {key}: {params}\n",
            target.name
        );
        let loaded = read::parse("contract.yaml", &text, &engine.kinds());
        let Some(runbook) = loaded.runbook else { return Err(format!("{text}\n{:?}", loaded.diagnostics)) };
        let plan = Plan::build(&runbook, &PlanRequest::default()).map_err(|found| format!("{found:?}"))?;
        let run = engine.start(plan, None).await.map_err(|error| error.to_string())?;
        let end = run.wait().await.map_err(|error| error.to_string())?;
        ensure(end.outcome == Some(Outcome::Succeeded), || format!("{params}: {:?}", told.events()))?;
        let entries = store.entries(&end.id).await.map_err(|error| error.to_string())?;
        let log = serde_json::to_string(&entries).map_err(|error| error.to_string())?;
        ensure(!log.contains(CANARY), || format!("the secret is in the log: {log}"))?;
        ensure(!told.events().concat().contains(CANARY), || "reporters are told the secret".to_owned())?;
        let found = holds(&end.directory);
        ensure(found.is_none(), || format!("the secret is in `{}`", found.unwrap_or_default()))?;
    }
    Ok(())
}

/// A file below `place` in which the canary is.
fn holds(place: &Path) -> Option<String> {
    for entry in std::fs::read_dir(place).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(found) = holds(&path) {
                return Some(found);
            }
        } else if std::fs::read(&path)
            .is_ok_and(|bytes| bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes()))
        {
            return Some(path.display().to_string());
        }
    }
    None
}

fn new_store() -> Result<Arc<MemoryStore>, String> {
    MemoryStore::new().map(Arc::new).map_err(|error| error.to_string())
}

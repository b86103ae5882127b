//! `write` and `edit`: a file gets a new content.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Refusal, backup_name, connection, do_again, done, failed, look, not_started, path, text};
use crate::edit::{self, MAX_BYTES, unified_diff};
use crate::kind::{ActionKind, EditKind, WriteKind, edits_of};
use crate::port::{ActionContext, Executor, TargetFiles};
use crate::run::StepResult;
use crate::value::Value;

/// Carries out `write`.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriteExecutor;

/// Carries out `edit`.
#[derive(Clone, Copy, Debug, Default)]
pub struct EditExecutor;

/// What a file is and what it shall be.
struct Change {
    path: String,
    old: Option<Vec<u8>>,
    new: Vec<u8>,
}

impl Change {
    fn is_needed(&self) -> bool {
        self.old.as_deref() != Some(&self.new[..])
    }

    fn diff(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let old = self.old.as_deref().unwrap_or_default();
        match (text(old), text(&self.new)) {
            (Some(old), Some(new)) => unified_diff(&old, &new, &self.path),
            _ => format!("{}: {} bytes become {} bytes, not text\n", self.path, old.len(), self.new.len()),
        }
    }
}

async fn written(context: &ActionContext, files: &dyn TargetFiles) -> Result<Change, Refusal> {
    let path = path(context, "path")?;
    let old = files.read(&path, MAX_BYTES).await.map_err(not_started)?;
    let new = text(context, "content").unwrap_or_default().into_bytes();
    Ok(Change { path, old, new })
}

async fn edited(context: &ActionContext, files: &dyn TargetFiles) -> Result<Change, Refusal> {
    let path = path(context, "path")?;
    let edits = edits_of(&context.params).map_err(not_started)?;
    let old = files.read(&path, MAX_BYTES).await.map_err(not_started)?;
    let may_create = context.params.get("create") == Some(&Value::Bool(true));
    if old.is_none() && !may_create {
        return Err(not_started(format!("`{path}` does not exist; `create: true` would make it")));
    }
    let edited = edit::apply(&edits, &path, old.as_deref().unwrap_or_default())
        .map_err(|error| not_started(format!("`{path}`: {error}")))?;
    Ok(Change { path, old, new: edited.new.into_bytes() })
}

async fn carry_out(context: &ActionContext, files: &dyn TargetFiles, change: Change) -> StepResult {
    let look = match look(context) {
        Ok(look) => look,
        Err(refusal) => return refusal.into(),
    };
    let diff: Value = change.diff().into();
    let backup = backup_name(context, &context.key, &change.path);
    if !change.is_needed() && look.mode.is_none() && look.owner.is_none() {
        return done(false, [("path", change.path.into()), ("diff", Value::from(""))]);
    }
    if context.stop.is_cancelled() {
        return not_started("the run was stopped before it began").into();
    }
    if let Err(why) = files.keep(&change.path, &backup).await {
        return not_started(format!("what is there cannot be kept: {why}")).into();
    }
    match files.write(&change.path, &change.new, &look).await {
        Ok(()) => done(true, [("path", change.path.into()), ("backup", backup.into()), ("diff", diff)]),
        Err(why) => failed(format!("cannot be written: {why}")).into(),
    }
}

#[async_trait]
impl Executor for WriteExecutor {
    fn kind(&self) -> Arc<dyn ActionKind> {
        Arc::new(WriteKind)
    }

    async fn execute(&self, context: &ActionContext) -> StepResult {
        let change = async {
            let connection = connection(context).await?;
            let Some(files) = connection.files() else { return Err(not_started("no files")) };
            let change = written(context, files).await?;
            Ok(carry_out(context, files, change).await)
        };
        change.await.unwrap_or_else(StepResult::from)
    }

    async fn preview(&self, context: &ActionContext) -> Option<String> {
        let connection = connection(context).await.ok()?;
        Some(written(context, connection.files()?).await.ok()?.diff())
    }

    async fn recover(&self, _context: &ActionContext, _started: Timestamp) -> StepResult {
        do_again()
    }
}

#[async_trait]
impl Executor for EditExecutor {
    fn kind(&self) -> Arc<dyn ActionKind> {
        Arc::new(EditKind)
    }

    async fn execute(&self, context: &ActionContext) -> StepResult {
        let change = async {
            let connection = connection(context).await?;
            let Some(files) = connection.files() else { return Err(not_started("no files")) };
            let change = edited(context, files).await?;
            Ok(carry_out(context, files, change).await)
        };
        change.await.unwrap_or_else(StepResult::from)
    }

    async fn preview(&self, context: &ActionContext) -> Option<String> {
        let connection = connection(context).await.ok()?;
        Some(edited(context, connection.files()?).await.ok()?.diff())
    }

    async fn recover(&self, _context: &ActionContext, _started: Timestamp) -> StepResult {
        do_again()
    }
}

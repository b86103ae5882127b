//! `rollback: restore`: what a step has replaced is put back.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Refusal, backup_name, connection, do_again, done, failed, not_started, text};
use crate::kind::{ActionKind, RestoreKind};
use crate::port::{ActionContext, Executor};
use crate::run::StepResult;

/// Carries out `rollback: restore`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestoreExecutor;

/// The key of the step that the step with the key `undo` undoes.
fn undone(undo: &str) -> String {
    let (base, repetition) = undo.split_at(undo.find(['#', '@']).unwrap_or(undo.len()));
    let own = base.rsplit_once(".rollback.").map_or(base, |(own, _)| own);
    let own = own.strip_suffix(".each").unwrap_or(own);
    format!("{own}{repetition}")
}

async fn restore(context: &ActionContext) -> Result<StepResult, Refusal> {
    let path = text(context, "path").or_else(|| {
        let to = text(context, "to")?;
        Some(to.strip_prefix(&format!("{}:", context.target.name)).map_or(to.clone(), str::to_owned))
    });
    let Some(path) = path.map(|path| context.target.path(&path)) else {
        return Err(not_started("it is not known what to put back"));
    };
    let connection = connection(context).await?;
    let Some(files) = connection.files() else { return Err(not_started("no files")) };
    let backup = backup_name(context, &undone(&context.key), &path);
    match files.put_back(&path, &backup).await {
        Ok(changed) => Ok(done(changed, [("path", path.into())])),
        Err(why) => Err(failed(format!("cannot be put back: {why}"))),
    }
}

#[async_trait]
impl Executor for RestoreExecutor {
    fn kind(&self) -> Arc<dyn ActionKind> {
        Arc::new(RestoreKind)
    }

    async fn execute(&self, context: &ActionContext) -> StepResult {
        restore(context).await.unwrap_or_else(StepResult::from)
    }

    async fn recover(&self, _context: &ActionContext, _started: Timestamp) -> StepResult {
        do_again()
    }
}

#[cfg(test)]
mod tests {
    use super::undone;

    #[test]
    fn a_rollback_knows_what_it_undoes() {
        assert_eq!(undone("configure.rollback.1"), "configure");
        assert_eq!(undone("configure.rollback.1@web1"), "configure@web1");
        assert_eq!(undone("configure.each.rollback.1#2"), "configure#2");
        assert_eq!(undone("setup:steps.1.rollback.1@web1#2"), "setup:steps.1@web1#2");
    }
}

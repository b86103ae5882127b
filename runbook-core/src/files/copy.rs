//! `copy`: files and trees, between the engine's machine and a target.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Refusal, backup_name, connection, do_again, done, failed, look, not_started, text};
use crate::kind::{ActionKind, CopyKind};
use crate::port::{ActionContext, Executor};
use crate::run::StepResult;
use crate::value::Value;

/// Carries out `copy`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CopyExecutor;

/// Which of the two paths is on the target.
enum Way {
    /// `to` is on the target.
    There,
    /// `from` is on the target.
    Back,
}

/// The two paths without the names of their places. A path that names no place is on the engine's machine,
/// unless the other one is too: then `to` is on the step's own target.
fn way(context: &ActionContext) -> Result<(Way, String, String), Refusal> {
    let name = format!("{}:", context.target.name);
    let (from, to) = (text(context, "from").unwrap_or_default(), text(context, "to").unwrap_or_default());
    let bare = |path: &str| path.strip_prefix(&name).map(str::to_owned);
    let (way, from, to) = match (bare(&from), bare(&to)) {
        (Some(_), Some(_)) => {
            return Err(not_started("both paths are on the target; use a command such as `cp` there"));
        }
        (Some(from), None) => (Way::Back, context.target.path(&from), to),
        (None, Some(to)) => (Way::There, from, context.target.path(&to)),
        (None, None) => (Way::There, from, context.target.path(&to)),
    };
    if from.is_empty() || to.is_empty() || from.contains('\0') || to.contains('\0') {
        return Err(not_started(format!(
            "not two paths: `{}` and `{}`",
            from.escape_debug(),
            to.escape_debug()
        )));
    }
    Ok((way, from, to))
}

async fn copy(context: &ActionContext) -> Result<StepResult, Refusal> {
    let (way, from, to) = way(context)?;
    let look = look(context)?;
    let connection = connection(context).await?;
    let Some(files) = connection.files() else { return Err(not_started("no files")) };
    let keeps = context.params.get("backup") == Some(&Value::Bool(true));
    let mut outputs = vec![("path", Value::from(to.clone()))];
    let bytes = match way {
        Way::There => {
            if keeps {
                let backup = backup_name(context, &context.key, &to);
                files
                    .keep(&to, &backup)
                    .await
                    .map_err(|why| not_started(format!("what is there cannot be kept: {why}")))?;
                outputs.push(("backup", backup.into()));
            }
            files.put(Path::new(&from), &to, &look).await
        }
        Way::Back if keeps => {
            return Err(not_started("`backup` is for files on a target, not for what is copied from one"));
        }
        Way::Back => files.get(&from, Path::new(&to)).await,
    };
    match bytes {
        Ok(bytes) => {
            outputs.push(("bytes", bytes.into()));
            Ok(done(true, outputs))
        }
        Err(why) => Err(failed(format!("cannot be copied: {why}"))),
    }
}

#[async_trait]
impl Executor for CopyExecutor {
    fn kind(&self) -> Arc<dyn ActionKind> {
        Arc::new(CopyKind)
    }

    async fn execute(&self, context: &ActionContext) -> StepResult {
        tokio::select! {
            result = copy(context) => result.unwrap_or_else(StepResult::from),
            // Files are replaced whole or not at all; what was begun is thrown away.
            () = context.stop.cancelled() => StepResult::failure(crate::run::Ending::Cancelled, "was stopped"),
        }
    }

    async fn recover(&self, _context: &ActionContext, _started: Timestamp) -> StepResult {
        do_again()
    }
}

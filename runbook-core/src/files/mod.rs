//! Carrying out `write`, `edit`, `copy`, and putting back what was there before.
//!
//! What a step replaces is kept beside it, under a name that only this step of this run uses, before
//! anything is changed. So an attempt that was cut off can be repeated, and a rollback finds what to put back
//! without being told.

mod copy;
mod edit;
mod restore;

use std::sync::Arc;

pub use copy::CopyExecutor;
pub use edit::{EditExecutor, WriteExecutor};
pub use restore::RestoreExecutor;

use crate::kind::parse_mode;
use crate::port::{ActionContext, Connection, Executor, FileLook};
use crate::run::{Ending, StepResult};
use crate::value::{Value, display};

/// The executors of all actions on files.
pub fn executors() -> Vec<Arc<dyn Executor>> {
    vec![Arc::new(CopyExecutor), Arc::new(EditExecutor), Arc::new(RestoreExecutor), Arc::new(WriteExecutor)]
}

/// Why an action on files did not do what it should.
struct Refusal {
    ending: Ending,
    why: String,
}

impl From<Refusal> for StepResult {
    fn from(refusal: Refusal) -> Self {
        StepResult::failure(refusal.ending, refusal.why)
    }
}

/// Nothing has begun, and why.
fn not_started(why: impl Into<String>) -> Refusal {
    Refusal { ending: Ending::NotStarted, why: why.into() }
}

/// It did not work.
fn failed(why: impl Into<String>) -> Refusal {
    Refusal { ending: Ending::Completed, why: why.into() }
}

/// What became of it is seen by doing it again: it changes nothing when it was done.
fn do_again() -> StepResult {
    not_started("it is done again, which changes nothing that was done already").into()
}

async fn connection(context: &ActionContext) -> Result<Arc<dyn Connection>, Refusal> {
    let connection = context.connections.get(&context.target).await.map_err(|error| {
        let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
        not_started(format!("{}{help}", error.message))
    })?;
    if connection.files().is_none() {
        return Err(not_started(format!(
            "the target `{}` gives no access to its files",
            context.target.name
        )));
    }
    Ok(connection)
}

fn text(context: &ActionContext, name: &str) -> Option<String> {
    context.params.get(name).filter(|value| !value.is_null()).map(display)
}

/// The path under `name`, from the target's own directory.
fn path(context: &ActionContext, name: &str) -> Result<String, Refusal> {
    let path = text(context, name).unwrap_or_default();
    if path.is_empty() || path.contains('\0') {
        return Err(not_started(format!("`{name}` is not a path: `{}`", path.escape_debug())));
    }
    let path = context.target.path(&path);
    if !path.starts_with('/') {
        return Err(not_started(format!(
            "`{path}` is relative, and the target says not to what: write the whole path, or give the target a `cwd`"
        )));
    }
    Ok(path)
}

fn look(context: &ActionContext) -> Result<FileLook, Refusal> {
    let mode = match text(context, "mode") {
        Some(text) => match parse_mode(&text) {
            Some(mode) => Some(mode),
            None => return Err(not_started(format!("`{text}` is not a file mode such as `0640`"))),
        },
        None => None,
    };
    Ok(FileLook { mode, owner: text(context, "owner") })
}

/// Under which name what is at `path` is kept by the step `key` of this run.
fn backup_name(context: &ActionContext, key: &str, path: &str) -> String {
    let run = context.token.split('/').next().unwrap_or_default();
    let key: String = key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("{path}.before-{run}-{key}")
}

/// A result with outputs that every action on files has.
fn done(changed: bool, outputs: impl IntoIterator<Item = (&'static str, Value)>) -> StepResult {
    let mut result = StepResult::success();
    result.fields.insert("changed".into(), changed.into());
    result.fields.extend(outputs.into_iter().map(|(name, value)| (name.to_owned(), value)));
    result
}

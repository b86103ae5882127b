//! `runbook abandon`.

use std::sync::Arc;

use super::session::quiet;
use crate::args::Abandon;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output;
use crate::state_dir::StateDir;

/// Gives a run up.
pub(crate) fn execute(command: &Abandon, state: &StateDir) -> Result<Exit, Fault> {
    if command.reason.trim().is_empty() {
        return Err(Fault::usage("a reason is needed").help("say why: `--reason TEXT`"));
    }
    let store = Arc::new(state.open_for(&command.run)?);
    super::runtime()?.block_on(async {
        let run = store.resolve(&command.run).await?;
        quiet(store)?.abandon(&run, &command.reason).await?;
        output::talk(&format!("run {run}: given up; nothing more happens in it\n"));
        Ok(Exit::Succeeded)
    })
}

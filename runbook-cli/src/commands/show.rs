//! `runbook show`.

use std::sync::Arc;

use runbook_core::port::Store;

use super::session::quiet;
use crate::args::{Color, ReportFormat, Show};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output;
use crate::render::report::{self, Subject};
use crate::render::style::Paint;
use crate::state_dir::StateDir;

/// Tells what a run has done and what it waits for.
pub(crate) fn execute(command: &Show, state: &StateDir, color: Color) -> Result<Exit, Fault> {
    let store = Arc::new(state.open_for(&command.run)?);
    super::runtime()?.block_on(async {
        let id = store.resolve(&command.run).await?;
        let (record, machine) = quiet(store.clone())?.inspect(&id).await?;
        let alive = store.list().await?.into_iter().any(|one| one.id == id && one.alive);
        let directory = store.directory(&id);
        let left = store.answers(&id).await?;
        let subject =
            Subject { record: &record, machine: &machine, alive, left: &left, directory: &directory, state };
        let log = store.entries(&id).await?;
        match command.format {
            ReportFormat::Json => output::json(&report::json(&subject, &log)),
            ReportFormat::Text => output::data(&report::human(&subject, Paint::for_stdout(color))),
            ReportFormat::Markdown => output::data(&report::document(&subject, &log).markdown()),
            ReportFormat::Html => output::data(&report::document(&subject, &log).html()),
            ReportFormat::Junit => {
                let document = report::document(&subject, &log);
                output::data(&report::junit(&document).map_err(Fault::failed)?);
            }
        }
        Ok(Exit::Succeeded)
    })
}

//! `runbook run`.

use std::path::PathBuf;
use std::sync::Arc;

use runbook_core::plan::{Format, render};

use super::load;
use super::session::Stage;
use crate::args::{Color, Run};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output;
use crate::people::console::{Terminal, ask_at_once};
use crate::people::flags::Flags;
use crate::render::screen::Screen;
use crate::render::style::Paint;
use crate::source::is_stdin;
use crate::state_dir::StateDir;
use crate::text::safe;

/// Runs a runbook, or walks through it without any effect.
pub(crate) fn execute(command: &Run, state: Option<PathBuf>, color: Color) -> Result<Exit, Fault> {
    let paint = Paint::for_stderr(color);
    let attended = !command.session.non_interactive
        && !is_stdin(&command.file)
        && Terminal::find(&Screen::stderr(), paint).is_some();
    let ask: Option<&dyn Fn(&str) -> Option<String>> = if attended { Some(&ask_at_once) } else { None };
    let plan = load::plan(&command.file, &command.request, ask, color)?;
    Flags::of(&command.session).check(&plan)?;
    if command.dry_run {
        output::data(&safe(&render(&plan, Format::Text)));
        return Ok(Exit::Succeeded);
    }
    let state = StateDir::new(state)?;
    let store = Arc::new(state.open()?);
    let stage = Stage::new(&command.session, state, store, color)?;
    let file = command.file.to_string_lossy().into_owned();
    super::runtime()?.block_on(async {
        let book = plan.runbook.clone();
        let run = stage.engine.start(plan, Some(file)).await;
        stage.see_through(&book, run).await
    })
}

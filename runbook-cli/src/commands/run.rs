//! `runbook run`.

use std::path::PathBuf;
use std::sync::Arc;

use runbook_core::drive::dry_run;
use runbook_core::plan::Plan;
use runbook_core::render::{DryRun, Verdict};
use runbook_core::run::Outcome;

use super::load;
use super::session::{Stage, rehearsing};
use crate::args::{Color, Request, Run};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::inputs::AskLine;
use crate::people::Given;
use crate::people::console::{Terminal, ask_at_once};
use crate::people::flags::Flags;
use crate::policies::Outside;
use crate::render::screen::Screen;
use crate::render::style::Paint;
use crate::source::is_stdin;
use crate::state_dir::StateDir;
use crate::text::safe;
use crate::{inputs, output};

/// Runs a runbook, or walks through it without any effect.
pub(crate) fn execute(
    command: &Run,
    state: Option<PathBuf>,
    policies: &Outside,
    color: Color,
) -> Result<Exit, Fault> {
    let paint = Paint::for_stderr(color);
    let attended = !command.session.non_interactive
        && !is_stdin(&command.file)
        && Terminal::find(&Screen::stderr(), paint).is_some();
    let ask: Option<&AskLine> = if attended { Some(&ask_at_once) } else { None };
    let plan = load::plan(&command.file, &command.request, ask, policies, color)?;
    Flags::of(&command.session).check(&plan)?;
    let Request { input, inputs: file, .. } = &command.request;
    let given = inputs::sensitive(&plan, input, file.as_deref(), true)?;
    if command.dry_run {
        return walk(&dry_run(&plan), command.session.json);
    }
    if command.rehearse {
        return rehearse(plan, command, given, policies, color);
    }
    let state = StateDir::new(state)?;
    let store = Arc::new(state.open()?);
    let stage = Stage::new(&command.session, state, store, given, policies, color)?;
    let file = command.file.to_string_lossy().into_owned();
    super::runtime()?.block_on(async {
        let book = plan.runbook.clone();
        let run = stage.engine.start(plan, Some(file)).await;
        stage.see_through(&book, run).await
    })
}

/// Prints what looking has found, and what would change.
fn rehearse(
    plan: Plan,
    command: &Run,
    given: Given,
    policies: &Outside,
    color: Color,
) -> Result<Exit, Fault> {
    let engine = rehearsing(&command.session, given, policies, color)?;
    let rehearsal = super::runtime()?.block_on(engine.rehearse(plan))?;
    if command.session.json {
        let line = serde_json::to_string(&rehearsal).map_err(|error| Fault::failed(error.to_string()))?;
        output::data(&format!("{line}\n"));
    } else {
        output::data(&safe(&rehearsal.to_string()));
    }
    Ok(match rehearsal.outcome {
        Some(Outcome::Succeeded) => Exit::Succeeded,
        Some(Outcome::Blocked) => Exit::Blocked,
        _ => Exit::Failed,
    })
}

/// Prints what a run would do. One that cannot succeed does not end well here either.
fn walk(dry: &DryRun, as_json: bool) -> Result<Exit, Fault> {
    if as_json {
        let line = serde_json::to_string(dry).map_err(|error| Fault::failed(error.to_string()))?;
        output::data(&format!("{line}\n"));
    } else {
        output::data(&safe(&dry.to_string()));
    }
    let fails = dry.steps.iter().any(|step| step.verdict == Verdict::WouldFail);
    Ok(if fails { Exit::Failed } else { Exit::Succeeded })
}

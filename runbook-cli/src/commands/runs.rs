//! `runbook runs`.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use runbook_core::port::{RunSummary, Store};
use serde_json::{Value, json};

use crate::args::{Color, Listing, Runs};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output;
use crate::render::style::Paint;
use crate::state_dir::StateDir;
use crate::text::{pad, safe_line, width};

/// Lists all runs, newest first.
pub(crate) fn execute(command: &Runs, state: &StateDir, color: Color) -> Result<Exit, Fault> {
    let runs = match state.open_existing()? {
        Some(store) => super::runtime()?.block_on(store.list())?,
        None => Vec::new(),
    };
    match command.format {
        Listing::Json => output::json(&Value::Array(runs.iter().map(machine_readable).collect())),
        Listing::Human if runs.is_empty() => output::talk("no runs yet\n"),
        Listing::Human => output::data(&table(&runs, Paint::for_stdout(color))),
    }
    Ok(Exit::Succeeded)
}

fn machine_readable(run: &RunSummary) -> Value {
    json!({
        "id": run.id,
        "runbook": run.runbook,
        "title": run.title,
        "status": status(run),
        "started": run.started,
        "updated": run.updated,
        "alive": run.alive,
    })
}

/// A run that should be running and has no engine has lost it.
fn status(run: &RunSummary) -> &str {
    if run.status == "running" && !run.alive { "lost" } else { &run.status }
}

fn table(runs: &[RunSummary], paint: Paint) -> String {
    let rows: Vec<[String; 5]> = runs
        .iter()
        .map(|run| {
            [
                run.id.to_string(),
                status(run).to_owned(),
                local_time(run.started),
                safe_line(&run.runbook),
                safe_line(run.title.as_deref().unwrap_or_default()),
            ]
        })
        .collect();
    let heading = ["run", "status", "started", "runbook", ""];
    let wide = |column: usize| {
        rows.iter().map(|row| width(&row[column])).chain([width(heading[column])]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(wide).collect();
    let line = |cells: [&str; 5]| {
        let cells: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| pad(cell, *width)).collect();
        cells.join("  ").trim_end().to_owned()
    };
    let mut text = format!("{}\n", paint.dim(&line(heading)));
    for row in &rows {
        text.push_str(&line([&row[0], &row[1], &row[2], &row[3], &row[4]]));
        text.push('\n');
    }
    text
}

/// A time as people read it, in their own zone.
pub(crate) fn local_time(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

//! `runbook audit`: whether a log is as it was written.

use std::path::Path;

use runbook_core::port::{Store as _, StoreError};
use runbook_core::store::{export_log, verify_export};
use serde_json::json;

use crate::args::{Audit, AuditExport, AuditVerify, Listing};
use crate::exit::Exit;
use crate::fault::{Fault, io};
use crate::output;
use crate::state_dir::StateDir;
use crate::text::safe_line;

/// Verifies or exports a log.
pub(crate) fn execute(command: &Audit, state: &StateDir) -> Result<Exit, Fault> {
    match command {
        Audit::Verify(command) => verify(command, state),
        Audit::Export(command) => export(command, state),
    }
}

/// What was found in a log.
struct Found {
    run: Option<String>,
    entries: Option<u64>,
    head: Option<String>,
    line: Option<usize>,
    problem: Option<String>,
}

impl Found {
    fn broken(line: Option<usize>, problem: String) -> Self {
        Found { run: None, entries: None, head: None, line, problem: Some(problem) }
    }
}

fn verify(command: &AuditVerify, state: &StateDir) -> Result<Exit, Fault> {
    let path = Path::new(&command.log);
    let mut found = match command.log.as_str() {
        "-" => of_text(std::io::stdin().lock())?,
        _ if path.is_file() => {
            let file = std::fs::File::open(path);
            of_text(file.map_err(|error| io(&format!("cannot read `{}`", path.display()), &error))?)?
        }
        run => of_run(run, state)?,
    };
    if let (Some(expected), Some(head)) = (&command.head, &found.head)
        && !expected.trim().eq_ignore_ascii_case(head)
    {
        found.problem = Some(format!(
            "the last entry has the hash {head}: entries are missing at the end, or the log was written anew"
        ));
    }
    match command.format {
        Listing::Json => output::json(&json!({
            "whole": found.problem.is_none(),
            "run": found.run,
            "entries": found.entries,
            "head": found.head,
            "compared": command.head.is_some(),
            "line": found.line,
            "problem": found.problem,
        })),
        Listing::Human => tell(&found, command.head.is_some()),
    }
    Ok(if found.problem.is_none() { Exit::Succeeded } else { Exit::Failed })
}

fn tell(found: &Found, compared: bool) {
    if let Some(problem) = &found.problem {
        let line = found.line.map_or_else(String::new, |line| format!("line {line}: "));
        return output::data(&format!("not as it was written: {line}{}\n", safe_line(problem)));
    }
    let (run, head) = (found.run.as_deref().unwrap_or_default(), found.head.as_deref().unwrap_or_default());
    let entries = usize::try_from(found.entries.unwrap_or_default()).unwrap_or(usize::MAX);
    let entries = if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") };
    output::data(&format!("whole: {entries} of run {}, head {}\n", safe_line(run), safe_line(head)));
    if !compared {
        output::talk(
            "note: a log that was written anew from its beginning is whole too; \
             keep the head elsewhere and compare with `--head`\n",
        );
    }
}

fn of_text(mut from: impl std::io::Read) -> Result<Found, Fault> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).map_err(|error| io("cannot read the log", &error))?;
    // A byte that is no text is not one that was written; its line will not fit.
    Ok(match verify_export(&String::from_utf8_lossy(&bytes)) {
        Ok(whole) => Found {
            run: Some(whole.run),
            entries: Some(whole.entries),
            head: Some(whole.head),
            line: None,
            problem: None,
        },
        Err(broken) => Found::broken(Some(broken.line), broken.what),
    })
}

fn of_run(run: &str, state: &StateDir) -> Result<Found, Fault> {
    let store = state.open_for(run)?;
    super::runtime()?.block_on(async {
        let run = store.resolve(run).await?;
        match store.verify(&run).await {
            Ok(()) => {}
            Err(StoreError::Damaged(what)) => return Ok(Found::broken(None, what)),
            Err(error) => return Err(error.into()),
        }
        let record = store.record(&run).await?;
        let links = store.links(&run).await?;
        Ok(Found {
            run: Some(run.to_string()),
            entries: Some(links.len() as u64),
            head: Some(links.last().map_or(record.digest, |last| last.hash.clone())),
            line: None,
            problem: None,
        })
    })
}

fn export(command: &AuditExport, state: &StateDir) -> Result<Exit, Fault> {
    let store = state.open_for(&command.run)?;
    super::runtime()?.block_on(async {
        let run = store.resolve(&command.run).await?;
        let record = store.record(&run).await?;
        output::data(&export_log(&record, &store.links(&run).await?));
        Ok(Exit::Succeeded)
    })
}

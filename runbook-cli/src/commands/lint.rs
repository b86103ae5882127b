//! `runbook lint`.

use jiff::Zoned;
use jiff::civil::Date;
use runbook_core::lint::{Silenced, lint};

use crate::args::{Color, Findings, Lint};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::policies::Outside;
use crate::render::style::Paint;
use crate::render::{diagnostics, sarif, screen};
use crate::source::{self, Checked};
use crate::text::count;
use crate::{output, registry};

/// One file, checked and looked at by the lints.
pub(crate) struct Looked {
    /// The file with every problem and finding.
    pub(crate) checked: Checked,
    /// What the file says need not be reported.
    pub(crate) silenced: Vec<Silenced>,
}

/// Checks every file, and shows problems and findings.
pub(crate) fn execute(command: &Lint, policies: &Outside, color: Color) -> Result<Exit, Fault> {
    let today = command.date.unwrap_or_else(|| Zoned::now().date());
    let kinds = registry::kinds();
    let files = source::expand(&command.files)?;
    let looked: Vec<Looked> =
        files.iter().map(|file| look(source::check(file, &kinds, policies), today)).collect();
    match command.format {
        Findings::Human => {
            let (paint, columns) = (Paint::for_stdout(color), screen::columns(&std::io::stdout()));
            for Looked { checked, .. } in &looked {
                output::data(&diagnostics::human(&checked.diagnostics, &checked.sources, paint, columns));
            }
        }
        Findings::Json => output::json(&diagnostics::looked_json(&looked)),
        Findings::Github => {
            for Looked { checked, .. } in &looked {
                output::data(&diagnostics::github(&checked.diagnostics, &checked.sources, false));
            }
        }
        Findings::Sarif => {
            let files = looked.iter().map(|one| (&one.checked, one.silenced.as_slice()));
            output::json(&sarif::log(files, false));
        }
    }
    let (mut errors, mut warnings, mut silenced) = (0, 0, 0);
    for one in &looked {
        let counts = one.checked.counts();
        errors += counts.0;
        warnings += counts.1;
        silenced += one.silenced.len();
    }
    let silenced = if silenced > 0 { format!(", {silenced} silenced") } else { String::new() };
    output::talk(&format!(
        "{}, {}, {}{silenced}\n",
        count(looked.len(), "file"),
        count(errors, "error"),
        count(warnings, "finding")
    ));
    Ok(match (errors, warnings) {
        (0, 0) => Exit::Succeeded,
        (0, _) => Exit::Failed,
        _ => Exit::Usage,
    })
}

fn look(mut checked: Checked, today: Date) -> Looked {
    let Some(runbook) = &checked.runbook else { return Looked { checked, silenced: Vec::new() } };
    let linted = lint(runbook, &checked.sources, Some(today));
    checked.diagnostics.extend(linted.findings);
    checked.diagnostics.sort_by_key(|one| (one.primary.span, one.code));
    Looked { checked, silenced: linted.silenced }
}

//! `runbook validate`.

use crate::args::{Color, Findings, Validate};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::policies::Outside;
use crate::render::style::Paint;
use crate::render::{diagnostics, sarif, screen};
use crate::source::{self, Checked};
use crate::text::count;
use crate::{output, registry};

/// Checks every file and shows every problem.
pub(crate) fn execute(command: &Validate, policies: &Outside, color: Color) -> Result<Exit, Fault> {
    let kinds = registry::kinds();
    let files = source::expand(&command.files)?;
    let checked: Vec<Checked> = files.iter().map(|file| source::check(file, &kinds, policies)).collect();
    match command.format {
        Findings::Human => {
            let (paint, columns) = (Paint::for_stdout(color), screen::columns(&std::io::stdout()));
            for file in &checked {
                output::data(&diagnostics::human(&file.diagnostics, &file.sources, paint, columns));
            }
        }
        Findings::Json => output::json(&diagnostics::json(&checked, command.strict)),
        Findings::Sarif => {
            let files = checked.iter().map(|file| (file, [].as_slice()));
            output::json(&sarif::log(files, command.strict));
        }
        Findings::Github => {
            for file in &checked {
                output::data(&diagnostics::github(&file.diagnostics, &file.sources, command.strict));
            }
        }
    }
    let (mut errors, mut warnings) = (0, 0);
    for file in &checked {
        let counts = file.counts();
        errors += counts.0;
        warnings += counts.1;
    }
    output::talk(&format!(
        "{}, {}, {}\n",
        count(checked.len(), "file"),
        count(errors, "error"),
        count(warnings, "warning")
    ));
    let refused = errors > 0 || (command.strict && warnings > 0);
    Ok(if refused { Exit::Usage } else { Exit::Succeeded })
}

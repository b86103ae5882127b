//! From a file and what was typed to a plan.

use std::path::Path;

use runbook_core::diag::Diagnostic;
use runbook_core::model::Runbook;
use runbook_core::plan::Plan;
use runbook_core::source::Sources;

use crate::args::{Color, Request};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::inputs::AskLine;
use crate::render::style::Paint;
use crate::render::{diagnostics, screen};
use crate::source::Checked;
use crate::text::count;
use crate::{inputs, output, registry, source};

/// The plan for the runbook in `path`. What is wrong with either is shown.
pub(crate) fn plan(
    path: &Path,
    request: &Request,
    ask: Option<&AskLine>,
    color: Color,
) -> Result<Plan, Fault> {
    let mut checked = source::check(path, &registry::kinds());
    let runbook = usable(&mut checked, color)?;
    let request = inputs::request(&runbook, request, ask)?;
    Plan::build(&runbook, &request).map_err(|found| {
        show(&found, &checked.sources, color);
        output::talk(&format!("`{}` cannot be planned: {}\n", checked.file, count(found.len(), "error")));
        Fault::said(Exit::Usage)
    })
}

/// The runbook in `path`, with what messages call the file. What is wrong with it is shown.
pub(crate) fn runbook(path: &Path, color: Color) -> Result<(Runbook, String), Fault> {
    let mut checked = source::check(path, &registry::kinds());
    Ok((usable(&mut checked, color)?, checked.file))
}

fn usable(checked: &mut Checked, color: Color) -> Result<Runbook, Fault> {
    show(&checked.diagnostics, &checked.sources, color);
    let (errors, _) = checked.counts();
    checked.runbook.take().filter(|_| errors == 0).ok_or_else(|| {
        let why = match errors {
            // An inventory, or tests: good for what they are for.
            0 => "is not a runbook: it holds what runbooks include, or tests of one".to_owned(),
            errors => format!("is not valid: {}", count(errors, "error")),
        };
        output::talk(&format!("`{}` {why}\n", checked.file));
        Fault::said(Exit::Usage)
    })
}

fn show(found: &[Diagnostic], sources: &Sources, color: Color) {
    if !found.is_empty() {
        let columns = screen::columns(&std::io::stderr());
        output::talk(&diagnostics::human(found, sources, Paint::for_stderr(color), columns));
    }
}

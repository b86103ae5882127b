//! From a file and what was typed to a plan.

use std::path::Path;

use runbook_core::diag::{Code, Diagnostic, Severity};
use runbook_core::model::Runbook;
use runbook_core::plan::Plan;
use runbook_core::source::Sources;

use crate::args::{Color, Request};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::inputs::AskLine;
use crate::policies::Outside;
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
    policies: &Outside,
    color: Color,
) -> Result<Plan, Fault> {
    let mut checked = source::check(path, &registry::kinds(), policies);
    let runbook = usable(&mut checked, color)?;
    let request = policies.apply(inputs::request(&runbook, request, ask)?);
    Plan::build(&runbook, &request).map_err(|found| {
        show(&found, &checked.sources, color);
        output::talk(&format!("`{}` cannot be planned: {}\n", checked.file, count(found.len(), "error")));
        Fault::said(exit_of(&found))
    })
}

/// The runbook in `path`, with what messages call the file. What is wrong with it is shown.
pub(crate) fn runbook(path: &Path, policies: &Outside, color: Color) -> Result<(Runbook, String), Fault> {
    let mut checked = source::check(path, &registry::kinds(), policies);
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
        Fault::said(exit_of(&checked.diagnostics))
    })
}

/// What is refused by policies alone is a valid runbook that is blocked.
fn exit_of(found: &[Diagnostic]) -> Exit {
    let mut errors = found.iter().filter(|problem| problem.severity == Severity::Error).peekable();
    match errors.peek().is_some() && errors.all(|problem| problem.code == Code::FORBIDDEN) {
        true => Exit::Blocked,
        false => Exit::Usage,
    }
}

fn show(found: &[Diagnostic], sources: &Sources, color: Color) {
    if !found.is_empty() {
        let columns = screen::columns(&std::io::stderr());
        output::talk(&diagnostics::human(found, sources, Paint::for_stderr(color), columns));
    }
}

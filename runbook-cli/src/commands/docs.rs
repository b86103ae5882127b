//! `runbook docs`.

use runbook_core::handbook::Handbook;

use crate::args::{Color, Docs, DocsFormat};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output;
use crate::policies::Outside;

/// Writes a runbook down for people.
pub(crate) fn execute(command: &Docs, policies: &Outside, color: Color) -> Result<Exit, Fault> {
    let (runbook, file) = super::load::runbook(&command.file, policies, color)?;
    let handbook = Handbook::of(&runbook, &file);
    output::data(&match command.format {
        DocsFormat::Markdown => handbook.markdown(),
        DocsFormat::Html => handbook.html(),
    });
    Ok(Exit::Succeeded)
}

//! `runbook plan`.

use runbook_core::plan::{Format, render};

use super::{load, schedule};
use crate::args::{Color, PlanArgs, PlanFormat};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::output;
use crate::policies::Outside;
use crate::text::safe;

/// Shows what a run would do.
pub(crate) fn execute(command: &PlanArgs, policies: &Outside, color: Color) -> Result<Exit, Fault> {
    let plan = load::plan(&command.file, &command.request, None, policies, color)?;
    let format = match command.format {
        PlanFormat::Text => Format::Text,
        PlanFormat::Json => Format::Json,
        PlanFormat::Mermaid => Format::Mermaid,
        PlanFormat::Dot => Format::Dot,
    };
    let text = render(&plan, format);
    // What programs read stays as it is; what people read must not steer their terminal.
    let text = match command.format {
        PlanFormat::Text => text + &schedule::times(&plan),
        _ => text,
    };
    output::data(&if command.format == PlanFormat::Text { safe(&text) } else { text.as_str().into() });
    Ok(Exit::Succeeded)
}

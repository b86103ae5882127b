//! `runbook completions`.

use clap::CommandFactory as _;

use crate::args::{Cli, Completions};
use crate::exit::Exit;
use crate::output;

/// Prints a completion script.
pub(crate) fn execute(command: &Completions) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut Cli::command(), "runbook", &mut script);
    output::data(&String::from_utf8_lossy(&script));
    Exit::Succeeded
}

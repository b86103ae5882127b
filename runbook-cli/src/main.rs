//! The `runbook` command: the one place that knows terminal, arguments, environment and exit codes.

mod args;
mod commands;
mod exit;
mod fault;
mod identity;
mod inputs;
mod keeper;
mod output;
mod people;
mod policies;
mod registry;
mod render;
mod signals;
mod source;
mod state_dir;
mod text;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    if keeper::is_asked_for() {
        return keeper::run();
    }
    let cli = args::Cli::parse();
    let paint = render::style::Paint::for_stderr(cli.global.color);
    match commands::execute(cli) {
        Ok(exit) => exit.into(),
        Err(fault) => {
            output::talk(&fault.render(paint));
            fault.exit.into()
        }
    }
}

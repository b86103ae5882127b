//! One module a command.

mod abandon;
mod answer;
mod audit;
mod classify;
mod completions;
mod docs;
mod explain;
mod go_on;
pub(crate) mod lint;
mod load;
mod plan;
mod run;
mod runs;
mod schedule;
mod schema;
mod session;
mod show;
pub(crate) mod test;
mod validate;

pub(crate) use runs::local_time;

use crate::args::{Cli, Command};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::policies::Outside;
use crate::state_dir::StateDir;

/// Carries out what was typed.
pub(crate) fn execute(cli: Cli) -> Result<Exit, Fault> {
    let color = cli.global.color;
    let policies = Outside::read(&cli.global)?;
    let state = || StateDir::new(cli.global.state.clone());
    match &cli.command {
        Command::Validate(command) => validate::execute(command, &policies, color),
        Command::Lint(command) => lint::execute(command, &policies, color),
        Command::Plan(command) => plan::execute(command, &policies, color),
        Command::Test(command) => test::execute(command, color),
        Command::Run(command) => run::execute(command, cli.global.state.clone(), &policies, color),
        Command::Resume(command) => go_on::resume(command, state()?, &policies, color),
        Command::Rollback(command) => go_on::rollback(command, state()?, &policies, color),
        Command::Approve(command) => answer::approve(command, &state()?),
        Command::Deny(command) => answer::deny(command, &state()?),
        Command::Abandon(command) => abandon::execute(command, &state()?),
        Command::Runs(command) => runs::execute(command, &state()?, color),
        Command::Show(command) => show::execute(command, &state()?, color),
        Command::Docs(command) => docs::execute(command, &policies, color),
        Command::Audit(command) => audit::execute(command, &state()?),
        Command::Classify(command) => classify::execute(command, color),
        Command::Explain(command) => explain::execute(command),
        Command::Schema => Ok(schema::execute()),
        Command::Schedule(command) => schedule::execute(command, &policies, color),
        Command::Completions(command) => Ok(completions::execute(command)),
    }
}

/// An asynchronous runtime on this thread alone; commands that need none have none.
fn runtime() -> Result<tokio::runtime::Runtime, Fault> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| crate::fault::io("cannot start", &error))
}

//! This program in its other part: the process that holds the commands of an engine.
//!
//! No command line of people is meant, so it is not among the commands.

use std::process::ExitCode;

use runbook_core::local::{KeeperProgram, LocalConnector, keep};

use crate::exit::Exit;

/// The one argument that asks for it.
const ARGUMENT: &str = "local-keeper";

/// Whether this process was started to be a keeper.
pub(crate) fn is_asked_for() -> bool {
    let mut arguments = std::env::args_os().skip(1);
    arguments.next().is_some_and(|argument| argument == ARGUMENT) && arguments.next().is_none()
}

/// Keeps commands until there is nothing left to do.
pub(crate) fn run() -> ExitCode {
    match keep() {
        Ok(()) => Exit::Succeeded.into(),
        Err(_) => Exit::Failed.into(),
    }
}

/// Commands on this machine, kept by this program when it can be found.
pub(crate) fn connector() -> LocalConnector {
    let local = LocalConnector::inherit();
    match std::env::current_exe() {
        Ok(path) => local.with_keeper(KeeperProgram { path, args: vec![ARGUMENT.into()] }),
        Err(_) => local,
    }
}

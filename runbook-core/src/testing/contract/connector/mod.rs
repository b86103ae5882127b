//! What every connector promises: one suite for this machine, hosts, containers and what others add.

mod bench;
mod commands;
mod durable;
mod endings;
mod files;

use std::path::PathBuf;
use std::sync::Arc;

use super::{Broken, Clause, Kept, clauses};
use crate::kind::Target;
use crate::port::Connector;

use bench::Bench;

const CLAUSES: &[(&str, Clause<Bench>)] = clauses!(Bench:
    commands::exit_codes_are_the_commands_own,
    commands::a_program_that_is_missing_is_127,
    commands::death_by_a_signal_is_128_and_the_signal,
    commands::arguments_arrive_as_they_are,
    commands::outputs_are_apart,
    commands::input_is_what_was_given_or_empty,
    commands::variables_are_what_was_given,
    commands::values_are_in_no_list_of_processes,
    commands::the_directory_is_the_jobs_or_it_does_not_start,
    commands::scripts_fail_fast,
    commands::bytes_that_are_not_text_are_counted_and_shown_as_such,
    commands::large_output_is_whole_in_a_file,
    commands::output_is_shown_while_it_is_written,
    commands::many_at_once_are_told_apart,
    endings::a_timeout_ends_the_tree,
    endings::a_stop_ends_the_tree,
    endings::what_ignores_term_is_killed,
    endings::term_comes_first,
    endings::what_was_stopped_before_does_not_run,
    endings::a_process_left_behind_does_not_delay,
    durable::a_durable_job_ends_like_any_other,
    durable::a_token_never_runs_twice,
    durable::an_end_is_found_again,
    durable::what_never_began_never_will,
    durable::what_still_runs_is_waited_for,
    durable::what_still_runs_can_be_stopped,
    files::facts_of_files_are_known,
    files::a_closed_port_refuses,
    files::files_are_whole_or_not_there,
    files::what_is_kept_can_be_put_back,
);

/// What every connector promises, as a suite to be run against one.
///
/// ```
/// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
/// use std::sync::Arc;
/// use runbook_core::{kind::Target, local::LocalConnector, testing::ConnectorContract};
///
/// let place = tempfile::tempdir().unwrap();
/// let scratch = place.path().to_str().unwrap();
/// let connector = Arc::new(LocalConnector::inherit());
/// let contract = ConnectorContract::new(connector, Target::local(), scratch, place.path().join("engine"));
/// contract.check("outputs_are_apart").await.unwrap();
/// # });
/// ```
///
/// The target needs a POSIX shell and the usual programs beside it (`cat`, `head`, `tr`, `sleep`, `mkdir`), and
/// `/proc` for the clauses about processes.
pub struct ConnectorContract {
    bench: Bench,
    without: Vec<&'static str>,
}

impl ConnectorContract {
    /// The suite for `connector`, tried on `target`. `scratch` is a directory on the target and `directory` one on
    /// this machine, both for the suite alone; `directory` is created when it is not there.
    pub fn new(
        connector: Arc<dyn Connector>,
        target: Target,
        scratch: impl Into<String>,
        directory: impl Into<PathBuf>,
    ) -> Self {
        ConnectorContract {
            bench: Bench::new(connector, target, scratch.into(), directory.into()),
            without: Vec::new(),
        }
    }

    /// Leaves a clause out of [`verify`](Self::verify). Say why where you call it.
    ///
    /// # Panics
    /// When there is no such clause.
    #[must_use]
    pub fn without(mut self, clause: &'static str) -> Self {
        assert!(Self::clauses().any(|known| known == clause), "there is no clause `{clause}`");
        self.without.push(clause);
        self
    }

    /// The names of all clauses.
    pub fn clauses() -> impl Iterator<Item = &'static str> {
        CLAUSES.iter().map(|(name, _)| *name)
    }

    /// Looks at one clause. `Err` says what was seen instead of what is promised.
    ///
    /// # Errors
    /// The promise is not kept, or there is no such clause.
    pub async fn check(&self, clause: &str) -> Result<(), String> {
        match CLAUSES.iter().find(|(name, _)| *name == clause) {
            Some((_, look)) => self.look(*look).await,
            None => Err(format!("there is no clause `{clause}`")),
        }
    }

    /// Looks at every clause, one after the other.
    ///
    /// # Errors
    /// Every clause that is not kept.
    pub async fn verify(&self) -> Result<(), Broken> {
        let mut broken = Vec::new();
        for (name, look) in CLAUSES.iter().filter(|(name, _)| !self.without.contains(name)) {
            broken.extend(self.look(*look).await.err().map(|why| (*name, why)));
        }
        match broken.is_empty() {
            true => Ok(()),
            false => Err(Broken { who: self.bench.who(), clauses: broken }),
        }
    }

    async fn look(&self, look: Clause<Bench>) -> Kept {
        // A connector that hangs breaks a promise too; nothing here takes long.
        let kept = tokio::time::timeout(bench::PATIENCE * 4, look(&self.bench)).await;
        kept.unwrap_or_else(|_| Err("it hangs".to_owned()))
    }
}

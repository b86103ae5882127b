//! What every executor promises.

mod bench;
mod carried_out;
mod known_before;
mod secret;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Broken, Clause, Kept, clauses};
use crate::kind::Target;
use crate::port::{Connector, Executor};

use bench::{Bench, Sample};

const CLAUSES: &[(&str, Clause<Bench>)] = clauses!(Bench:
    known_before::its_key_is_an_identifier,
    known_before::good_parameters_are_accepted,
    known_before::unknown_parameters_are_reported,
    known_before::refused_parameters_are_reported,
    known_before::nothing_that_is_written_makes_it_panic,
    known_before::people_see_one_line,
    carried_out::good_parameters_succeed,
    carried_out::results_survive_the_log,
    carried_out::refused_parameters_do_not_begin,
    carried_out::strange_parameters_end_in_words,
    carried_out::what_was_stopped_before_does_not_act,
    carried_out::the_time_limit_is_kept,
    carried_out::a_stop_is_heard,
    carried_out::an_unreachable_target_is_no_beginning,
    carried_out::what_never_was_is_no_success,
    carried_out::looking_ahead_changes_nothing,
    secret::secrets_stay_where_they_belong,
);

/// What every executor promises, as a suite to be run against one.
///
/// The suite tries parameters that you give it, as YAML. Each is a function of a directory of its own, which exists and
/// is empty.
///
/// ```
/// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
/// use std::sync::Arc;
/// use runbook_core::{files::WriteExecutor, testing::ExecutorContract};
///
/// let place = tempfile::tempdir().unwrap();
/// ExecutorContract::new(Arc::new(WriteExecutor), place.path())
///     .good(|dir| format!("{{path: {}/note, content: привет}}", dir.display()))
///     .refused(|_| "{content: nowhere}".to_owned())
///     .verify()
///     .await
///     .unwrap();
/// # });
/// ```
pub struct ExecutorContract {
    bench: Bench,
    without: Vec<&'static str>,
}

impl ExecutorContract {
    /// The suite for `executor`. `directory` is for the suite alone.
    ///
    /// Unless [`at`](Self::at) says otherwise, it acts on this machine.
    pub fn new(executor: Arc<dyn Executor>, directory: impl Into<PathBuf>) -> Self {
        ExecutorContract { bench: Bench::new(executor, directory.into()), without: Vec::new() }
    }

    /// Acts on `target`, which `connector` reaches.
    #[must_use]
    pub fn at(mut self, connector: Arc<dyn Connector>, target: Target) -> Self {
        self.bench.place(connector, target);
        self
    }

    /// Parameters with which it succeeds. At least one is needed.
    #[must_use]
    pub fn good(mut self, params: impl Fn(&Path) -> String + Send + Sync + 'static) -> Self {
        self.bench.samples.good.push(Sample::new(params));
        self
    }

    /// Parameters that the static half reports, and with which it does not begin.
    #[must_use]
    pub fn refused(mut self, params: impl Fn(&Path) -> String + Send + Sync + 'static) -> Self {
        self.bench.samples.refused.push(Sample::new(params));
        self
    }

    /// Parameters with which it would take minutes: what is tried is that it ends sooner when it must.
    #[must_use]
    pub fn slow(mut self, params: impl Fn(&Path) -> String + Send + Sync + 'static) -> Self {
        self.bench.samples.slow.push(Sample::new(params));
        self
    }

    /// Parameters with which it succeeds and that hold `${{ secrets.canary }}`.
    #[must_use]
    pub fn secret(mut self, params: impl Fn(&Path) -> String + Send + Sync + 'static) -> Self {
        self.bench.samples.secret.push(Sample::new(params));
        self
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
        if self.bench.samples.good.is_empty() {
            broken.push(("good_parameters_succeed", "no good parameters were given".to_owned()));
        }
        for (name, look) in CLAUSES.iter().filter(|(name, _)| !self.without.contains(name)) {
            broken.extend(self.look(*look).await.err().map(|why| (*name, why)));
        }
        match broken.is_empty() {
            true => Ok(()),
            false => Err(Broken { who: self.bench.who(), clauses: broken }),
        }
    }

    async fn look(&self, look: Clause<Bench>) -> Kept {
        // An executor that hangs breaks a promise too; nothing here takes long.
        let kept = tokio::time::timeout(bench::PATIENCE * 2, look(&self.bench)).await;
        kept.unwrap_or_else(|_| Err("it hangs".to_owned()))
    }
}

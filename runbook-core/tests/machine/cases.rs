//! How many runs a law is tried on, and which.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use runbook_core::plan::Plan;

use crate::plans::books;
use crate::trace::Trace;
use crate::world::{World, run};

/// Tries `law` on `cases` random plans, or as many as the environment says.
pub(crate) fn for_plans(cases: u32, law: impl Fn(Arc<Plan>, &[u16]) -> Result<(), TestCaseError>) {
    let cases = std::env::var("RUNBOOK_PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(cases);
    exactly(cases, law);
}

/// Tries `law` on `cases` random plans, each with random numbers for its world.
fn exactly(cases: u32, law: impl Fn(Arc<Plan>, &[u16]) -> Result<(), TestCaseError>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let numbers = prop::collection::vec(any::<u16>(), 0..300);
    let result =
        TestRunner::new(config).run(&(books(), numbers), |(book, numbers)| law(book.plan(), &numbers));
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// Looks at so many random runs that what can happen does.
pub(crate) fn for_many_runs(look: impl Fn(&Trace)) {
    exactly(3 * RUNS, |plan, numbers| {
        look(&random_run(plan, numbers));
        Ok(())
    });
}

const RUNS: u32 = 600;

fn random_run(plan: Arc<Plan>, numbers: &[u16]) -> Trace {
    run(plan, numbers, World { people: true, chaos: !numbers.len().is_multiple_of(3) })
}

/// Tries `law` on random runs, with and without chaos.
pub(crate) fn for_runs(law: impl Fn(&Trace) -> Result<(), TestCaseError>) {
    for_plans(RUNS, |plan, numbers| law(&random_run(plan, numbers)));
}

/// What a law says when it is broken, with the run that breaks it.
#[macro_export]
macro_rules! law {
    ($trace:expr, $holds:expr, $($why:tt)*) => {
        if !$holds {
            let why = format!($($why)*);
            return Err(proptest::test_runner::TestCaseError::fail(format!("{why}\n{}", $trace.show())));
        }
    };
}

//! How many runs a law is tried on, and which.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use runbook_core::plan::Plan;

use crate::plans::books;
use crate::trace::Trace;
use crate::world::{World, run};

/// Tries `law` on `cases` random plans, each with random numbers for its world.
pub(crate) fn for_plans(cases: u32, law: impl Fn(Arc<Plan>, &[u16]) -> Result<(), TestCaseError>) {
    let cases = std::env::var("RUNBOOK_PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(cases);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let numbers = prop::collection::vec(any::<u16>(), 0..300);
    let result =
        TestRunner::new(config).run(&(books(), numbers), |(book, numbers)| law(book.plan(), &numbers));
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// Tries `law` on random runs, with and without chaos.
pub(crate) fn for_runs(law: impl Fn(&Trace) -> Result<(), TestCaseError>) {
    for_plans(1500, |plan, numbers| {
        let chaos = numbers.len() % 3 != 0;
        law(&run(plan, numbers, World { people: true, chaos }))
    });
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

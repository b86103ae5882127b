//! What every connector and every executor promises, as suites that anybody can run against theirs.

mod connector;
mod executor;

use std::fmt;

pub use connector::ConnectorContract;
pub use executor::ExecutorContract;

/// The clauses of a contract that something does not keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// What does not keep them.
    pub who: String,
    /// Each clause that is not kept, and what was seen instead.
    pub clauses: Vec<(&'static str, String)>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} breaks {} of its promises:", self.who, self.clauses.len())?;
        self.clauses.iter().try_for_each(|(clause, why)| write!(f, "\n  {clause}: {why}"))
    }
}

impl std::error::Error for Broken {}

/// What was seen instead of what was promised.
type Kept = Result<(), String>;

/// `Ok` when it holds; what was seen otherwise.
fn ensure(holds: bool, seen: impl FnOnce() -> String) -> Kept {
    if holds { Ok(()) } else { Err(seen()) }
}

/// Names functions as the clauses of a contract: `(name, fn(&Bench) -> future)`.
macro_rules! clauses {
    ($bench:ty: $($module:ident::$name:ident),* $(,)?) => {
        &[$((
            stringify!($name),
            (|bench| Box::pin($module::$name(bench))) as Clause<$bench>,
        )),*]
    };
}
use clauses;

/// One clause: what is done and looked at.
type Clause<B> = for<'b> fn(&'b B) -> std::pin::Pin<Box<dyn Future<Output = Kept> + Send + 'b>>;

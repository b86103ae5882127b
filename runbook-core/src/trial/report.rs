//! What came of tests.

use super::rehearse::Ended;
use crate::model::Case;
use crate::run::Phase;
use crate::source::Span;
use crate::suite::{Coverage, Failure, Seen};
use crate::value::Duration;

/// What came of the tests of a file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SuiteReport {
    /// The file of tests.
    pub file: String,
    /// The name of the runbook.
    pub runbook: String,
    /// The tests that were run, in the order written.
    pub cases: Vec<CaseReport>,
    /// What is wrong with the file as a whole.
    pub problems: Vec<Failure>,
    /// Whether tests were left out, so that coverage says little.
    pub partial: bool,
    /// How much of the runbook the tests reach.
    pub coverage: Coverage,
}

impl SuiteReport {
    /// Whether nothing failed.
    pub fn passed(&self) -> bool {
        self.problems.is_empty() && self.cases.iter().all(CaseReport::passed)
    }
}

/// What came of one test.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CaseReport {
    /// Its name.
    pub name: String,
    /// Where its name is written.
    pub span: Span,
    /// What its author says of it.
    pub description: Option<String>,
    /// What was expected and did not come; empty when it passed.
    pub failures: Vec<Failure>,
    /// How its run ended, as listings say it.
    pub status: String,
    /// How long the run took by its own clock.
    pub took: Duration,
    /// The steps that the run reached, in the order of the plan.
    pub steps: Vec<StepSeen>,
}

/// A step as a run left it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepSeen {
    /// Its key.
    pub key: String,
    /// What it is called in listings.
    pub status: &'static str,
    /// Why, for people.
    pub reason: Option<String>,
}

impl CaseReport {
    pub(super) fn of(case: &Case, ended: &Ended, failures: Vec<Failure>) -> Self {
        let (plan, state) = (ended.machine.plan(), ended.machine.state());
        let took = Seen { machine: &ended.machine, log: &ended.log, commands: &[] }.took();
        let reached = plan.executable().filter(|(id, _)| state.node(*id).phase != Phase::Idle);
        let steps = reached.map(|(id, node)| StepSeen {
            key: node.key.clone(),
            status: state.status(id).name(),
            reason: state.node(id).reason.clone(),
        });
        CaseReport {
            name: case.name.value.clone(),
            span: case.name.span,
            description: case.description.clone(),
            failures,
            status: state.run_status().to_owned(),
            took,
            steps: steps.collect(),
        }
    }

    pub(super) fn broken(case: &Case, failure: Failure) -> Self {
        CaseReport {
            name: case.name.value.clone(),
            span: case.name.span,
            description: case.description.clone(),
            failures: vec![failure],
            status: "broken".to_owned(),
            took: Duration::default(),
            steps: Vec::new(),
        }
    }

    /// Whether everything came as expected.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

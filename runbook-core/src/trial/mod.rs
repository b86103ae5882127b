//! Runs tests of runbooks: the real engine in a world of mocked results, scripted people and virtual time.
//!
//! ```
//! use runbook_core::{kind::Kinds, read::{File, Files}, suite, trial};
//!
//! struct Memory;
//! impl Files for Memory {
//!     fn read(&self, path: &str, _from: &str) -> Result<File, String> {
//!         let text = "
//! apiVersion: runbook/v1
//! kind: Runbook
//! name: restart
//! steps:
//!   - id: restart
//!     run: [systemctl, restart, app]
//!     settle: 30s
//!     verify: [{run: [systemctl, is-active, app], expect: {stdout: {equals: active}}}]
//! ";
//!         Ok(File { name: path.to_owned(), text: text.to_owned() })
//!     }
//! }
//!
//! let kinds = Kinds::default();
//! let loaded = suite::load("restart.test.yaml", "
//! apiVersion: runbook/v1
//! kind: RunbookTest
//! runbook: ./restart.yaml
//! tests:
//!   - name: comes up
//!     mocks: {restart: ok, restart.verify.1: {stdout: active}}
//!     expect: {duration: {at_least: 30s, at_most: 1m}}
//!   - name: stays down
//!     mocks: {restart: ok, restart.verify.1: {stdout: failed, exit_code: 3}}
//!     expect: {status: failed, steps: {restart: {reason: exit code 3}}}
//! ", &kinds, &Memory);
//! let report = trial::run_tests(&loaded.ready.unwrap(), &kinds);
//! assert!(report.passed());
//! assert_eq!(report.coverage.percent(), 100);
//! ```

mod fail_each;
mod people;
mod rehearse;
mod report;
mod world;

pub use fail_each::{FailEach, FailedStep, fail_each, fail_each_step};
pub use report::{CaseReport, StepSeen, SuiteReport};

use std::collections::BTreeSet;

use crate::kind::Kinds;
use crate::model::Script;
use crate::suite::{Coverage, Failure, Ready, Seen, judge};
use people::People;
use rehearse::{Cast, Ended, rehearse};
use world::World;

/// Runs every test of `ready`, one after the other; nothing of the real world is reached.
///
/// `kinds` are the kinds of action the runbook was read with. Works on a thread of its own and returns when it
/// is done: call it where blocking is allowed.
pub fn run_tests(ready: &Ready, kinds: &Kinds) -> SuiteReport {
    run_some(ready, kinds, |_| true)
}

/// Runs those tests of `ready` whose name `wanted` holds for. See [`run_tests`].
pub fn run_some(ready: &Ready, kinds: &Kinds, wanted: impl Fn(&str) -> bool) -> SuiteReport {
    let mut coverage = Coverage::of(&ready.runbook);
    let (mut mocks, mut answers) = (BTreeSet::new(), BTreeSet::new());
    let mut cases = Vec::new();
    let mut left_out = false;
    for (index, case) in ready.suite.tests.iter().enumerate() {
        if !wanted(&case.name.value) {
            left_out = true;
            continue;
        }
        let cast = cast(ready, index);
        let ended = ready.plans.get(index).map(|plan| rehearse(plan, kinds, &cast));
        mocks.extend(cast.world.used_shared());
        answers.extend(cast.people.used_shared());
        match ended {
            Some(Ok(ended)) => {
                coverage.add(ended.machine.plan(), &ended.log);
                cases.push(CaseReport::of(case, &ended, failures(ready, index, &cast, &ended)));
            }
            Some(Err(why)) => {
                let failure = Failure::new(case.name.span, "run", "the run comes to rest", why);
                cases.push(CaseReport::broken(case, failure));
            }
            None => {
                let failure = Failure::new(case.name.span, "plan", "a plan", "there is none");
                cases.push(CaseReport::broken(case, failure));
            }
        }
    }
    // What is shared need not be used by each test, but by one.
    let problems =
        if left_out { Vec::new() } else { unused(&ready.suite.shared, &mocks, &answers, "no test") };
    SuiteReport {
        file: ready.file.clone(),
        runbook: ready.runbook.meta.name.clone(),
        cases,
        problems,
        partial: left_out,
        coverage,
    }
}

fn cast(ready: &Ready, index: usize) -> Cast {
    let none = Script::default();
    let own = ready.suite.tests.get(index).map_or(&none, |case| &case.script);
    Cast {
        world: World::new(&own.mocks, &ready.suite.shared.mocks),
        people: People::new(&own.answers, &ready.suite.shared.answers),
    }
}

fn failures(ready: &Ready, index: usize, cast: &Cast, ended: &Ended) -> Vec<Failure> {
    let Some(case) = ready.suite.tests.get(index) else { return Vec::new() };
    let missing = cast.world.missing(case.name.span, ended.machine.plan());
    if !missing.is_empty() {
        // What came of the run means nothing.
        return missing;
    }
    let commands = cast.world.commands();
    let seen = Seen { machine: &ended.machine, log: &ended.log, commands: &commands };
    let mut failures = judge(&case.expect, &seen);
    failures.extend(unused(&case.script, &cast.world.used(), &cast.people.used(), "nothing in the run"));
    failures.extend(cast.world.too_many(&case.script.mocks));
    failures
}

/// What is written in `script` and was never asked for.
fn unused(script: &Script, mocks: &BTreeSet<String>, answers: &BTreeSet<String>, by: &str) -> Vec<Failure> {
    let mocks =
        script.mocks.iter().filter(|mock| !mock.optional && !mocks.contains(&mock.name.value)).map(|mock| {
            let what = format!("mocks.{}", mock.name.value);
            Failure::new(mock.name.span, what, "it is asked for", format!("{by} asks for it"))
                .help("remove it, or add `optional: true`")
        });
    let answers =
        script.answers.iter().filter(|answer| !answers.contains(&answer.name.value)).map(|answer| {
            let what = format!("answers.{}", answer.name.value);
            Failure::new(answer.name.span, what, "the question is asked", format!("{by} asks it"))
                .help("remove it")
        });
    mocks.chain(answers).collect()
}

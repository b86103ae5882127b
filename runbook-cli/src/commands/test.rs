//! `runbook test`.

use runbook_core::kind::Kinds;
use runbook_core::source::Sources;
use runbook_core::suite::Ready;
use runbook_core::trial::{self, FailEach, SuiteReport};

use crate::args::{Color, Results, Test};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::render::style::Paint;
use crate::render::{diagnostics, screen, tests};
use crate::source;
use crate::{output, registry};

/// The tests of one file, run.
pub(crate) struct Tested {
    /// The texts of the file of tests.
    pub(crate) sources: Sources,
    /// The texts of the runbook.
    pub(crate) book_sources: Sources,
    pub(crate) report: SuiteReport,
    /// What came of failing each step; with `--fail-each` alone.
    pub(crate) fail_each: Option<FailEach>,
    /// The least coverage that is wanted, when it is not reached.
    pub(crate) too_little: Option<u8>,
}

impl Tested {
    /// Whether nothing is wrong.
    pub(crate) fn passed(&self) -> bool {
        self.report.passed()
            && self.too_little.is_none()
            && self.fail_each.as_ref().is_none_or(FailEach::passed)
    }
}

/// Runs every test of every file and shows what came of it.
pub(crate) fn execute(command: &Test, color: Color) -> Result<Exit, Fault> {
    let kinds = registry::kinds();
    let files = source::expand_tests(&command.paths)?;
    let (mut tested, mut invalid) = (Vec::new(), 0);
    for file in &files {
        match source::check_tests(file, &kinds) {
            Ok((_, loaded)) => {
                show(&loaded.diagnostics, &loaded.sources, color);
                match (loaded.ready, loaded.book) {
                    (Some(ready), _) => tested.push(run(&ready, loaded.sources, command, &kinds)?),
                    (None, book) => {
                        let book = book.filter(|book| book.has_errors());
                        book.iter().for_each(|book| show(&book.diagnostics, &book.sources, color));
                        invalid += 1;
                    }
                }
            }
            Err(refused) => {
                show(&refused.diagnostics, &refused.sources, color);
                invalid += 1;
            }
        }
    }
    let ran: usize = tested.iter().map(|tested| tested.report.cases.len()).sum();
    if ran == 0 && invalid == 0 {
        return Err(Fault::usage("no test has such a name").help("leave `--filter` away to run all of them"));
    }
    match command.format {
        Results::Human => {
            let paint = Paint::for_stdout(color);
            tested.iter().for_each(|tested| output::data(&tests::human(tested, paint)));
            output::talk(&tests::summary(&tested, invalid));
        }
        Results::Json => output::json(&tests::json(&tested, invalid)),
        Results::Junit => output::data(&tests::junit(&tested).map_err(Fault::failed)?),
    }
    Ok(match tested.iter().all(Tested::passed) {
        _ if invalid > 0 => Exit::Usage,
        true => Exit::Succeeded,
        false => Exit::Failed,
    })
}

fn show(found: &[runbook_core::diag::Diagnostic], sources: &Sources, color: Color) {
    if !found.is_empty() {
        let columns = screen::columns(&std::io::stderr());
        output::talk(&diagnostics::human(found, sources, Paint::for_stderr(color), columns));
    }
}

fn run(ready: &Ready, sources: Sources, command: &Test, kinds: &Kinds) -> Result<Tested, Fault> {
    let wanted =
        |name: &str| command.filter.is_empty() || command.filter.iter().any(|part| name.contains(part));
    let report = trial::run_some(ready, kinds, wanted);
    let fail_each = match command.fail_each {
        true => Some(trial::fail_each(ready, kinds, base(ready, &report, command)?)),
        false => None,
    };
    let percent = report.coverage.percent();
    let too_little = command.min_coverage.filter(|least| percent < u32::from(*least));
    Ok(Tested { sources, book_sources: ready.book_sources.clone(), report, fail_each, too_little })
}

/// The test whose steps are to fail.
fn base(ready: &Ready, report: &SuiteReport, command: &Test) -> Result<usize, Fault> {
    let place = |name: &str| ready.suite.tests.iter().position(|case| case.name.value == name);
    if let Some(name) = &command.base {
        return place(name).ok_or_else(|| {
            let names: Vec<String> =
                ready.suite.tests.iter().map(|case| format!("`{}`", case.name.value)).collect();
            Fault::usage(format!("`--base {name}`: `{}` has no such test", ready.file))
                .help(format!("its tests are {}", names.join(", ")))
        });
    }
    let passed = || report.cases.iter().filter(|case| case.passed());
    let best = passed().find(|case| case.status == "succeeded").or_else(|| passed().next());
    best.and_then(|case| place(&case.name)).ok_or_else(|| {
        Fault::failed(format!("no test of `{}` passes, so there is none whose steps could fail", ready.file))
            .help("`--base NAME` takes one that does not pass")
    })
}

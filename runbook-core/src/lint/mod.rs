//! What a careful colleague would say about a valid runbook.
//!
//! A lint is advice: it refuses nothing, and where it is wrong the file says so and why, under
//! `lint_exceptions`. Looks at what is written in the runbook's own file; a file that is called or included is
//! looked at when it is given itself.

mod commands;
mod exceptions;
mod inputs;
mod restore;
mod scripts;
mod secrets;
mod steps;
mod view;

use jiff::civil::Date;

use crate::check::overdue;
use crate::diag::{Code, Diagnostic};
use crate::model::Runbook;
use crate::source::{SourceId, Sources, Span};
use view::View;

/// One lint.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Lint {
    /// Its name under `lint_exceptions`.
    pub name: &'static str,
    /// What its findings are called.
    pub code: Code,
}

const LINTS: &[Lint] = &[
    Lint { name: "review_overdue", code: Code::REVIEW_OVERDUE },
    Lint { name: "no_verify", code: Code::NO_VERIFY },
    Lint { name: "no_undo", code: Code::NO_UNDO },
    Lint { name: "no_confirm", code: Code::NO_CONFIRM },
    Lint { name: "no_timeout", code: Code::NO_TIMEOUT },
    Lint { name: "endless", code: Code::ENDLESS_COMMAND },
    Lint { name: "sleep", code: Code::SLEEP_IN_SCRIPT },
    Lint { name: "swallowed_status", code: Code::STATUS_SWALLOWED },
    Lint { name: "secret_in_argv", code: Code::SECRET_IN_ARGV },
    Lint { name: "unchecked_latest", code: Code::LATEST_UNCHECKED },
    Lint { name: "overwrite_without_copy", code: Code::RESTORE_WITHOUT_COPY },
    Lint { name: "unused_input", code: Code::UNUSED_INPUT },
];

/// Every lint that can be silenced, by code.
pub fn lints() -> &'static [Lint] {
    LINTS
}

/// The name under which findings called `code` are silenced.
pub fn name_of(code: Code) -> Option<&'static str> {
    LINTS.iter().find(|lint| lint.code == code).map(|lint| lint.name)
}

/// What lints say of a runbook.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Linted {
    /// What they report, in the order of the text; all are warnings.
    pub findings: Vec<Diagnostic>,
    /// What they would report, if the file did not say why they are wrong.
    pub silenced: Vec<Silenced>,
}

/// A finding that the file answers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Silenced {
    /// What would be reported.
    pub finding: Diagnostic,
    /// Why it is not.
    pub reason: String,
}

/// Looks at `runbook`, which was read from `sources`. Without `today` nothing is said of dates.
///
/// ```
/// use runbook_core::{kind::Kinds, lint::lint, read};
///
/// let loaded = read::parse("restart.yaml", "
/// apiVersion: runbook/v1
/// kind: Runbook
/// name: restart
/// defaults: {timeout: 1m}
/// steps:
///   - {id: restart, run: systemctl restart app, lint_exceptions: {no_verify: the next run looks at it}}
///   - {id: follow, run: sleep 5, effect: read}
/// ", &Kinds::default());
/// let linted = lint(&loaded.runbook.unwrap(), &loaded.sources, None);
/// assert_eq!(linted.findings[0].code.to_string(), "RB0906");
/// assert_eq!(linted.silenced[0].reason, "the next run looks at it");
/// ```
pub fn lint(runbook: &Runbook, sources: &Sources, today: Option<Date>) -> Linted {
    let view = View::new(runbook, sources);
    let mut found = Vec::new();
    found.extend(today.and_then(|today| review(&view, today)));
    steps::lint(&view, &mut found);
    scripts::lint(&view, &mut found);
    secrets::lint(&view, &mut found);
    restore::lint(&view, &mut found);
    inputs::lint(&view, &mut found);
    found.retain(|finding| finding.primary.span.source == SourceId::default());
    let mut linted = exceptions::apply(&runbook.lint_exceptions, found);
    steps::join_timeouts(&mut linted.findings);
    linted.findings.sort_by(|a, b| {
        (a.primary.span, a.code).cmp(&(b.primary.span, b.code)).then_with(|| a.message.cmp(&b.message))
    });
    // What is called twice is looked at twice.
    linted.findings.dedup();
    linted
}

fn review(view: &View<'_>, today: Date) -> Option<Diagnostic> {
    let mut finding = overdue(view.runbook, today)?;
    let whole = Span { end: u32::MAX, ..Span::default() };
    finding.primary.span = view.locate(whole, "review_by").unwrap_or_default();
    Some(finding)
}

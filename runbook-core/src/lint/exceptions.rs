//! What a file says lints need not report.

use super::{Linted, Silenced, name_of};
use crate::diag::{Code, Diagnostic};
use crate::model::LintException;
use crate::source::{SourceId, Span};

/// Sorts what was `found` into what is reported and what is silenced; exceptions that silence nothing are
/// reported as well.
pub(super) fn apply(exceptions: &[LintException], found: Vec<Diagnostic>) -> Linted {
    let mut linted = Linted::default();
    let mut used = vec![false; exceptions.len()];
    for finding in found {
        let name = name_of(finding.code);
        // The one closest to the finding speaks for it.
        let silencing = exceptions
            .iter()
            .enumerate()
            .filter(|(_, exception)| {
                Some(exception.lint.value.as_str()) == name && holds(exception.within, finding.primary.span)
            })
            .min_by_key(|(_, exception)| exception.within.end - exception.within.start);
        match silencing {
            Some((place, exception)) => {
                used[place] = true;
                linted.silenced.push(Silenced { finding, reason: exception.reason.clone() });
            }
            None => linted.findings.push(finding),
        }
    }
    for (exception, _) in exceptions.iter().zip(used).filter(|(_, used)| !used) {
        if exception.lint.span.source != SourceId::default() || exception.lint.value == "review_overdue" {
            continue;
        }
        let message = format!("`{}` has nothing to silence here", exception.lint.value);
        linted.findings.push(
            Diagnostic::warning(Code::UNUSED_LINT_EXCEPTION, exception.lint.span, message)
                .help("remove the exception"),
        );
    }
    linted
}

fn holds(outer: Span, inner: Span) -> bool {
    outer.source == inner.source && outer.start <= inner.start && inner.end <= outer.end
}

//! Scripts with values in them: refused where the shell would read a value as code.

use super::graph::Graph;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::expr::{Piece, Template};
use crate::model::{Action, Check, CheckKind, Command, Run, Runbook, Shell};
use crate::shell::{Dialect, Part, lower};
use crate::source::Span;

/// Checks every script of `runbook`.
pub(super) fn check(runbook: &Runbook, graph: &Graph<'_>, found: &mut Diagnostics) {
    checks(&runbook.preconditions, found);
    for placed in graph.steps() {
        let spec = &placed.step.spec;
        if let Action::Run(command) = &spec.action {
            run(command, placed.span(), found);
        }
        for list in [&spec.done_when, &spec.preconditions, &spec.verify] {
            checks(list, found);
        }
    }
}

fn checks(list: &[Check], found: &mut Diagnostics) {
    for check in list {
        if let CheckKind::Run(command) = &check.kind {
            run(command, check.span, found);
        }
    }
}

/// The shell that reads the scripts of `shell`.
pub(crate) fn dialect(shell: Shell) -> Dialect {
    match shell {
        Shell::Sh => Dialect::Sh,
        Shell::Bash => Dialect::Bash,
    }
}

/// The parts of a script whose values are not known.
pub(crate) fn parts(script: &Template) -> Vec<Part<'_>> {
    fn part(piece: &Piece) -> Part<'_> {
        match piece {
            Piece::Text(text) => Part::Text(text.as_str()),
            Piece::Expr(expr) if expr.ends_with_filter("raw") => Part::RawHole,
            Piece::Expr(_) => Part::Hole,
        }
    }
    script.pieces().iter().map(part).collect()
}

fn run(command: &Run, step: Span, found: &mut Diagnostics) {
    let Command::Script(script) = &command.command else { return };
    for expr in script.expressions().filter(|expr| expr.ends_with_filter("raw")) {
        found.push(
            Diagnostic::warning(Code::RAW_VALUE, expr.span(), "this value becomes part of the script")
                .note("whoever controls the value controls the command")
                .help("leave `| raw` away unless the value is really a piece of program"),
        );
    }
    let Err(refusals) = lower(&parts(script), dialect(command.shell)) else { return };
    for refusal in refusals {
        let reason = &refusal.reason;
        let problem = match script.pieces().get(refusal.part) {
            Some(Piece::Expr(expr)) => Diagnostic::error(reason.code(), expr.span(), reason.to_string()),
            Some(Piece::Text(text)) => {
                let before = text.get(..refusal.offset).unwrap_or(text);
                let earlier = script.pieces()[..refusal.part].iter().map(|piece| match piece {
                    Piece::Text(text) => text.matches('\n').count(),
                    Piece::Expr(_) => 0,
                });
                let line = earlier.sum::<usize>() + before.matches('\n').count() + 1;
                Diagnostic::error(reason.code(), step, format!("{reason} (line {line} of the script)"))
            }
            None => Diagnostic::error(reason.code(), step, reason.to_string()),
        };
        found.push(problem.help(reason.help()));
    }
}

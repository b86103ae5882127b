//! Scripts with values in them: refused where the shell would read a value as code.

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::expr::{Piece, Template};
use crate::model::{Command, Run, Shell};
use crate::shell::{Dialect, Part, lower};
use crate::source::Span;

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

/// Checks the script of `command`, if it is one. `line` says where a line of it is, counted from 0.
pub(crate) fn check(command: &Run, line: &dyn Fn(usize) -> Span, found: &mut Diagnostics) {
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
        let span = match script.pieces().get(refusal.part) {
            Some(Piece::Expr(expr)) => expr.span(),
            other => {
                let before = match other {
                    Some(Piece::Text(text)) => text.get(..refusal.offset).unwrap_or(text),
                    _ => "",
                };
                let earlier = script.pieces().iter().take(refusal.part).map(|piece| match piece {
                    Piece::Text(text) => text.matches('\n').count(),
                    Piece::Expr(expr) => expr.source().matches('\n').count(),
                });
                line(earlier.sum::<usize>() + before.matches('\n').count())
            }
        };
        found.push(Diagnostic::error(reason.code(), span, reason.to_string()).help(reason.help()));
    }
}

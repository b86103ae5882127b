//! Rules about single steps and checks that need no values.

use jiff::civil::Date;

use super::graph::{Graph, Placed, Role};
use super::uses::{self, Use, When};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::expr::Expr;
use crate::model::{Action, Check, CheckKind, Escalation, Expect, Runbook, TargetRef};
use crate::source::Span;
use crate::value::{Object, Value, type_name};

/// Checks every step and check of `runbook`.
pub(super) fn check(runbook: &Runbook, graph: &Graph<'_>, found: &mut Diagnostics) {
    checks(runbook, &runbook.preconditions, found);
    uses::of_checks(&runbook.preconditions, &mut |used| condition(used, found));
    for (expr, is_condition) in runbook.escalation.iter().flat_map(Escalation::expressions) {
        let used = Use { expr, when: When::Before, result: false, condition: is_condition, secret: false };
        condition(used, found);
    }
    steps(runbook, graph, found);
}

/// Checks every step of `graph`.
pub(super) fn steps(runbook: &Runbook, graph: &Graph<'_>, found: &mut Diagnostics) {
    for placed in graph.steps() {
        step(runbook, placed, found);
    }
}

/// The warning that nobody has looked at `runbook` for too long on the day `today`.
pub fn overdue(runbook: &Runbook, today: Date) -> Option<Diagnostic> {
    let due = runbook.meta.review_by.filter(|due| *due < today)?;
    let owner = runbook.meta.owner.as_deref().map_or_else(String::new, |owner| format!(" by {owner}"));
    let message = format!("this runbook was to be reviewed{owner} by {due}");
    let problem = Diagnostic::warning(Code::REVIEW_OVERDUE, Span::default(), message);
    Some(problem.help("review it and set a new date in `review_by`"))
}

fn step(runbook: &Runbook, placed: &Placed<'_>, found: &mut Diagnostics) {
    let spec = &placed.step.spec;
    target(runbook, &spec.target, placed.span(), found);
    for list in [&spec.done_when, &spec.preconditions, &spec.verify] {
        checks(runbook, list, found);
    }
    match &spec.action {
        Action::WaitFor(wait) => checks(runbook, &wait.checks, found),
        Action::Remedies(remedies) => checks(runbook, &remedies.goal, found),
        _ => {}
    }
    for check in &spec.verify {
        useless(check, found);
    }
    uses::of_step(spec, &mut |used| condition(used, found));
    handler_of_handler(placed, found);
}

/// Only steps of the body are undone and cleaned up after. On others these keys would be ignored.
fn handler_of_handler(placed: &Placed<'_>, found: &mut Diagnostics) {
    let part = match placed.role {
        Role::Body => return,
        Role::Rollback(_) => "a rollback step",
        Role::Cleanup(_) => "a cleanup step",
        Role::OnFailure => "a step under `on_failure`",
        Role::Finally => "a step under `finally`",
    };
    for (key, steps) in [("rollback", &placed.step.rollback), ("cleanup", &placed.step.cleanup)] {
        if let Some(first) = steps.first() {
            let message = format!("{part} cannot have a `{key}`");
            let problem = Diagnostic::error(Code::KEY_NOT_HERE, first.span, message)
                .also(placed.span(), "this step")
                .note("only what steps of the body have done is undone and cleaned up after");
            found.push(problem.help(format!("make it the next step of the same list, or remove `{key}`")));
        }
    }
}

fn checks(runbook: &Runbook, checks: &[Check], found: &mut Diagnostics) {
    for check in checks {
        target(runbook, &check.target, check.span, found);
    }
}

/// The reader has looked names up already; a model made by other means is looked at here.
fn target(runbook: &Runbook, target: &TargetRef, span: Span, found: &mut Diagnostics) {
    let Some(name) = target.name() else { return };
    if !target.is_local() && runbook.inventory.target(name).is_none() {
        let problem = Diagnostic::error(Code::UNKNOWN_TARGET, span, format!("there is no target `{name}`"));
        found.push(
            problem
                .did_you_mean(name, runbook.inventory.names())
                .help("`local` is the machine that runs the engine; others are declared under `targets`"),
        );
    }
}

/// What an expression without any names yields.
fn constant(expr: &Expr) -> Option<Value> {
    if expr.references().is_empty() { expr.eval(&Object::new()).ok() } else { None }
}

fn condition(used: Use<'_>, found: &mut Diagnostics) {
    let Some(value) = constant(used.expr).filter(|_| used.condition) else { return };
    if !value.is_boolean() {
        let kind = type_name(&value);
        let message = format!("a condition must be true or false, this is always a {kind}")
            .replace("a nothing", "nothing");
        let problem = Diagnostic::error(Code::NOT_A_BOOL, used.expr.span(), message);
        found.push(problem.help("write a comparison, such as `inputs.count > 0`"));
    }
}

fn useless(check: &Check, found: &mut Diagnostics) {
    let conditions = [
        match &check.kind {
            CheckKind::Expr(expr) => Some(expr),
            _ => None,
        },
        match &check.expect {
            Some(Expect::Expr(expr)) => Some(expr),
            _ => None,
        },
    ];
    for expr in conditions.into_iter().flatten() {
        if constant(expr) == Some(Value::Bool(true)) {
            found.push(
                Diagnostic::warning(Code::USELESS_VERIFY, expr.span(), "this verification cannot fail")
                    .note("it is true whatever the step has done, so it proves nothing")
                    .help("compare with what is expected, such as `steps.x.stdout == 'active'`"),
            );
        }
    }
}

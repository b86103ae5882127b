//! The values of a plan: inputs as given, variables and lock computed from them.

use std::collections::HashMap;

use jiff::Timestamp;

use super::build::PlanRequest;
use super::{PlanEscalation, PlanLock};
use crate::check::{is_allowed_env, of_checks, of_step};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::expr::{EvalError, Expr};
use crate::model::{Escalation, EscalationClock, Input, InputError, Lock, Runbook, Step};
use crate::source::Span;
use crate::value::{Object, Value};

/// The value of every input; what is unknown, missing or does not fit is added to `found`.
pub(super) fn inputs(runbook: &Runbook, request: &PlanRequest, found: &mut Diagnostics) -> Object {
    let mut given: HashMap<&str, Result<Value, InputError>> = HashMap::new();
    let declared: HashMap<&str, &Input> =
        runbook.inputs.iter().map(|input| (input.name.value.as_str(), input)).collect();
    let mut declared_as = |name: &str| {
        if !declared.contains_key(name) {
            found.push(unknown(runbook, name));
        }
        declared.get(name).copied()
    };
    for (name, value) in &request.inputs {
        if let Some(input) = declared_as(name) {
            let fits = match (input.sensitive, value.as_str()) {
                (true, Some(text)) => input.check_secret(text),
                (true, None) => Err(InputError(format!("it takes {}", input.expected()))),
                (false, _) => input.check(value),
            };
            given.insert(&input.name.value, fits.map(|()| value.clone()));
        }
    }
    // What stands on the command line wins over a file, and the last one over those before it.
    for (name, text) in &request.text_inputs {
        if let Some(input) = declared_as(name) {
            let read = match input.sensitive {
                true => input.check_secret(text).map(|()| Value::Null),
                false => input.parse(text),
            };
            given.insert(&input.name.value, read);
        }
    }
    let mut values = Object::new();
    for input in &runbook.inputs {
        let name = &input.name.value;
        let value = match given.remove(name.as_str()) {
            // It is a secret: asked for when it is needed, and part of no plan.
            Some(Ok(_)) | None if input.sensitive => continue,
            Some(Ok(value)) => value,
            Some(Err(why)) => {
                found.push(bad(input, &why));
                continue;
            }
            None => match (&input.default, input.required) {
                (Some(default), _) => default.clone(),
                (None, false) => Value::Null,
                (None, true) => {
                    found.push(missing(input));
                    continue;
                }
            },
        };
        values.insert(name.clone(), value);
    }
    values
}

fn unknown(runbook: &Runbook, name: &str) -> Diagnostic {
    let names: Vec<&str> = runbook.inputs.iter().map(|input| input.name.value.as_str()).collect();
    let message = format!("the runbook has no input `{name}`");
    let problem = Diagnostic::error(Code::UNKNOWN_INPUT, Span::default(), message)
        .did_you_mean(name, names.iter().copied());
    match names.is_empty() {
        true => problem.help("it takes no inputs"),
        false => problem.help(format!("its inputs are `{}`", names.join("`, `"))),
    }
}

fn bad(input: &Input, why: &InputError) -> Diagnostic {
    let message = format!("the value of input `{}` does not fit: {why}", input.name.value);
    Diagnostic::error(Code::BAD_INPUT, input.name.span, message).label("the input is declared here")
}

fn missing(input: &Input) -> Diagnostic {
    let name = &input.name.value;
    let message = format!("the input `{name}` needs a value");
    let problem = Diagnostic::error(Code::MISSING_INPUT, input.name.span, message).label("it has no default");
    let problem = match &input.description {
        Some(description) => problem.note(description.trim()),
        None => problem,
    };
    let example = input.example.as_ref().or(input.options.first()).map(crate::value::display);
    let example = example.unwrap_or_else(|| "…".to_owned());
    problem.help(format!("give {} with `-i {name}={example}`", input.expected()))
}

/// The allowed environment variables to which any expression of `runbook` refers, as far as they are set.
pub(super) fn environment(runbook: &Runbook, offered: &Object) -> Object {
    let mut names: Vec<String> = Vec::new();
    let mut look = |expr: &Expr| {
        for reference in expr.references() {
            if let [root, name, ..] = &reference.path[..]
                && root == "env"
                && is_allowed_env(name)
            {
                names.push(name.clone());
            }
        }
    };
    let values = runbook.vars.iter().flat_map(|(_, value)| value.expressions());
    let lock = runbook.lock.iter().flat_map(|lock| lock.key.expressions());
    runbook.escalation.iter().flat_map(Escalation::expressions).for_each(|(expr, _)| look(expr));
    runbook.channels.iter().flat_map(|(_, channel)| channel.expressions()).for_each(|(expr, _)| look(expr));
    values.chain(lock).chain(runbook.outputs.iter().map(|(_, expr)| expr)).for_each(&mut look);
    of_checks(&runbook.preconditions, &mut |used| look(used.expr));
    let mut left: Vec<&Step> =
        [&runbook.steps, &runbook.on_failure.steps, &runbook.finally].into_iter().flatten().collect();
    for procedure in &runbook.procedures {
        procedure.vars.iter().flat_map(|(_, value)| value.expressions()).for_each(&mut look);
        procedure.outputs.iter().for_each(|(_, expr)| look(expr));
        left.extend(&procedure.steps);
    }
    while let Some(step) = left.pop() {
        of_step(&step.spec, &mut |used| look(used.expr));
        left.extend([&step.children, &step.rollback, &step.cleanup].into_iter().flatten());
    }
    names.sort();
    names.dedup();
    names.into_iter().filter_map(|name| offered.get(&name).cloned().map(|value| (name, value))).collect()
}

/// The variables, computed one after the other with the names in `scope`; `scope` has them afterwards.
pub(super) fn vars(runbook: &Runbook, scope: &mut Object, found: &mut Diagnostics) -> Object {
    let mut failed: Vec<&str> = Vec::new();
    let mut vars = Object::new();
    for (name, template) in &runbook.vars {
        let expressions = template.expressions();
        // What is computed from a variable that failed fails too; saying so helps nobody.
        let in_vain = expressions.iter().flat_map(|expr| expr.references()).any(|reference| {
            matches!(&reference.path[..], [root, name, ..] if root == "vars" && failed.contains(&name.as_str()))
        });
        if in_vain {
            failed.push(&name.value);
            continue;
        }
        scope.insert("vars".into(), Value::Object(std::mem::take(&mut vars)));
        let value = template.render(scope);
        if let Some(Value::Object(computed)) = scope.remove("vars") {
            vars = computed;
        }
        match value {
            Ok(value) => {
                vars.insert(name.value.clone(), value);
            }
            Err(error) => {
                failed.push(&name.value);
                let what = format!("the variable `{}` could not be computed", name.value);
                found.push(not_computed(&what, &error, &expressions, name.span));
            }
        }
    }
    scope.insert("vars".into(), Value::Object(vars.clone()));
    vars
}

/// The escalation with its clock known.
pub(super) fn escalation(
    runbook: &Runbook,
    inputs: &Object,
    found: &mut Diagnostics,
) -> Option<PlanEscalation> {
    let Escalation { clock, until, levels } = runbook.escalation.clone()?;
    let since = match &clock {
        EscalationClock::Run => None,
        EscalationClock::Input(name) => match inputs.get(&name.value) {
            None | Some(Value::Null) => None,
            Some(value) => {
                let since = point_in_time(value);
                if since.is_none() {
                    let shown = crate::value::display(value);
                    let message = format!("`{shown}` of input `{}` is not a point in time", name.value);
                    let problem = Diagnostic::error(Code::BAD_INPUT, name.span, message);
                    let label = "the escalation counts its time from it";
                    found.push(problem.label(label).help("write for example `2026-11-20T10:00:00Z`"));
                }
                since
            }
        },
    };
    Some(PlanEscalation { since, until, levels })
}

/// RFC 3339, or seconds since 1970.
fn point_in_time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        value => Timestamp::from_second(value.as_i64()?).ok(),
    }
}

/// The lock with its key.
pub(super) fn lock(lock: &Lock, scope: &Object, found: &mut Diagnostics) -> Option<PlanLock> {
    match lock.key.render_text(scope) {
        Ok(key) => Some(PlanLock { key, on_conflict: lock.on_conflict }),
        Err(error) => {
            let expressions: Vec<&Expr> = lock.key.expressions().collect();
            let what = "the key of the lock could not be computed";
            found.push(not_computed(what, &error, &expressions, Span::default()));
            None
        }
    }
}

fn not_computed(what: &str, error: &EvalError, expressions: &[&Expr], fallback: Span) -> Diagnostic {
    let span = expressions
        .iter()
        .find(|expr| expr.source() == error.expr)
        .map_or(fallback, |expr| error.range.clone().map_or(expr.span(), |range| expr.span_of(range)));
    let problem = Diagnostic::error(Code::VAR_FAILED, span, format!("{what}: {}", error.message));
    error.help.iter().fold(problem, |problem, help| problem.help(help))
}

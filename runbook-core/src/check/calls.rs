//! Calls of procedures: that they exist, get what they take, and do not call each other in circles.

use std::collections::HashMap;

use super::suggest::Suggest;
use super::unread::Unread;
use crate::diag::{Code, Diagnostic, Diagnostics, closest};
use crate::model::{Action, Call, Procedure, Runbook, Step, ValueTemplate};
use crate::source::Spanned;

/// Checks every call of `runbook`.
pub(super) fn check(runbook: &Runbook, unread: &Unread, found: &mut Diagnostics) {
    let procedures: HashMap<&str, &Procedure> =
        runbook.procedures.iter().map(|procedure| (procedure.name.value.as_str(), procedure)).collect();
    let mut suggest = Suggest::default();
    let lists = [&runbook.steps, &runbook.on_failure.steps, &runbook.finally];
    for list in lists.into_iter().chain(runbook.procedures.iter().map(|procedure| &procedure.steps)) {
        for call in calls(list) {
            let name = &call.procedure;
            let Some(procedure) = procedures.get(name.value.as_str()) else {
                if unread.procedures.contains(&name.value) {
                    continue;
                }
                let message = format!("there is no procedure `{}`", name.value);
                let problem = Diagnostic::error(Code::UNKNOWN_PROCEDURE, name.span, message);
                let names = || runbook.procedures.iter().map(|procedure| procedure.name.value.as_str());
                let problem = suggest.add(problem, &name.value, names);
                found.push(problem.help("declare it under `procedures`, or name a file: `./other.yaml`"));
                continue;
            };
            given(call, procedure, unread, found);
        }
    }
    circles(runbook, &procedures, found);
}

/// Every call in `steps` and below.
fn calls(steps: &[Step]) -> Vec<&Call> {
    let mut calls = Vec::new();
    let mut left: Vec<&Step> = steps.iter().rev().collect();
    while let Some(step) = left.pop() {
        if let Action::Call(call) = &step.spec.action {
            calls.push(call);
        }
        left.extend([&step.children, &step.rollback, &step.cleanup].into_iter().flatten().rev());
    }
    calls
}

fn given(call: &Call, procedure: &Procedure, unread: &Unread, found: &mut Diagnostics) {
    let inputs = || procedure.inputs.iter().map(|input| input.name.value.as_str());
    let mut meant: Vec<&str> = Vec::new();
    for (name, value) in &call.with {
        let Some(input) = procedure.inputs.iter().find(|input| input.name.value == name.value) else {
            let message = format!("`{}` takes no input `{}`", call.procedure.value, name.value);
            let problem = Diagnostic::error(Code::UNKNOWN_INPUT, name.span, message)
                .also(procedure.name.span, "this is called")
                .did_you_mean(&name.value, inputs());
            meant.extend(closest(&name.value, inputs()));
            found.push(match inputs().next() {
                None => problem.help("it takes no inputs"),
                Some(_) => problem.help(format!("it takes `{}`", inputs().collect::<Vec<_>>().join("`, `"))),
            });
            continue;
        };
        if let ValueTemplate::Value(value) = value
            && let Err(why) = input.check(value)
        {
            let message = format!("the value of input `{}` does not fit: {why}", name.value);
            found.push(
                Diagnostic::error(Code::BAD_INPUT, name.span, message)
                    .also(input.name.span, "it is declared here"),
            );
        }
    }
    for input in &procedure.inputs {
        let name = &input.name;
        let is_given = call.with.iter().any(|(given, _)| given.value == name.value);
        let is_misspelt = meant.contains(&name.value.as_str());
        if input.required && !is_given && !is_misspelt && !unread.calls.contains(&call.procedure.span) {
            let message = format!("`{}` needs the input `{}`", call.procedure.value, name.value);
            found.push(
                Diagnostic::error(Code::MISSING_INPUT, call.procedure.span, message)
                    .also(name.span, "it is declared here")
                    .help(format!("add `with: {{{}: …}}` to this step", name.value)),
            );
        }
    }
}

/// Reports every procedure that comes to call itself.
fn circles(runbook: &Runbook, procedures: &HashMap<&str, &Procedure>, found: &mut Diagnostics) {
    let called: HashMap<&str, Vec<&Spanned<String>>> = runbook
        .procedures
        .iter()
        .map(|procedure| {
            let names = calls(&procedure.steps).into_iter().map(|call| &call.procedure);
            (procedure.name.value.as_str(), names.collect())
        })
        .collect();
    // 1: on the path that is being followed, 2: followed to its end.
    let mut seen: HashMap<&str, u8> = HashMap::new();
    for procedure in &runbook.procedures {
        let mut path: Vec<(&str, usize)> = vec![(&procedure.name.value, 0)];
        if seen.contains_key(procedure.name.value.as_str()) {
            continue;
        }
        seen.insert(&procedure.name.value, 1);
        while let Some((name, next)) = path.last_mut() {
            let name = *name;
            let Some(call) = called.get(name).and_then(|calls| calls.get(*next)) else {
                seen.insert(name, 2);
                path.pop();
                continue;
            };
            *next += 1;
            let target = call.value.as_str();
            match seen.get(target) {
                Some(1) => {
                    let from = path.iter().position(|(name, _)| *name == target).unwrap_or(0);
                    let mut names: Vec<&str> = path[from..].iter().map(|(name, _)| *name).collect();
                    names.push(target);
                    let message = format!("procedures call each other in a circle: {}", names.join(" → "));
                    found.push(
                        Diagnostic::error(Code::CALL_CIRCLE, call.span, message)
                            .label("this call closes the circle")
                            .help("a procedure cannot call itself; use `retry`, `for_each` or `wait` with `for`"),
                    );
                }
                Some(_) => {}
                None if procedures.contains_key(target) => {
                    seen.insert(target, 1);
                    path.push((target, 0));
                }
                None => {}
            }
        }
    }
}

//! Inputs that nothing uses.

use std::collections::HashSet;

use super::view::View;
use crate::check::{of_checks, of_step};
use crate::diag::{Code, Diagnostic};
use crate::expr::Expr;
use crate::model::{Escalation, EscalationClock};

pub(super) fn lint(view: &View<'_>, found: &mut Vec<Diagnostic>) {
    let used = used(view);
    for input in &view.runbook.inputs {
        let name = &input.name.value;
        if !used.contains(name.as_str()) {
            let message = format!("nothing uses the input `{name}`");
            found.push(
                Diagnostic::warning(Code::UNUSED_INPUT, input.name.span, message)
                    .help(format!("use it as `inputs.{name}`, or remove it")),
            );
        }
    }
}

fn used(view: &View<'_>) -> HashSet<String> {
    let runbook = view.runbook;
    let all = || runbook.inputs.iter().map(|input| input.name.value.clone());
    let mut used = HashSet::new();
    let mut look = |expr: &Expr| {
        for reference in expr.references() {
            match &reference.path[..] {
                [root, name, ..] if root == "inputs" => {
                    used.insert(name.clone());
                }
                [root] if root == "inputs" => used.extend(all()),
                _ => {}
            }
        }
    };
    for placed in view.graph.steps() {
        of_step(&placed.step.spec, &mut |one| look(one.expr));
    }
    of_checks(&runbook.preconditions, &mut |one| look(one.expr));
    for target in &runbook.inventory.targets {
        target.params.expressions().into_iter().for_each(&mut look);
        target.vars.iter().flat_map(|(_, value)| value.expressions()).for_each(&mut look);
        target.cwd.iter().flat_map(|cwd| cwd.expressions()).for_each(&mut look);
    }
    runbook.vars.iter().flat_map(|(_, value)| value.expressions()).for_each(&mut look);
    runbook.lock.iter().flat_map(|lock| lock.key.expressions()).for_each(&mut look);
    runbook.outputs.iter().for_each(|(_, expr)| look(expr));
    for (_, source) in &runbook.secrets {
        source.templates().flat_map(|template| template.expressions()).for_each(&mut look);
    }
    runbook.channels.iter().flat_map(|(_, channel)| channel.expressions()).for_each(|(expr, _)| look(expr));
    let escalation = runbook.escalation.as_ref();
    escalation.into_iter().flat_map(Escalation::expressions).for_each(|(expr, _)| look(expr));
    if let Some(EscalationClock::Input(name)) = escalation.map(|escalation| &escalation.clock) {
        used.insert(name.value.clone());
    }
    used
}

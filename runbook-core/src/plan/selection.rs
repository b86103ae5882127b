//! Which steps a run includes: `--from` and `--only`.

use std::collections::HashSet;

use super::build::PlanRequest;
use super::grow::step_key;
use crate::check::{Graph, Role, Suggest, of_step};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::ids::NodeId;
use crate::source::Span;

/// For each step whether the run includes it.
pub(super) fn selection(graph: &Graph<'_>, request: &PlanRequest, found: &mut Diagnostics) -> Vec<bool> {
    let mut selected = vec![true; graph.steps().len()];
    if request.from.is_none() && request.only.is_empty() {
        return selected;
    }
    let mut names = Names { graph, suggest: Suggest::default() };
    if let Some(name) = &request.from {
        let from = names.step("--from", name, found);
        let following = from.and_then(|id| graph.following(id));
        keep(&mut selected, following.unwrap_or_default());
    }
    if !request.only.is_empty() {
        let named: HashSet<NodeId> =
            request.only.iter().filter_map(|name| names.step("--only", name, found)).collect();
        let mut only = vec![false; selected.len()];
        // Groups stand before their steps.
        for (id, placed) in graph.iter() {
            only[id.index()] = named.contains(&id) || placed.parent.is_some_and(|group| only[group.index()]);
        }
        keep(&mut selected, only);
    }
    if found.has_errors() {
        return selected;
    }
    complete(graph, &mut selected);
    results(graph, &selected, found);
    selected
}

fn keep(selected: &mut [bool], also: Vec<bool>) {
    for (index, selected) in selected.iter_mut().enumerate() {
        *selected &= also.get(index).copied().unwrap_or(false);
    }
}

/// Adds the groups around selected steps; handlers follow the step they belong to.
fn complete(graph: &Graph<'_>, selected: &mut [bool]) {
    for (id, placed) in graph.iter().collect::<Vec<_>>().into_iter().rev() {
        if let (true, Some(group)) = (selected[id.index()] && placed.role == Role::Body, placed.parent) {
            selected[group.index()] = true;
        }
    }
    for (id, placed) in graph.iter() {
        match placed.role {
            Role::Body => {}
            // The step stands before its handlers.
            Role::Rollback(of) | Role::Cleanup(of) => selected[id.index()] = selected[of.index()],
            Role::OnFailure | Role::Finally => selected[id.index()] = true,
        }
    }
}

/// Reports every selected step that needs the result of one that will not run.
fn results(graph: &Graph<'_>, selected: &[bool], found: &mut Diagnostics) {
    let mut reported = HashSet::new();
    for (id, placed) in graph.iter() {
        if !selected[id.index()] || matches!(placed.role, Role::OnFailure | Role::Finally) {
            continue;
        }
        of_step(&placed.step.spec, &mut |used| {
            for reference in used.expr.references() {
                let [root, name, rest @ ..] = &reference.path[..] else { continue };
                // That a step was left out is known; what it would have said is not.
                let known = matches!(rest.first().map(String::as_str), Some("status" | "reason"));
                let Some(step) = graph.find_in(placed.call, name).filter(|_| root == "steps" && !known)
                else {
                    continue;
                };
                if selected[step.index()] || !reported.insert((id, step)) {
                    continue;
                }
                let message =
                    format!("step `{}` uses the result of step `{name}`, which is not selected", placed.key);
                found.push(
                    Diagnostic::error(Code::UNKNOWN_SELECTION, used.expr.span_of(reference.range), message)
                        .also(graph.step(step).span(), "it will not run")
                        .help(format!("select `{name}` as well")),
                );
            }
        });
    }
}

struct Names<'n, 'a> {
    graph: &'n Graph<'a>,
    suggest: Suggest,
}

impl Names<'_, '_> {
    fn step(&mut self, option: &str, name: &str, found: &mut Diagnostics) -> Option<NodeId> {
        let graph = self.graph;
        let by_key = || graph.iter().find(|(_, placed)| placed.key == name).map(|(id, _)| id);
        let Some(id) = graph.find(name).or_else(by_key) else {
            let message = format!("`{option} {name}`: the runbook has no such step");
            let problem = Diagnostic::error(Code::UNKNOWN_SELECTION, Span::default(), message);
            let base = step_key(name);
            if base != name && (graph.find(base).is_some() || graph.iter().any(|(_, p)| p.key == base)) {
                let problem = problem.note("how often a step is repeated is known only while it runs");
                found.push(problem.help(format!("select `{base}`, with all its repetitions")));
                return None;
            }
            let body = || graph.steps().iter().filter(|p| p.role == Role::Body).map(|p| p.key.as_str());
            found.push(self.suggest.add(problem, name, body));
            return None;
        };
        if graph.step(id).role != Role::Body {
            let message = format!("`{option} {name}`: only steps of the body can be selected");
            let problem = Diagnostic::error(Code::UNKNOWN_SELECTION, graph.step(id).span(), message);
            found
                .push(problem.help("rollback, cleanup, `on_failure` and `finally` go with what is selected"));
            return None;
        }
        Some(id)
    }
}

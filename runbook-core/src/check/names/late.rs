//! What is said of a step that has no result, or no single one, where an expression names it.

use super::super::graph::{Apart, part};
use super::{At, Names, Pending, segment};
use crate::check::Role;
use crate::diag::{Code, Diagnostic};
use crate::expr::{Expr, Reference};
use crate::ids::NodeId;

/// What a step has that may not have ended.
const TIMER_FIELDS: [&str; 2] = ["status", "reason"];

impl Names<'_, '_> {
    /// What is wrong with a timer that names `step`; it may be asked before the step has begun.
    pub(super) fn of_timer(&self, expr: &Expr, reference: &Reference, step: NodeId) -> Option<Diagnostic> {
        let key = &self.graph.step(step).key;
        if let Some(Apart::Repeated(holder)) = self.graph.repeated(step) {
            let (there, group) = (self.graph.step(holder).span(), &self.graph.step(holder).key);
            let message = format!("step `{key}` is repeated, so it has no single result here");
            let problem = Diagnostic::error(Code::NOT_AN_ANCESTOR, segment(expr, reference, 1), message);
            let help = format!("ask for the step that repeats it: `steps.{group}.status`");
            return Some(problem.also(there, "by this step").help(help));
        }
        let field = reference.path.get(2);
        if field.is_some_and(|field| TIMER_FIELDS.contains(&field.as_str())) {
            return None;
        }
        let span = segment(expr, reference, if field.is_some() { 2 } else { 1 });
        let message = "a timer can ask only for the `status` and the `reason` of a step";
        let problem = Diagnostic::error(Code::NOT_IN_ESCALATION, span, message);
        let problem = problem.note("it may be asked before the step has ended");
        Some(problem.help(format!("write for example `steps.{key}.status == 'succeeded'`")))
    }

    /// Asks for all steps named so far whether they end before they are asked for.
    pub(super) fn ancestors(&mut self) {
        let Some(order) = self.graph.order() else { return };
        let pairs: Vec<_> = self.pending.iter().map(|pending| pending.moments).collect();
        let (answers, _) = order.before(&pairs);
        let late = std::mem::take(&mut self.pending).into_iter().zip(answers).filter(|(_, before)| !before);
        // A step whose `needs` were refused may come after more than is known.
        let loose = order.following(self.graph.loose());
        let any_loose = loose.iter().any(|loose| *loose);
        for (pending, _) in late {
            let unsure = match pending.at {
                At::Step(id, _) => loose[id.index()],
                _ => any_loose,
            };
            if unsure {
                continue;
            }
            let problem = self.late(&pending);
            self.found.push(problem);
        }
    }

    pub(super) fn late(&self, pending: &Pending) -> Diagnostic {
        let first = self.graph.step(pending.first);
        let error = |message: String| Diagnostic::error(Code::NOT_AN_ANCESTOR, pending.span, message);
        let key = &first.key;
        let At::Step(id, _) = pending.at else {
            let message = format!("step `{key}` {}, so its result may not exist here", part(first.role));
            return error(message).also(first.span(), "it is here").help("refer to steps of the body");
        };
        if id == pending.first {
            let problem = error(format!("step `{key}` refers to its own result"));
            return problem.help("in `expect`, `outputs` and `retry.when` it is called `result`");
        }
        if self.graph.groups(id).any(|group| group == pending.first) {
            let problem = error(format!("`{key}` is the group that holds this step; it has not ended yet"));
            return problem.also(first.span(), "the group is here").help("refer to a step in it");
        }
        let here = self.graph.step(id);
        if first.role != here.role && first.role != Role::Body {
            let message = format!("step `{key}` {}, so its result may not exist here", part(first.role));
            return error(message).also(first.span(), "it is here");
        }
        let problem = error(format!("step `{key}` does not come before step `{}`", here.key));
        let problem = problem.label("its result may not exist yet").also(first.span(), "it is here");
        match (first.role == here.role, &first.step.spec.id) {
            (true, Some(name)) => problem
                .help(format!("add `{}` to the `needs` of `{}`, or move the step", name.value, here.key)),
            _ => problem.help("move the step"),
        }
    }
}

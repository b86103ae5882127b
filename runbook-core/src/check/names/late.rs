//! What is said of a step that does not come before the expression that names it.

use super::super::graph::part;
use super::{At, Names, Pending};
use crate::check::Role;
use crate::diag::{Code, Diagnostic};

impl Names<'_, '_> {
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

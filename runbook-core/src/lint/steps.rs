//! What belongs to a step and is missing.

use std::collections::HashSet;

use super::commands::{COPYING, MINOR, PASSING};
use super::restore::speaks_of_a_copy;
use super::view::{Commanded, View};
use crate::check::{Role, When, of_step};
use crate::command::{Effect as Found, Invocation};
use crate::diag::{Code, Diagnostic};
use crate::ids::NodeId;
use crate::model::{Action, CustomAction, Effect, Expect, RollbackMode, Step, ValueTemplate};
use crate::value::Value;

pub(super) fn lint(view: &View<'_>, found: &mut Vec<Diagnostic>) {
    let looks = Looks::of(view);
    for (id, placed) in view.acting() {
        let effect = view.effect(id);
        if effect != Effect::Read {
            verify(view, id, &looks, found);
            undo(view, id, found);
        }
        let what = what_destroys(view.action(id));
        // What a redirection overwrites is often what the script has made itself.
        let destroys = effect == Effect::Destroy && (what.is_some() || placed.step.spec.effect_declared);
        if destroys && !view.around(id).any(|step| step.spec.confirm.is_some()) {
            let message = format!("`{}` destroys something and nobody is asked", placed.key);
            let problem = Diagnostic::warning(Code::NO_CONFIRM, view.place(id), message);
            let problem = match what {
                Some(what) => problem.note(format!("`{what}` cannot be had back")),
                None => problem,
            };
            found.push(problem.help("add `confirm: …` with the question, best with a `phrase` to type"));
        }
    }
    timeout(view, found);
}

fn what_destroys(command: Option<&Commanded<'_>>) -> Option<String> {
    let destroys = |one: &&Invocation| one.effect == Found::Destroy;
    command?.analysis.commands.iter().find(destroys).map(Invocation::show)
}

/// Whether everything that a command changes is done by commands for which `known` holds.
fn only(command: &Commanded<'_>, known: impl Fn(&Invocation) -> bool) -> bool {
    let analysis = &command.analysis;
    let changing = || analysis.reasons.iter().filter(|reason| reason.effect != Found::Read);
    analysis.hidden().is_none()
        && changing().next().is_some()
        && changing().all(|reason| {
            analysis.commands.iter().any(|one| {
                known(one) && one.span.start <= reason.span.start && reason.span.end <= one.span.end
            })
        })
}

fn verify(view: &View<'_>, id: NodeId, looks: &Looks, found: &mut Vec<Diagnostic>) {
    let placed = view.graph.step(id);
    let spec = &placed.step.spec;
    let minor = view.action(id).is_some_and(|command| only(command, |one| MINOR.fits(one)));
    if minor
        || says_what_it_did(&spec.action)
        || spec.expect.as_ref().is_some_and(looks_at_more_than_the_exit_code)
        || view.around(id).any(|step| !step.spec.verify.is_empty() || is_remedies(step))
        || looks.at(view, id)
    {
        return;
    }
    let message = format!("nothing verifies what `{}` does", placed.key);
    found.push(
        Diagnostic::warning(Code::NO_VERIFY, view.place(id), message)
            .note("that a command has ended well does not say that the service is well")
            .help("add `verify` with a check of what matters"),
    );
}

/// Whether an action says by itself what it has brought about: files are written whole or not at all.
fn says_what_it_did(action: &Action) -> bool {
    match action {
        Action::Custom(CustomAction { kind, params, .. }) => match kind.as_str() {
            "write" | "edit" | "copy" => true,
            "compose" => is_set(params, "wait"),
            _ => false,
        },
        _ => false,
    }
}

fn is_set(params: &ValueTemplate, key: &str) -> bool {
    match params {
        ValueTemplate::Map(entries) => entries
            .iter()
            .any(|(name, value)| name == key && *value == ValueTemplate::Value(Value::Bool(true))),
        ValueTemplate::Value(Value::Object(object)) => object.get(key) == Some(&Value::Bool(true)),
        _ => false,
    }
}

fn looks_at_more_than_the_exit_code(expect: &Expect) -> bool {
    match expect {
        Expect::Expr(_) => true,
        Expect::Fields(fields) => fields.iter().any(|(name, _)| name != "exit_code"),
    }
}

fn is_remedies(step: &Step) -> bool {
    matches!(step.spec.action, Action::Remedies(_))
}

/// Steps of the body that look at what others have done.
struct Looks {
    /// Steps that judge what they see.
    judges: Vec<NodeId>,
    /// Names of steps whose results a step that only reads is given.
    read_of: HashSet<String>,
}

impl Looks {
    fn of(view: &View<'_>) -> Self {
        let mut looks = Looks { judges: Vec::new(), read_of: HashSet::new() };
        for (id, placed) in view.steps().filter(|(_, placed)| placed.role == Role::Body) {
            if judges(view, id) {
                looks.judges.push(id);
            }
            if !placed.step.spec.action.is_external() || view.effect(id) != Effect::Read {
                continue;
            }
            of_step(&placed.step.spec, &mut |one| {
                let references = one.expr.references().into_iter().filter(|_| one.when == When::Before);
                looks.read_of.extend(references.filter_map(|reference| match &reference.path[..] {
                    [root, step, ..] if root == "steps" => Some(step.clone()),
                    _ => None,
                }));
            });
        }
        looks
    }

    /// Whether a step that comes after `id` looks at what it has done.
    fn at(&self, view: &View<'_>, id: NodeId) -> bool {
        let name = view.graph.step(id).step.spec.id.as_ref();
        if name.is_some_and(|name| self.read_of.contains(&name.value)) {
            return true;
        }
        let mut others = self.judges.iter().filter(|judge| **judge != id).peekable();
        if others.peek().is_none() {
            return false;
        }
        let Some(following) = view.graph.following(id) else { return false };
        others.any(|judge| following.get(judge.index()) == Some(&true))
    }
}

fn judges(view: &View<'_>, id: NodeId) -> bool {
    let spec = &view.graph.step(id).step.spec;
    match &spec.action {
        Action::Assert(_) | Action::WaitFor(_) | Action::Remedies(_) => true,
        Action::Manual(manual) => !manual.checklist.is_empty(),
        Action::Custom(custom) => custom.kind == "http" && spec.effect == Effect::Read,
        Action::Run(_) => {
            let is_question = |one: &Invocation| {
                let shown = one.show();
                let mut words = shown.split_whitespace();
                let program = words.next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
                let verb = words.next().unwrap_or_default();
                matches!(program, "test" | "[" | "cmp" | "diff" | "pg_isready" | "nc" | "curl")
                    || (program == "systemctl" && verb.starts_with("is-"))
                    || (program == "nginx" && verb == "-t")
                    || (program == "grep" && verb.contains('q'))
            };
            let asks =
                view.action(id).is_some_and(|command| command.analysis.commands.iter().any(is_question));
            view.effect(id) == Effect::Read && (asks || spec.expect.is_some() || !spec.verify.is_empty())
        }
        _ => false,
    }
}

fn undo(view: &View<'_>, id: NodeId, found: &mut Vec<Diagnostic>) {
    let placed = view.graph.step(id);
    let spec = &placed.step.spec;
    let provided = |step: &Step| {
        !step.rollback.is_empty() || !step.cleanup.is_empty() || step.spec.irreversible || is_remedies(step)
    };
    let passes = view.action(id).is_some_and(|command| {
        only(command, |one| MINOR.fits(one) || PASSING.fits(one) || COPYING.fits(one))
    });
    let tells_only = matches!(&spec.action, Action::Custom(custom) if custom.kind == "http");
    if view.runbook.on_failure.rollback == RollbackMode::Never
        || passes
        || tells_only
        || passes_by_itself(&spec.action)
        || speaks_of_a_copy(view, id)
        || view.around(id).any(provided)
    {
        return;
    }
    let help = match &spec.action {
        Action::Custom(custom) if matches!(custom.kind.as_str(), "write" | "edit") => {
            "add `rollback: restore`"
        }
        Action::Custom(custom) if custom.kind == "copy" => "add `backup: true`, and `rollback: restore`",
        _ => "add `rollback` with the steps that undo it, or `irreversible: true` with a `confirm`",
    };
    let message = format!("nothing undoes what `{}` does", placed.key);
    found.push(Diagnostic::warning(Code::NO_UNDO, view.place(id), message).help(help));
}

/// Whether an action of an executor leaves nothing to go back to.
fn passes_by_itself(action: &Action) -> bool {
    let Action::Custom(CustomAction { kind, params, .. }) = action else { return false };
    let keys: Vec<&str> = match params {
        ValueTemplate::Map(entries) => entries.iter().map(|(name, _)| name.as_str()).collect(),
        ValueTemplate::Value(Value::Object(object)) => object.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    matches!(kind.as_str(), "docker" | "compose")
        && keys.iter().any(|key| matches!(*key, "restart" | "pull" | "build"))
}

fn timeout(view: &View<'_>, found: &mut Vec<Diagnostic>) {
    for (id, placed) in view.steps() {
        let spec = &placed.step.spec;
        let limits = match &spec.action {
            Action::Run(_) => false,
            Action::Custom(custom) => !matches!(custom.kind.as_str(), "docker" | "compose"),
            _ => true,
        };
        if limits || view.around(id).any(|step| step.spec.timeout.is_some()) {
            continue;
        }
        let message = format!("nothing ends `{}` when it hangs", placed.key);
        found.push(
            Diagnostic::warning(Code::NO_TIMEOUT, view.place(id), message).help(
                "write `defaults: {timeout: 5m}`, and a `timeout` of its own where a step needs longer",
            ),
        );
    }
}

/// One cure helps all of them, so one finding speaks for all.
pub(super) fn join_timeouts(findings: &mut Vec<Diagnostic>) {
    let mut places: Vec<_> = findings
        .iter()
        .filter(|finding| finding.code == Code::NO_TIMEOUT)
        .map(|finding| finding.primary.span)
        .collect();
    places.sort();
    places.dedup();
    let Some(first) = places.first().copied() else { return };
    findings.retain(|finding| finding.code != Code::NO_TIMEOUT || finding.primary.span == first);
    let others = places.len() - 1;
    for finding in findings.iter_mut().filter(|finding| finding.code == Code::NO_TIMEOUT && others > 0) {
        let steps = if others == 1 { "1 other step".to_owned() } else { format!("{others} other steps") };
        finding.notes.push(format!("the same is true of {steps} of this file"));
    }
}

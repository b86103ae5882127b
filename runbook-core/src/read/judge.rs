//! What policies say of actions, while their text is at hand.

use std::collections::HashSet;
use std::ops::Range;

use super::reader::{Reader, as_written};
use crate::command::{self, Script};
use crate::diag::{Code, Diagnostic};
use crate::expr::Expr;
use crate::model::{Action, Check, CheckKind, Effect, Input, Manual, Policy, PolicyException, TargetRef};
use crate::policy::{PolicySet, Seen, Stage, Surroundings, Verdict};
use crate::shell::Dialect;
use crate::source::Span;
use crate::yaml::Node;

/// What the author of a step says of it.
pub(super) struct Said<'a> {
    /// The effect, and where it is written.
    pub(super) effect: Option<(Effect, Span)>,
    pub(super) because: Option<&'a str>,
    pub(super) exception: Option<&'a PolicyException>,
}

impl Reader<'_> {
    /// From now on `policy` applies too.
    pub(super) fn add_policy(&mut self, policy: Policy) {
        let before = self.policies.policies().iter().cloned();
        self.policies = PolicySet::new(before.chain([policy.clone()]));
        self.shared.policies.push(policy);
    }

    /// From now on `inputs` is these; comes back with what it was.
    pub(super) fn enter_inputs(&mut self, inputs: &[Input]) -> HashSet<String> {
        let operands = inputs.iter().filter(|input| input.never_begins_with_dash());
        let names = operands.map(|input| input.name.value.clone()).collect();
        std::mem::replace(&mut self.operands, names)
    }

    /// What `policy` of a runbook or an inventory says.
    pub(super) fn inline_policy(&mut self, node: &Node, name: &str) {
        if let Some(policy) = Policy::read_inline(node, name, self.found) {
            self.add_policy(policy);
        }
    }

    pub(super) fn effect(&mut self, node: &Node) -> Option<Effect> {
        let words = [("read", Effect::Read), ("change", Effect::Change), ("destroy", Effect::Destroy)];
        self.word(node, "`effect`", &words)
    }

    /// What an action may do when its author does not say.
    pub(super) fn effect_of(&self, action: &Action) -> Effect {
        match action {
            Action::Wait(_) | Action::WaitFor(_) | Action::Notify(_) => Effect::Read,
            Action::Assert(_) | Action::Set(_) => Effect::Read,
            action if action.is_group() => Effect::Read,
            Action::Custom(custom) => match self.kinds.action(&custom.kind) {
                Some(kind) => kind.effect(&as_written(&custom.params)),
                None => Effect::Change,
            },
            _ => Effect::Change,
        }
    }

    /// Judges the action in `node`; comes back with what it does by its text.
    pub(super) fn judge_action(
        &mut self,
        node: &Node,
        action: &Action,
        kind: Effect,
        said: &Said<'_>,
    ) -> Effect {
        if let Action::Manual(manual) = action {
            self.judge_instructions(node, manual, said);
            return kind;
        }
        let declared = said.effect.map(|(effect, _)| effect);
        let is_command = matches!(action, Action::Run(_));
        if !is_command && self.policies.is_empty() {
            self.effect_is_not_too_low(node, kind, None, said);
            return kind;
        }
        let cwd = self.cwd_of_target();
        let operand = |expr: &Expr| is_operand(&self.operands, expr);
        let around = Surroundings { cwd: cwd.as_deref(), value: &|_| None, operand: &operand };
        let Some(seen) = Seen::of_action(action, kind, &around) else { return kind };
        let verdict = self.policies.judge_seen(&seen, None, None, said.exception);
        let found = at_least(verdict.effect);
        self.effect_is_not_too_low(
            node,
            if is_command { found } else { kind },
            Some((&verdict, &seen)),
            said,
        );
        // The effect that its author states may bring it under a rule.
        let verdict = self.policies.judge_seen(&seen, declared, said.because, said.exception);
        self.refuse(node, &verdict, &seen);
        // Only what is proven to look is a read by itself; whether more is destroyed than changed is for its
        // author to say, and for policies to see.
        match is_command {
            true => found.min(Effect::Change),
            false => kind,
        }
    }

    /// A check must only look.
    pub(super) fn judge_check(&mut self, node: &Node, check: &Check) {
        let run = matches!(check.kind, CheckKind::Run(_));
        if !run && self.policies.is_empty() {
            return;
        }
        let cwd = self.cwd_of_target();
        let operand = |expr: &Expr| is_operand(&self.operands, expr);
        let around = Surroundings { cwd: cwd.as_deref(), value: &|_| None, operand: &operand };
        let Some(seen) = Seen::of_check(check, &around) else {
            return;
        };
        let verdict = self.policies.judge_seen(&seen, None, None, None);
        if verdict.effect != command::Effect::Read && check.effect_because.is_none() {
            let unknown = verdict.effect == command::Effect::Unknown;
            let message = match unknown {
                true => "a check must only look, and that cannot be seen of this command",
                false => "a check must only look, and this command does more",
            };
            let reason = strongest(&verdict);
            let span = reason.as_ref().map_or(node.span, |(range, _)| place(node, &seen, range));
            let mut problem = Diagnostic::error(Code::CHECK_WITH_EFFECT, span, message);
            if let Some((_, text)) = reason {
                problem = problem.label(text);
            }
            self.report(match unknown {
                true => problem.help("if it only looks, say how you know: `effect_because: …`"),
                false => problem.help("make it a step, and look at what it has done"),
            });
        }
        self.refuse(node, &verdict, &seen);
    }

    /// A command outside of any step.
    pub(super) fn judge_words(&mut self, node: &Node, argv: &[crate::expr::Template]) {
        if self.policies.is_empty() {
            return;
        }
        let seen = Seen::of_words(crate::command::Words::from_templates(argv));
        let verdict = self.policies.judge_seen(&seen, None, None, None);
        self.refuse(node, &verdict, &seen);
    }

    /// What people are told to type is judged too: fenced blocks of shell code in instructions.
    fn judge_instructions(&mut self, node: &Node, manual: &Manual, said: &Said<'_>) {
        if self.policies.is_empty() {
            return;
        }
        for block in fenced(&manual.instructions.source_text()) {
            let seen = Seen::of_script(Script::new(block, Dialect::Bash));
            let verdict = self.policies.judge_seen(&seen, None, None, said.exception);
            // Nothing in a text for people can be read for certain.
            let verdict = Verdict {
                forbidden: verdict
                    .forbidden
                    .iter()
                    .filter(|broken| broken.rule != "unreadable")
                    .cloned()
                    .collect(),
                ..verdict
            };
            let around = node.as_map().and_then(|map| map.get("instructions")).unwrap_or(node);
            for broken in verdict.forbidden.iter().filter(|broken| broken.certain) {
                self.report(
                    Diagnostic::error(Code::FORBIDDEN, around.span, broken.say(seen.text()))
                        .note("it stands in what a person is told to do"),
                );
            }
        }
    }

    fn effect_is_not_too_low(
        &mut self,
        node: &Node,
        found: Effect,
        verdict: Option<(&Verdict, &Seen)>,
        said: &Said<'_>,
    ) {
        let Some((declared, span)) = said.effect.filter(|(declared, _)| *declared < found) else { return };
        if said.because.is_some() {
            return;
        }
        let message =
            format!("the effect is stated as `{}`, and this is a {}", declared.name(), found.name());
        let mut problem = Diagnostic::error(Code::EFFECT_TOO_LOW, span, message);
        let reason = verdict.and_then(|(verdict, seen)| Some((strongest(verdict)?, seen)));
        let unknown = verdict.is_some_and(|(verdict, _)| verdict.effect == command::Effect::Unknown);
        if unknown {
            problem.message = format!(
                "the effect is stated as `{}`, which cannot be seen of this command",
                declared.name()
            );
        }
        if let Some(((range, text), seen)) = reason {
            problem = problem.also(place(node, seen, &range), text);
        }
        self.report(problem.help(format!(
            "write `effect: {}`, or say how you know better: `effect_because: …`",
            found.name()
        )));
    }

    /// Reports what is forbidden for certain.
    fn refuse(&mut self, node: &Node, verdict: &Verdict, seen: &Seen) {
        if !verdict.refuses(Stage::Early) {
            return;
        }
        for broken in verdict.forbidden.iter().filter(|broken| broken.certain) {
            let span = place(node, seen, &broken.span);
            let mut problem = Diagnostic::error(Code::FORBIDDEN, span, broken.say(seen.text()));
            if broken.overridable {
                let example = format!("`policy_exception: {{rule: {}, reason: …}}`", broken.rule);
                problem = problem.help(format!("the rule leaves exceptions to authors: {example}"));
            }
            self.report(problem);
        }
    }

    /// What a step asks of a rule.
    pub(super) fn exception(&mut self, node: &Node) -> Option<PolicyException> {
        let fields = self.fields(node, "`policy_exception`", &[super::keys::EXCEPTION])?;
        let rule =
            self.require(&fields, "rule", "`policy_exception`").and_then(|n| self.spanned_text(n, "`rule`"));
        let reason =
            self.require(&fields, "reason", "`policy_exception`").and_then(|n| self.text(n, "`reason`"));
        let (rule, reason) = (rule?, reason?);
        let rules = || self.policies.policies().iter().flat_map(|policy| &policy.rules);
        let same: Vec<_> = rules().filter(|known| known.id == rule.value).collect();
        let problem = if same.is_empty() {
            let message = format!("no policy that is known here has a rule `{}`", rule.value);
            let known: Vec<&str> = rules().map(|rule| rule.id.as_str()).collect();
            Some(
                Diagnostic::warning(Code::USELESS_EXCEPTION, rule.span, message)
                    .did_you_mean(&rule.value, known),
            )
        } else if same.iter().all(|known| !known.overridable) {
            let message = format!("the rule `{}` leaves no exceptions to authors", rule.value);
            Some(Diagnostic::error(Code::NOT_OVERRIDABLE, rule.span, message).note(same[0].reason.clone()))
        } else {
            None
        };
        if let Some(problem) = problem {
            self.report(problem);
        }
        Some(PolicyException { rule: rule.value, reason })
    }

    /// Where commands of the current target start, as far as it is written out.
    fn cwd_of_target(&self) -> Option<String> {
        let Some(TargetRef::Named(name)) = &self.defaults.target else { return None };
        let target = self.shared.inventory.targets.iter().find(|target| target.name.value == *name)?;
        target.cwd.as_ref()?.as_literal().map(|cwd| cwd.into_owned())
    }
}

/// Whether `expr` is one of the inputs that never begin with a dash.
fn is_operand(operands: &HashSet<String>, expr: &Expr) -> bool {
    let name = expr.source().trim().strip_prefix("inputs.");
    name.is_some_and(|name| operands.contains(name))
}

/// What an unknown effect counts as.
fn at_least(effect: command::Effect) -> Effect {
    match effect {
        command::Effect::Read => Effect::Read,
        command::Effect::Change | command::Effect::Unknown => Effect::Change,
        command::Effect::Destroy => Effect::Destroy,
    }
}

/// The part that makes the command what it is.
fn strongest(verdict: &Verdict) -> Option<(Range<usize>, String)> {
    let reason = verdict.reasons.iter().find(|reason| reason.effect == verdict.effect)?;
    Some((reason.span.clone(), reason.text.clone()))
}

/// Where the bytes `range` of what is seen are written.
fn place(node: &Node, seen: &Seen, range: &Range<usize>) -> Span {
    let (Some(text), Some(scalar)) = (seen.text(), node.as_scalar()) else { return node.span };
    if range.is_empty() {
        return node.span;
    }
    if scalar.text() == text {
        return scalar.span_of(range.clone());
    }
    let line = text.get(..range.start).unwrap_or_default().matches('\n').count();
    super::command::line_of(node, line)
}

/// The shell code among the fenced blocks of a Markdown text.
fn fenced(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in text.lines() {
        let fence = line.trim_start().strip_prefix("```");
        open = match (open, fence) {
            (None, Some(language)) => {
                let shell = ["", "sh", "bash", "shell", "console"].contains(&language.trim());
                Some((shell, String::new()))
            }
            (Some((shell, block)), Some(_)) => {
                blocks.extend(shell.then_some(block));
                None
            }
            (Some((shell, block)), None) => {
                let command = line.trim_start().strip_prefix("$ ").unwrap_or(line);
                Some((shell, block + command + "\n"))
            }
            (None, None) => None,
        };
    }
    blocks
}

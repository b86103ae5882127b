//! Policies over actions as they will run: the last look before an intent is written.

use crate::command;
use crate::expr::Expr;
use crate::kind::Target;
use crate::model::{Action, Check, CheckKind, Command, Effect, Policy};
use crate::plan::{Node, Plan};
use crate::policy::{PolicySet, Seen, Stage, Surroundings, Verdict};
use crate::value::Object;

/// What applies to a run: the policies of its plan, and those of the engine that carries it out.
#[derive(Debug)]
pub(super) struct Rules {
    policies: PolicySet,
}

impl Rules {
    pub(super) fn new(plan: &Plan, of_engine: &[Policy]) -> Self {
        Rules { policies: PolicySet::new(plan.policies.iter().chain(of_engine).cloned()) }
    }

    /// Why the action of `node` must not run with the values in `scope`, if it must not.
    pub(super) fn refuse(&self, node: &Node, target: &Target, scope: &Object) -> Option<String> {
        let spec = &node.spec;
        if self.policies.is_empty() && !takes_values(&spec.action) {
            return None;
        }
        let value = |expr: &Expr| expr.eval(scope).ok();
        let around = Surroundings { cwd: target.cwd.as_deref(), value: &value, operand: &|_| false };
        let Some(seen) = Seen::of_action(&spec.action, spec.effect, &around) else {
            let asks =
                matches!(spec.action, Action::Manual(_)) && !self.policies.asking(spec.effect).is_empty();
            return (asks && node.asked_by.is_empty() && spec.confirm.is_none()).then(|| unasked(""));
        };
        let because = spec.effect_because.as_deref();
        if let (Action::Run(_), None) = (&spec.action, because) {
            let by_itself = self.policies.judge_seen(&seen, None, None, None);
            let stated = spec.effect_declared || spec.effect == Effect::Read;
            if let Some(reason) = does_more(&by_itself, spec.effect).filter(|_| stated) {
                return Some(reason);
            }
        }
        let exception = spec.policy_exception.as_ref();
        let verdict = self.policies.judge_seen(&seen, Some(spec.effect), because, exception);
        if let Some(reason) = forbidden(&verdict, &seen) {
            return Some(reason);
        }
        // Where a gate around a group stands for its own, the plan has noted who asks.
        let asked = spec.confirm.is_some() || !node.asked_by.is_empty();
        (verdict.needs_confirm() && !asked).then(|| unasked(verdict.effect.name()))
    }

    /// Why `check` must not be asked with the values in `scope`, if it must not.
    pub(super) fn refuse_check(&self, check: &Check, target: &Target, scope: &Object) -> Option<String> {
        let takes_values = match &check.kind {
            CheckKind::Run(run) => takes_values_of(&run.command),
            _ => false,
        };
        if self.policies.is_empty() && !takes_values {
            return None;
        }
        let value = |expr: &Expr| expr.eval(scope).ok();
        let seen = Seen::of_check(
            check,
            &Surroundings { cwd: target.cwd.as_deref(), value: &value, operand: &|_| false },
        )?;
        let verdict = self.policies.judge_seen(&seen, None, None, None);
        if let (CheckKind::Run(_), None) = (&check.kind, &check.effect_because)
            && let Some(reason) = does_more(&verdict, Effect::Read)
        {
            return Some(reason);
        }
        forbidden(&verdict, &seen)
    }
}

/// Whether values may make the action another one than its text is.
fn takes_values(action: &Action) -> bool {
    matches!(action, Action::Run(run) if takes_values_of(&run.command))
}

fn takes_values_of(command: &Command) -> bool {
    match command {
        Command::Argv(argv) => argv.iter().any(|word| !word.is_literal()),
        Command::Script(script) => !script.is_literal(),
    }
}

fn does_more(verdict: &Verdict, stated: Effect) -> Option<String> {
    let more = match verdict.effect {
        command::Effect::Read => false,
        command::Effect::Change | command::Effect::Unknown => stated < Effect::Change,
        command::Effect::Destroy => stated < Effect::Destroy,
    };
    let why = verdict.reasons.iter().find(|reason| reason.effect == verdict.effect);
    let why = why.map(|reason| format!(": {}", reason.text)).unwrap_or_default();
    more.then(|| {
        format!(
            "with these values it is more than the {} that the runbook says ({}{why})",
            stated.name(),
            verdict.effect.name()
        )
    })
}

fn forbidden(verdict: &Verdict, seen: &Seen) -> Option<String> {
    if !verdict.refuses(Stage::Final) {
        return None;
    }
    let reasons: Vec<String> = verdict.forbidden.iter().map(|broken| broken.say(seen.text())).collect();
    Some(reasons.join("; "))
}

fn unasked(effect: &str) -> String {
    format!(
        "a policy wants a person to confirm this {effect}, and the plan of this run has no gate for it; \
         start a new run under that policy"
    )
}

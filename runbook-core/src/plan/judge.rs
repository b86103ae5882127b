//! What policies say of a plan: what is forbidden for certain is refused, and what they want to be asked about gets a
//! gate.

use super::{Node, Plan};
use crate::check::Graph;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::expr::{Expr, Template};
use crate::ids::NodeId;
use crate::model::{Action, Confirm, Effect};
use crate::policy::{PolicySet, Seen, Stage, Surroundings, Verdict};
use crate::source::Span;
use crate::value::Value;

/// Applies the policies of `plan`.
pub(super) fn judge(plan: &mut Plan, graph: &Graph<'_>, found: &mut Diagnostics) {
    if plan.policies.is_empty() {
        return;
    }
    let policies = PolicySet::new(plan.policies.iter().cloned());
    let spans: Vec<Span> = graph.steps().iter().map(|placed| placed.step.span).collect();
    let mut asked: Vec<(NodeId, Vec<String>)> = Vec::new();
    let mut preview = plan.preview();
    for check in &plan.preconditions {
        let value = |expr: &Expr| preview.known(expr);
        refuse_check(&policies, check, None, &value, found);
    }
    for (id, node) in plan.iter() {
        preview.stand_at(plan, node);
        let value = |expr: &Expr| preview.known(expr);
        let target = node.spec.target.name().map(|name| plan.target(name));
        let cwd = target.as_ref().and_then(|target| target.cwd.as_deref());
        let around = Surroundings { cwd, value: &value, operand: &|_| false };
        let checks = node.spec.done_when.iter().chain(&node.spec.preconditions).chain(&node.spec.verify);
        for check in checks.chain(node.spec.action.checks()) {
            refuse_check(&policies, check, cwd, &value, found);
        }
        let spec = &node.spec;
        let by = match Seen::of_action(&spec.action, spec.effect, &around) {
            Some(seen) => {
                let declared = Some(spec.effect);
                let because = spec.effect_because.as_deref();
                let verdict = policies.judge_seen(&seen, declared, because, spec.policy_exception.as_ref());
                refuse(&verdict, seen.text(), spans.get(id.index()).copied(), found);
                verdict.asked_by
            }
            None if matches!(spec.action, Action::Manual(_)) => policies.asking(spec.effect),
            None => Vec::new(),
        };
        if !by.is_empty() {
            asked.push((id, by));
        }
    }
    for (id, by) in asked {
        ask(plan, id, by);
    }
}

/// Makes sure that somebody is asked before `id`: at its own gate, or at one around it.
fn ask(plan: &mut Plan, id: NodeId, by: Vec<String>) {
    let mut gate = Some(id);
    while let Some(at) = gate.filter(|at| plan.node(*at).spec.confirm.is_none()) {
        gate = plan.node(at).parent;
    }
    let at = gate.unwrap_or(id);
    for at in [at, id] {
        let Some(node) = plan.nodes.get_mut(at.index()) else { return };
        let node: &mut Node = std::sync::Arc::make_mut(node);
        if gate.is_none() && node.spec.confirm.is_none() {
            node.spec.confirm = Some(demanded(node.spec.title.as_ref(), &by, node.spec.effect));
        }
        for policy in &by {
            if !node.asked_by.contains(policy) {
                node.asked_by.push(policy.clone());
            }
        }
    }
}

/// The gate that a policy puts where its author has put none.
fn demanded(title: Option<&Template>, by: &[String], effect: Effect) -> Confirm {
    let names: Vec<String> = by.iter().map(|name| format!("`{name}`")).collect();
    let policy = if names.len() == 1 { "the policy" } else { "the policies" };
    let wanted = format!("{policy} {} asks before every {}", names.join(", "), effect.name());
    let message = match title.and_then(Template::as_literal) {
        Some(title) => format!("{title}? ({wanted})"),
        None => format!("Go on? ({wanted})"),
    };
    Confirm::plain(Template::literal(message))
}

fn refuse_check(
    policies: &PolicySet,
    check: &crate::model::Check,
    cwd: Option<&str>,
    value: &dyn Fn(&Expr) -> Option<Value>,
    found: &mut Diagnostics,
) {
    if let Some(seen) = Seen::of_check(check, &Surroundings { cwd, value, operand: &|_| false }) {
        let verdict = policies.judge_seen(&seen, None, None, None);
        refuse(&verdict, seen.text(), Some(check.span), found);
    }
}

fn refuse(verdict: &Verdict, text: Option<&str>, span: Option<Span>, found: &mut Diagnostics) {
    if !verdict.refuses(Stage::Early) {
        return;
    }
    for broken in verdict.forbidden.iter().filter(|broken| broken.certain) {
        found.push(Diagnostic::error(Code::FORBIDDEN, span.unwrap_or_default(), broken.say(text)));
    }
}

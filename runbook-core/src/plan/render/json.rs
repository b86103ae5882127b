//! A plan for programs.

use serde_json::json;

use super::words;
use crate::ids::NodeId;
use crate::model::Check;
use crate::plan::{Node, Plan, Preview, Role};
use crate::value::{Object, Value};

pub(super) fn render(plan: &Plan) -> String {
    let mut preview = plan.preview();
    let counts = plan.counts();
    let steps: Vec<Value> = plan.nodes.iter().map(|node| step(plan, &mut preview, node)).collect();
    let outputs: Object =
        plan.outputs.iter().map(|(name, expr)| (name.clone(), expr.source().into())).collect();
    let runbook = &plan.runbook;
    let whole = json!({
        "format": 1,
        "runbook": {
            "name": runbook.name,
            "title": runbook.title,
            "description": runbook.description,
            "owner": runbook.owner,
            "labels": runbook.labels,
            "links": runbook.links,
            "severity": runbook.severity,
            "review_by": runbook.review_by,
            "schedule": runbook.schedule,
        },
        "digest": plan.digest(),
        "inputs": plan.inputs,
        "vars": plan.vars,
        "contacts": plan.contacts.iter().cloned().map(|(id, contact)| (id, json!(contact))).collect::<Object>(),
        "channels": plan.channels.iter().map(|(id, channel)| (id.clone(), json!({
            "kind": channel.via.key(),
            "does": preview.channel(channel),
            "timeout": channel.timeout,
        }))).collect::<Object>(),
        "escalation": plan.escalation.as_ref().map(|escalation| json!({
            "since": escalation.since,
            "until": escalation.until.as_ref().map(|until| until.source()),
            "levels": escalation.levels.iter().map(|level| json!({
                "after": level.after,
                "to": level.to,
                "unless": level.unless.as_ref().map(|unless| unless.source()),
                "require": level.require,
                "message": level.message.as_ref().map(|message| preview.text(message)),
            })).collect::<Vec<_>>(),
        })),
        "lock": plan.lock,
        "rollback": plan.rollback,
        "effects": {"read": counts.read, "change": counts.change, "destroy": counts.destroy},
        "preconditions": checks(&plan.preview(), &plan.preconditions),
        "steps": steps,
        "outputs": outputs,
    });
    format!("{whole:#}\n")
}

fn step(plan: &Plan, preview: &mut Preview, node: &Node) -> Value {
    let spec = &node.spec;
    preview.stand_at(plan, node);
    let preview = &*preview;
    let key = |id: &NodeId| plan.node(*id).key.as_str();
    let keys = |ids: &[NodeId]| Value::Array(ids.iter().map(|id| key(id).into()).collect());
    let (role, of) = match node.role {
        Role::Body => ("body", None),
        Role::Rollback(of) => ("rollback", Some(of)),
        Role::Cleanup(of) => ("cleanup", Some(of)),
        Role::OnFailure => ("on_failure", None),
        Role::Finally => ("finally", None),
    };
    json!({
        "key": node.key,
        "id": spec.id,
        "title": spec.title.as_ref().map(|title| preview.text(title)),
        "description": spec.description,
        "role": role,
        "of": of.as_ref().map(key),
        "parent": node.parent.as_ref().map(key),
        "needs": keys(&node.needs),
        "children": keys(&node.children),
        "repeats": node.template.as_ref().map(key),
        "rollback": keys(&node.rollback),
        "cleanup": keys(&node.cleanup),
        "selected": node.selected,
        "action": spec.action.key(),
        "command": preview.action(&spec.action),
        "effect": spec.effect,
        "idempotent": spec.idempotent,
        "target": spec.target.to_string(),
        "when": spec.when.as_ref().map(|when| when.source()),
        "done_when": checks(preview, &spec.done_when),
        "preconditions": checks(preview, &spec.preconditions),
        "gate": spec.confirm.as_ref().map(|gate| json!({
            "message": preview.text(&gate.message),
            "show": gate.show.as_ref().map(|show| preview.text(show)),
            "phrase": gate.phrase.as_ref().map(|phrase| preview.text(phrase)),
            "roles": gate.roles,
            "approvers_min": gate.approvers_min,
            "self": if gate.allows_requester(plan.gate_effect(node)) { "allow" } else { "forbid" },
            "timeout": gate.timeout,
            "on_timeout": gate.on_timeout,
        })),
        "expect": spec.expect.as_ref().map(|expect| words::expect(preview, expect)),
        "retry": spec.retry.as_ref().map(words::retry),
        "settle": spec.settle,
        "verify": checks(preview, &spec.verify),
        "irreversible": spec.irreversible,
        "on_failure": spec.on_failure,
        "timeout": spec.timeout,
        "budget": spec.budget,
        "outputs": spec.outputs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        "evidence": spec.evidence,
    })
}

fn checks(preview: &Preview, checks: &[Check]) -> Value {
    let check = |check: &Check| {
        json!({
            "title": check.title.as_ref().map(|title| preview.text(title)),
            "kind": words::check_kind(check),
            "what": words::check(preview, check),
            "target": check.target.to_string(),
            "expect": check.expect.as_ref().map(|expect| words::expect(preview, expect)),
            "retry": check.retry.as_ref().map(words::retry),
            "timeout": check.timeout,
            "message": check.message.as_ref().map(|message| preview.text(message)),
            "warn_only": check.warn_only,
        })
    };
    Value::Array(checks.iter().map(check).collect())
}

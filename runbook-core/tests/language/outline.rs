//! A runbook as text: every step with all that was read, filled in and resolved.

use std::fmt::Write;

use runbook_core::check::{Graph, Role};
use runbook_core::diag::Diagnostics;
use runbook_core::ids::NodeId;
use runbook_core::model::Runbook;
use serde_json::Value;

/// All of `runbook`.
pub(crate) fn outline(runbook: &Runbook) -> String {
    let mut out = String::new();
    entries(&mut out, "", &serde_json::to_value(&runbook.meta).unwrap());
    for input in &runbook.inputs {
        writeln!(out, "input {}", serde_json::to_string(input).unwrap()).unwrap();
    }
    for (name, value) in &runbook.vars {
        writeln!(out, "var {} = {}", name.value, serde_json::to_string(value).unwrap()).unwrap();
    }
    for (name, channel) in &runbook.channels {
        writeln!(out, "channel {} {}", name.value, serde_json::to_string(channel).unwrap()).unwrap();
    }
    for (name, contact) in &runbook.contacts {
        writeln!(out, "contact {} {}", name.value, serde_json::to_string(contact).unwrap()).unwrap();
    }
    if let Some(escalation) = &runbook.escalation {
        writeln!(out, "escalation {}", serde_json::to_string(escalation).unwrap()).unwrap();
    }
    for target in &runbook.inventory.targets {
        let params = serde_json::to_string(&target.params).unwrap();
        let vars = serde_json::to_string(&target.vars).unwrap();
        writeln!(out, "target {}: {} {params} vars {vars}", target.name.value, target.kind).unwrap();
    }
    for (name, members) in &runbook.inventory.groups {
        writeln!(out, "group {}: {}", name.value, members.join(", ")).unwrap();
    }
    for procedure in &runbook.procedures {
        let inputs: Vec<_> = procedure.inputs.iter().map(|input| input.name.value.as_str()).collect();
        let outputs: Vec<_> = procedure.outputs.iter().map(|(name, _)| name.value.as_str()).collect();
        writeln!(out, "procedure {}({}) -> {}", procedure.name.value, inputs.join(", "), outputs.join(", "))
            .unwrap();
    }
    if let Some(lock) = &runbook.lock {
        writeln!(out, "lock {}", serde_json::to_string(lock).unwrap()).unwrap();
    }
    for check in &runbook.preconditions {
        writeln!(out, "precondition {}", serde_json::to_string(check).unwrap()).unwrap();
    }
    writeln!(
        out,
        "rollback after a failure: {}",
        serde_json::to_string(&runbook.on_failure.rollback).unwrap()
    )
    .unwrap();
    let mut found = Diagnostics::default();
    let graph = Graph::new(runbook, &mut found);
    assert!(found.is_empty(), "the graph of a valid runbook: {found:?}");
    for (_, placed) in graph.iter() {
        writeln!(out, "\n[{}] {}", placed.key, role(&graph, placed.role)).unwrap();
        let keys =
            |ids: &[NodeId]| ids.iter().map(|id| graph.step(*id).key.clone()).collect::<Vec<_>>().join(", ");
        for (name, ids) in [("needs", &placed.needs), ("children", &placed.children)] {
            if !ids.is_empty() {
                writeln!(out, "  {name}: {}", keys(ids)).unwrap();
            }
        }
        let mut spec = serde_json::to_value(&placed.step.spec).unwrap();
        if let Value::Object(spec) = &mut spec {
            // Shown only when they are not what nearly every step has.
            spec.retain(|key, value| match key.as_str() {
                "id" => false,
                "effect_declared" | "idempotent" => *value != Value::Bool(false),
                "target" => value != "local",
                "on_failure" => value != "stop",
                _ => true,
            });
        }
        entries(&mut out, "  ", &spec);
    }
    if !runbook.outputs.is_empty() {
        out.push('\n');
    }
    for (name, value) in &runbook.outputs {
        writeln!(out, "output {} = {}", name.value, value.source()).unwrap();
    }
    out
}

fn entries(out: &mut String, indent: &str, value: &Value) {
    for (key, value) in value.as_object().into_iter().flatten() {
        writeln!(out, "{indent}{key}: {value}").unwrap();
    }
}

fn role(graph: &Graph<'_>, role: Role) -> String {
    match role {
        Role::Body => "body".to_owned(),
        Role::Rollback(of) => format!("rollback of {}", graph.step(of).key),
        Role::Cleanup(of) => format!("cleanup of {}", graph.step(of).key),
        Role::OnFailure => "on_failure".to_owned(),
        Role::Finally => "finally".to_owned(),
    }
}

//! What steps are called on a screen.

use runbook_core::expr::Template;
use runbook_core::ids::NodeId;
use runbook_core::plan::{Plan, Role};
use runbook_core::value::{Object, Value};

use crate::text::safe_line;

/// The title of a step, with the values that are known before the run; `None` when it has none.
pub(crate) fn title_of(plan: &Plan, id: NodeId) -> Option<String> {
    let title = plan.node(id).spec.title.as_ref()?;
    Some(safe_line(&known_text(plan, title))).filter(|title| !title.is_empty())
}

/// `template` with the plan's values, or as it is written when it needs more.
fn known_text(plan: &Plan, template: &Template) -> String {
    if let Some(text) = template.as_literal() {
        return text.into_owned();
    }
    let mut scope = Object::new();
    scope.insert("inputs".into(), Value::Object(plan.inputs.clone()));
    scope.insert("vars".into(), Value::Object(plan.vars.clone()));
    scope.insert("env".into(), Value::Object(plan.env.clone()));
    template.render_text(&scope).unwrap_or_else(|_| template.source_text())
}

/// `key  title`, or only the key.
pub(crate) fn key_and_title(plan: &Plan, id: NodeId) -> String {
    match title_of(plan, id) {
        Some(title) => format!("{}  {title}", plan.node(id).key),
        None => plan.node(id).key.clone(),
    }
}

/// What a step that is not part of the body is there for.
pub(crate) fn purpose(plan: &Plan, id: NodeId) -> Option<String> {
    match plan.node(id).role {
        Role::Body => None,
        Role::Rollback(of) => Some(format!("undoes {}", plan.node(of).key)),
        Role::Cleanup(of) => Some(format!("cleans up after {}", plan.node(of).key)),
        Role::OnFailure => Some("after the failure".to_owned()),
        Role::Finally => Some("at the end".to_owned()),
    }
}

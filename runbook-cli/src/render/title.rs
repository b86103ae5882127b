//! What steps are called on a screen.

use runbook_core::ids::NodeId;
use runbook_core::plan::{Plan, Role};

use crate::text::safe_line;

/// The title of a step, with what is known before the run; `None` when it has none.
pub(crate) fn title_of(plan: &Plan, id: NodeId) -> Option<String> {
    let title = plan.node(id).spec.title.as_ref()?;
    let text = title.as_literal().unwrap_or_else(|| {
        let mut preview = plan.preview();
        preview.stand_at(plan, plan.node(id));
        preview.text(title).into()
    });
    Some(safe_line(&text)).filter(|title| !title.is_empty())
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

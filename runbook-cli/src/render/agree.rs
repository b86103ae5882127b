//! Whose yes a gate takes, and who has given theirs, in words.

use jiff::Timestamp;
use runbook_core::model::Role;
use runbook_core::run::{Approval, GateQuestion};

use crate::commands::local_time;

/// `dba (anna, boris) or admins`.
pub(crate) fn roles(roles: &[Role]) -> String {
    let one = |role: &Role| match &role.people {
        Some(people) => format!("{} ({})", role.name, people.join(", ")),
        None => role.name.clone(),
    };
    roles.iter().map(one).collect::<Vec<_>>().join(" or ")
}

/// Whose yes `question` takes; nothing when anybody's is enough.
pub(crate) fn needs(question: &GateQuestion) -> Option<String> {
    let roles = roles(&question.roles);
    let who = match (question.approvers_min, roles.is_empty()) {
        (0..=1, true) if question.by_others => {
            return Some("somebody else than who started the run".to_owned());
        }
        (0..=1, true) => return None,
        (0..=1, false) => format!("somebody of {roles}"),
        (many, true) => format!("{many} people"),
        (many, false) => format!("{many} people of {roles}"),
    };
    Some(if question.by_others { format!("{who}, not who started the run") } else { who })
}

/// `anna (terminal), until 2026-11-22 10:00:00`.
pub(crate) fn approval(approval: &Approval) -> String {
    let until = approval.expires.map_or_else(String::new, |end| format!(", until {}", local_time(end)));
    format!("{} ({}){until}", approval.by.who, approval.by.how)
}

/// `1 more person must agree`; nothing when nobody must.
pub(crate) fn more(needs: u32) -> Option<String> {
    match needs {
        0 => None,
        1 => Some("1 more person must agree".to_owned()),
        more => Some(format!("{more} more people must agree")),
    }
}

/// Until when all of `approvals` hold.
pub(crate) fn hold_until(approvals: &[Approval]) -> Option<Timestamp> {
    approvals.iter().filter_map(|one| one.expires).min()
}

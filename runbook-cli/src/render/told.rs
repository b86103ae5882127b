//! Who was told what happened, and when: the levels of the escalation and the steps that notify, in order of time.

use jiff::Timestamp;
use runbook_core::model::Action;
use runbook_core::run::{Machine, NotTold};
use runbook_core::value::Duration;
use serde_json::{Value, json};

use super::style::Paint;
use crate::commands::local_time;
use crate::text::safe_line;

/// One occasion on which people were told something, or were not.
pub(crate) struct Told {
    /// When.
    at: Timestamp,
    /// The level of the escalation, when it was one.
    level: Option<u32>,
    /// The step, when it was one.
    step: Option<String>,
    /// Who was told.
    sent: Vec<String>,
    /// Who could not be told, and why.
    failed: Vec<NotTold>,
    /// Why nobody was told.
    held_back: Option<String>,
    /// How long after its time, when that is worth a note.
    late: Option<Duration>,
    /// What is required from then on.
    require: Option<String>,
}

/// Everything that people were told in a run.
pub(crate) fn told(machine: &Machine) -> Vec<Told> {
    let (plan, state) = (machine.plan(), machine.state());
    let mut told: Vec<Told> = Vec::new();
    for fired in &state.escalation.fired {
        let place = usize::try_from(fired.level).unwrap_or(0).checked_sub(1);
        let level = place.and_then(|place| plan.escalation.as_ref()?.levels.get(place));
        told.push(Told {
            at: fired.at,
            level: Some(fired.level),
            step: None,
            sent: fired.sent.clone(),
            failed: fired.failed.clone(),
            held_back: fired.held_back.clone(),
            late: fired.late,
            require: level.and_then(|level| level.require.clone()).filter(|_| fired.held_back.is_none()),
        });
    }
    for (id, node) in plan.executable().filter(|(_, node)| matches!(node.spec.action, Action::Notify(_))) {
        let state = state.node(id);
        let (Some(result), Some(at)) = (&state.result, state.ended.or(state.started)) else { continue };
        let list = |name: &str| result.fields.get(name).cloned().unwrap_or_default();
        told.push(Told {
            at,
            level: None,
            step: Some(node.key.clone()),
            sent: serde_json::from_value(list("sent")).unwrap_or_default(),
            failed: serde_json::from_value(list("failed")).unwrap_or_default(),
            held_back: None,
            late: None,
            require: None,
        });
    }
    told.sort_by_key(|told| told.at);
    told
}

impl Told {
    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "at": self.at,
            "level": self.level,
            "step": self.step,
            "sent": self.sent,
            "failed": self.failed,
            "held_back": self.held_back,
            "late": self.late,
            "require": self.require,
        })
    }

    /// As a line.
    pub(crate) fn line(&self, paint: Paint) -> String {
        let occasion = match (&self.level, &self.step) {
            (Some(level), _) => format!("level {level}"),
            (None, step) => safe_line(step.as_deref().unwrap_or_default()),
        };
        let what = outcome(&self.sent, &self.failed, self.held_back.as_deref());
        let what = if self.failed.is_empty() { what } else { paint.warn(&what) };
        let late = self.late.map_or_else(String::new, |late| format!(" ({late} late)"));
        let require = self.require.as_deref().map(|text| format!("; requires {}", safe_line(text)));
        format!("{}  {occasion}: {what}{late}{}", local_time(self.at), require.unwrap_or_default())
    }
}

/// Who was told and who was not, in a few words.
pub(crate) fn outcome(sent: &[String], failed: &[NotTold], held_back: Option<&str>) -> String {
    if let Some(why) = held_back {
        return format!("nobody was told: {}", safe_line(why));
    }
    let mut parts = Vec::new();
    if !sent.is_empty() {
        let names: Vec<String> = sent.iter().map(|name| safe_line(name)).collect();
        parts.push(format!("told {}", names.join(", ")));
    }
    if !failed.is_empty() {
        let why = |not: &NotTold| format!("{} ({})", safe_line(&not.to), safe_line(&not.reason));
        parts.push(format!("not told: {}", failed.iter().map(why).collect::<Vec<_>>().join(", ")));
    }
    parts.join("; ")
}

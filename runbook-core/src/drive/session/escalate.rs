//! The timers of a run: who is told when a level is due, and what.

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Session;
use crate::drive::tell::{Message, tell};
use crate::expr::Expr;
use crate::model::Level;
use crate::port::Notice;
use crate::render::RenderError;
use crate::run::{Event, Phase, Status, Want};
use crate::value::{Duration, Object, Value};

/// A level that fires later than this after its time says so.
const LATE: Duration = Duration::from_secs(10);

/// How many steps a message names.
const NAMED: usize = 5;

impl Session {
    /// Tells people that a level is due, or finds out why not.
    pub(super) fn escalate(&mut self, number: u32) {
        let now = self.world.clock.now();
        let plan = std::sync::Arc::clone(self.machine.plan());
        let Some((next, level, due)) = self.machine.next_level() else { return };
        let Some(escalation) = plan.escalation.as_ref().filter(|_| next == number) else { return };
        let level = level.clone();
        let late = since(due, now).filter(|late| *late > LATE);
        let held_back = |reason: String, over| Event::Escalated {
            level: number,
            sent: Vec::new(),
            failed: Vec::new(),
            held_back: Some(reason),
            over,
            late,
        };
        let mut stops = [(escalation.until.as_ref(), true), (level.unless.as_ref(), false)]
            .into_iter()
            .filter_map(|(condition, over)| Some((condition?, over)));
        let refused = stops.find(|(condition, _)| self.holds(condition));
        if let Some((condition, over)) = refused {
            let event = held_back(format!("`{}` holds", condition.source().trim()), over);
            return self.task(Want::Escalate(number), async move { vec![event] });
        }
        let message = self.alarm(number, &level, now);
        let to: Vec<String> = level.to.iter().map(|name| name.value.clone()).collect();
        let context = self.context.clone();
        self.task(Want::Escalate(number), async move {
            let occasion = ("escalation", number);
            let told = tell(&context, occasion, &to, &message, None, &CancellationToken::new()).await;
            let (sent, failed) = (told.sent, told.failed);
            vec![Event::Escalated { level: number, sent, failed, held_back: None, over: false, late }]
        });
    }

    /// Whether `condition` holds. One that cannot be evaluated does not: better one message too many.
    fn holds(&self, condition: &Expr) -> bool {
        match condition.eval_bool(&self.scope_of_timers([condition])) {
            Ok(holds) => holds,
            Err(error) => {
                let source = condition.source().trim();
                let remark = format!("`{source}` of the escalation: {}", RenderError::from(error));
                self.world.notice(&self.context.plan, &Notice::Remark(&remark));
                false
            }
        }
    }

    fn scope_of_timers<'e>(&self, expressions: impl IntoIterator<Item = &'e Expr>) -> Object {
        let (plan, state) = (self.machine.plan(), self.machine.state());
        let mut scope = self.scopes.of_book(plan, state, expressions);
        if let Some(Value::Object(run)) = scope.get_mut("run") {
            run.insert("progress".into(), state.escalation.progress.into());
        }
        scope
    }

    /// What people are told: the level's own message, or what everybody wants to know first.
    fn alarm(&self, number: u32, level: &Level, now: Timestamp) -> Message {
        let plan = self.machine.plan();
        let name = plan.runbook.title.as_ref().unwrap_or(&plan.runbook.name);
        let severity = plan.runbook.severity.as_ref().map_or_else(String::new, |text| format!("{text} · "));
        let subject = format!("{severity}{name}: level {number}");
        let own = level
            .message
            .as_ref()
            .map(|message| message.render_text(&self.scope_of_timers(message.expressions())));
        let text = match own {
            Some(Ok(text)) => text,
            Some(Err(error)) => {
                let why = RenderError::from(error);
                format!(
                    "{}\n(its own message could not be made: {why})",
                    self.usual_text(level, &subject, now)
                )
            }
            None => self.usual_text(level, &subject, now),
        };
        Message { subject, text }
    }

    fn usual_text(&self, level: &Level, subject: &str, now: Timestamp) -> String {
        let (plan, state) = (self.machine.plan(), self.machine.state());
        let begun = self.machine.escalation_begins().unwrap_or(now);
        let passed = since(begun, now).unwrap_or_default();
        // Whole seconds: nobody reads the rest at night.
        let passed = Duration::from_secs(passed.as_millis() / 1000);
        let roles = level.to.iter().map(|name| {
            let contact = plan.contacts.iter().find(|(known, _)| *known == name.value);
            let role = contact.and_then(|(_, contact)| contact.role.as_ref());
            role.map_or_else(|| name.value.clone(), |role| format!("{} ({role})", name.value))
        });
        let mut lines = vec![subject.to_owned(), format!("to: {}", roles.collect::<Vec<_>>().join(", "))];
        lines.push(format!("since {begun}, {passed} ago"));
        let (mut running, mut waiting) = (Vec::new(), Vec::new());
        for (id, node) in plan.executable() {
            let held = node.spec.action.is_group();
            match state.status(id) {
                _ if matches!(state.node(id).phase, Phase::Idle | Phase::Rest(_)) => {}
                Status::Waiting | Status::InDoubt => waiting.push(node.key.as_str()),
                Status::Running | Status::Verifying if !held => running.push(node.key.as_str()),
                _ => {}
            }
        }
        for (what, steps) in [("running", running), ("waiting for people", waiting)] {
            if !steps.is_empty() {
                let more = if steps.len() > NAMED { ", …" } else { "" };
                let named: Vec<&str> = steps.iter().take(NAMED).copied().collect();
                lines.push(format!("{what}: {}{more}", named.join(", ")));
            }
        }
        if let Some(cause) = state.cause() {
            lines.push(format!("failed: {}", plan.node(cause).key));
        }
        lines.extend(level.require.as_ref().map(|require| format!("required: {require}")));
        lines.push(format!("run {}", self.record.id));
        lines.join("\n")
    }
}

/// How long `from` is ago at `now`.
fn since(from: Timestamp, now: Timestamp) -> Option<Duration> {
    let passed = now.as_millisecond().saturating_sub(from.as_millisecond());
    u64::try_from(passed).ok().map(Duration::from_millis)
}

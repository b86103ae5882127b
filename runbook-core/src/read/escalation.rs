//! `escalation`: timers beside the steps.

use super::keys;
use super::reader::Reader;
use crate::diag::{Code, Diagnostic};
use crate::model::{Escalation, EscalationClock, Level};
use crate::source::{Span, Spanned};
use crate::value::Duration;
use crate::yaml::Node;

impl Reader<'_> {
    pub(super) fn escalation(&mut self, node: &Node) -> Option<Escalation> {
        let fields = self.fields(node, "`escalation`", &[keys::ESCALATION])?;
        let clock = match fields.get("clock") {
            Some(node) => self.clock(node),
            None => Some(EscalationClock::Run),
        };
        let until = fields.get("until").and_then(|node| self.expr(node, "`until`"));
        let nodes = self.require(&fields, "levels", "`escalation`").map(|node| {
            let nodes = self.items(node, "`levels`");
            if nodes.is_empty() && node.as_seq().is_some() {
                self.report(Diagnostic::error(Code::EMPTY_LIST, node.span, "`levels` holds no level"));
            }
            nodes
        })?;
        let mut levels = Vec::with_capacity(nodes.len());
        let mut last: Option<(Duration, Span)> = None;
        for node in nodes {
            let Some((level, span)) = self.level(node) else { continue };
            if let Some((before, first)) = last.filter(|(before, _)| level.after < *before) {
                let message = format!("a level after {} follows one after {before}", level.after);
                let problem = Diagnostic::error(Code::LEVELS_OUT_OF_ORDER, span, message);
                self.report(problem.also(first, "the later one").help("write the levels in order of time"));
            }
            last = Some((level.after, span));
            levels.push(level);
        }
        Some(Escalation { clock: clock?, until, levels })
    }

    /// `run`, `{input: name}` or `input name`.
    fn clock(&mut self, node: &Node) -> Option<EscalationClock> {
        if node.as_map().is_some() {
            let fields = self.fields(node, "`clock`", &[keys::CLOCK])?;
            let name = self.require(&fields, "input", "`clock`")?;
            return self.spanned_text(name, "`input`").map(EscalationClock::Input);
        }
        let text = self.spanned_text(node, "`clock`")?;
        let mut words = text.value.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("run"), None, None) => Some(EscalationClock::Run),
            (Some("input"), Some(name), None) => {
                Some(EscalationClock::Input(Spanned::new(name.to_owned(), text.span)))
            }
            _ => {
                let message = format!("`clock` cannot be `{}`", text.value);
                let problem = Diagnostic::error(Code::BAD_VALUE, text.span, message);
                self.report(
                    problem.help("write `run`, or `{input: name}` with an input that holds a point in time"),
                );
                None
            }
        }
    }

    fn level(&mut self, node: &Node) -> Option<(Level, Span)> {
        let fields = self.fields(node, "a level", &[keys::LEVEL])?;
        let after = self.require(&fields, "after", "a level").and_then(|node| self.duration(node, "`after`"));
        let to = self.require(&fields, "to", "a level").map(|node| self.recipients(node));
        let level = Level {
            after: after?,
            to: to?,
            unless: fields.get("unless").and_then(|node| self.expr(node, "`unless`")),
            require: fields.get("require").and_then(|node| self.text(node, "`require`")),
            message: fields.get("message").and_then(|node| self.template(node, "`message`")),
        };
        Some((level, fields.value_span("after")))
    }
}

//! What must come of a run.

use super::super::keys;
use super::super::reader::Reader;
use crate::diag::{Code, Diagnostic};
use crate::model::{Expected, ExpectedGate, ExpectedStatus, ExpectedStep, ExpectedSteps, ExpectedText};
use crate::source::Spanned;
use crate::yaml::Node;

/// What a text without a matcher around it must be.
#[derive(Clone, Copy)]
enum Bare {
    Equals,
    Contains,
}

/// What steps are called in listings.
const STEP_STATUS: [&str; 15] = [
    "pending",
    "waiting",
    "running",
    "in_doubt",
    "verifying",
    "succeeded",
    "warned",
    "failed",
    "blocked",
    "denied",
    "skipped",
    "cancelled",
    "undoing",
    "undone",
    "undo_failed",
];

impl Reader<'_> {
    pub(super) fn expected(&mut self, node: &Node) -> Option<Expected> {
        let fields = self.fields(node, "`expect`", &[keys::EXPECTED])?;
        let mut expected = Expected { span: node.span, ..Expected::default() };
        expected.status = fields.get("status").and_then(|node| {
            let status = self.word(node, "`status`", &ExpectedStatus::ALL)?;
            Some(Spanned::new(status, node.span))
        });
        let mut steps = |key: &str| {
            let node = fields.get(key)?;
            Some(ExpectedSteps { span: node.span, names: self.step_names(node, &format!("`{key}`")) })
        };
        expected.ran = steps("ran");
        expected.not_run = steps("not_run");
        expected.rolled_back = steps("rolled_back");
        expected.order = steps("order");
        if let Some(map) = fields.get("steps").and_then(|node| self.named(node, "`steps`")) {
            for (name, node) in map.iter() {
                expected.steps.extend(self.expected_step(node).map(|step| (name.clone(), step)));
            }
        }
        expected.outputs = fields.get("outputs").map(|n| self.given(n, "`outputs`")).unwrap_or_default();
        if let Some(map) = fields.get("gates").and_then(|node| self.named(node, "`gates`")) {
            for (name, node) in map.iter() {
                expected.gates.extend(self.expected_gate(node).map(|gate| (name.clone(), gate)));
            }
        }
        if let Some(map) = fields.get("commands").and_then(|node| self.named(node, "`commands`")) {
            for (name, node) in map.iter() {
                expected.commands.extend(self.expected_text(node, Bare::Equals).map(|t| (name.clone(), t)));
            }
        }
        if let Some(node) = fields.get("duration") {
            let limits = self.fields(node, "`duration`", &[keys::EXPECTED_DURATION])?;
            let mut limit = |key: &str| {
                let node = limits.get(key)?;
                Some(Spanned::new(self.duration(node, &format!("`{key}`"))?, node.span))
            };
            expected.at_most = limit("at_most");
            expected.at_least = limit("at_least");
            if limits.map.is_empty() {
                self.nothing_said(node.span, "`duration`");
            }
        }
        Some(expected)
    }

    fn expected_step(&mut self, node: &Node) -> Option<ExpectedStep> {
        if node.as_scalar().is_some() {
            // `restart: succeeded`
            let status = Some(self.step_status(node)?);
            return Some(ExpectedStep { status, ..ExpectedStep::default() });
        }
        let fields = self.fields(node, "what is expected of a step", &[keys::EXPECTED_STEP])?;
        if fields.map.is_empty() {
            self.nothing_said(node.span, "what is expected of the step");
        }
        Some(ExpectedStep {
            status: fields.get("status").and_then(|node| self.step_status(node)),
            reason: fields.get("reason").and_then(|node| self.expected_text(node, Bare::Contains)),
            attempts: fields.get("attempts").and_then(|node| self.amount(node, "`attempts`")),
            outputs: fields.get("outputs").map(|node| self.given(node, "`outputs`")).unwrap_or_default(),
        })
    }

    fn step_status(&mut self, node: &Node) -> Option<Spanned<String>> {
        let words: Vec<(&str, &str)> = STEP_STATUS.iter().map(|word| (*word, *word)).collect();
        let word = self.word(node, "the status of a step", &words)?;
        Some(Spanned::new(word.to_owned(), node.span))
    }

    fn expected_gate(&mut self, node: &Node) -> Option<ExpectedGate> {
        if node.as_scalar().is_some() {
            let message = self.expected_text(node, Bare::Contains);
            return Some(ExpectedGate { span: node.span, message, ..ExpectedGate::default() });
        }
        let fields = self.fields(node, "what is expected at a gate", &[keys::EXPECTED_GATE])?;
        let mut text = |key: &str| fields.get(key).and_then(|n| self.expected_text(n, Bare::Contains));
        let (message, action, show, phrase) = (text("message"), text("action"), text("show"), text("phrase"));
        let effects = [("read", "read"), ("change", "change"), ("destroy", "destroy")];
        Some(ExpectedGate {
            span: node.span,
            message,
            action,
            show,
            phrase,
            target: fields.get("target").and_then(|node| self.spanned_text(node, "`target`")),
            effect: fields.get("effect").and_then(|node| {
                let effect = self.word(node, "`effect`", &effects)?;
                Some(Spanned::new(effect.to_owned(), node.span))
            }),
        })
    }

    fn expected_text(&mut self, node: &Node, bare: Bare) -> Option<ExpectedText> {
        let mut text = ExpectedText { span: node.span, ..ExpectedText::default() };
        if node.as_scalar().is_some() {
            let wanted = Some(self.text(node, "the text")?);
            match bare {
                Bare::Equals => text.equals = wanted,
                Bare::Contains => text.contains = wanted,
            }
            return Some(text);
        }
        let fields = self.fields(node, "a text matcher", &[keys::EXPECTED_TEXT])?;
        if fields.map.is_empty() {
            let message = "a text matcher that any text fits";
            self.report(Diagnostic::error(Code::EMPTY_LIST, node.span, message));
            return None;
        }
        text.equals = fields.get("equals").and_then(|node| self.text(node, "`equals`"));
        text.contains = fields.get("contains").and_then(|node| self.text(node, "`contains`"));
        text.not_contains = fields.get("not_contains").and_then(|node| self.text(node, "`not_contains`"));
        text.matches = fields.get("matches").and_then(|node| self.pattern(node, "`matches`"));
        text.not_matches = fields.get("not_matches").and_then(|node| self.pattern(node, "`not_matches`"));
        Some(text)
    }
}

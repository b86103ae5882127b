//! What the world answers, and what people answer.

use super::super::fields::Fields;
use super::super::keys;
use super::super::reader::Reader;
use crate::diag::{Code, Diagnostic};
use crate::model::{Answer, AnswerValue, AnswerWord, Mock, MockEnd, MockFile, MockValue};
use crate::source::Spanned;
use crate::value::{Duration, Value, parse_size};
use crate::yaml::{Node, Scalar};

/// Words that stand for a whole result.
const RESULTS: [(&str, bool); 4] = [("ok", true), ("fail", false), ("true", true), ("false", false)];

/// Keys that say how something ends; one of them is enough.
const ENDS: [&str; 4] = ["fail", "lost", "not_started", "timed_out"];

impl Reader<'_> {
    pub(super) fn mocks(&mut self, node: &Node) -> Vec<Mock> {
        let Some(map) = self.named(node, "`mocks`") else { return Vec::new() };
        map.iter().filter_map(|(name, node)| self.mock(name, node)).collect()
    }

    fn mock(&mut self, name: &Spanned<String>, node: &Node) -> Option<Mock> {
        let nodes = node.as_seq().unwrap_or(std::slice::from_ref(node));
        if nodes.is_empty() {
            self.nothing_said(node.span, "a mock without a result");
            return None;
        }
        let mut optional = false;
        let values: Vec<MockValue> =
            nodes.iter().filter_map(|node| self.mock_value(node, &mut optional)).collect();
        (values.len() == nodes.len()).then(|| Mock { name: name.clone(), values, optional })
    }

    fn mock_value(&mut self, node: &Node, optional: &mut bool) -> Option<MockValue> {
        let mut value = MockValue { span: node.span, ..MockValue::default() };
        if node.as_scalar().is_some() {
            value.end = match self.word(node, "a result", &RESULTS)? {
                true => MockEnd::Passed,
                false => MockEnd::Failed(None),
            };
            return Some(value);
        }
        let fields = self.fields(node, "a result", &[keys::MOCK])?;
        let mut text = |key: &str| fields.get(key).and_then(|n| self.spanned_text(n, &format!("`{key}`")));
        value.stdout = text("stdout");
        value.stderr = text("stderr");
        value.exit_code = fields.get("exit_code").and_then(|node| self.exit_code(node));
        for key in ["status", "json", "headers", "body"] {
            if let Some(node) = fields.get(key)
                && self.keeps_value(node, &format!("`{key}`"))
            {
                value.fields.push((Spanned::new(key.to_owned(), fields.key_span(key)), node.to_value()));
            }
        }
        if let Some(map) = fields.get("fields").and_then(|node| self.named(node, "`fields`")) {
            value.fields.extend(map.iter().map(|(name, node)| (name.clone(), node.to_value())));
        }
        value.delay = fields.get("delay").and_then(|node| self.duration(node, "`delay`"));
        value.file = self.mock_file(&fields);
        if let Some(node) = fields.get("optional") {
            *optional |= self.bool(node, "`optional`")?;
        }
        value.end = self.mock_end(&fields)?;
        Some(value)
    }

    fn exit_code(&mut self, node: &Node) -> Option<Spanned<i32>> {
        let number = self.amount(node, "`exit_code`")?;
        if number.value > 255 {
            self.wrong_type(node, "`exit_code`", "a number from 0 to 255");
            return None;
        }
        Some(Spanned::new(number.value as i32, number.span))
    }

    fn mock_end(&mut self, fields: &Fields<'_>) -> Option<MockEnd> {
        let mut written = ENDS.iter().filter(|key| fields.has(key));
        let Some(key) = written.next() else { return Some(MockEnd::Completed) };
        if let Some(other) = written.next() {
            let message = format!("`{other}` beside `{key}`");
            self.report(
                Diagnostic::error(Code::KEY_NOT_HERE, fields.key_span(other), message)
                    .also(fields.key_span(key), "the first one")
                    .note("a result ends in one way"),
            );
            return None;
        }
        let node = fields.get(key)?;
        // `lost: true`, or why.
        let reason = match node.as_scalar().filter(|scalar| scalar.is_plain()).map(Scalar::resolve) {
            Some(Value::Bool(true)) => None,
            Some(Value::Bool(false)) => {
                let message = format!("`{key}: false` says nothing");
                self.report(
                    Diagnostic::error(Code::BAD_VALUE, node.span, message)
                        .help(format!("leave `{key}` away")),
                );
                return None;
            }
            _ => Some(self.text(node, &format!("`{key}`"))?),
        };
        Some(match *key {
            "fail" => MockEnd::Failed(reason),
            "lost" => MockEnd::Lost(reason),
            "not_started" => MockEnd::NotStarted(reason),
            _ => MockEnd::TimedOut,
        })
    }

    fn mock_file(&mut self, fields: &Fields<'_>) -> Option<Spanned<MockFile>> {
        let first = ["exists", "size", "age"].into_iter().find(|key| fields.has(key))?;
        let mut file = MockFile { exists: true, size: 1, age: Duration::default() };
        if let Some(node) = fields.get("exists") {
            file.exists = self.bool(node, "`exists`")?;
        }
        if let Some(node) = fields.get("size") {
            let size = node.as_scalar().and_then(|scalar| parse_size(scalar.text()));
            if size.is_none() {
                self.wrong_type(node, "`size`", "a number of bytes such as `4096` or `10MiB`");
            }
            file.size = size?;
        }
        if let Some(node) = fields.get("age") {
            file.age = self.duration(node, "`age`")?;
        }
        Some(Spanned::new(file, fields.key_span(first)))
    }

    pub(super) fn answers(&mut self, node: &Node) -> Vec<Answer> {
        let Some(map) = self.named(node, "`answers`") else { return Vec::new() };
        map.iter().filter_map(|(name, node)| self.answer(name, node)).collect()
    }

    fn answer(&mut self, name: &Spanned<String>, node: &Node) -> Option<Answer> {
        let nodes = node.as_seq().unwrap_or(std::slice::from_ref(node));
        if nodes.is_empty() {
            self.nothing_said(node.span, "an empty list of answers");
            return None;
        }
        let replies: Vec<AnswerValue> = nodes.iter().filter_map(|node| self.answer_value(node)).collect();
        (replies.len() == nodes.len()).then(|| Answer { name: name.clone(), replies })
    }

    fn answer_value(&mut self, node: &Node) -> Option<AnswerValue> {
        let mut value = AnswerValue {
            span: node.span,
            word: AnswerWord::Done,
            fields: Vec::new(),
            note: None,
            after: None,
        };
        if node.as_scalar().is_some() {
            value.word = self.word(node, "an answer", &AnswerWord::ALL)?;
            return Some(value);
        }
        let is_whole = node.get("decision").is_some();
        if !is_whole && node.as_map().is_some() {
            // The fields of a manual step alone: it was done.
            value.fields = self.given(node, "an answer");
            return Some(value);
        }
        let fields = self.fields(node, "an answer", &[keys::ANSWER])?;
        value.word = self
            .require(&fields, "decision", "an answer")
            .and_then(|node| self.word(node, "`decision`", &AnswerWord::ALL))?;
        value.fields = fields.get("fields").map(|n| self.given(n, "`fields`")).unwrap_or_default();
        value.note = fields.get("note").and_then(|node| self.text(node, "`note`"));
        value.after = fields.get("after").and_then(|node| self.duration(node, "`after`"));
        Some(value)
    }
}

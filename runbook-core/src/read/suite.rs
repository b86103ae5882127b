//! Files of tests: what is given, what the world and people answer, what must come of it.

mod expect;
mod mocks;

use super::fields::Fields;
use super::keys;
use super::reader::Reader;
use crate::diag::{Code, Diagnostic};
use crate::model::{Case, Expected, Script, Suite};
use crate::source::{Span, Spanned};
use crate::value::Value;
use crate::yaml::{Map, Node};

impl Reader<'_> {
    /// A whole file of tests.
    pub(super) fn suite(&mut self, root: &Node) -> Option<Suite> {
        let fields = self.fields(root, "a file of tests", &[keys::SUITE, keys::SCRIPT])?;
        self.version(&fields, "a file of tests");
        let kind =
            self.require(&fields, "kind", "a file of tests").and_then(|n| self.spanned_text(n, "`kind`"));
        if let Some(kind) = kind.filter(|kind| kind.value != "RunbookTest") {
            let message = format!("`{}` is not a file of tests", kind.value);
            self.report(
                Diagnostic::error(Code::BAD_KIND, kind.span, message).help("write `kind: RunbookTest`"),
            );
            return None;
        }
        let runbook = self
            .require(&fields, "runbook", "a file of tests")
            .and_then(|node| self.spanned_text(node, "`runbook`"));
        let shared = self.script(&fields);
        let nodes =
            self.require(&fields, "tests", "a file of tests").map(|node| (node, self.items(node, "`tests`")));
        let mut tests: Vec<Case> = Vec::new();
        if let Some((node, items)) = nodes {
            if items.is_empty() && node.as_seq().is_some() {
                self.report(Diagnostic::error(Code::EMPTY_LIST, node.span, "`tests` holds no test"));
            }
            for item in items {
                tests.extend(self.test_case(item));
            }
        }
        Some(Suite { runbook: runbook?, shared, tests })
    }

    fn test_case(&mut self, node: &Node) -> Option<Case> {
        let fields = self.fields(node, "a test", &[keys::TEST, keys::SCRIPT])?;
        let name = self.require(&fields, "name", "a test").and_then(|n| self.spanned_text(n, "`name`"));
        let script = self.script(&fields);
        let description = fields.get("description").and_then(|node| self.text(node, "`description`"));
        let from = fields.get("from").and_then(|node| self.spanned_text(node, "`from`"));
        let only = fields.get("only").map(|node| self.step_names(node, "`only`")).unwrap_or_default();
        let expect = match fields.get("expect") {
            Some(node) => self.expected(node),
            None => Some(Expected { span: node.span, ..Expected::default() }),
        };
        Some(Case { name: name?, description, script, from, only, expect: expect? })
    }

    fn script(&mut self, fields: &Fields<'_>) -> Script {
        Script {
            inputs: fields.get("inputs").map(|node| self.given(node, "`inputs`")).unwrap_or_default(),
            env: fields.get("env").map(|node| self.environment(node)).unwrap_or_default(),
            answers: fields.get("answers").map(|node| self.answers(node)).unwrap_or_default(),
            mocks: fields.get("mocks").map(|node| self.mocks(node)).unwrap_or_default(),
        }
    }

    fn environment(&mut self, node: &Node) -> Vec<(Spanned<String>, String)> {
        let Some(map) = self.named(node, "`env`") else { return Vec::new() };
        map.iter().filter_map(|(name, node)| Some((name.clone(), self.text(node, "a variable")?))).collect()
    }

    /// `node` as a map in which every name is allowed.
    fn named<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Map> {
        let map = node.as_map();
        if map.is_none() {
            self.wrong_type(node, what, "a map");
        }
        map
    }

    /// A map of names to any data.
    fn given(&mut self, node: &Node, what: &str) -> Vec<(Spanned<String>, Spanned<Value>)> {
        let Some(map) = self.named(node, what) else { return Vec::new() };
        map.iter()
            .filter(|(_, node)| self.keeps_value(node, what))
            .map(|(name, node)| (name.clone(), Spanned::new(node.to_value(), node.span)))
            .collect()
    }

    /// One name, or a list of them.
    fn step_names(&mut self, node: &Node, what: &str) -> Vec<Spanned<String>> {
        let nodes = match node.as_scalar() {
            Some(_) => std::slice::from_ref(node),
            None => self.items(node, what),
        };
        nodes.iter().filter_map(|node| self.spanned_text(node, "the name of a step")).collect()
    }

    /// A number from 0.
    fn amount(&mut self, node: &Node, what: &str) -> Option<Spanned<u32>> {
        let number = node.as_scalar().filter(|scalar| scalar.is_plain()).map(|scalar| scalar.resolve());
        let number = number.as_ref().and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
        if number.is_none() {
            self.wrong_type(node, what, "a whole number from 0");
        }
        Some(Spanned::new(number?, node.span))
    }

    fn nothing_said(&mut self, span: Span, what: &str) {
        self.report(Diagnostic::error(Code::EMPTY_LIST, span, format!("{what} says nothing")));
    }
}

//! A map whose keys have been looked at.

use crate::source::Span;
use crate::yaml::{Map, Node};

/// A map whose keys are known.
pub(super) struct Fields<'n> {
    pub(super) map: &'n Map,
    pub(super) span: Span,
    /// Whether a key that is not known may have been meant to say what is done or asked.
    pub(super) puzzling: bool,
    /// What was said to those who wrote keys that are not known.
    pub(super) hints: Vec<String>,
}

impl<'n> Fields<'n> {
    /// `map`, whose keys nobody has looked at yet.
    pub(super) fn unchecked(map: &'n Map, span: Span) -> Self {
        Fields { map, span, puzzling: false, hints: Vec::new() }
    }

    /// Whether there are keys that are not known, but close to something.
    pub(super) fn has_hints(&self) -> bool {
        !self.hints.is_empty()
    }

    /// Whether a key that is not known was probably meant for `key`.
    pub(super) fn hinted(&self, key: &str) -> bool {
        self.hints.iter().any(|hint| hint.contains(&format!("`{key}`")))
    }

    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.map.get(key)
    }

    pub(super) fn key_span(&self, key: &str) -> Span {
        self.map.get_entry(key).map_or(self.span, |(key, _)| key.span)
    }

    pub(super) fn value_span(&self, key: &str) -> Span {
        self.get(key).map_or(self.span, |node| node.span)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.map.get(key).is_some()
    }
}

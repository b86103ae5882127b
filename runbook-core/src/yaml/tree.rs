//! The tree: scalars, lists and maps with their places.

use std::ops::Range;

use super::offsets::OffsetMap;
use crate::source::{Span, Spanned};
use crate::value::{Object, Value, type_name};

/// A value and where it was written. What an alias stands for keeps the place of its anchor.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it was written.
    pub span: Span,
    /// What it is.
    pub kind: NodeKind,
}

/// What a [`Node`] is.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// A text, number, bool or nothing.
    Scalar(Scalar),
    /// A list.
    Seq(Vec<Node>),
    /// A map.
    Map(Map),
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In `'single quotes'`.
    SingleQuoted,
    /// In `"double quotes"`.
    DoubleQuoted,
    /// As a block after `|`.
    Literal,
    /// As a block after `>`.
    Folded,
}

/// A single value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    text: Box<str>,
    style: Style,
    offsets: OffsetMap,
}

impl Scalar {
    pub(super) fn new(text: &str, style: Style, offsets: OffsetMap) -> Self {
        Scalar { text: text.into(), style, offsets }
    }

    /// The text after quotes, escapes, indentation and folding are taken away; empty when nothing was
    /// written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How it was written.
    pub fn style(&self) -> Style {
        self.style
    }

    /// Whether it was written without quotes and not as a block.
    pub fn is_plain(&self) -> bool {
        self.style == Style::Plain
    }

    /// Where the bytes `range` of [`text`](Self::text) were written.
    ///
    /// An escape or a folded line break counts as a whole.
    pub fn span_of(&self, range: Range<usize>) -> Span {
        self.offsets.span_of(range, self.text.len())
    }
}

/// A map in the order in which it was written; every key is there once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    /// Keys with their places, and values.
    pub entries: Vec<(Spanned<String>, Node)>,
}

impl Map {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.get_entry(key).map(|(_, node)| node)
    }

    /// `key` as it was written, and its value.
    pub fn get_entry(&self, key: &str) -> Option<(&Spanned<String>, &Node)> {
        self.iter().find(|(k, _)| k.value == key)
    }

    /// Keys and values in the order in which they were written.
    pub fn iter(&self) -> impl Iterator<Item = (&Spanned<String>, &Node)> {
        self.entries.iter().map(|(key, node)| (key, node))
    }

    /// The keys alone.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(key, _)| key.value.as_str())
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Node {
    /// The data without its places.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            NodeKind::Scalar(scalar) => scalar.resolve(),
            NodeKind::Seq(items) => Value::Array(items.iter().map(Node::to_value).collect()),
            NodeKind::Map(map) => {
                let entries = map.iter().map(|(key, node)| (key.value.clone(), node.to_value()));
                Value::Object(entries.collect::<Object>())
            }
        }
    }

    /// What people call its type: `text`, `number`, `bool`, `list`, `map` or `nothing`.
    pub fn kind_name(&self) -> &'static str {
        match &self.kind {
            NodeKind::Scalar(scalar) => type_name(&scalar.resolve()),
            NodeKind::Seq(_) => "list",
            NodeKind::Map(_) => "map",
        }
    }

    /// The scalar, if it is one.
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            NodeKind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text of a scalar that is a text to YAML, not a number, bool or nothing.
    pub fn as_str(&self) -> Option<&str> {
        self.as_scalar().filter(|s| s.resolve().is_string()).map(Scalar::text)
    }

    /// The entries of a list.
    pub fn as_seq(&self) -> Option<&[Node]> {
        match &self.kind {
            NodeKind::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The map, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.kind {
            NodeKind::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The value of `key`, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key)
    }

    /// Whether nothing was written, or `~` or `null`.
    pub fn is_nothing(&self) -> bool {
        self.as_scalar().is_some_and(Scalar::is_nothing)
    }
}

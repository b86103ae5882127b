//! The syntax tree of an expression. Knows no values.

use std::ops::Range;

/// A part of an expression.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) what: What,
    pub(super) range: Range<usize>,
    /// How many nodes lie on the longest way down, this one included.
    pub(super) height: usize,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    None,
    Bool(bool),
    /// Digits as written, without `_`.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    /// A name with the constant fields after it.
    Path {
        root: String,
        root_range: Range<usize>,
        segments: Vec<Segment>,
    },
    /// A value and a computed index or key.
    Item(Box<[Node; 2]>),
    /// A value with start, stop and step.
    Slice(Box<Node>, Box<[Option<Node>; 3]>),
    Call(Call),
    Filter(Box<Node>, Call),
    Test {
        base: Box<Node>,
        negated: bool,
        call: Call,
    },
    Not(Box<Node>),
    Minus(Box<Node>),
    Arithmetic(Box<Node>, Vec<(&'static str, Node)>),
    Compare(Comparison, Box<[Node; 2]>),
    Logic(Logic, Vec<Node>),
    /// Value, condition, value otherwise.
    If(Box<[Node; 3]>),
}

#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) key: Key,
    pub(super) range: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Key {
    Name(String),
    Index(u64),
}

/// A filter, test or function with its arguments.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) name_range: Range<usize>,
    pub(super) args: Vec<Arg>,
}

#[derive(Clone, Debug)]
pub(super) struct Arg {
    /// What stands before `=`, and where.
    pub(super) name: Option<(String, Range<usize>)>,
    pub(super) value: Node,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logic {
    And,
    Or,
}

impl Logic {
    pub(super) fn word(self) -> &'static str {
        match self {
            Logic::And => "and",
            Logic::Or => "or",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}

impl Comparison {
    const SYMBOLS: [(&'static str, Comparison); 8] = [
        ("==", Comparison::Eq),
        ("!=", Comparison::Ne),
        ("<", Comparison::Lt),
        ("<=", Comparison::Le),
        (">", Comparison::Gt),
        (">=", Comparison::Ge),
        ("in", Comparison::In),
        ("not in", Comparison::NotIn),
    ];

    pub(super) fn from_symbol(symbol: &str) -> Option<Self> {
        Self::SYMBOLS.iter().find(|(name, _)| *name == symbol).map(|(_, comparison)| *comparison)
    }

    pub(super) fn symbol(self) -> &'static str {
        Self::SYMBOLS.iter().find(|(_, comparison)| *comparison == self).map_or("==", |(name, _)| name)
    }
}

impl Node {
    pub(super) fn new(what: What, range: Range<usize>) -> Self {
        let mut node = Node { what, range, height: 0 };
        node.height = 1 + node.children().iter().map(|child| child.height).max().unwrap_or(0);
        node
    }

    /// The nodes directly under this one, as written from left to right.
    pub(super) fn children(&self) -> Vec<&Node> {
        match &self.what {
            What::None | What::Bool(_) | What::Number(_) | What::Text(_) | What::Path { .. } => Vec::new(),
            What::List(items) | What::Logic(_, items) => items.iter().collect(),
            What::Map(entries) => entries.iter().flat_map(|(key, value)| [key, value]).collect(),
            What::Item(parts) | What::Compare(_, parts) => parts.iter().collect(),
            What::Slice(base, bounds) => std::iter::once(&**base).chain(bounds.iter().flatten()).collect(),
            What::Call(call) => call.args.iter().map(|arg| &arg.value).collect(),
            What::Filter(base, call) | What::Test { base, call, .. } => {
                let mut children = vec![&**base];
                children.extend(call.args.iter().map(|arg| &arg.value));
                children
            }
            What::Not(operand) | What::Minus(operand) => vec![operand],
            What::Arithmetic(first, rest) => {
                std::iter::once(&**first).chain(rest.iter().map(|(_, operand)| operand)).collect()
            }
            What::If(parts) => parts.iter().collect(),
        }
    }

    /// Whether its value can only be a bool.
    pub(super) fn is_condition(&self) -> bool {
        matches!(
            self.what,
            What::Bool(_) | What::Test { .. } | What::Not(_) | What::Compare(..) | What::Logic(..)
        )
    }
}

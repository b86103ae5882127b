//! Parser events to a tree.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, Tag};

use super::offsets::OffsetMap;
use super::tree::{Map, Node, NodeKind, Scalar, Style};
use super::{MAX_ALIAS_BYTES, MAX_ALIAS_NODES, MAX_DEPTH, MAX_SCALAR_BYTES, syntax};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::source::{SourceId, Span, Spanned};

/// Beyond so many problems of a file, more of them help nobody.
const REPORTED: usize = 200;
/// Maps up to this size are searched for duplicates without an index.
const SMALL_MAP: usize = 16;

/// What a node is made of, as remembered for aliases.
#[derive(Clone)]
enum Item {
    Scalar(Span, Scalar),
    Seq(usize),
    Map(usize),
    End(usize),
    Alias(usize, Span),
}

/// The part of the record that an anchor marks, and what a copy of it costs.
#[derive(Clone, Copy)]
struct Anchored {
    first: usize,
    last: usize,
    cost: Cost,
}

#[derive(Clone, Copy, Default)]
struct Cost {
    nodes: usize,
    bytes: usize,
}

/// An anchor whose node is not complete.
struct OpenAnchor {
    id: usize,
    first: usize,
    before: Cost,
}

/// A list or map that is not complete.
struct Frame {
    start: usize,
    flow: bool,
    anchor: Option<OpenAnchor>,
    kind: FrameKind,
}

enum FrameKind {
    Seq(Vec<Node>),
    Map { entries: Vec<(Spanned<String>, Node)>, key: Key },
}

/// What a map waits for.
enum Key {
    /// A key.
    Awaited,
    /// The value of this key.
    Read(Spanned<String>),
    /// The value of a key that was refused.
    Refused,
}

pub(super) struct Builder<'t, 'd> {
    id: SourceId,
    text: &'t str,
    found: &'d mut Diagnostics,
    reported: usize,
    frames: Vec<Frame>,
    root: Option<Node>,
    /// End of the last thing that was written, so that blocks do not reach into the lines after them.
    last_end: usize,
    /// Everything since the first anchor that was open at the time; empty without anchors.
    record: Vec<Item>,
    anchors: HashMap<usize, Anchored>,
    open_anchors: usize,
    built: Cost,
    expanded: Cost,
    expanding: bool,
    limit_reported: bool,
    stopped: bool,
}

impl<'t, 'd> Builder<'t, 'd> {
    pub(super) fn new(id: SourceId, text: &'t str, found: &'d mut Diagnostics) -> Self {
        Builder {
            id,
            text,
            found,
            reported: 0,
            frames: Vec::new(),
            root: None,
            last_end: 0,
            record: Vec::new(),
            anchors: HashMap::new(),
            open_anchors: 0,
            built: Cost::default(),
            expanded: Cost::default(),
            expanding: false,
            limit_reported: false,
            stopped: false,
        }
    }

    pub(super) fn read(mut self) -> Option<Node> {
        let options = granit_parser::options! {
            emit_comments: false,
            emit_unresolved_aliases: true,
            disallow_directives: true,
            flow_nesting_limit: MAX_DEPTH + 1,
            block_nesting_limit: MAX_DEPTH + 1,
        };
        let mut documents = 0;
        let mut broken = false;
        for next in Parser::new_from_str_with_options(self.text, options) {
            match next {
                Ok((Event::DocumentStart(explicit, _), span)) => {
                    documents += 1;
                    if documents > 1 {
                        self.second_document(explicit, offsets(&span).start);
                        break;
                    }
                }
                Ok((event, span)) => self.event(event, &span),
                Err(error) => {
                    broken = true;
                    // The map of a single pair, as in `[a: b]`, is a flow map without a bracket.
                    let bracket = |f: &&Frame| f.flow && self.text[f.start..].starts_with(['[', '{']);
                    let open = self.frames.iter().rev().find(bracket).map(|f| f.start);
                    let found = syntax::explain(self.id, self.text, &error, self.last_end, open);
                    self.report(found);
                    break;
                }
            }
            if self.stopped {
                break;
            }
        }
        while !self.frames.is_empty() {
            self.close(self.last_end);
        }
        let written = |n: &Node| !(n.is_nothing() && n.span.start == n.span.end);
        let root = self.root.take().filter(written);
        if root.is_none() && !broken && !self.stopped {
            let at = Span::new(self.id, 0..0);
            self.report(
                Diagnostic::error(Code::EMPTY_DOCUMENT, at, "the file holds no document")
                    .help("start with `apiVersion: runbook/v1` and `kind: Runbook`"),
            );
        }
        root
    }

    fn event(&mut self, event: Event<'_>, span: &granit_parser::Span) {
        let range = offsets(span);
        let at = Span::new(self.id, range.clone());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                let empty = style == ScalarStyle::Plain && range.is_empty();
                // The parser puts a missing value before the colon that announces it.
                let colon = empty && self.text[range.start..].starts_with(':');
                let range = if colon { range.start + 1..range.start + 1 } else { range };
                let (range, scalar) = self.scalar(range, style, if empty { "" } else { &text });
                self.last_end = self.last_end.max(range.end);
                let open = self.open_anchor(anchor);
                self.put(Item::Scalar(Span::new(self.id, range), scalar));
                self.close_anchor(open);
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                let open = self.open_anchor(anchor);
                self.put(Item::Seq(range.start));
                self.opened(style, open);
            }
            Event::MappingStart(style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                let open = self.open_anchor(anchor);
                self.put(Item::Map(range.start));
                self.opened(style, open);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if self.frames.last().is_some_and(|f| f.flow) {
                    self.last_end = self.last_end.max(range.end);
                }
                self.put(Item::End(self.last_end));
            }
            Event::Alias(anchor) => {
                self.last_end = range.end;
                self.put(Item::Alias(anchor, at));
            }
            Event::UnresolvedAlias(name) => {
                self.last_end = range.end;
                self.report(
                    Diagnostic::error(
                        Code::UNKNOWN_ALIAS,
                        at,
                        format!("no anchor `&{name}` before this alias"),
                    )
                    .help(format!(
                        "mark the value with `&{name}` first, or quote the text if the `*` belongs to it"
                    )),
                );
                let scalar = self.scalar(range, ScalarStyle::Plain, &format!("*{name}")).1;
                self.put(Item::Scalar(at, scalar));
            }
            _ => {}
        }
    }

    /// The scalar, with the range that its own text takes.
    fn scalar(
        &mut self,
        range: std::ops::Range<usize>,
        style: ScalarStyle,
        text: &str,
    ) -> (std::ops::Range<usize>, Scalar) {
        let style = match style {
            ScalarStyle::SingleQuoted => Style::SingleQuoted,
            ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
            _ => Style::Plain,
        };
        let range = match style {
            Style::Literal | Style::Folded if text.trim_matches('\n').is_empty() => {
                let header = self.text.get(self.last_end..range.start).unwrap_or("");
                match header.find(['|', '>']).map(|n| self.last_end + n) {
                    Some(at) => at..at + 1,
                    None => range.start..range.start,
                }
            }
            Style::Literal | Style::Folded => {
                let body = self.text.get(range.clone()).unwrap_or("");
                range.start..range.start + body.trim_end_matches(['\n', '\r', ' ', '\t']).len()
            }
            _ => range,
        };
        if text.len() > MAX_SCALAR_BYTES {
            let message = format!("this value has {} bytes; {MAX_SCALAR_BYTES} are allowed", text.len());
            self.report(
                Diagnostic::error(Code::TOO_LARGE, Span::new(self.id, range.clone()), message)
                    .help("keep large data in a file of its own and name the file"),
            );
            let offsets = OffsetMap::of(self.id, self.text, range.start..range.start, Style::Plain, "");
            return (range, Scalar::new("", Style::DoubleQuoted, offsets));
        }
        let offsets = OffsetMap::of(self.id, self.text, range.clone(), style, text);
        (range, Scalar::new(text, style, offsets))
    }

    /// Takes the next part of a node, from the parser or from the record.
    fn put(&mut self, item: Item) {
        // What an alias comes to is decided first: a refused one must not be expanded by a later copy.
        if !matches!(item, Item::Alias(..)) {
            self.remember(&item);
        }
        match item {
            Item::Scalar(span, scalar) => {
                self.built.nodes += 1;
                self.built.bytes += scalar.text().len();
                self.node(Node { span, kind: NodeKind::Scalar(scalar) });
            }
            Item::Seq(start) => self.open(start, FrameKind::Seq(Vec::new())),
            Item::Map(start) => self.open(start, FrameKind::Map { entries: Vec::new(), key: Key::Awaited }),
            Item::End(end) => self.close(end),
            Item::Alias(anchor, span) => self.expand(anchor, span),
        }
    }

    fn remember(&mut self, item: &Item) {
        if self.open_anchors > 0 && !self.expanding {
            self.record.push(item.clone());
        }
    }

    fn open(&mut self, start: usize, kind: FrameKind) {
        self.built.nodes += 1;
        if self.frames.len() >= MAX_DEPTH {
            if !self.stopped {
                let at = Span::new(self.id, start..start);
                self.report(syntax::too_deep(at));
            }
            self.stopped = true;
            return;
        }
        self.frames.push(Frame { start, flow: false, anchor: None, kind });
    }

    fn opened(&mut self, style: StructureStyle, anchor: Option<OpenAnchor>) {
        if let Some(frame) = self.frames.last_mut().filter(|_| !self.stopped) {
            frame.flow = style == StructureStyle::Flow;
            frame.anchor = anchor;
        }
    }

    fn close(&mut self, end: usize) {
        let Some(frame) = self.frames.pop() else { return };
        let span = Span::new(self.id, frame.start..end.max(frame.start));
        let kind = match frame.kind {
            FrameKind::Seq(items) => NodeKind::Seq(items),
            FrameKind::Map { mut entries, key } => {
                if let Key::Read(key) = key {
                    // The text ended in the middle: the key is there, its value is not.
                    let at = key.span.end as usize;
                    let nothing = self.scalar(at..at, ScalarStyle::Plain, "").1;
                    let span = Span::new(self.id, at..at);
                    entries.push((key, Node { span, kind: NodeKind::Scalar(nothing) }));
                }
                self.drop_duplicates(&mut entries);
                entries.shrink_to_fit();
                NodeKind::Map(Map { entries })
            }
        };
        self.close_anchor(frame.anchor);
        self.node(Node { span, kind });
    }

    /// Puts a complete node where it belongs.
    fn node(&mut self, node: Node) {
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut frame.kind {
            FrameKind::Seq(items) => items.push(node),
            FrameKind::Map { entries, key } => match std::mem::replace(key, Key::Awaited) {
                Key::Read(key) => entries.push((key, node)),
                Key::Refused => {}
                Key::Awaited => {
                    let read = self.key(node);
                    if let Some(Frame { kind: FrameKind::Map { key, .. }, .. }) = self.frames.last_mut() {
                        *key = read;
                    }
                }
            },
        }
    }

    fn key(&mut self, node: Node) -> Key {
        let problem = match &node.kind {
            NodeKind::Scalar(scalar) if scalar.is_plain() && scalar.text() == "<<" => {
                Diagnostic::error(Code::MERGE_KEY, node.span, "merge keys are not part of the language")
                    .help("write the keys out, or use `defaults` or `vars`")
            }
            NodeKind::Scalar(scalar) if !scalar.is_nothing() => {
                return Key::Read(Spanned::new(scalar.text().to_owned(), node.span));
            }
            _ => {
                let what = match node.kind_name() {
                    "nothing" => "a key must be a text; here is nothing".to_owned(),
                    other => format!("a key must be a text, not a {other}"),
                };
                let found = Diagnostic::error(Code::KEY_NOT_TEXT, node.span, what);
                let start = node.span.start as usize;
                let outer = start.checked_sub(1).and_then(|n| self.text.get(n..)).unwrap_or("");
                if outer.starts_with("{{") {
                    found.help(
                        "YAML reads `{{` as a map within a map; write \"${{ … }}\", in quotes, for a value",
                    )
                } else {
                    found.help("write the key as text")
                }
            }
        };
        self.report(problem);
        Key::Refused
    }

    fn drop_duplicates(&mut self, entries: &mut Vec<(Spanned<String>, Node)>) {
        // Spans rather than keys are remembered: they are small and outlive the borrow of the entries.
        let mut repeated: Vec<(usize, Span)> = Vec::new();
        if entries.len() <= SMALL_MAP {
            for (i, (key, _)) in entries.iter().enumerate() {
                if let Some((first, _)) = entries[..i].iter().find(|(k, _)| k.value == key.value) {
                    repeated.push((i, first.span));
                }
            }
        } else {
            let mut firsts: HashMap<&str, Span> = HashMap::with_capacity(entries.len());
            for (i, (key, _)) in entries.iter().enumerate() {
                match firsts.entry(&key.value) {
                    Entry::Occupied(first) => repeated.push((i, *first.get())),
                    Entry::Vacant(place) => _ = place.insert(key.span),
                }
            }
        }
        if repeated.is_empty() {
            return;
        }
        for (i, first) in &repeated {
            let key = &entries[*i].0;
            let message = format!("the key `{}` is there twice", shorten(&key.value));
            self.report(
                Diagnostic::error(Code::DUPLICATE_KEY, key.span, message)
                    .label("and again here")
                    .also(*first, "first written here")
                    .help("remove one of the two"),
            );
        }
        let mut repeated = repeated.into_iter().map(|(i, _)| i).peekable();
        let mut index = 0;
        entries.retain(|_| {
            let keep = repeated.next_if_eq(&index).is_none();
            index += 1;
            keep
        });
    }

    fn open_anchor(&mut self, id: usize) -> Option<OpenAnchor> {
        (id != 0).then(|| {
            self.open_anchors += 1;
            OpenAnchor { id, first: self.record.len(), before: self.built }
        })
    }

    fn close_anchor(&mut self, open: Option<OpenAnchor>) {
        let Some(OpenAnchor { id, first, before }) = open else { return };
        self.open_anchors -= 1;
        let cost = Cost { nodes: self.built.nodes - before.nodes, bytes: self.built.bytes - before.bytes };
        self.anchors.insert(id, Anchored { first, last: self.record.len(), cost });
    }

    fn expand(&mut self, anchor: usize, span: Span) {
        let Some(anchored) = self.anchors.get(&anchor).copied() else {
            self.report(
                Diagnostic::error(Code::ANCHOR_LIMIT, span, "an alias inside the part that its anchor marks")
                    .label("would never end")
                    .help("write the repeated part out"),
            );
            return self.unexpanded(span);
        };
        // Aliases within an alias are part of its cost already.
        if !self.expanding {
            let nodes = self.expanded.nodes.saturating_add(anchored.cost.nodes);
            let bytes = self.expanded.bytes.saturating_add(anchored.cost.bytes);
            if nodes > MAX_ALIAS_NODES || bytes > MAX_ALIAS_BYTES {
                if !self.limit_reported {
                    self.limit_reported = true;
                    self.report(
                        Diagnostic::error(Code::ANCHOR_LIMIT, span, "the aliases of this file expand to too much")
                            .note(format!(
                                "all aliases of a file may stand for {MAX_ALIAS_NODES} values and {MAX_ALIAS_BYTES} bytes of text"
                            ))
                            .help("write the repeated parts out, or use `vars`"),
                    );
                }
                return self.unexpanded(span);
            }
            self.expanded = Cost { nodes, bytes };
            self.remember(&Item::Alias(anchor, span));
        }
        let outer = std::mem::replace(&mut self.expanding, true);
        for index in anchored.first..anchored.last {
            let Some(item) = self.record.get(index).cloned().filter(|_| !self.stopped) else { break };
            self.put(item);
        }
        self.expanding = outer;
    }

    /// Stands for an alias that was refused.
    fn unexpanded(&mut self, span: Span) {
        let start = span.start as usize;
        let scalar = self.scalar(start..start, ScalarStyle::Plain, "").1;
        self.put(Item::Scalar(span, scalar));
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, span: &granit_parser::Span) {
        let Some(tag) = tag else { return };
        let range = span.tag_span().map_or_else(|| offsets(span), |s| offsets(&s));
        let name = self
            .text
            .get(range.clone())
            .filter(|t| !t.is_empty())
            .map_or_else(|| tag.original(), str::to_owned);
        let found = Diagnostic::error(
            Code::UNKNOWN_TAG,
            Span::new(self.id, range),
            format!("the tag `{}` is not part of the language", shorten(&name)),
        );
        self.report(match tag.core_suffix() {
            Some("str") => found.help("remove the tag; put the value in quotes to make it a text"),
            Some(_) => found.help("remove the tag; the type follows from how the value is written"),
            None => found.help("remove the tag"),
        });
    }

    fn second_document(&mut self, explicit: bool, start: usize) {
        let len = if explicit { 3 } else { 0 };
        self.report(
            Diagnostic::error(
                Code::SEVERAL_DOCUMENTS,
                Span::new(self.id, start..start + len),
                "a second document begins here",
            )
            .help("keep one document in a file: split it, or remove the `---`"),
        );
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        // A copy that an alias makes has the problems of its original, which are known by now.
        let limit = matches!(diagnostic.code, Code::ANCHOR_LIMIT | Code::TOO_DEEP);
        if self.expanding && !limit {
            return;
        }
        self.reported += 1;
        if self.reported <= REPORTED {
            self.found.push(diagnostic);
        }
    }
}

fn offsets(span: &granit_parser::Span) -> std::ops::Range<usize> {
    let start = span.start.byte_offset().unwrap_or(0);
    start..span.end.byte_offset().unwrap_or(start).max(start)
}

/// Names in messages stay readable however long they are.
fn shorten(name: &str) -> String {
    match name.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

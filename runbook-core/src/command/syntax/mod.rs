//! The syntax of `sh` and `bash` as a tree with places.
//!
//! Reads what both shells read alike and refuses the rest: a classifier must never see less in a text than
//! the shell that will run it. What is refused ends the tree with a [`Fault`]; the commands before it stay
//! in the tree.

mod characters;
mod expansion;
mod grammar;
mod heredoc;
mod reader;
mod word;

use std::ops::Range;

use super::script::Script;

/// How deep quotations, substitutions and compound commands may nest.
pub(super) const MAX_DEPTH: usize = 50;

/// Commands one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    pub(super) commands: Vec<Command>,
    pub(super) fallbacks: Vec<Fallback>,
}

/// A command that runs only when what stands before its `||` has failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fallback {
    /// Its place in the list; the one before it stands before the `||`.
    pub(super) by: usize,
    /// Whether the list of `&&` and `||` ends with it.
    pub(super) last: bool,
}

/// A command with its redirections.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) shape: Shape,
    pub(super) redirects: Vec<Redirect>,
    pub(super) span: Range<usize>,
}

/// What a command is.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// A program, a builtin, a function, or assignments alone.
    Simple { assignments: Vec<Assignment>, words: Vec<Word> },
    /// `a | b`.
    Pipeline(Vec<Command>),
    /// `{ … }`, and the parts of `if`, `while` and `case` in a row.
    Group { words: Vec<Word>, lists: Vec<List> },
    /// `( … )`.
    Subshell(List),
    /// `for name in words; do … done`; without words it goes over the positional parameters.
    For { name: String, words: Option<Vec<Word>>, body: List },
    /// `name() …`.
    Function { name: String, body: Box<Command> },
    /// `[[ … ]]`.
    Test(Vec<Word>),
    /// `(( … ))` and the head of `for ((…))`.
    Arithmetic(Vec<Piece>),
}

/// `name=value`, `name+=value`, `name[subscript]=value`, `name=(…)`.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    pub(super) name: String,
    /// Whether it has a subscript that is more than digits.
    pub(super) evaluates: bool,
    pub(super) value: Vec<Piece>,
    pub(super) span: Range<usize>,
}

/// `2> file` and its like.
#[derive(Clone, Debug)]
pub(super) struct Redirect {
    pub(super) operator: Operator,
    pub(super) to: Target,
    /// Whether it is about standard input.
    pub(super) stdin: bool,
    pub(super) span: Range<usize>,
}

/// What a redirection leads to.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Word(Word),
    /// The number of a here-document in [`Tree::documents`].
    Document(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// `<`
    Read,
    /// `<>`
    ReadWrite,
    /// `>`, `>|`, `&>` and `>&` with a file.
    Write,
    /// `>>`, `&>>`
    Append,
    /// `<&`, `>&` with a descriptor.
    Duplicate,
    /// `<<`
    Document,
    /// `<<<`
    String,
}

/// A word.
#[derive(Clone, Debug, Default)]
pub(super) struct Word {
    pub(super) pieces: Vec<Piece>,
    pub(super) span: Range<usize>,
}

/// A part of a word.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    /// Whether it is protected by quotes: neither split nor expanded further.
    pub(super) quoted: bool,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Text as the program gets it.
    Text(String),
    /// A value, known or not. Always data.
    Value(Option<String>),
    /// The same, of a value that is not known and does not begin with a dash.
    Operand,
    /// Program text that nobody knows.
    Code,
    /// `$name`, `${…}`, with what is nested in it; `evaluates` when a content may be run as arithmetic.
    Parameter { name: String, nested: Vec<Piece>, evaluates: bool },
    /// `$(…)` and backticks.
    Commands(List),
    /// `<(…)`, `>(…)`.
    Process(List),
    /// `$((…))`; `constant` when nothing but digits and operators stands in it.
    Arithmetic { nested: Vec<Piece>, constant: bool },
}

/// The body of a here-document.
#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    pub(super) pieces: Vec<Piece>,
}

/// Where the text could not be followed any further.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) span: Range<usize>,
    pub(super) what: &'static str,
}

/// What a script consists of.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) list: List,
    pub(super) documents: Vec<Document>,
    pub(super) fault: Option<Fault>,
    /// Whether program text nobody knows stands somewhere in the script.
    pub(super) code: Option<Range<usize>>,
}

/// Reads `script`, which stands `depth` levels deep in others. Spans in the tree point into the text that was
/// originally written.
pub(super) fn parse(script: &Script, depth: usize) -> Tree {
    reader::Reader::new(script, depth).tree()
}

//! How commands of a script hang together: pipelines, what catches their failure, where their output goes.
//!
//! Made for advice, not for judgement: scripts inside of arguments (`sh -c …`) are not taken apart, and what
//! cannot be read is left out. What a command may do is for [`classify`](super::classify) to say.

use std::ops::Range;

use super::script::Script;
use super::syntax::{self, Command, Kind, List, Piece, Shape, Tree};
use super::words::Words;

/// The pipelines of a script, in the order written, nested ones before those around them.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Outline {
    /// Every pipeline; a command alone is one too.
    pub pipelines: Vec<Pipeline>,
    /// Every command that runs only when another one has failed.
    pub fallbacks: Vec<Fallback>,
}

/// Commands that hand their output on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Pipeline {
    /// The words of each command, the program first; `[[ … ]]` has `[[` for a program.
    pub stages: Vec<Vec<Word>>,
    /// Where the output of the last one goes, when it is put into the script.
    pub capture: Capture,
    /// Its place in the text.
    pub span: Range<usize>,
}

/// Where output goes that is put into a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capture {
    /// It is not.
    None,
    /// Into this variable.
    Variable(String),
    /// Into a word of a command.
    Word,
}

/// `… || by`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fallback {
    /// The program whose failure it catches; none when that is not a command alone.
    pub of: Option<String>,
    /// The command that runs then; empty when it is more than one command.
    pub by: Vec<Word>,
    /// Whether nothing follows after another `&&` or `||`.
    pub last: bool,
    /// From the command that failed to the one that runs then.
    pub span: Range<usize>,
}

/// A word, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Word {
    /// Its text; what is not known is an ellipsis.
    pub text: String,
    /// The shell variables in it.
    pub variables: Vec<String>,
    /// Its place in the text.
    pub span: Range<usize>,
}

/// The pipelines of `script`.
pub fn outline(script: &Script) -> Outline {
    let tree = syntax::parse(script, 0);
    let mut outline = Outline::default();
    outline.list(&tree, &tree.list, &Capture::None);
    for document in &tree.documents {
        outline.pieces(&tree, &document.pieces, &Capture::Word);
    }
    outline
}

/// The one pipeline of a program that no shell reads.
pub fn outline_words(words: &Words) -> Outline {
    let word =
        |arg: &super::arg::Arg| Word { text: arg.show(), variables: Vec::new(), span: arg.span.clone() };
    let stage = words.args().iter().map(word).collect();
    let span = 0..words.text().len();
    Outline {
        pipelines: vec![Pipeline { stages: vec![stage], capture: Capture::None, span }],
        fallbacks: Vec::new(),
    }
}

impl Outline {
    fn list(&mut self, tree: &Tree, list: &List, capture: &Capture) {
        for command in &list.commands {
            self.command(tree, command, capture);
        }
        for fallback in &list.fallbacks {
            let of = fallback.by.checked_sub(1).and_then(|of| list.commands.get(of));
            let (Some(of), Some(by)) = (of, list.commands.get(fallback.by)) else { continue };
            self.fallbacks.push(Fallback {
                of: last_program(of),
                by: match &by.shape {
                    Shape::Simple { words, .. } => words.iter().map(word).collect(),
                    _ => Vec::new(),
                },
                last: fallback.last,
                span: of.span.start..by.span.end,
            });
        }
    }

    fn command(&mut self, tree: &Tree, command: &Command, capture: &Capture) {
        match &command.shape {
            Shape::Simple { assignments, words } => {
                for assignment in assignments {
                    let into = Capture::Variable(assignment.name.clone());
                    self.pieces(tree, &assignment.value, &into);
                }
                self.nested(tree, words);
                self.pipeline(vec![words.iter().map(word).collect()], capture, &command.span);
            }
            Shape::Pipeline(stages) => {
                let mut all = Vec::new();
                for stage in stages {
                    match &stage.shape {
                        Shape::Simple { words, .. } => {
                            self.nested(tree, words);
                            all.push(words.iter().map(word).collect());
                        }
                        _ => {
                            self.command(tree, stage, &Capture::None);
                            all.push(Vec::new());
                        }
                    }
                }
                self.pipeline(all, capture, &command.span);
            }
            Shape::Group { words, lists } => {
                self.nested(tree, words);
                lists.iter().for_each(|list| self.list(tree, list, capture));
            }
            Shape::Subshell(list) => self.list(tree, list, capture),
            Shape::For { words, body, .. } => {
                self.nested(tree, words.as_deref().unwrap_or_default());
                self.list(tree, body, capture);
            }
            Shape::Function { body, .. } => self.command(tree, body, capture),
            Shape::Test(words) => {
                self.nested(tree, words);
                let span = command.span.clone();
                let bracket = Word { text: "[[".to_owned(), variables: Vec::new(), span: span.clone() };
                let stage = std::iter::once(bracket).chain(words.iter().map(word)).collect();
                self.pipeline(vec![stage], capture, &span);
            }
            Shape::Arithmetic(pieces) => self.pieces(tree, pieces, &Capture::Word),
        }
    }

    fn pipeline(&mut self, stages: Vec<Vec<Word>>, capture: &Capture, span: &Range<usize>) {
        if stages.iter().any(|stage| !stage.is_empty()) {
            self.pipelines.push(Pipeline { stages, capture: capture.clone(), span: span.clone() });
        }
    }

    /// Commands inside of words.
    fn nested(&mut self, tree: &Tree, words: &[syntax::Word]) {
        words.iter().for_each(|word| self.pieces(tree, &word.pieces, &Capture::Word));
    }

    fn pieces(&mut self, tree: &Tree, pieces: &[Piece], capture: &Capture) {
        for piece in pieces {
            match &piece.kind {
                Kind::Commands(list) => self.list(tree, list, capture),
                Kind::Process(list) => self.list(tree, list, &Capture::None),
                Kind::Parameter { nested, .. } | Kind::Arithmetic { nested, .. } => {
                    self.pieces(tree, nested, capture);
                }
                Kind::Text(_) | Kind::Value(_) | Kind::Operand | Kind::Code => {}
            }
        }
    }
}

/// The program whose exit status is that of `command`.
fn last_program(command: &Command) -> Option<String> {
    match &command.shape {
        Shape::Simple { assignments, words } if words.is_empty() => {
            let substitution = assignments.iter().rev().flat_map(|one| one.value.iter().rev());
            let list = substitution.map(|piece| &piece.kind).find_map(|kind| match kind {
                Kind::Commands(list) => list.commands.last(),
                _ => None,
            });
            list.and_then(last_program)
        }
        Shape::Simple { words, .. } => words.first().map(|program| word(program).text),
        Shape::Pipeline(stages) => stages.last().and_then(last_program),
        Shape::Subshell(list) => list.commands.last().and_then(last_program),
        Shape::Test(_) => Some("[[".to_owned()),
        Shape::Arithmetic(_) => Some("((".to_owned()),
        Shape::Group { .. } | Shape::For { .. } | Shape::Function { .. } => None,
    }
}

fn word(word: &syntax::Word) -> Word {
    let mut shown = Word { text: String::new(), variables: Vec::new(), span: word.span.clone() };
    for piece in &word.pieces {
        match &piece.kind {
            Kind::Text(text) | Kind::Value(Some(text)) => shown.text.push_str(text),
            _ => shown.text.push('…'),
        }
    }
    variables(&word.pieces, &mut shown.variables);
    shown
}

fn variables(pieces: &[Piece], found: &mut Vec<String>) {
    for piece in pieces {
        match &piece.kind {
            Kind::Parameter { name, nested, .. } => {
                found.push(name.clone());
                variables(nested, found);
            }
            Kind::Arithmetic { nested, .. } => variables(nested, found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::Dialect;

    fn of(text: &str) -> Outline {
        outline(&Script::new(text, Dialect::Bash))
    }

    fn programs(pipeline: &Pipeline) -> Vec<&str> {
        pipeline.stages.iter().map(|stage| stage.first().map_or("", |word| word.text.as_str())).collect()
    }

    #[test]
    fn output_that_goes_into_a_variable_is_known() {
        let found = of("x=$(ls -t \"$DIR\" | head -1)\ncp \"$(ls | tail -1)\" /y");
        let shown: Vec<_> = found.pipelines.iter().map(|one| (programs(one), one.capture.clone())).collect();
        assert_eq!(
            shown,
            [
                (vec!["ls", "head"], Capture::Variable("x".to_owned())),
                (vec!["ls", "tail"], Capture::Word),
                (vec!["cp"], Capture::None),
            ]
        );
        assert!(found.pipelines.iter().any(|one| {
            one.stages.iter().flatten().any(|word| word.variables == ["DIR"] && word.text == "…")
        }));
    }

    #[test]
    fn a_failure_that_is_caught_is_known() {
        let found = of("a && b || true\nx=$(grep y z | wc -l) || echo no && c\n{ d; } || e");
        let shown: Vec<_> = found
            .fallbacks
            .iter()
            .map(|one| (one.of.as_deref(), one.by.first().map(|word| word.text.as_str()), one.last))
            .collect();
        assert_eq!(
            shown,
            [(Some("b"), Some("true"), true), (Some("wc"), Some("echo"), false), (None, Some("e"), true)]
        );
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        assert_eq!(of("a; b ${x@Q} ${").pipelines.len(), 1);
        assert!(of("").pipelines.is_empty());
    }
}

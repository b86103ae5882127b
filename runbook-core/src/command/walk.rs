//! The walk over a script: lists, pipelines, loops, functions; what every command adds to the whole.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::arg::{self, Arg};
use super::path::Cwd;
use super::program::Call;
use super::script::Script;
use super::syntax::{self, Command, Kind, List, Piece, Shape, Tree, Word};
use super::table::Table;
use super::variable;
use super::words::Words;
use super::{Analysis, Context, Effect, Reason};
use crate::shell::Dialect;

/// How deep scripts within scripts, and programs that run programs, are followed.
const MAX_DEPTH: usize = 16;
/// How many words are looked at in all.
const MAX_WORDS: usize = 100_000;
/// How many reasons are kept.
const MAX_REASONS: usize = 300;
/// How many values of a loop's variable are looked at one by one.
const MAX_VALUES: usize = 16;

/// What a command finds on its standard input.
#[derive(Clone, Debug)]
pub(super) enum Stdin {
    /// Nothing that is in the text.
    Nothing,
    /// What another command writes, or something else that is not in the text.
    Data,
    /// A file.
    File,
    /// A here-document or here-string.
    Text(Arg),
}

/// Collects what commands do.
pub(super) struct Walker<'c> {
    pub(super) context: &'c Context,
    pub(super) found: Analysis,
    pub(super) cwd: Cwd,
    functions: BTreeSet<String>,
    /// The variable of the loop that is being walked, and its value.
    bound: Option<(String, String)>,
    depth: usize,
    /// How deep in the trees of all scripts it is.
    level: usize,
    words: usize,
    /// Where arithmetic is evaluated on data, and whether text that could abuse it stands in the script.
    arithmetic: Option<Range<usize>>,
    substitution_in_text: bool,
    seen: BTreeMap<(usize, usize), Vec<String>>,
}

impl<'c> Walker<'c> {
    pub(super) fn new(context: &'c Context) -> Self {
        Walker {
            context,
            found: Analysis {
                effect: Effect::Read,
                secrets: false,
                reasons: Vec::new(),
                commands: Vec::new(),
                writes: Vec::new(),
            },
            cwd: Cwd::at(context.cwd.as_deref()),
            functions: BTreeSet::new(),
            bound: None,
            depth: 0,
            level: 0,
            words: 0,
            arithmetic: None,
            substitution_in_text: false,
            seen: BTreeMap::new(),
        }
    }

    pub(super) fn script_alone(mut self, script: &Script) -> Analysis {
        self.surroundings();
        let stdin = if self.context.stdin { Stdin::Data } else { Stdin::Nothing };
        self.script(script, &stdin);
        self.end()
    }

    pub(super) fn words_alone(mut self, words: &Words) -> Analysis {
        self.surroundings();
        let span = 0..words.text().len();
        let stdin = if self.context.stdin { Stdin::Data } else { Stdin::Nothing };
        match words.args() {
            [] => self.say(Effect::Unknown, span, "there is no program"),
            args => {
                self.run(args, &stdin, span);
            }
        }
        self.end()
    }

    fn surroundings(&mut self) {
        let context = self.context;
        for name in context.variables.iter().filter(|name| variable::is_dangerous(name)) {
            self.hide(0..0, format!("`{name}` changes what commands mean"));
        }
    }

    fn end(mut self) -> Analysis {
        if let Some(span) = self.arithmetic.take().filter(|_| self.substitution_in_text) {
            self.hide(span, "text that arithmetic could run as a command");
        }
        self.found
    }

    /// Adds a reason.
    pub(super) fn reason(&mut self, reason: Reason) {
        self.found.effect = self.found.effect.max(reason.effect);
        self.found.secrets |= reason.secrets;
        let texts = self.seen.entry((reason.span.start, reason.span.end)).or_default();
        if texts.contains(&reason.text) {
            return;
        }
        texts.push(reason.text.clone());
        if self.found.reasons.len() < MAX_REASONS || (reason.hidden && self.found.hidden().is_none()) {
            self.found.reasons.push(reason);
        }
    }

    /// Something has an effect.
    pub(super) fn say(&mut self, effect: Effect, span: Range<usize>, text: impl Into<String>) {
        self.reason(Reason { effect, secrets: false, hidden: false, text: text.into(), span });
    }

    /// What runs here cannot be read.
    pub(super) fn hide(&mut self, span: Range<usize>, text: impl Into<String>) {
        self.reason(Reason {
            effect: Effect::Unknown,
            secrets: false,
            hidden: true,
            text: text.into(),
            span,
        });
    }

    /// Something shows or carries a secret.
    pub(super) fn expose(&mut self, span: Range<usize>, text: impl Into<String>) {
        self.reason(Reason { effect: Effect::Read, secrets: true, hidden: false, text: text.into(), span });
    }

    /// Looks at text that a shell will run.
    pub(super) fn script(&mut self, script: &Script, stdin: &Stdin) {
        let span = script.origin(0..script.text().len());
        if self.depth >= MAX_DEPTH / 2 {
            return self.hide(span, "nested deeper than is looked at");
        }
        self.words += script.text().len() / 8;
        if self.words > MAX_WORDS {
            return self.hide(span, "too much to look at");
        }
        let tree = syntax::parse(script, self.level);
        if let Some(code) = &tree.code {
            self.hide(code.clone(), "this becomes program text and is not known yet");
        } else if let Some((range, _)) = script.holes().iter().find(|(_, hole)| *hole == super::Hole::Code) {
            self.hide(script.origin(range.clone()), "this becomes program text and is not known yet");
        }
        self.depth += 1;
        // Another shell does not know the functions of this one.
        let functions = std::mem::take(&mut self.functions);
        self.list(&tree, &tree.list, stdin);
        self.functions = functions;
        self.depth -= 1;
        if let Some(fault) = &tree.fault {
            self.hide(fault.span.clone(), fault.what);
        }
    }

    fn list(&mut self, tree: &Tree, list: &List, stdin: &Stdin) {
        for command in &list.commands {
            self.command(tree, command, stdin);
        }
    }

    /// Walks commands whose directory and loop variables do not matter outside.
    fn apart(&mut self, walk: impl FnOnce(&mut Self)) {
        let cwd = self.cwd.clone();
        walk(self);
        self.cwd = cwd;
    }

    fn command(&mut self, tree: &Tree, command: &Command, stdin: &Stdin) {
        // The trees themselves are not deeper than this.
        self.level += 1;
        self.one(tree, command, stdin);
        self.level -= 1;
    }

    fn one(&mut self, tree: &Tree, command: &Command, stdin: &Stdin) {
        let stdin = self.redirects(tree, &command.redirects, stdin);
        match &command.shape {
            Shape::Simple { assignments, words } => {
                for assignment in assignments {
                    self.pieces(tree, &assignment.value);
                    if assignment.evaluates {
                        self.arithmetic(assignment.span.clone());
                    }
                    self.assigned(&assignment.name, !words.is_empty(), assignment.span.clone());
                }
                let args: Vec<Arg> = words.iter().flat_map(|word| self.word(tree, word)).collect();
                if !words.is_empty() {
                    match args.is_empty() {
                        true => self.hide(command.span.clone(), "which program runs is not known"),
                        false => self.simple(&args, &stdin, command.span.clone()),
                    }
                }
            }
            Shape::Pipeline(stages) => {
                for (number, stage) in stages.iter().enumerate() {
                    let stdin = if number == 0 { stdin.clone() } else { Stdin::Data };
                    self.apart(|walker| walker.command(tree, stage, &stdin));
                }
            }
            Shape::Subshell(list) => self.apart(|walker| walker.list(tree, list, &stdin)),
            Shape::Group { words, lists } => {
                words.iter().for_each(|word| drop(self.word(tree, word)));
                // The second time round, what the first left behind is known.
                lists.iter().for_each(|list| self.list(tree, list, &stdin));
            }
            Shape::For { name, words, body } => {
                let values: Option<Vec<Arg>> =
                    words.as_ref().map(|words| words.iter().flat_map(|word| self.word(tree, word)).collect());
                self.assigned(name, false, command.span.clone());
                self.for_loop(tree, name, values.as_deref(), body, &stdin);
            }
            Shape::Function { name, body } => {
                if Table::get().program(name).is_some() || super::special::is_builtin(name) {
                    self.hide(command.span.clone(), format!("a function takes the place of `{name}`"));
                }
                self.functions.insert(name.clone());
                self.cwd.forget();
                self.command(tree, body, &Stdin::Data);
            }
            Shape::Test(words) => {
                let args: Vec<Arg> = words.iter().flat_map(|word| self.word(tree, word)).collect();
                super::special::double_test(self, &args, command.span.clone());
            }
            Shape::Arithmetic(pieces) => self.pieces(tree, pieces),
        }
    }

    fn for_loop(&mut self, tree: &Tree, name: &str, values: Option<&[Arg]>, body: &List, stdin: &Stdin) {
        let known: Option<Vec<String>> = values.and_then(|values| values.iter().map(Arg::known).collect());
        let plain = |value: &String| {
            !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || "*?[".contains(c))
        };
        let known = known.filter(|values| {
            (1..=MAX_VALUES).contains(&values.len()) && values.iter().all(plain) && self.bound.is_none()
        });
        match known.filter(|_| !touches(body, name)) {
            Some(values) => {
                for value in values {
                    self.bound = Some((name.to_owned(), value));
                    self.list(tree, body, stdin);
                }
                self.bound = None;
            }
            None => self.list(tree, body, stdin),
        }
    }

    /// The arguments that a word becomes; what is nested in it is looked at.
    pub(super) fn word(&mut self, tree: &Tree, word: &Word) -> Vec<Arg> {
        self.pieces(tree, &word.pieces);
        let args = match &self.bound {
            Some((name, value)) => arg::expand(&bind(word, name, value)),
            None => arg::expand(word),
        };
        self.words += args.len();
        if !self.substitution_in_text {
            let shows =
                |part: &arg::Part| part.text.as_ref().is_some_and(|t| t.contains("$(") || t.contains('`'));
            self.substitution_in_text = args.iter().any(|arg| arg.parts.iter().any(shows));
        }
        args
    }

    /// Looks at what is nested in pieces of a word.
    pub(super) fn pieces(&mut self, tree: &Tree, pieces: &[Piece]) {
        for piece in pieces {
            match &piece.kind {
                Kind::Text(_) | Kind::Value(_) | Kind::Operand | Kind::Code => {}
                Kind::Commands(list) | Kind::Process(list) => {
                    self.apart(|walker| walker.list(tree, list, &Stdin::Data));
                }
                Kind::Parameter { nested, evaluates, .. } => {
                    self.pieces(tree, nested);
                    if *evaluates {
                        self.arithmetic(piece.span.clone());
                    }
                }
                Kind::Arithmetic { nested, constant } => {
                    self.pieces(tree, nested);
                    if !constant {
                        self.arithmetic(piece.span.clone());
                    }
                }
            }
        }
    }

    /// Data is evaluated as arithmetic, or as the name of a variable.
    pub(super) fn arithmetic(&mut self, span: Range<usize>) {
        self.arithmetic.get_or_insert(span.clone());
        self.say(Effect::Unknown, span, "data is evaluated here, and evaluating can run commands");
    }

    /// A variable is set; `given` when a program or later programs are given it.
    pub(super) fn assigned(&mut self, name: &str, given: bool, span: Range<usize>) {
        if given && variable::is_secret(name) {
            self.expose(span.clone(), format!("`{name}` is given to a program"));
        }
        if variable::is_dangerous(name) {
            self.hide(span, format!("`{name}` changes what commands mean"));
        } else if given && !variable::is_harmless(name) {
            self.say(Effect::Unknown, span, format!("what a program does with `{name}` is not known"));
        }
    }

    /// A command as the shell finds it: a function of this script, or a program.
    fn simple(&mut self, args: &[Arg], stdin: &Stdin, span: Range<usize>) {
        let name = args.first().and_then(Arg::known);
        if name.is_some_and(|name| self.functions.contains(&name)) {
            // What it does was looked at where it is defined.
            self.cwd.forget();
            self.found.commands.push(Call::new(args, stdin, span).invocation(Effect::Read));
        } else {
            self.run(args, stdin, span);
        }
    }

    /// Looks at a program with its arguments.
    pub(super) fn run(&mut self, args: &[Arg], stdin: &Stdin, span: Range<usize>) -> Effect {
        self.words += args.len();
        if self.words > MAX_WORDS || self.depth >= MAX_DEPTH {
            let text = if self.words > MAX_WORDS {
                "too much to look at"
            } else {
                "nested deeper than is looked at"
            };
            self.hide(span, text);
            return Effect::Unknown;
        }
        let Some((program, _)) = args.split_first() else { return Effect::Read };
        let place = program.span.clone();
        let Some(name) = program.known() else {
            self.hide(place, "which program runs is not known");
            self.found.commands.push(Call::new(args, stdin, span).invocation(Effect::Unknown));
            return Effect::Unknown;
        };
        self.depth += 1;
        let effect = self.program(&name, args, stdin, span);
        self.depth -= 1;
        effect
    }

    /// Looks at text in an argument that a shell will run.
    pub(super) fn text(&mut self, arg: &Arg, dialect: Dialect, stdin: &Stdin) {
        self.script(&arg.script(dialect), stdin);
    }
}

/// Whether something in `body` may give the variable `name` another value.
fn touches(body: &List, name: &str) -> bool {
    fn command(found: &Command, name: &str) -> bool {
        match &found.shape {
            Shape::Simple { assignments, words } => {
                assignments.iter().any(|assignment| assignment.name == name)
                    || words.iter().flat_map(arg::expand).any(|arg| {
                        let prefix = arg.prefix();
                        prefix == name
                            || prefix.strip_prefix(name).is_some_and(|rest| rest.starts_with(['=', '+', '[']))
                    })
            }
            Shape::Pipeline(stages) => stages.iter().any(|stage| command(stage, name)),
            Shape::Group { lists, .. } => lists.iter().any(|list| touches(list, name)),
            Shape::Subshell(list) => touches(list, name),
            Shape::For { name: other, body, .. } => other == name || touches(body, name),
            Shape::Function { .. } => true,
            Shape::Test(_) => false,
            Shape::Arithmetic(_) => true,
        }
    }
    body.commands.iter().any(|found| command(found, name))
}

/// `word` with `value` for the variable `name`.
fn bind(word: &Word, name: &str, value: &str) -> Word {
    let piece = |piece: &Piece| match &piece.kind {
        Kind::Parameter { name: other, nested, evaluates: false } if other == name && nested.is_empty() => {
            Piece { kind: Kind::Value(Some(value.to_owned())), ..piece.clone() }
        }
        _ => piece.clone(),
    };
    Word { pieces: word.pieces.iter().map(piece).collect(), span: word.span.clone() }
}

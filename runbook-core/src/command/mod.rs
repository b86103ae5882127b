//! What a command may do to the world, read from its text.
//!
//! A script or a list of arguments is taken apart into the commands that it runs, through pipelines, loops,
//! substitutions and programs that run other programs (`sudo`, `xargs`, `ssh`, `sh -c`, `docker exec`, …).
//! A table says what each program does with which verbs and options. To be called [`Effect::Read`]
//! everything in a command must be understood; what is not is [`Effect::Unknown`], never read.
//!
//! This guards against mistakes, not against people who want to deceive it: what a program does inside,
//! which program a name leads to on the target, and what aliases and configuration make of it is not seen.
//!
//! ```
//! use runbook_core::command::{Context, Effect, Script, classify};
//! use runbook_core::shell::Dialect;
//! let effect = |text: &str| classify(&Script::new(text, Dialect::Sh), &Context::default()).effect;
//! assert_eq!(effect("tail -100 app.log | grep -i error"), Effect::Read);
//! assert_eq!(effect("systemctl restart app"), Effect::Change);
//! assert_eq!(effect("sudo sh -c 'cd /data && rm -f *.db'"), Effect::Destroy);
//! assert_eq!(effect("$CMD -rf /data"), Effect::Unknown);
//! ```

mod arg;
mod options;
mod outline;
mod path;
mod pattern;
mod program;
mod redirect;
mod script;
mod secret;
mod special;
mod syntax;
mod table;
mod variable;
mod walk;
mod words;

use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use outline::{Capture, Fallback, Outline, Pipeline, Word, outline, outline_words};
pub use path::Cwd;
pub use pattern::{CommandPattern, Fit, PathPattern, PatternError};
pub use script::{Hole, Script};
pub use words::Words;

/// What a command may do to the world, from the weakest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It only looks.
    Read,
    /// It changes something.
    Change,
    /// Not everything in it is understood. To be treated as a change at least.
    Unknown,
    /// It destroys something.
    Destroy,
}

impl Effect {
    /// Its name in the language.
    pub fn name(self) -> &'static str {
        match self {
            Effect::Read => "read",
            Effect::Change => "change",
            Effect::Unknown => "unknown",
            Effect::Destroy => "destroy",
        }
    }
}

/// What is known of the world around a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Hosts (`api.example.net` or `api.example.net:8080`) whose answers to GET are reads. The target's own
    /// loopback address always is one.
    pub read_hosts: Vec<String>,
    /// Paths, with `*` for anything, for which a GET on any host changes something.
    pub changing_gets: Vec<String>,
    /// The directory in which the command starts, when it is known.
    pub cwd: Option<String>,
    /// Names of variables that the command is given besides those that everybody has.
    pub variables: Vec<String>,
    /// Whether data is on its standard input.
    pub stdin: bool,
}

/// Why a command is what it is, with the place in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What the place adds to the whole.
    pub effect: Effect,
    /// Whether it may show or carry a secret.
    pub secrets: bool,
    /// Whether what runs cannot be read from the text: a variable in the place of a program, `eval` of
    /// data, text in another language, text that does not parse.
    pub hidden: bool,
    /// What is the case: a lower-case fragment.
    pub text: String,
    /// The bytes of the text it is about.
    pub span: Range<usize>,
}

/// A command that was found in a text, whatever ran it.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The words, the program first.
    args: Vec<arg::Arg>,
    /// The words that are no options, in order, as far as the program is known.
    positional: Vec<arg::Arg>,
    /// Whether every option was understood.
    sure: bool,
    /// What it does by itself, without what it runs.
    pub effect: Effect,
    /// Its place in the text.
    pub span: Range<usize>,
}

impl Invocation {
    /// What an action of another kind comes to, as if it were a command.
    pub fn of_words<'w>(words: impl IntoIterator<Item = &'w str>, effect: Effect) -> Self {
        let args: Vec<arg::Arg> = words.into_iter().map(|word| arg::Arg::fixed(word, 0..0)).collect();
        Invocation { positional: args.clone(), args, sure: true, effect, span: 0..0 }
    }

    /// The words as people read them; what is not known is an ellipsis.
    pub fn show(&self) -> String {
        self.args.iter().map(arg::Arg::show).collect::<Vec<_>>().join(" ")
    }
}

/// A file that a command writes, moves or deletes.
#[derive(Clone, Debug)]
pub struct Write {
    path: arg::Arg,
    /// The directories it may be relative to.
    cwd: Cwd,
    /// Whether what lies below goes with it.
    deep: bool,
    /// Its place in the text.
    pub span: Range<usize>,
}

impl Write {
    /// A write that no command makes: an action of another kind to `path`.
    pub fn to(path: Option<&str>, cwd: Option<&str>) -> Self {
        let span = 0..path.map_or(0, str::len);
        let arg = path.map_or_else(|| arg::Arg::unknown(0..0), |path| arg::Arg::fixed(path, span.clone()));
        Write { path: arg, cwd: Cwd::at(cwd), deep: false, span }
    }

    /// The path as people read it; what is not known is an ellipsis.
    pub fn show(&self) -> String {
        self.path.show()
    }
}

/// What was found out about a command.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Analysis {
    /// The strictest of everything in it.
    pub effect: Effect,
    /// Whether it may show or carry a secret.
    pub secrets: bool,
    /// Why, in the order found.
    pub reasons: Vec<Reason>,
    /// Every command in it, those that run others included.
    pub commands: Vec<Invocation>,
    /// Every file that is known to be written, moved or deleted.
    pub writes: Vec<Write>,
}

impl Analysis {
    /// The first part that cannot be read from the text, if there is one.
    pub fn hidden(&self) -> Option<&Reason> {
        self.reasons.iter().find(|reason| reason.hidden)
    }
}

/// Looks at a script.
pub fn classify(script: &Script, context: &Context) -> Analysis {
    walk::Walker::new(context).script_alone(script)
}

/// Looks at a program and its arguments, which no shell reads.
pub fn classify_words(words: &Words, context: &Context) -> Analysis {
    walk::Walker::new(context).words_alone(words)
}

//! What redirections write, and what they put on standard input.

use super::Effect;
use super::arg::{self, Arg};
use super::path;
use super::secret;
use super::syntax::{Operator, Redirect, Target, Tree};
use super::walk::{Stdin, Walker};

impl Walker<'_> {
    /// Looks at redirections; the standard input that they leave.
    pub(super) fn redirects(&mut self, tree: &Tree, redirects: &[Redirect], stdin: &Stdin) -> Stdin {
        let mut stdin = stdin.clone();
        for redirect in redirects {
            match &redirect.to {
                Target::Document(number) => {
                    let Some(document) = tree.documents.get(*number) else { continue };
                    self.pieces(tree, &document.pieces);
                    if redirect.stdin {
                        let span = redirect.span.clone();
                        stdin = Stdin::Text(arg::joined(&document.pieces, span));
                    }
                }
                Target::Word(word) if redirect.operator == Operator::String => {
                    self.pieces(tree, &word.pieces);
                    if redirect.stdin {
                        stdin = Stdin::Text(arg::joined(&word.pieces, word.span.clone()));
                    }
                }
                Target::Word(word) => {
                    let args = self.word(tree, word);
                    let to = match args.as_slice() {
                        [only] => only.clone(),
                        _ => Arg::unknown(word.span.clone()),
                    };
                    self.redirect(redirect, &to);
                    if redirect.stdin {
                        let process = to.parts.iter().any(|part| part.text.as_deref() == Some("/dev/fd/63"));
                        stdin = match redirect.operator {
                            _ if to.known().as_deref() == Some("/dev/null") => Stdin::Nothing,
                            Operator::Read if !process => Stdin::File,
                            _ => Stdin::Data,
                        };
                    }
                }
            }
        }
        stdin
    }

    fn redirect(&mut self, redirect: &Redirect, to: &Arg) {
        let span = redirect.span.clone();
        let known = to.known();
        let known = known.as_deref();
        let clean = known.map(path::clean).unwrap_or_default();
        if known.is_some_and(|path| path.starts_with("/dev/tcp/") || path.starts_with("/dev/udp/"))
            || clean.starts_with("/dev/tcp/")
            || clean.starts_with("/dev/udp/")
        {
            return self.say(Effect::Unknown, span, "a network connection");
        }
        match redirect.operator {
            Operator::Document | Operator::String | Operator::Duplicate => {}
            Operator::Read => {
                if secret::is_secret(to) {
                    self.expose(span, format!("`{}` may hold secrets", to.show()));
                }
            }
            Operator::Write | Operator::Append | Operator::ReadWrite => {
                if known.is_some_and(path::is_sink) {
                    return;
                }
                let device = ["/dev/", "/proc/", "/sys/"].iter().any(|start| clean.starts_with(start));
                let effect = match redirect.operator {
                    Operator::Write => Effect::Destroy,
                    _ if known.is_some() && device => Effect::Destroy,
                    _ if known.is_none() => Effect::Unknown,
                    _ => Effect::Change,
                };
                let text = match redirect.operator {
                    Operator::Write => format!("what was in `{}` is lost", to.show()),
                    _ => format!("`{}` is written", to.show()),
                };
                self.writes(to, effect, span, text);
            }
        }
    }

    /// A file is written, moved or deleted.
    pub(super) fn writes(&mut self, to: &Arg, effect: Effect, span: std::ops::Range<usize>, text: String) {
        self.note_write(to, span.clone(), false);
        self.say(effect, span, text);
    }

    /// Remembers a file that is written, moved or deleted; `deep` when what lies below goes with it.
    pub(super) fn note_write(&mut self, to: &Arg, span: std::ops::Range<usize>, deep: bool) {
        self.found.writes.push(super::Write { path: to.clone(), cwd: self.cwd.clone(), deep, span });
    }
}

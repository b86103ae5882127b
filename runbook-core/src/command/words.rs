//! A program and its arguments without a shell.

use super::arg::{Arg, Part};
use crate::expr::{Piece, Template};

/// A program and its arguments. Places refer to [`Words::text`], where they stand one after the other.
///
/// ```
/// use runbook_core::command::{Context, Effect, Words, classify_words};
/// let words = Words::new(["rm", "-rf", "/data"]);
/// assert_eq!(classify_words(&words, &Context::default()).effect, Effect::Destroy);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    text: String,
    args: Vec<Arg>,
}

impl Words {
    /// Words that are all known.
    pub fn new<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> Self {
        let mut all = Words::default();
        for word in words {
            all.push(word.as_ref());
        }
        all
    }

    /// The words of a list command; every `${{ … }}` is a value that is not known yet.
    pub fn from_templates<'t>(templates: impl IntoIterator<Item = &'t Template>) -> Self {
        let mut all = Words::default();
        for template in templates {
            let parts: Vec<(String, bool)> = template
                .pieces()
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => (text.clone(), true),
                    Piece::Expr(expr) => (format!("${{{{ {} }}}}", expr.source()), false),
                })
                .collect();
            all.push_parts(&parts);
        }
        all
    }

    /// Adds a word that is known.
    pub fn push(&mut self, word: &str) {
        self.push_parts(&[(word.to_owned(), true)]);
    }

    /// Adds a word that is not known; `shown` stands for it in the text.
    pub fn push_unknown(&mut self, shown: &str) {
        self.push_parts(&[(shown.to_owned(), false)]);
    }

    fn push_parts(&mut self, parts: &[(String, bool)]) {
        if !self.args.is_empty() {
            self.text.push(' ');
        }
        let plain = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_-./:=,@%+".contains(c))
        };
        let quoted = parts.iter().any(|(text, known)| *known && !plain(text)) || parts.is_empty();
        let start = self.text.len();
        if quoted {
            self.text.push('\'');
        }
        let mut arg = Arg::default();
        for (text, known) in parts {
            let from = self.text.len();
            self.text.push_str(text);
            arg.parts.push(Part { text: known.then(|| text.clone()), span: from..self.text.len() });
        }
        if quoted {
            self.text.push('\'');
        }
        arg.span = start..self.text.len();
        self.args.push(arg);
    }

    /// Whether something in them is not known yet.
    pub fn has_unknown(&self) -> bool {
        self.args.iter().any(|arg| arg.known().is_none())
    }

    /// The words one after the other, for people.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn args(&self) -> &[Arg] {
        &self.args
    }
}

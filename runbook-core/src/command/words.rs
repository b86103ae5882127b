//! A program and its arguments without a shell.

use super::arg::{Arg, Part};
use crate::expr::{Expr, Piece, Template};

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
        let mut all = Self::rendered(templates, |_| None);
        all.args.iter_mut().for_each(|arg| arg.operand = false);
        all
    }

    /// The same with the values that are known. The engine refuses to put a value that begins with a dash in the
    /// place of a whole argument, so that one which is not known is no option.
    pub fn rendered<'t>(
        templates: impl IntoIterator<Item = &'t Template>,
        mut value: impl FnMut(&Expr) -> Option<String>,
    ) -> Self {
        let mut all = Words::default();
        for template in templates {
            let parts: Vec<(String, bool)> = template
                .pieces()
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => (text.clone(), true),
                    Piece::Expr(expr) => match value(expr) {
                        Some(text) => (text, true),
                        None => (format!("${{{{ {} }}}}", expr.source()), false),
                    },
                })
                .collect();
            all.push_parts(&parts);
            if let (Some(arg), Some((_, false))) = (all.args.last_mut(), parts.first()) {
                arg.operand = true;
            }
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

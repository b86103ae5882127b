//! Patterns of commands and paths, as policies write them.

use serde::{Deserialize, Serialize};

use super::arg::Arg;
use super::path;
use super::{Invocation, Write};

/// How many alternatives a word of a pattern may have.
const MAX_ALTERNATIVES: usize = 200;
/// How long a path or pattern may be to be compared exactly.
const MAX_PATH: usize = 4096;

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// There is nothing in it.
    #[error("the pattern is empty")]
    Empty,
    /// A parenthesis without its partner.
    #[error("a parenthesis is not closed")]
    Parenthesis,
    /// Too many combinations of alternatives.
    #[error("the pattern stands for too many words")]
    TooMany,
    /// Options and other words in one group.
    #[error("`{0}` stands for an option and for a word; write two rules")]
    Mixed(String),
    /// The program cannot be an option.
    #[error("a pattern begins with a program")]
    NoProgram,
}

/// A pattern of commands, such as `git (reset|checkout)`, `systemctl stop` or `git push (-f|--force)`.
///
/// The first word is the program, by the last part of its path. Words that follow are the first operands in
/// this order, wherever options stand between them; words that begin with a dash must be among the options.
/// `(a|b)` stands for either, `(a)?` may be left out, `*` stands for any text within a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommandPattern {
    text: String,
    program: Vec<String>,
    operands: Vec<Vec<String>>,
    flags: Vec<Vec<String>>,
}

/// Whether a pattern fits something of which not everything may be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// It does not.
    No,
    /// It may, depending on what is not known.
    Perhaps,
    /// It does.
    Yes,
}

impl TryFrom<String> for CommandPattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        Self::parse(&text)
    }
}

impl From<CommandPattern> for String {
    fn from(pattern: CommandPattern) -> String {
        pattern.text
    }
}

impl CommandPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// When the text is no pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut words = split(text)?.into_iter();
        let program = alternatives(&words.next().ok_or(PatternError::Empty)?)?;
        if program.iter().any(|name| name.is_empty() || name.starts_with('-')) {
            return Err(PatternError::NoProgram);
        }
        let (mut operands, mut flags) = (Vec::new(), Vec::new());
        for word in words {
            let all = alternatives(&word)?;
            let options = all.iter().filter(|word| word.starts_with('-')).count();
            match options {
                0 => operands.push(all),
                n if n == all.len() => flags.push(all),
                _ => return Err(PatternError::Mixed(word)),
            }
        }
        Ok(CommandPattern { text: text.to_owned(), program, operands, flags })
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the pattern fits a command.
    pub fn fits(&self, command: &Invocation) -> Fit {
        let Some(program) = command.args.first() else { return Fit::No };
        let mut fit = match program.known() {
            None => Fit::Perhaps,
            Some(name) => {
                let base = name.rsplit('/').next().unwrap_or_default();
                let found = self.program.iter().any(|p| glob(p, base) || (p.contains('/') && glob(p, &name)));
                if found { Fit::Yes } else { Fit::No }
            }
        };
        fit = fit.min(self.operands_fit(command));
        for flag in &self.flags {
            fit = fit.min(flag_fits(flag, command.args.get(1..).unwrap_or_default()));
        }
        fit
    }

    fn operands_fit(&self, command: &Invocation) -> Fit {
        if self.operands.is_empty() {
            return Fit::Yes;
        }
        let words = command.positional.get(1..).unwrap_or_default();
        if command.sure {
            return in_order(&self.operands, words);
        }
        // Which words are operands is not certain: any of them may be, in this order.
        let mut rest = command.args.get(1..).unwrap_or_default().iter();
        let mut fit = Fit::Yes;
        for pattern in &self.operands {
            let found = rest.by_ref().map(|word| word_fits(pattern, word)).find(|found| *found > Fit::No);
            match found {
                Some(found) => fit = fit.min(found),
                None => return Fit::No,
            }
        }
        fit
    }
}

fn in_order(patterns: &[Vec<String>], words: &[Arg]) -> Fit {
    let mut fit = Fit::Yes;
    for (number, pattern) in patterns.iter().enumerate() {
        match words.get(number) {
            None => return Fit::No,
            Some(word) if word.splits => return Fit::Perhaps,
            Some(word) => fit = fit.min(word_fits(pattern, word)),
        }
    }
    fit
}

fn word_fits(pattern: &[String], word: &Arg) -> Fit {
    match word.known() {
        Some(text) if pattern.iter().any(|p| glob(p, &text)) => Fit::Yes,
        Some(_) => Fit::No,
        None => {
            let prefix = word.prefix();
            let possible = word.splits || pattern.iter().any(|p| p.contains('*') || p.starts_with(&prefix));
            if possible || word.glob { Fit::Perhaps } else { Fit::No }
        }
    }
}

fn flag_fits(flag: &[String], args: &[Arg]) -> Fit {
    let mut fit = Fit::No;
    for arg in args {
        let Some(text) = arg.known() else {
            let prefix = arg.prefix();
            let exact = prefix.split_once('=').is_some_and(|(name, _)| flag.iter().any(|f| glob(f, name)));
            if exact {
                return Fit::Yes;
            }
            if arg.may_be_option() || prefix.starts_with('-') {
                fit = Fit::Perhaps;
            }
            continue;
        };
        if text == "--" {
            break;
        }
        let name = text.split('=').next().unwrap_or_default();
        let found = flag.iter().any(|f| {
            let short = f.strip_prefix('-').filter(|f| f.chars().count() == 1 && !f.starts_with('-'));
            match short {
                Some(letter) => text.starts_with('-') && !text.starts_with("--") && text.contains(letter),
                // Long options can be shortened.
                None => glob(f, name) || (name.len() > 3 && name.starts_with("--") && f.starts_with(name)),
            }
        });
        if found {
            return Fit::Yes;
        }
    }
    fit
}

/// The words of a pattern; blanks within parentheses do not separate.
fn split(text: &str) -> Result<Vec<String>, PatternError> {
    let (mut words, mut word, mut depth) = (Vec::new(), String::new(), 0_usize);
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1).ok_or(PatternError::Parenthesis)?,
            _ => {}
        }
        if c.is_whitespace() && depth == 0 {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else if !c.is_whitespace() {
            word.push(c);
        }
    }
    if depth > 0 {
        return Err(PatternError::Parenthesis);
    }
    if !word.is_empty() {
        words.push(word);
    }
    if words.is_empty() { Err(PatternError::Empty) } else { Ok(words) }
}

/// Everything that a word of a pattern stands for.
fn alternatives(word: &str) -> Result<Vec<String>, PatternError> {
    fn sequence(
        chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
        depth: usize,
    ) -> Result<Vec<String>, PatternError> {
        let (mut all, mut current) = (Vec::new(), vec![String::new()]);
        while let Some(c) = chars.peek().copied() {
            match c {
                ')' if depth > 0 => break,
                '|' if depth > 0 => all.append(&mut std::mem::replace(&mut current, vec![String::new()])),
                '(' if depth < 8 => {
                    chars.next();
                    let mut inner = sequence(chars, depth + 1)?;
                    if chars.next() != Some(')') {
                        return Err(PatternError::Parenthesis);
                    }
                    if chars.peek() == Some(&'?') {
                        chars.next();
                        inner.push(String::new());
                    }
                    current = current
                        .iter()
                        .flat_map(|start| inner.iter().map(move |end| format!("{start}{end}")))
                        .collect();
                    if current.len() + all.len() > MAX_ALTERNATIVES {
                        return Err(PatternError::TooMany);
                    }
                    continue;
                }
                c => current.iter_mut().for_each(|text| text.push(c)),
            }
            chars.next();
        }
        all.append(&mut current);
        if all.len() > MAX_ALTERNATIVES { Err(PatternError::TooMany) } else { Ok(all) }
    }
    let mut chars = word.chars().peekable();
    let all = sequence(&mut chars, 0)?;
    if chars.peek().is_some() { Err(PatternError::Parenthesis) } else { Ok(all) }
}

/// Whether `text` fits `pattern`, in which `*` stands for any text.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(expected) if expected == byte => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

/// A pattern of paths: `/opt/app/.env`, `/etc/systemd/**`, `*.service`.
///
/// `*` stands for any text within a name, `**` for any text. A path that ends with `/` stands for everything
/// below it. A pattern that does not begin with `/` may begin at any directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPattern {
    text: String,
    tokens: Vec<Token>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    /// Any text without `/`.
    Name,
    /// Any text.
    Any,
}

impl TryFrom<String> for PathPattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        Self::parse(&text)
    }
}

impl From<PathPattern> for String {
    fn from(pattern: PathPattern) -> String {
        pattern.text
    }
}

impl PathPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// When the text is empty.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.trim().is_empty() {
            return Err(PatternError::Empty);
        }
        let mut tokens = Vec::new();
        let body = if text.starts_with('/') {
            path::clean(text)
        } else {
            tokens.extend([Token::Any, Token::Char('/')]);
            path::clean(text).trim_start_matches('/').to_owned()
        };
        let mut chars = body.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '*' if chars.peek() == Some(&'*') => {
                    chars.next();
                    tokens.push(Token::Any);
                }
                '*' => tokens.push(Token::Name),
                c => tokens.push(Token::Char(c)),
            }
        }
        if text.ends_with('/') && body != "/" {
            tokens.extend([Token::Char('/'), Token::Any]);
        } else if text == "/" {
            tokens.push(Token::Any);
        }
        Ok(PathPattern { text: text.to_owned(), tokens })
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the pattern fits what is written.
    pub fn fits(&self, write: &Write) -> Fit {
        let known = write.path.known().filter(|_| !write.path.glob);
        let mut fit = Fit::No;
        for place in write.cwd.places() {
            let whole = known.as_deref().and_then(|text| path::join(place.as_deref(), text));
            fit = fit.max(match (&whole, &known) {
                (Some(whole), _) => self.fits_path(whole, write.deep),
                (None, Some(rest)) if self.fits_below_somewhere(rest) => Fit::Yes,
                _ => self.may_fit(&tokens(&write.path, place.as_deref()), write.deep),
            });
        }
        fit
    }

    /// Whether it fits an absolute path; `deep` when what lies below goes with it.
    fn fits_path(&self, path: &str, deep: bool) -> Fit {
        let tokens: Vec<Token> = path.chars().map(Token::Char).collect();
        let below = format!("{}/", path.trim_end_matches('/'));
        // The text up to the first wild card says where what it stands for lies.
        let fixed = self.tokens.iter().map_while(|token| match token {
            Token::Char(c) => Some(*c),
            _ => None,
        });
        let contains = deep && fixed.collect::<String>().starts_with(&below);
        if contains || meets(&self.tokens, &tokens) { Fit::Yes } else { Fit::No }
    }

    /// Whether it fits a path in a directory nobody knows, whichever that is.
    fn fits_below_somewhere(&self, rest: &str) -> bool {
        let rest = path::clean(rest.trim_start_matches('~'));
        let whole: Vec<Token> = "/\u{1}".chars().chain(rest.chars()).map(Token::Char).collect();
        meets(&self.tokens, &whole)
    }

    fn may_fit(&self, path: &[Token], deep: bool) -> Fit {
        let mut below = path.to_vec();
        below.extend([Token::Char('/'), Token::Any]);
        let absolute = self.tokens.first() == Some(&Token::Char('/'));
        let fits = meets(&self.tokens, path) || (deep && absolute && meets(&self.tokens, &below));
        if fits { Fit::Perhaps } else { Fit::No }
    }
}

/// What may be written for a path that is not wholly known.
fn tokens(arg: &Arg, cwd: Option<&str>) -> Vec<Token> {
    let mut tokens = Vec::new();
    let prefix = arg.prefix();
    let starts_unknown = prefix.is_empty() && arg.parts.first().is_some_and(|part| part.text.is_none());
    if !prefix.starts_with('/') && !starts_unknown {
        match cwd {
            Some(cwd) if !prefix.starts_with('~') => tokens.extend(cwd.chars().map(Token::Char)),
            _ => tokens.push(Token::Any),
        }
        tokens.push(Token::Char('/'));
    }
    for part in &arg.parts {
        match &part.text {
            None => tokens.push(Token::Any),
            Some(text) => {
                let text = if prefix.starts_with('~') { text.trim_start_matches('~') } else { text };
                let text = text.strip_prefix("./").unwrap_or(text);
                for c in text.chars() {
                    match c {
                        '*' | '?' | '[' | ']' if arg.glob => tokens.push(Token::Name),
                        c => tokens.push(Token::Char(c)),
                    }
                }
            }
        }
    }
    if arg.splits {
        tokens.push(Token::Any);
    }
    if prefix.contains("..") {
        tokens.insert(0, Token::Any);
    }
    tokens
}

/// Whether there is a text that both stand for.
fn meets(a: &[Token], b: &[Token]) -> bool {
    if a.len() > MAX_PATH || b.len() > MAX_PATH {
        return true;
    }
    // Which beginnings of `b` meet the beginning of `a` that was looked at so far.
    let mut row = vec![false; b.len() + 1];
    if let Some(first) = row.first_mut() {
        *first = true;
    }
    let wild = |token: Token| !matches!(token, Token::Char(_));
    for (at, token) in b.iter().enumerate() {
        let before = row.get(at).copied().unwrap_or(false);
        if let Some(place) = row.get_mut(at + 1) {
            *place = before && wild(*token);
        }
    }
    for left in a {
        let mut next = vec![false; b.len() + 1];
        if let (Some(place), Some(before)) = (next.first_mut(), row.first()) {
            *place = *before && wild(*left);
        }
        for (at, right) in b.iter().enumerate() {
            let up = row.get(at + 1).copied().unwrap_or(false);
            let side = next.get(at).copied().unwrap_or(false);
            let corner = row.get(at).copied().unwrap_or(false);
            let takes = |wild: Token, other: Token| match (wild, other) {
                (Token::Any, _) => true,
                (Token::Name, Token::Char(c)) => c != '/',
                (Token::Name, _) => true,
                _ => false,
            };
            let found = match (left, right) {
                (Token::Char(x), Token::Char(y)) => corner && x == y,
                // A wild card takes nothing, or one more of the other side.
                (l, r) => {
                    let left_wild = wild(*l) && (up || (side && takes(*l, *r)));
                    let right_wild = wild(*r) && (side || (up && takes(*r, *l)));
                    left_wild || right_wild
                }
            };
            if let Some(place) = next.get_mut(at + 1) {
                *place = found;
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or(false)
}

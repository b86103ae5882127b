//! Expression text cut into tokens with their byte ranges. Knows no grammar.

use std::ops::Range;

use super::fault::Fault;

/// Longest expression, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// Most tokens in an expression.
const MAX_TOKENS: usize = 10_000;
/// Deepest nesting of brackets.
const MAX_BRACKETS: usize = 32;

/// Operators and brackets, longest first.
const SYMBOLS: [&str; 29] = [
    "==", "!=", "<=", ">=", "//", "**", "<", ">", "+", "-", "*", "/", "%", "~", "|", ".", ",", ":", "=", "(",
    ")", "[", "]", "{", "}", "!", "&", "?", "@",
];

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind<'a> {
    /// A name or keyword.
    Name(&'a str),
    /// A number as minijinja reads it, without `_`.
    Number(String),
    /// A string's contents, unescaped.
    Text(String),
    /// An operator or bracket.
    Symbol(&'static str),
}

/// A token and where it stands in the expression.
#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) range: Range<usize>,
}

/// Cuts `source` into tokens, or says what is wrong with the first that is none.
pub(super) fn tokens(source: &str) -> Result<Vec<Token<'_>>, Fault> {
    if source.len() > MAX_BYTES {
        let message = format!("this expression is longer than {MAX_BYTES} bytes");
        return Err(Fault::syntax(0..source.len(), message).help("compute parts of it in `vars`"));
    }
    let mut found = Vec::new();
    let mut open: Vec<(&'static str, usize)> = Vec::new();
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        if first.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        if found.len() == MAX_TOKENS {
            return Err(Fault::syntax(
                at..source.len(),
                format!("this expression has more than {MAX_TOKENS} parts"),
            ));
        }
        let token = token(source, at, first)?;
        if let Kind::Symbol(symbol) = token.kind {
            balance(&mut open, symbol, &token.range)?;
        }
        at = token.range.end;
        found.push(token);
    }
    match open.pop() {
        Some((symbol, start)) => {
            Err(Fault::syntax(start..start + 1, format!("`{symbol}` is never closed")).help("close it"))
        }
        None => Ok(found),
    }
}

fn balance(
    open: &mut Vec<(&'static str, usize)>,
    symbol: &'static str,
    range: &Range<usize>,
) -> Result<(), Fault> {
    let opener = match symbol {
        "(" | "[" | "{" => {
            open.push((symbol, range.start));
            if open.len() > MAX_BRACKETS {
                let message = format!("brackets are nested more than {MAX_BRACKETS} deep");
                return Err(Fault::syntax(range.clone(), message));
            }
            return Ok(());
        }
        ")" => "(",
        "]" => "[",
        "}" => "{",
        _ => return Ok(()),
    };
    match open.pop() {
        Some((symbol, _)) if symbol == opener => Ok(()),
        Some((other, _)) => {
            Err(Fault::syntax(range.clone(), format!("`{symbol}` does not close the `{other}` before it")))
        }
        None => Err(Fault::syntax(range.clone(), format!("`{symbol}` closes nothing"))),
    }
}

fn token(source: &str, at: usize, first: char) -> Result<Token<'_>, Fault> {
    let rest = &source[at..];
    if first.is_ascii_alphabetic() || first == '_' {
        let length = run(rest, |c| c.is_ascii_alphanumeric() || c == '_');
        // A name that runs on in other letters is reported whole.
        let whole = run(rest, |c| c.is_alphanumeric() || c == '_');
        if whole > length {
            return Err(foreign_name(at..at + whole, &rest[..whole]));
        }
        return Ok(Token { kind: Kind::Name(&rest[..length]), range: at..at + length });
    }
    if first.is_ascii_digit() {
        return number(source, at);
    }
    if first == '"' || first == '\'' {
        return text(source, at, first);
    }
    if rest.starts_with("${{") {
        return Err(Fault::nested(at..at + 3));
    }
    if first.is_alphabetic() {
        let whole = run(rest, |c| c.is_alphanumeric() || c == '_');
        return Err(foreign_name(at..at + whole, &rest[..whole]));
    }
    match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        Some(&symbol) => operator(symbol, rest, at),
        None => {
            let fault = Fault::syntax(at..at + first.len_utf8(), format!("unexpected `{first}`"));
            Err(if first == '$' {
                fault.help("write names without `$`, such as `inputs.name`")
            } else {
                fault
            })
        }
    }
}

fn operator<'a>(symbol: &'static str, rest: &str, at: usize) -> Result<Token<'a>, Fault> {
    let (wrong, right) = match symbol {
        "&" if rest.starts_with("&&") => ("&&", "write `and`"),
        "|" if rest.starts_with("||") => ("||", "write `or`"),
        "==" if rest.starts_with("===") => ("===", "write `==`"),
        "!" => ("!", "write `not`"),
        "?" => ("?", "write `a if condition else b`"),
        "&" => ("&", "write `and`"),
        "@" => ("@", ""),
        _ => return Ok(Token { kind: Kind::Symbol(symbol), range: at..at + symbol.len() }),
    };
    let fault = Fault::syntax(at..at + wrong.len(), format!("`{wrong}` is not an operator"));
    Err(if right.is_empty() { fault } else { fault.help(right) })
}

fn run(text: &str, part: impl Fn(char) -> bool) -> usize {
    text.find(|c| !part(c)).unwrap_or(text.len())
}

fn foreign_name(range: Range<usize>, name: &str) -> Fault {
    Fault::syntax(range, format!("`{name}` is not a name: names use the letters a to z, digits and `_`"))
        .help("put text in quotes")
}

fn number(source: &str, at: usize) -> Result<Token<'_>, Fault> {
    let rest = &source[at..];
    let after_dot = source[..at].ends_with('.');
    let mut end = run(rest, |c| c.is_ascii_digit() || c == '_');
    let digits_at = |from: usize| rest[from..].starts_with(|c: char| c.is_ascii_digit());
    let mut float = false;
    if !after_dot && rest[end..].starts_with('.') && digits_at(end + 1) {
        end += 1;
        end += run(&rest[end..], |c| c.is_ascii_digit() || c == '_');
        float = true;
    }
    if !after_dot && rest[end..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
        if digits_at(end + 1 + sign) {
            end += 1 + sign;
            end += run(&rest[end..], |c| c.is_ascii_digit());
            float = true;
        }
    }
    let tail = run(&rest[end..], |c| c.is_alphanumeric() || c == '_');
    let written = &rest[..end + tail];
    let range = at..at + written.len();
    let digits = written.replace('_', "");
    let valid =
        if float { digits.parse::<f64>().is_ok_and(f64::is_finite) } else { digits.parse::<u64>().is_ok() };
    if tail > 0 || !valid || written.ends_with('_') {
        return Err(Fault::syntax(range, format!("`{written}` is not a number")).help("put text in quotes"));
    }
    Ok(Token { kind: Kind::Number(digits), range })
}

fn text(source: &str, at: usize, quote: char) -> Result<Token<'_>, Fault> {
    let mut contents = String::new();
    let mut chars = source[at + 1..].char_indices();
    while let Some((offset, c)) = chars.next() {
        let here = at + 1 + offset;
        if c == quote {
            return Ok(Token { kind: Kind::Text(contents), range: at..here + 1 });
        }
        if c != '\\' {
            contents.push(c);
            continue;
        }
        let Some((_, escaped)) = chars.next() else { break };
        match escaped {
            '\\' | '"' | '\'' | '/' => contents.push(escaped),
            'n' => contents.push('\n'),
            't' => contents.push('\t'),
            'r' => contents.push('\r'),
            'b' => contents.push('\u{8}'),
            'f' => contents.push('\u{c}'),
            'u' | 'x' => {
                let length = if escaped == 'u' { 4 } else { 2 };
                let hex = source.get(here + 2..here + 2 + length).unwrap_or("");
                let decoded = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32);
                let (true, Some(decoded)) = (hex.bytes().all(|b| b.is_ascii_hexdigit()), decoded) else {
                    let message = format!("`\\{escaped}` needs {length} hexadecimal digits of one character");
                    return Err(Fault::syntax(here..here + 2, message));
                };
                contents.push(decoded);
                for _ in 0..length {
                    chars.next();
                }
            }
            // As in regular expressions: `\d` stays `\d`.
            other => contents.extend(['\\', other]),
        }
    }
    Err(Fault::syntax(at..at + 1, format!("the text that starts with `{quote}` here does not end"))
        .help(format!("close it with `{quote}`")))
}

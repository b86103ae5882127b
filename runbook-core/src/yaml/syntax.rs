//! What the parser could not read, said so that the author can put it right.

use std::ops::Range;

use granit_parser::{ErrorKind, ScanError};

use super::MAX_DEPTH;
use crate::diag::{Code, Diagnostic};
use crate::source::{SourceId, Span};

/// The text around an error.
struct Scene<'t> {
    id: SourceId,
    text: &'t str,
    /// Where the parser stood.
    at: usize,
    /// Up to here all is well.
    read: usize,
    /// The innermost open `[` or `{`.
    open: Option<usize>,
}

/// The problem behind `error`; the tree was read up to `read`, and `open` is the innermost open bracket.
pub(super) fn explain(
    id: SourceId,
    text: &str,
    error: &ScanError,
    read: usize,
    open: Option<usize>,
) -> Diagnostic {
    let mut at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    Scene { id, text, at, read: read.min(at), open }.explain(error.kind())
}

pub(super) fn too_deep(at: Span) -> Diagnostic {
    Diagnostic::error(Code::TOO_DEEP, at, format!("nested more than {MAX_DEPTH} levels deep"))
        .help("flatten the structure")
}

impl Scene<'_> {
    fn explain(&self, kind: &ErrorKind) -> Diagnostic {
        use ErrorKind as K;
        match kind {
            K::RecursionLimitExceeded => too_deep(self.span(self.here())),
            K::UndeclaredTagHandle => self.tag(),
            K::TabInBlockIndentation
            | K::TabInIndentation
            | K::TabNotAllowed
            | K::TabInPlainScalar
            | K::TabAtBlockScalarStart
            | K::InvalidBlockEntryWhitespace
            | K::InvalidMappingValueWhitespace => self.tab(),
            K::UnclosedQuotedScalar | K::InvalidQuotedScalarIndent | K::DocumentIndicatorInQuotedScalar => {
                self.quote()
            }
            K::UnknownQuotedScalarEscape => self.escape(),
            K::InvalidTrailingSingleQuotedScalar | K::InvalidTrailingDoubleQuotedScalar => self
                .error(self.here(), "text after the closing quote")
                .help("put the whole value in quotes; within single quotes, write a single quote as `''`"),
            K::UnclosedFlowCollection { open } => self.unclosed(*open),
            K::MismatchedFlowCollectionEnd { open, close } => self
                .error(self.here(), format!("`{open}` is closed by `{close}`"))
                .help("close each bracket with its own kind"),
            K::MisplacedFlowCollectionEnd => self
                .error(self.here(), format!("`{}` closes nothing", self.char()))
                .help("remove it, or put the value in quotes if it belongs to the text"),
            K::UnexpectedCharacter { character } => self.reserved(*character),
            K::DirectiveDisallowed => self
                .error(self.here(), "YAML directives are not part of the language")
                .help("remove the line; a text that begins with `%` needs quotes"),
            K::MappingValueNotAllowed | K::InvalidColonPlacement => self.colon(),
            K::SimpleKeyExpected | K::InvalidSimpleKey => self.no_colon(),
            K::BlockSequenceEntryNotAllowed => self
                .error(self.here(), "a list entry cannot begin here")
                .help("begin the list on a line of its own; a text that begins with `- ` needs quotes"),
            K::MappingKeyNotAllowed => self
                .error(self.here(), "a key cannot begin here")
                .help("a text that begins with `? ` needs quotes"),
            K::MissingAnchorOrAliasName => self
                .error(self.here(), format!("`{}` without a name", self.char()))
                .help("a text that begins with `&` or `*` needs quotes"),
            K::InvalidBlockScalarHeader => self
                .error(self.here(), format!("text after `{}`", self.char()))
                .help("begin the block on the next line; a text that begins with `|` or `>` needs quotes"),
            K::CommentNotSeparated => self
                .error(self.here(), "a comment right after a value")
                .help("put a space before `#`, or quotes around a text that holds one"),
            K::ExpectedFlowMappingSeparator
            | K::ExpectedFlowSequenceSeparator
            | K::UnexpectedEofFlowSequence
            | K::UnexpectedEofFlowMapping
            | K::UnexpectedEofImplicitFlowMapping => self.separator(),
            K::ExpectedBlockMappingKey
            | K::ExpectedBlockSequenceEntry
            | K::ExpectedDocumentStart
            | K::InvalidIndentation
            | K::InvalidBlockScalarIndent
            | K::UnexpectedEofBlockMapping
            | K::UnexpectedEofBlockSequence => self.structure(kind),
            other => self.error(self.here(), format!("this is not YAML: {other}")),
        }
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.id, range)
    }

    fn error(&self, range: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(Code::YAML_SYNTAX, self.span(range), message)
    }

    /// The character at the error.
    fn here(&self) -> Range<usize> {
        let len = self.text[self.at..]
            .chars()
            .next()
            .filter(|c| !matches!(c, '\n' | '\r'))
            .map_or(0, char::len_utf8);
        self.at..self.at + len
    }

    fn char(&self) -> &str {
        &self.text[self.here()]
    }

    /// The line that holds byte `at`, without its break.
    fn line(&self, at: usize) -> Range<usize> {
        let start = self.text[..at].rfind('\n').map_or(0, |n| n + 1);
        let end = self.text[at..].find('\n').map_or(self.text.len(), |n| at + n);
        start..end
    }

    /// The last line before the error's that is neither blank nor a comment.
    fn line_before(&self) -> &str {
        let before = &self.text[..self.line(self.at).start];
        let speaks = |l: &&str| !l.trim().is_empty() && !l.trim_start().starts_with('#');
        before.lines().rev().find(speaks).unwrap_or("")
    }

    fn tag(&self) -> Diagnostic {
        let len = self.text[self.at..].find(char::is_whitespace).unwrap_or(self.text.len() - self.at);
        let range = self.at..self.at + len;
        let message = format!("the tag `{}` is not part of the language", &self.text[range.clone()]);
        Diagnostic::error(Code::UNKNOWN_TAG, self.span(range), message).help("remove the tag")
    }

    fn tab(&self) -> Diagnostic {
        let indentation_tab = |line: Range<usize>| {
            let text = &self.text[line.clone()];
            let indent = text.len() - text.trim_start_matches([' ', '\t']).len();
            text[..indent].find('\t').map(|tab| line.start + tab)
        };
        let next = (self.line(self.at).end + 1).min(self.text.len());
        let tab = indentation_tab(self.line(self.at))
            .or_else(|| self.text[self.read..self.at].rfind('\t').map(|n| self.read + n))
            .or_else(|| indentation_tab(self.line(next)));
        match tab {
            Some(tab) => self
                .error(tab..tab + 1, "a tab in the indentation")
                .help("indent with spaces; YAML does not allow tabs there"),
            None => self.error(self.here(), "a tab or a missing space").help("separate with spaces"),
        }
    }

    /// The quote that is open at the error: the first one since `read` that is not closed before it.
    fn open_quote(&self) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut i = self.read;
        while i < self.at {
            let before = i.checked_sub(1).map_or(b' ', |n| bytes[n]);
            let begins = before.is_ascii_whitespace() || matches!(before, b'[' | b'{' | b',' | b':');
            match bytes[i] {
                b'#' if before.is_ascii_whitespace() => {
                    i = self.line(i).end;
                }
                quote @ (b'\'' | b'"') if begins => match self.closing(i, quote) {
                    Some(end) if end < self.at => i = end,
                    _ => return Some(i),
                },
                _ => {}
            }
            i += 1;
        }
        None
    }

    fn closing(&self, open: usize, quote: u8) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut i = open + 1;
        while i < self.at {
            match bytes[i] {
                b'\\' if quote == b'"' => i += 1,
                b'\'' if quote == b'\'' && bytes.get(i + 1) == Some(&b'\'') => i += 1,
                b if b == quote => return Some(i),
                _ => {}
            }
            i += 1;
        }
        None
    }

    fn quote(&self) -> Diagnostic {
        let Some(open) = self.open_quote() else {
            return self.error(self.here(), "a quote is not closed").help("close it");
        };
        let quote = &self.text[open..open + 1];
        let found = self
            .error(open..open + 1, format!("this `{quote}` is not closed"))
            .label("opened here")
            .help(format!("close it with `{quote}`"));
        if self.at < self.text.len() && self.line(self.at).start > open {
            let start = self.at.max(self.line(self.at).start);
            return found.also(
                self.span(start..start),
                "the text cannot go on here: this line is not indented enough",
            );
        }
        found
    }

    fn escape(&self) -> Diagnostic {
        let bytes = self.text.as_bytes();
        let mut i = self.at;
        while i + 1 < bytes.len() {
            if bytes[i] == b'\\' {
                if !b"0abt\tnvfre \"/\\N_LPxuU\n\r".contains(&bytes[i + 1]) {
                    let len = self.text[i + 1..].chars().next().map_or(0, char::len_utf8);
                    let range = i..i + 1 + len;
                    return self
                        .error(range.clone(), format!("unknown escape `{}`", &self.text[range]))
                        .help(
                            "write `\\\\` for a backslash, or use single quotes, in which it has no meaning",
                        );
                }
                i += 1;
            }
            i += 1;
        }
        self.error(self.here(), "unknown escape in this text")
    }

    fn unclosed(&self, open: char) -> Diagnostic {
        // The parser knows the kind of bracket, and the tree knows where it stands if it got that far.
        let at = self.open.filter(|&n| self.text[n..].starts_with(open)).unwrap_or(self.at);
        let range = at..(at + 1).min(self.text.len());
        self.error(range, format!("this `{open}` is not closed"))
            .label("opened here")
            .help(format!("close it with `{}`", if open == '[' { ']' } else { '}' }))
    }

    fn separator(&self) -> Diagnostic {
        let before = self.text[..self.at].trim_end();
        if (self.char() == "{" && before.ends_with('$')) || self.text[..self.at].ends_with("${") {
            let start = self.text[..self.at].rfind('$').unwrap_or(self.at);
            return self
                .error(start..self.at + self.char().len(), "`${{` without quotes inside `[ ]` or `{ }`")
                .help("put the value in quotes: \"${{ … }}\"");
        }
        let found = match self.open {
            Some(open) if self.line(open).start != self.line(self.at).start || self.at >= self.text.len() => {
                let bracket = &self.text[open..open + 1];
                return self
                    .error(open..open + 1, format!("this `{bracket}` is not closed"))
                    .label("opened here")
                    .also(self.span(self.here()), "here the list or map can no longer go on")
                    .help(format!("close it with `{}`", if bracket == "[" { ']' } else { '}' }));
            }
            Some(open) => {
                let end = if self.text[open..].starts_with('[') { ']' } else { '}' };
                self.error(self.here(), format!("expected `,` or `{end}`"))
                    .also(self.span(open..open + 1), "opened here")
            }
            None => self.error(self.here(), "expected `,` or a closing bracket"),
        };
        found.help("separate entries with `,`; put a text that holds `,`, brackets, braces or `: ` in quotes")
    }

    fn reserved(&self, c: char) -> Diagnostic {
        let found =
            self.error(self.here(), format!("an unquoted text cannot begin with `{}`", c.escape_debug()));
        match c {
            '@' | '`' | '%' => found.help("put the value in quotes"),
            _ => found.help("put the value in quotes, or remove the character"),
        }
    }

    fn colon(&self) -> Diagnostic {
        let line = self.line(self.at);
        if self.open.is_some_and(|open| open < line.start) {
            return self.separator();
        }
        let before = &self.text[line.start..self.at];
        if before.contains(": ") {
            return self
                .error(self.here(), "a second `: ` in an unquoted value")
                .help("put the value in quotes, or use a block after `|`");
        }
        let above = self.line_before();
        let key = above.trim_start().trim_start_matches("- ");
        let indent = |l: &str| l.len() - l.trim_start().len();
        let found = self.error(self.here(), "a key cannot stand here");
        if key.contains(':') && !key.contains(": ") && !key.ends_with(':') {
            found.help("the line above has a `:` without a space after it; write `key: value`")
        } else if indent(before) > indent(above) {
            found.help("the line above has a value already: take the indentation back, or remove that value")
        } else {
            found.help("put a text that holds `: ` in quotes")
        }
    }

    fn no_colon(&self) -> Diagnostic {
        let line = self.line(self.at);
        let end = self.at + self.text[self.at..line.end].trim_end().len();
        let found = self.error(self.at..end, "expected `key: value` here");
        if self.text[self.at..end].contains(':') {
            found.help("put a space after the `:`; keys have at most 1024 characters")
        } else {
            found.help(
                "a text of several lines is indented deeper than its key, or stands in a block after `|`",
            )
        }
    }

    fn structure(&self, kind: &ErrorKind) -> Diagnostic {
        let line = self.line(self.at);
        let before = &self.text[line.start..self.at];
        if !before.trim().is_empty() && !before.trim().starts_with('-') {
            let what = match self.char() {
                "" => "the line ends too early".to_owned(),
                c => format!("`{c}` cannot stand here"),
            };
            return self.error(self.here(), what).help("put the value in quotes if this belongs to it");
        }
        let text = &self.text[line.clone()];
        let indent = text.len() - text.trim_start_matches(' ').len();
        let found = match kind {
            ErrorKind::ExpectedBlockSequenceEntry => {
                self.error(self.here(), "expected `- ` here, as in the entries above")
            }
            ErrorKind::ExpectedBlockMappingKey if before.trim().starts_with('-') || self.char() == "-" => {
                let dash = line.start + text.find('-').unwrap_or(indent);
                self.error(dash..dash + 1, "a list entry among the keys of a map")
            }
            _ => self.error(self.here(), "the indentation fits none of the lines above"),
        };
        found.help("entries of one list or map begin in the same column")
    }
}

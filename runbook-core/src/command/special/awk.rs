//! Programs of `awk`, and filters of `jq`.

use crate::command::Effect;
use crate::command::options::Parsed;
use crate::command::program::Call;
use crate::command::walk::Walker;

pub(super) fn judge(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    if call.safe {
        return;
    }
    let (program, files) = match parsed.operands.split_first() {
        Some((program, files)) => (program, files),
        None => return call.raise(Effect::Unknown, "`awk` without a program"),
    };
    files.iter().for_each(|file| walker.file(Some(file)));
    let Some(text) = program.known() else {
        return walker.hide(program.span.clone(), "the program of `awk` is not known");
    };
    match look(&text) {
        Look::Reads => {}
        Look::Environment => {
            walker.expose(program.span.clone(), "the program of `awk` reads the environment")
        }
        Look::Unknown(why) => walker.hide(program.span.clone(), why),
    }
}

enum Look {
    Reads,
    Environment,
    Unknown(&'static str),
}

/// What a program of `awk` can do. Reads the language's tokens; whatever runs, writes or opens is not known.
fn look(text: &str) -> Look {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    let mut printing = false;
    let mut environment = false;
    // Whether a value has just ended, so that a slash divides.
    let mut value = false;
    // Behind a parenthesis a slash may divide or begin a pattern.
    let mut closed = false;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let Some(end) = quoted(bytes, at + 1, b'"') else {
                    return Look::Unknown("a text that does not end");
                };
                (at, value, closed) = (end, true, false);
                continue;
            }
            b'/' if closed => return Look::Unknown("a program of `awk` that is not understood"),
            b'/' if !value => {
                let Some(end) = quoted(bytes, at + 1, b'/') else {
                    return Look::Unknown("a pattern that does not end");
                };
                (at, value, closed) = (end, true, false);
                continue;
            }
            b'#' => {
                while bytes.get(at).is_some_and(|b| *b != b'\n') {
                    at += 1;
                }
                continue;
            }
            b'\\' if bytes.get(at + 1) == Some(&b'\n') => at += 1,
            b'\\' | b'@' => return Look::Unknown("a program of `awk` that is not understood"),
            b'|' if bytes.get(at + 1) == Some(&b'|') => {
                (at, value) = (at + 1, false);
            }
            b'|' => return Look::Unknown("the program of `awk` runs a command"),
            b'>' if printing && depth == 0 => return Look::Unknown("the program of `awk` writes a file"),
            b'(' | b'[' => (depth, value) = (depth + 1, false),
            b')' | b']' => (depth, value) = (depth.saturating_sub(1), true),
            // A line may go on behind a comma.
            b'\n' => value = false,
            b';' | b'{' | b'}' => (printing, value, depth) = (false, false, 0),
            byte if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte == b'.' => {
                let length = bytes
                    .iter()
                    .skip(at + 1)
                    .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_' || **b == b'.')
                    .count();
                let word = text.get(at..at + 1 + length).unwrap_or_default();
                match word {
                    "system" => return Look::Unknown("the program of `awk` runs a command"),
                    "getline" => return Look::Unknown("the program of `awk` reads more than its input"),
                    "print" | "printf" => (printing, depth) = (true, 0),
                    "ENVIRON" | "PROCINFO" | "SYMTAB" => environment = true,
                    _ => {}
                }
                const NO_VALUE: &[&str] =
                    &["print", "printf", "return", "in", "else", "do", "case", "delete", "exit"];
                value = !NO_VALUE.contains(&word) && word != "$";
                at += length;
            }
            b' ' | b'\t' => {}
            b'+' | b'-' if bytes.get(at + 1) == Some(&byte) => at += 1,
            byte if byte < 0x80 => value = false,
            _ => return Look::Unknown("a program of `awk` that is not understood"),
        }
        if !matches!(byte, b' ' | b'\t') {
            closed = byte == b')';
        }
        at += 1;
    }
    if environment { Look::Environment } else { Look::Reads }
}

/// One past the end of what is quoted up to `end`.
fn quoted(bytes: &[u8], from: usize, end: u8) -> Option<usize> {
    let mut at = from;
    let mut class = false;
    loop {
        match bytes.get(at)? {
            b'\\' => at += 1,
            b'\n' => return None,
            b'[' if end == b'/' && !class => class = true,
            b']' if class => class = false,
            // Awks disagree about a slash within brackets.
            byte if *byte == end && class => return None,
            byte if *byte == end => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
}

/// Filters of `jq` read; the environment is theirs too.
pub(super) fn jq(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    let filter = parsed.operands.first();
    parsed.operands.iter().skip(1).for_each(|file| walker.file(Some(file)));
    let Some(filter) = filter else { return };
    let words =
        ["env", "ENV", "load", "eval", "system", "input_filename", "import", "include", "strenv", "envsubst"];
    let text = filter.known();
    let found = text.as_ref().is_none_or(|text| {
        text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| words.contains(&word))
    });
    if found {
        walker.expose(filter.span.clone(), "the filter may read the environment");
        call.raise(Effect::Unknown, "the filter does more than look at its input");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_only_print() {
        for text in [
            "{print $1}",
            "$5 > 90 {print $1, $5}",
            "NR==2 {print $5}",
            "/a|b/ {n++} END {print n/2, n / 4}",
            "{s += $3} END {printf \"%d\\n\", s}",
            "{print ($1 > 2), \"a | b > c\"}",
            "BEGIN {FS=\":\"} $1 ~ /system/ || $2 !~ /x>y/ {print length($0)} # > x",
            "!seen[$0]++",
        ] {
            assert!(matches!(look(text), Look::Reads), "{text}");
        }
    }

    #[test]
    fn programs_that_do_more() {
        for text in [
            "BEGIN{system(\"rm\")}",
            "{print > \"/etc/passwd\"}",
            "{print $1 >> f}",
            "{print | \"sh\"}",
            "{\"date\" | getline d}",
            "{while ((getline l < f) > 0) print l}",
            "BEGIN { x = 1 / 2; system(\"a/\") }",
            "{ print a[1] / 2 > \"f\" }",
            "@load \"x\"",
            "BEGIN { @f(1) }",
            "{ print \"a",
            "if (x) /\"/ ; system(\"a\") ; y = \"b\" /\"/",
            "{ print 1,\n 2 > \"f\" }",
            "BEGIN { a = b ? c : d / system(\"x\") / 1 }",
            "{ print $1, (2) > \"f\" }",
        ] {
            assert!(matches!(look(text), Look::Unknown(_)), "{text}");
        }
    }
}

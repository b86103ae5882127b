//! What the shell does itself.

use std::ops::Range;

use crate::command::Effect;
use crate::command::arg::Arg;
use crate::command::options::Parsed;
use crate::command::program::Call;
use crate::command::walk::Walker;

/// Names that a function may not take without making everything doubtful.
pub(in crate::command) fn is_builtin(name: &str) -> bool {
    matches!(name, "[" | "." | ":") || name.is_empty()
}

pub(super) fn cd(walker: &mut Walker<'_>, parsed: &Parsed<'_>) {
    let to = parsed.operands.first().and_then(Arg::known).filter(|to| to != "-" && !to.starts_with('~'));
    walker.cwd.change(to.as_deref());
}

/// `export`, `declare` and the like. Their assignments are words of the form `name=value`.
pub(super) fn declare(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    let exports = call.name == "export" || parsed.has("-x");
    if parsed.operands.is_empty() && !parsed.has("-f") && !parsed.has("-F") {
        walker.expose(call.span.clone(), "all variables are shown");
    }
    for operand in &parsed.operands {
        let prefix = operand.prefix();
        let (name, assigns) = match prefix.split_once('=') {
            Some((name, _)) => (name, true),
            None => (prefix.as_str(), false),
        };
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !plain || operand.known().is_none() && !assigns {
            walker.arithmetic(operand.span.clone());
            continue;
        }
        walker.assigned(name, exports, operand.span.clone());
    }
}

/// `set`: only options that make a script stop earlier or show more.
pub(super) fn set(walker: &mut Walker<'_>, call: &mut Call<'_>, args: &[Arg]) {
    if args.is_empty() {
        return walker.expose(call.span.clone(), "all variables are shown");
    }
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let Some(text) = arg.known() else {
            return call.raise(Effect::Unknown, "what `set` sets is not known");
        };
        if text == "--" {
            return;
        }
        let letters = text.strip_prefix(['-', '+']).unwrap_or("?");
        if !letters.chars().all(|c| "eufxvoCEn".contains(c)) || letters.is_empty() {
            return call.raise(Effect::Unknown, format!("what `set {text}` does is not known"));
        }
        if letters.contains('o') {
            let option = args.next().and_then(Arg::known).unwrap_or_default();
            let harmless =
                ["errexit", "nounset", "pipefail", "xtrace", "noglob", "noclobber", "verbose", "errtrace"];
            if !harmless.contains(&option.as_str()) {
                return call.raise(Effect::Unknown, format!("what `set -o {option}` does is not known"));
            }
        }
    }
}

/// `test` and `[`.
pub(super) fn test(call: &mut Call<'_>, args: &[Arg]) {
    let is = |arg: &Arg, words: &[&str]| arg.known().is_some_and(|text| words.contains(&text.as_str()));
    if args.iter().any(|arg| is(arg, &["-v", "-R"])) {
        // Bash evaluates the subscript of the name.
        call.raise(Effect::Unknown, "`-v` evaluates the name that it is given");
    }
    let unknown = |arg: &Arg| arg.known().is_none();
    if args.windows(2).any(|pair| matches!(pair, [a, b] if unknown(a) && a.may_be_option() && unknown(b))) {
        call.raise(Effect::Unknown, "what is tested is not known");
    }
}

/// `[[ … ]]`.
pub(in crate::command) fn double_test(walker: &mut Walker<'_>, args: &[Arg], span: Range<usize>) {
    let numeric = ["-eq", "-ne", "-lt", "-le", "-gt", "-ge"];
    for (at, arg) in args.iter().enumerate() {
        let Some(text) = arg.known() else { continue };
        if text == "-v" || text == "-R" {
            walker.arithmetic(arg.span.clone());
        }
        if numeric.contains(&text.as_str()) {
            let before = at.checked_sub(1).and_then(|at| args.get(at));
            let sides = [before, args.get(at + 1)];
            let number = |arg: &Arg| {
                arg.known().is_some_and(|text| {
                    let digits = text.trim_start_matches('-');
                    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
                })
            };
            if !sides.into_iter().flatten().all(number) {
                walker.arithmetic(span.clone());
            }
        }
    }
}

pub(super) fn printf(call: &mut Call<'_>, args: &[Arg]) {
    match args.first() {
        Some(first) if first.known().is_some_and(|text| !text.starts_with("-v")) => {}
        Some(first) if !first.splits && !first.prefix().is_empty() && !first.prefix().starts_with('-') => {}
        Some(_) => call.raise(Effect::Unknown, "`printf` may set a variable whose name is not known"),
        None => {}
    }
}

/// `read`: sets variables.
pub(super) fn read(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    for operand in &parsed.operands {
        match operand.known() {
            Some(name) if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
                walker.assigned(&name, false, operand.span.clone());
            }
            _ => call.raise(Effect::Unknown, "which variable is set is not known"),
        }
    }
}

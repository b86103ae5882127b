//! Programs that run other programs or shell text.

use crate::command::Effect;
use crate::command::Script;
use crate::command::arg::Arg;
use crate::command::options::Parsed;
use crate::command::program::Call;
use crate::command::walk::{Stdin, Walker};
use crate::shell::Dialect;

fn dialect(name: &str) -> Dialect {
    if name == "bash" { Dialect::Bash } else { Dialect::Sh }
}

/// `sh`, `bash` and the like.
pub(super) fn shell(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    let dialect = dialect(&call.name);
    let span = call.span.clone();
    call.quiet = true;
    if call.reads {
        return;
    }
    if parsed.has("-c") {
        return match parsed.operands.first() {
            Some(text) => walker.text(text, dialect, call.stdin),
            None => walker.hide(span, "which commands the shell runs is not known"),
        };
    }
    let file = parsed.operands.first().filter(|_| !parsed.has("-s"));
    let stdin = ["/dev/stdin", "-", "/dev/fd/0", "/dev/fd/63", "/proc/self/fd/0"];
    match file {
        Some(file) if file.known().is_some_and(|file| !stdin.contains(&file.as_str())) => {
            call.quiet = false;
            call.raise(Effect::Unknown, format!("what is in `{}` is not known", file.show()));
        }
        Some(_) => walker.hide(span, "which commands the shell runs is not known"),
        None => match call.stdin {
            Stdin::Text(text) => walker.text(text, dialect, &Stdin::Data),
            Stdin::File => {
                call.quiet = false;
                call.raise(Effect::Unknown, "what is in the file is not known");
            }
            Stdin::Data => walker.hide(span, "data is run as commands"),
            Stdin::Nothing => walker.hide(span, "an interactive shell"),
        },
    }
}

pub(super) fn eval(walker: &mut Walker<'_>, call: &mut Call<'_>, args: &[Arg]) {
    call.quiet = true;
    let mut script = Script::mapped(Dialect::Sh);
    for (number, arg) in args.iter().enumerate() {
        if number > 0 {
            script.push(" ", arg.span.start..arg.span.start);
        }
        arg.add_to(&mut script);
    }
    walker.script(&script, call.stdin);
}

/// `.` and `source`.
pub(super) fn source(walker: &mut Walker<'_>, call: &mut Call<'_>, args: &[Arg]) {
    let file = args.first().and_then(Arg::known);
    match file {
        Some(file) if !file.starts_with("/dev/") && !file.starts_with("/proc/") => {
            call.raise(Effect::Unknown, format!("what is in `{file}` is not known"));
        }
        _ => walker.hide(call.span.clone(), "which commands are run is not known"),
    }
}

pub(super) fn trap(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    call.quiet = true;
    match parsed.operands.first() {
        Some(text) if text.known().as_deref() != Some("-") => {
            walker.text(text, Dialect::Sh, &Stdin::Data);
        }
        _ => {}
    }
}

/// `xargs`: a command, with data for further arguments.
pub(super) fn xargs(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    call.quiet = true;
    let mark = parsed
        .used
        .iter()
        .find(|used| matches!(used.name.as_str(), "-I" | "-i" | "--replace"))
        .map(|used| used.value.as_ref().and_then(Arg::known).unwrap_or_else(|| "{}".to_owned()));
    if parsed.operands.is_empty() {
        // It echoes.
        return;
    }
    let mut args: Vec<Arg> = match &mark {
        Some(mark) => parsed.operands.iter().map(|arg| arg.replace(mark)).collect(),
        None => parsed.operands.clone(),
    };
    if mark.is_none() {
        args.push(Arg { splits: true, ..Arg::unknown(call.span.clone()) });
    }
    let start = args.first().map_or(call.span.start, |arg| arg.span.start);
    let span = start.min(call.span.end)..call.span.end;
    walker.run(&args, &Stdin::Nothing, span);
}

/// GNU parallel: what stands before `:::` is text for a shell, with data added.
pub(super) fn parallel(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    let ends = |arg: &&Arg| !arg.known().is_some_and(|text| text.starts_with(":::"));
    let command: Vec<Arg> = parsed.operands.iter().take_while(ends).cloned().collect();
    if command.is_empty() {
        return walker.hide(call.span.clone(), "data is run as commands");
    }
    call.quiet = true;
    let mut script = Script::mapped(Dialect::Sh);
    for (number, arg) in command.iter().enumerate() {
        if number > 0 {
            script.push(" ", arg.span.start..arg.span.start);
        }
        arg.add_to(&mut script);
    }
    walker.script(&script, &Stdin::Nothing);
    // What is put in is quoted only if everybody is careful.
    call.raise(Effect::Unknown, "data is added to commands");
}

/// `flock FILE -c TEXT` and `flock FILE COMMAND`.
pub(super) fn flock(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    let (Some(lock), rest) = (parsed.operands.first(), parsed.operands.get(1..).unwrap_or_default()) else {
        return call.raise(Effect::Unknown, "`flock` without a file");
    };
    let known = lock.known().unwrap_or_default();
    match rest {
        [] if known.bytes().all(|b| b.is_ascii_digit()) && !known.is_empty() => {}
        [] => call.raise(Effect::Unknown, "`flock` without a command"),
        [dash, text, ..] if matches!(dash.known().as_deref(), Some("-c" | "--command")) => {
            walker.text(text, Dialect::Sh, &Stdin::Data);
        }
        command => {
            let start = command.first().map_or(call.span.start, |arg| arg.span.start);
            walker.run(command, &call.stdin.clone(), start.min(call.span.end)..call.span.end);
        }
    }
    // The lock is a file that is made if it is not there.
    call.raise(Effect::Change, "the file of a lock is made");
}

/// `su USER -c TEXT`, `runuser -u USER COMMAND`.
pub(super) fn su(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    call.quiet = true;
    if ["-c", "--command", "--session-command"].iter().any(|name| parsed.has(name)) {
        return;
    }
    if call.name == "runuser" && parsed.has("-u") && !parsed.operands.is_empty() {
        let start = parsed.operands.first().map_or(call.span.start, |arg| arg.span.start);
        walker.run(&parsed.operands, &call.stdin.clone(), start.min(call.span.end)..call.span.end);
        return;
    }
    walker.hide(call.span.clone(), "a shell of another user");
}

/// `env` without a command shows the environment.
pub(super) fn env(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    let assigns = |arg: &Arg| arg.prefix().contains('=');
    if parsed.operands.iter().all(assigns) && !call.safe {
        walker.expose(call.span.clone(), "all variables are shown");
    }
}

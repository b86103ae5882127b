//! Interpreters of other languages.

use crate::command::Effect;
use crate::command::arg::Arg;
use crate::command::program::Call;
use crate::command::walk::{Stdin, Walker};

/// Options that only say something about the program itself.
const ABOUT: &[&str] = &["--version", "-V", "-VV", "--help", "-h", "-version", "-v"];

/// `python`, `perl`, `ruby`, `node`, `php` and the like.
pub(super) fn judge(walker: &mut Walker<'_>, call: &mut Call<'_>, args: &[Arg]) {
    let span = call.span.clone();
    let first = args.first().map(Arg::known);
    if let ([_], Some(Some(option))) = (args, &first)
        && ABOUT.contains(&option.as_str())
    {
        return;
    }
    let python = call.name.starts_with("python") || call.name.starts_with("pypy");
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let Some(text) = arg.known() else {
            return walker.hide(arg.span.clone(), "which program text runs is not known");
        };
        match text.as_str() {
            "-m" if python => return module(walker, call, rest.as_slice()),
            "-" | "/dev/stdin" => return stdin(walker, call),
            text if text.starts_with("/dev/fd/") => {
                return walker.hide(span, "which program text runs is not known");
            }
            // Options of which none takes text that is run.
            "-u" | "-B" | "-E" | "-I" | "-s" | "-S" | "-O" | "-OO" | "-q" | "-w" if python => {}
            text if text.starts_with('-') => {
                return walker
                    .hide(span, format!("program text that is not understood, or the option `{text}`"));
            }
            text => return call.raise(Effect::Unknown, format!("what is in `{text}` is not known")),
        }
    }
    stdin(walker, call);
}

fn stdin(walker: &mut Walker<'_>, call: &mut Call<'_>) {
    match call.stdin {
        Stdin::File => call.raise(Effect::Unknown, "what is in the file is not known"),
        _ => walker.hide(call.span.clone(), "program text that is not understood"),
    }
}

/// `python -m name …`.
fn module(walker: &mut Walker<'_>, call: &mut Call<'_>, args: &[Arg]) {
    let Some((name, rest)) = args.split_first() else {
        return call.raise(Effect::Unknown, "`-m` without a module");
    };
    match name.known().as_deref() {
        Some("pip" | "pip3") => {
            let mut words = vec![Arg::fixed("pip", name.span.clone())];
            words.extend(rest.iter().cloned());
            call.quiet = true;
            let effect = walker.run(&words, &Stdin::Nothing, call.span.clone());
            if effect == Effect::Read {
                // The module may be another one, found in the current directory.
                call.quiet = false;
                call.raise(Effect::Unknown, "which module runs depends on the directory");
            }
        }
        Some("venv" | "virtualenv" | "compileall" | "ensurepip") => {
            let destroys = rest
                .iter()
                .any(|arg| arg.known().is_none_or(|text| "--clear".starts_with(&text) && text.len() > 2));
            let effect = if destroys { Effect::Destroy } else { Effect::Change };
            call.raise(effect, "files are made");
        }
        Some(other) => call.raise(Effect::Unknown, format!("what the module `{other}` does is not known")),
        None => walker.hide(call.span.clone(), "which module runs is not known"),
    }
}

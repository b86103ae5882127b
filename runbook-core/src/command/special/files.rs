//! Programs with old ways of writing options, and a few with one rule of their own.

use crate::command::Effect;
use crate::command::arg::Arg;
use crate::command::options::Parsed;
use crate::command::path;
use crate::command::program::Call;
use crate::command::walk::Walker;

/// `tar`: options with and without a dash, and the mode that decides.
pub(super) fn tar(walker: &mut Walker<'_>, call: &mut Call<'_>, args: &[Arg]) {
    let mut mode = None;
    let mut mode_count = 0;
    let mut take = |found: &str, mode: &mut Option<Effect>| {
        mode_count += 1;
        let effect = match found {
            "t" | "list" | "d" | "diff" | "compare" => Effect::Read,
            "c" | "create" | "x" | "extract" | "get" | "r" | "append" | "u" | "update" | "A"
            | "concatenate" => Effect::Change,
            _ => Effect::Destroy,
        };
        *mode = Some(mode.map_or(effect, |before: Effect| before.max(effect)));
    };
    let (mut archive, mut directory) = (None, None);
    let mut args = args.iter();
    let mut first = true;
    let mut strange = None;
    while let Some(arg) = args.next() {
        let Some(text) = arg.known() else {
            if arg.may_be_option() || arg.prefix().starts_with('-') {
                strange.get_or_insert(arg.show());
            }
            first = false;
            continue;
        };
        let bundle = (first && !text.starts_with('-'))
            || (text.starts_with('-') && !text.starts_with("--") && text.len() > 1);
        first = false;
        if bundle {
            let old = !text.starts_with('-');
            let letters: Vec<char> = text.trim_start_matches('-').chars().collect();
            let mut at = 0;
            while let Some(letter) = letters.get(at).copied() {
                at += 1;
                match letter {
                    't' | 'd' | 'c' | 'x' | 'r' | 'u' | 'A' => take(&letter.to_string(), &mut mode),
                    'v' | 'z' | 'j' | 'J' | 'p' | 'k' | 'h' | 'a' | 'O' | 'P' | 'm' | 'o' | 'S' | 'w'
                    | 'l' | 'n' | 'R' | 'Z' | 'i' | 's' => {}
                    'f' | 'C' | 'X' | 'b' | 'H' | 'N' | 'V' | 'g' => {
                        let rest: String = letters.iter().skip(at).collect();
                        let value = match (old, rest.is_empty()) {
                            (false, false) => {
                                at = letters.len();
                                Some(arg.from(text.len() - rest.len()))
                            }
                            _ => args.next().cloned(),
                        };
                        match letter {
                            'f' => archive = value,
                            'C' => directory = value,
                            _ => {}
                        }
                    }
                    'U' => call.raise(Effect::Destroy, "what is there is deleted first"),
                    _ => {
                        strange.get_or_insert(text.clone());
                    }
                }
            }
        } else if let Some(long) = text.strip_prefix("--") {
            let (name, attached) = match long.split_once('=') {
                Some((name, _)) => (name, Some(arg.from(name.len() + 3))),
                None => (long, None),
            };
            match name {
                "list" | "diff" | "compare" | "create" | "extract" | "get" | "append" | "update"
                | "concatenate" | "delete" => {
                    take(name, &mut mode);
                }
                "verbose"
                | "gzip"
                | "bzip2"
                | "xz"
                | "zstd"
                | "auto-compress"
                | "keep-old-files"
                | "to-stdout"
                | "wildcards"
                | "no-wildcards"
                | "numeric-owner"
                | "same-owner"
                | "no-same-owner"
                | "preserve-permissions"
                | "sparse"
                | "totals"
                | "absolute-names"
                | "dereference"
                | "one-file-system"
                | "full-time"
                | "no-same-permissions"
                | "acls"
                | "xattrs"
                | "selinux"
                | "overwrite"
                | "null"
                | "version"
                | "help"
                | "no-recursion"
                | "ignore-failed-read" => {}
                "exclude" | "exclude-from" | "strip-components" | "transform" | "owner" | "group"
                | "mode" | "mtime" | "newer" | "exclude-vcs" | "sort" | "warning" | "label" => {
                    if name == "transform"
                        && attached.as_ref().and_then(Arg::known).is_none_or(|t| t.ends_with('e'))
                    {
                        strange.get_or_insert(text.clone());
                    }
                    if attached.is_none() && !matches!(name, "exclude-vcs") {
                        args.next();
                    }
                }
                "file" => archive = attached.or_else(|| args.next().cloned()),
                "directory" => directory = attached.or_else(|| args.next().cloned()),
                "remove-files" | "recursive-unlink" | "unlink-first" => {
                    call.raise(Effect::Destroy, format!("`--{name}` deletes files"));
                }
                _ => {
                    strange.get_or_insert(text.clone());
                }
            }
        }
    }
    if let Some(strange) = strange {
        walker.hide(call.span.clone(), format!("what `tar` does with `{strange}` is not known"));
    }
    if let Some(archive) = &archive
        && archive.show().contains(':')
    {
        call.raise(Effect::Unknown, "an archive on another host");
    }
    match mode {
        None => call.raise(Effect::Unknown, "what `tar` is told to do is not known"),
        Some(_) if mode_count > 1 => call.raise(Effect::Unknown, "`tar` is told to do several things"),
        Some(effect) => {
            if effect > Effect::Read {
                for written in archive.iter().chain(&directory) {
                    walker.note_write(written, written.span.clone(), false);
                }
            }
            call.raise(effect, "an archive or files are written");
        }
    }
}

/// `dd`: `name=value` words.
pub(super) fn dd(walker: &mut Walker<'_>, call: &mut Call<'_>, args: &[Arg]) {
    for arg in args {
        let prefix = arg.prefix();
        let Some((name, _)) = prefix.split_once('=') else {
            call.raise(Effect::Unknown, format!("what `dd` does with `{}` is not known", arg.show()));
            continue;
        };
        let value = arg.from(name.len() + 1);
        match name {
            "of" => {
                if !value.known().as_deref().is_some_and(path::is_sink) {
                    walker.note_write(&value, value.span.clone(), false);
                    call.raise(Effect::Destroy, "`dd` overwrites what is there");
                }
            }
            "if" => walker.file(Some(&value)),
            "bs" | "ibs" | "obs" | "cbs" | "count" | "skip" | "seek" | "conv" | "iflag" | "oflag"
            | "status"
                if !arg.splits => {}
            _ => call.raise(Effect::Unknown, format!("what `dd` does with `{}` is not known", arg.show())),
        }
    }
}

/// `chmod`, `chown`, `chgrp`: what they were is forgotten; over a whole system nobody can put it back.
pub(super) fn mode(call: &mut Call<'_>, parsed: &Parsed<'_>) {
    let recursive = parsed.has("-R")
        || parsed.has("--recursive")
        || parsed.operands.iter().any(|arg| arg.prefix().starts_with("-R"));
    if !recursive {
        return;
    }
    let wide = |arg: &Arg| match arg.known() {
        Some(text) => {
            let depth = path::clean(&text).split('/').filter(|part| !part.is_empty()).count();
            (text.starts_with('/') && depth <= 1) || matches!(text.as_str(), "~" | "." | ".." | "/*")
        }
        None => arg.prefix().matches('/').count() <= 1,
    };
    if parsed.operands.iter().skip(1).any(wide) {
        call.raise(Effect::Destroy, "nobody knows afterwards what the modes and owners were");
    }
}

/// `tee` overwrites what it is given.
pub(super) fn tee(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    let append = parsed.has("-a") || parsed.has("--append");
    for file in &parsed.operands {
        if file.known().as_deref().is_some_and(path::is_sink) {
            continue;
        }
        walker.note_write(file, file.span.clone(), false);
        match append {
            true => call.raise(Effect::Change, "a file is appended to"),
            false => call.raise(Effect::Destroy, "what was in the file is lost"),
        }
    }
}

/// `docker inspect`: the environment of a container is in it, unless a format leaves it out.
pub(super) fn inspect(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    let mut formats = parsed.values(&["-f", "--format"]).peekable();
    let some = formats.peek().is_some();
    let shows = formats.any(|format| {
        format.known().is_none_or(|text| {
            ["env", "config}", "config ", "json .", "json}", "{{.}}", "{{json", "args", "cmd", "range"]
                .iter()
                .any(|word| text.to_ascii_lowercase().contains(word))
                || text == "json"
                || !text.contains("{{.")
        })
    });
    if !some || shows {
        walker.expose(call.span.clone(), "the environment of containers may be shown");
    }
}

/// `git fetch`, `git clone` and the like: addresses that run a helper.
pub(super) fn git_url(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    for operand in &parsed.operands {
        let text = operand.show();
        if text.contains("::") {
            walker.hide(operand.span.clone(), "an address that runs a helper");
        }
        if operand.known().is_none() && operand.prefix().is_empty() {
            call.raise(Effect::Unknown, "the address is not known");
        }
    }
}

/// `kubectl get secret`.
pub(super) fn kubectl_get(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    let what =
        parsed.operands.iter().flat_map(|arg| arg.show().split(',').map(str::to_owned).collect::<Vec<_>>());
    let mut kinds = what.map(|kind| kind.split(['/', '.']).next().unwrap_or_default().to_lowercase());
    let first_dynamic = parsed.operands.first().is_some_and(|arg| arg.known().is_none());
    if first_dynamic || kinds.any(|kind| matches!(kind.as_str(), "secret" | "secrets" | "…")) {
        walker.expose(call.span.clone(), "secrets of the cluster");
    }
}

/// `top` takes keys that kill, unless it runs in batch mode.
pub(super) fn top(call: &mut Call<'_>, parsed: &Parsed<'_>) {
    if !parsed.has("-b") && !call.safe {
        call.raise(Effect::Unknown, "an interactive program");
    }
}

/// `getent shadow`.
pub(super) fn getent(walker: &mut Walker<'_>, call: &mut Call<'_>, parsed: &Parsed<'_>) {
    if parsed.operands.first().is_some_and(|arg| arg.known().is_none_or(|name| name.ends_with("shadow"))) {
        walker.expose(call.span.clone(), "hashes of passwords");
    }
}

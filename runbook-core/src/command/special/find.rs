//! `find`: an expression whose actions run and delete.

use crate::command::Effect;
use crate::command::arg::{Arg, Part};
use crate::command::program::Call;
use crate::command::walk::{Stdin, Walker};

/// Tests and operators without an argument.
const PLAIN: &[&str] = &[
    "-print",
    "-print0",
    "-ls",
    "-prune",
    "-quit",
    "-true",
    "-false",
    "-a",
    "-and",
    "-o",
    "-or",
    "-not",
    "!",
    "(",
    ")",
    ",",
    "-depth",
    "-d",
    "-xdev",
    "-mount",
    "-noleaf",
    "-empty",
    "-executable",
    "-readable",
    "-writable",
    "-nouser",
    "-nogroup",
    "-daystart",
    "-follow",
    "-ignore_readdir_race",
    "-noignore_readdir_race",
    "-warn",
    "-nowarn",
    "-help",
    "--help",
    "-version",
    "--version",
    "-H",
    "-L",
    "-P",
    "-E",
    "-X",
];

/// Tests with one argument.
const WITH: &[&str] = &[
    "-name",
    "-iname",
    "-path",
    "-ipath",
    "-wholename",
    "-iwholename",
    "-regex",
    "-iregex",
    "-regextype",
    "-lname",
    "-ilname",
    "-type",
    "-xtype",
    "-size",
    "-mtime",
    "-atime",
    "-ctime",
    "-mmin",
    "-amin",
    "-cmin",
    "-newer",
    "-anewer",
    "-cnewer",
    "-newermt",
    "-newerct",
    "-newerat",
    "-newermm",
    "-user",
    "-group",
    "-uid",
    "-gid",
    "-perm",
    "-maxdepth",
    "-mindepth",
    "-links",
    "-inum",
    "-samefile",
    "-fstype",
    "-used",
    "-printf",
    "-context",
    "-D",
    "-files0-from",
];

pub(super) fn judge(walker: &mut Walker<'_>, call: &mut Call<'_>, args: &[Arg]) {
    let mut args = args.iter();
    let mut starts: Vec<Arg> = Vec::new();
    let mut expression = false;
    while let Some(arg) = args.next() {
        let prefix = arg.prefix();
        let Some(text) = arg.known() else {
            if arg.splits
                || (prefix.is_empty() && !arg.operand)
                || prefix.starts_with('-')
                || (arg.glob && arg.may_be_option())
            {
                call.raise(Effect::Unknown, format!("`{}` could be an action of `find`", arg.show()));
            }
            starts.push(arg.clone());
            continue;
        };
        expression |= text.starts_with(['-', '(', '!']);
        match text.as_str() {
            "-delete" => {
                call.raise(Effect::Destroy, "`-delete` deletes what is found");
                for start in &starts {
                    walker.note_write(start, arg.span.clone(), true);
                }
            }
            "-exec" | "-execdir" | "-ok" | "-okdir" => {
                let command: Vec<Arg> = args
                    .by_ref()
                    .take_while(|arg| !matches!(arg.known().as_deref(), Some(";" | "+")))
                    .map(|arg| found(arg, &starts))
                    .collect();
                match command.first() {
                    Some(first) => {
                        let end = command.last().map_or(first.span.end, |last| last.span.end);
                        let span = first.span.start..end.max(first.span.start);
                        walker.run(&command, &Stdin::Nothing, span);
                    }
                    None => call.raise(Effect::Unknown, "an action without a command"),
                }
            }
            "-fprint" | "-fprint0" | "-fls" | "-fprintf" => {
                if let Some(file) = args.next() {
                    walker.note_write(file, file.span.clone(), false);
                }
                if text == "-fprintf" {
                    args.next();
                }
                call.raise(Effect::Destroy, format!("`{text}` overwrites a file"));
            }
            text if PLAIN.contains(&text) => {}
            text if WITH.contains(&text) => {
                if args.next().is_none_or(|value| value.splits) {
                    call.raise(Effect::Unknown, format!("what `{text}` takes is not known"));
                }
            }
            text if text.starts_with("-O") && text.len() == 3 => {}
            text if text.starts_with('-') => {
                call.raise(Effect::Unknown, format!("nothing is known of `find … {text}`"));
            }
            _ if expression => call.raise(Effect::Unknown, format!("`{text}` does not belong here")),
            _ => starts.push(arg.clone()),
        }
    }
}

/// An argument of `-exec` with what is found in place of `{}`: a path below where the search begins.
fn found(arg: &Arg, starts: &[Arg]) -> Arg {
    let replaced = arg.replace("{}");
    if arg.known().as_deref() != Some("{}") {
        return replaced;
    }
    let safe = starts.iter().map(Arg::prefix).find(|start| !start.is_empty() && !start.starts_with('-'));
    let start = match (safe, starts.is_empty()) {
        (Some(start), _) => start,
        (None, true) => ".".to_owned(),
        (None, false) => return replaced,
    };
    let head =
        Part { text: Some(if starts.len() > 1 { "/".to_owned() } else { start }), span: arg.span.clone() };
    let mut parts = vec![head];
    parts.extend(replaced.parts);
    Arg { parts, ..arg.clone() }
}

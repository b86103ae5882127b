//! Which programs parse their arguments or their input again.
//!
//! The tables name the programs that the engine knows of; an argument of any other program is data.

use std::ops::Range;

use super::refusal::Reason;
use super::word::{DYNAMIC, Word, is_name_byte};

/// What a simple command does with the values among its words.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Holes that have no safe place here.
    pub(super) refused: Vec<(Range<usize>, Reason)>,
    /// The program that takes its standard input for code.
    pub(super) stdin: Option<String>,
    /// Variables that it evaluates as arithmetic.
    pub(super) arithmetic: Vec<String>,
    /// Variables that it makes arrays.
    pub(super) arrays: Vec<String>,
    /// Whether it may give variables an attribute that evaluates what is assigned.
    pub(super) attributes: bool,
}

impl Verdict {
    fn refuse(&mut self, words: &[Word], reason: &Reason) {
        self.refused
            .extend(words.iter().filter(|w| w.has_holes()).map(|w| (w.holes.clone(), reason.clone())));
    }
}

/// A program that runs the program among its arguments.
struct Prefix {
    name: &'static str,
    /// Its short options that take an argument.
    short: &'static str,
    /// Its long options that take an argument in the next word.
    long: &'static [&'static str],
    /// How many operands stand before the program.
    operands: usize,
    /// Whether `NAME=value` may stand before the program.
    assignments: bool,
    /// Options after which the rest is parsed by a shell.
    shell: &'static [&'static str],
}

const fn prefix(name: &'static str, short: &'static str, operands: usize) -> Prefix {
    Prefix { name, short, long: &[], operands, assignments: false, shell: &[] }
}

const PREFIXES: [Prefix; 14] = [
    Prefix {
        long: &["--user", "--group", "--host", "--prompt", "--chdir", "--close-from", "--role", "--type"],
        assignments: true,
        shell: &["-i", "-s", "--login", "--shell"],
        ..prefix("sudo", "ugpChrtTUDR", 0)
    },
    Prefix { shell: &["-s"], ..prefix("doas", "uC", 0) },
    Prefix {
        long: &["--unset", "--chdir"],
        assignments: true,
        shell: &["-S", "--split-string"],
        ..prefix("env", "uCa", 0)
    },
    prefix("nohup", "", 0),
    Prefix { long: &["--kill-after", "--signal"], ..prefix("timeout", "ks", 1) },
    Prefix { long: &["--adjustment"], ..prefix("nice", "n", 0) },
    Prefix { long: &["--class", "--classdata"], ..prefix("ionice", "cn", 0) },
    Prefix { long: &["--input", "--output", "--error"], ..prefix("stdbuf", "ioe", 0) },
    prefix("setsid", "", 0),
    prefix("exec", "a", 0),
    prefix("command", "", 0),
    prefix("builtin", "", 0),
    Prefix { long: &["--format", "--output"], ..prefix("time", "fo", 0) },
    prefix("busybox", "", 0),
];

/// Programs that run a program somewhere among their arguments.
const WRAPPERS: &[&str] = &[
    "docker",
    "docker-compose",
    "podman",
    "nerdctl",
    "kubectl",
    "oc",
    "crictl",
    "lxc",
    "lxc-attach",
    "incus",
    "nsenter",
    "chroot",
    "systemd-run",
    "systemd-nspawn",
    "machinectl",
    "unshare",
    "setpriv",
    "runcon",
    "capsh",
    "start-stop-daemon",
    "strace",
    "ltrace",
    "flock",
    "find",
    "fd",
    "fdfind",
    "ip",
    "chrt",
    "taskset",
    "cgexec",
    "numactl",
    "firejail",
    "bwrap",
    "gosu",
    "su-exec",
    "tini",
    "dumb-init",
    "xvfb-run",
    "fakeroot",
    "proot",
    "valgrind",
    "pipenv",
    "poetry",
    "uv",
    "npx",
    "bundle",
    "sshpass",
    "chronic",
    "caffeinate",
    "prlimit",
    "aws",
    "gcloud",
    "vagrant",
    "unbuffer",
    "toybox",
    "pkexec",
    "faketime",
    "retry",
    "run-one",
    "torsocks",
    "proxychains",
    "chpst",
    "s6-setuidgid",
];

/// Programs whose every argument may be parsed again.
const REPARSE: &[&str] = &[
    "eval",
    "source",
    ".",
    "trap",
    "alias",
    "let",
    "complete",
    "compgen",
    "compopt",
    "fc",
    "bind",
    "enable",
    "ssh",
    "slogin",
    "rsh",
    "mosh",
    "autossh",
    "su",
    "runuser",
    "xargs",
    "parallel",
    "watch",
    "script",
    "at",
    "batch",
    "crontab",
    "awk",
    "gawk",
    "mawk",
    "nawk",
    "original-awk",
    "sed",
    "gsed",
    "ssed",
    "yq",
    "psql",
    "mysql",
    "mariadb",
    "sqlite3",
    "sqlite",
    "mongo",
    "mongosh",
    "cqlsh",
    "clickhouse-client",
    "clickhouse",
    "sqlcmd",
    "sqlplus",
    "isql",
    "duckdb",
    "vi",
    "vim",
    "nvim",
    "view",
    "ex",
    "ed",
    "emacs",
    "emacsclient",
    "gdb",
    "lldb",
    "m4",
    "dc",
    "expect",
    "tclsh",
    "wish",
    "osascript",
    "pwsh",
    "powershell",
    "cmd",
    "make",
    "gmake",
    "bmake",
    "tmux",
    "screen",
    "ansible",
    "salt",
    "pdsh",
    "pssh",
    "parallel-ssh",
    "clush",
    "dsh",
    "entr",
    "inotifywait",
    "incrontab",
    "sg",
    "newgrp",
    "Rscript",
    "R",
    "octave",
    "gnuplot",
    "sftp",
    "lftp",
    "ftp",
    "gnuplot",
    "hyperfine",
    "chsh",
    "logsave",
    "socat",
    "ncat",
    "nc",
    "ld.so",
    "coproc",
    "ksql",
    "vtysh",
    "nsupdate",
    "dbaccess",
];

const SHELLS: &[&str] =
    &["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "ksh93", "rbash", "fish", "csh", "tcsh", "yash"];

/// Other programs that run a file of code: with the short options that neither take an argument nor code.
const INTERPRETERS: &[(&str, &str)] = &[
    ("python", "bBdEIOPqsSuv"),
    ("perl", "wWTtsU"),
    ("ruby", "wW"),
    ("node", ""),
    ("nodejs", ""),
    ("deno", ""),
    ("bun", ""),
    ("php", "nq"),
    ("lua", ""),
    ("luajit", ""),
    ("pypy", "u"),
];

/// Builtins whose arguments are names of variables.
const NAMES: &[&str] = &["read", "mapfile", "readarray", "getopts", "unset", "wait"];
/// Builtins that take `NAME=value`.
const DECLARE: &[&str] = &["export", "readonly", "local", "declare", "typeset"];

/// Options of other programs whose argument is code.
const CODE_OPTIONS: &[(&str, &[&str])] = &[
    ("find", &["-exec", "-execdir", "-ok", "-okdir"]),
    ("fd", &["-x", "-X", "--exec", "--exec-batch"]),
    ("flock", &["-c", "--command"]),
    (
        "tar",
        &[
            "-I",
            "-F",
            "--to-command",
            "--checkpoint-action",
            "--use-compress-program",
            "--info-script",
            "--new-volume-script",
            "--rsh-command",
            "--rmt-command",
        ],
    ),
    ("rsync", &["-e", "--rsh", "--rsync-path"]),
    ("scp", &["-o", "-S", "-J", "-F"]),
    ("git", &["-c", "--exec", "-x", "--upload-pack", "--receive-pack", "--config-env"]),
    ("sort", &["--compress-program"]),
    ("split", &["--filter"]),
    ("zip", &["-TT", "--unzip-command"]),
    ("man", &["-P", "-H", "--pager"]),
    ("less", &["+"]),
    ("openssl", &["-engine"]),
];

/// Whether the builtin takes `NAME=value` and so may take arrays.
pub(super) fn declares(name: &str) -> bool {
    DECLARE.contains(&name)
}

/// Whether these words assign variables, seen through `builtin` and `command`.
pub(super) fn declares_words(words: &[Word]) -> bool {
    let names = words.iter().map_while(Word::fixed);
    names.skip_while(|n| matches!(*n, "builtin" | "command" | "--")).take(1).any(declares)
}

/// Whether a shell, or a program that everybody runs, takes the content of this variable for code.
pub(super) fn is_special_variable(name: &str) -> bool {
    // Bash's own arrays are among those that begin so.
    name.starts_with("BASH_")
        || name.starts_with("COMP_")
        || matches!(name, "PIPESTATUS" | "DIRSTACK" | "FUNCNAME" | "GROUPS" | "MAPFILE" | "COPROC")
        || matches!(
            name,
            "PS0"
                | "PS1"
                | "PS2"
                | "PS3"
                | "PS4"
                | "PROMPT_COMMAND"
                | "ENV"
                | "SHELLOPTS"
                | "BASHOPTS"
                | "MAIL"
                | "MAILPATH"
                | "SECONDS"
                | "RANDOM"
                | "SRANDOM"
                | "OPTIND"
                | "LINENO"
                | "HISTCMD"
                | "EPOCHSECONDS"
                | "EPOCHREALTIME"
                | "BASHPID"
                | "PAGER"
                | "MANPAGER"
                | "GIT_PAGER"
                | "EDITOR"
                | "VISUAL"
                | "GIT_EDITOR"
                | "GIT_SEQUENCE_EDITOR"
                | "GIT_SSH_COMMAND"
                | "GIT_EXTERNAL_DIFF"
                | "RSYNC_RSH"
                | "LESSOPEN"
                | "LESSCLOSE"
                | "PERL5OPT"
                | "RUBYOPT"
                | "NODE_OPTIONS"
                | "PYTHONSTARTUP"
                | "MAKEFLAGS"
                | "FCEDIT"
                | "PERL5DB"
                | "PYTHONWARNINGS"
                | "PYTHONBREAKPOINT"
        )
}

/// Looks at the words of a simple command.
pub(super) fn judge(words: &[Word]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut rest = words;
    while let Some((program, arguments)) = rest.split_first() {
        let text = program.text();
        let name = text.rsplit('/').next().unwrap_or_default().to_owned();
        if program.has_holes() {
            let reason = if names_an_assignment(&text) { Reason::AssignmentName } else { Reason::Program };
            verdict.refuse(&rest[..1], &reason);
            break;
        }
        if name.as_bytes().contains(&DYNAMIC) {
            verdict.refuse(arguments, &Reason::UnknownProgram);
            verdict.stdin = Some("a computed program".to_owned());
            break;
        }
        if let Some(known) = PREFIXES.iter().find(|p| p.name == name) {
            if name == "command"
                && arguments.first().and_then(Word::fixed).is_some_and(|a| a == "-v" || a == "-V")
            {
                break;
            }
            let Some(skip) = program_behind(known, arguments, &mut verdict) else { break };
            rest = arguments.get(skip..).unwrap_or_default();
            continue;
        }
        if WRAPPERS.contains(&name.as_str()) {
            options(&name, arguments, &mut verdict);
            let inner = arguments.iter().position(|w| base_name(w).is_some_and(interprets));
            rest = inner.and_then(|at| arguments.get(at..)).unwrap_or_default();
            continue;
        }
        command(&name, arguments, &mut verdict);
        break;
    }
    verdict
}

/// Whether `…=` stands in a word whose name is not known.
fn names_an_assignment(text: &str) -> bool {
    text.split_once('=')
        .is_some_and(|(name, _)| name.trim_end_matches('+').bytes().all(|b| b == DYNAMIC || is_name_byte(b)))
}

fn base_name(word: &Word) -> Option<&str> {
    word.fixed()?.rsplit('/').next()
}

fn interprets(name: &str) -> bool {
    // `.` and `source` exist only as builtins, and `.` is an everyday argument.
    name.len() > 1 && (REPARSE.contains(&name) || is_shell(name) || interpreter(name).is_some())
}

fn is_shell(name: &str) -> bool {
    SHELLS.contains(&name)
}

/// The entry for an interpreter; `python3.11` is a `python`.
fn interpreter(name: &str) -> Option<&'static (&'static str, &'static str)> {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    INTERPRETERS.iter().find(|(known, _)| *known == plain)
}

/// How many of `arguments` stand before the program that `known` runs.
fn program_behind(known: &Prefix, arguments: &[Word], verdict: &mut Verdict) -> Option<usize> {
    let mut index = 0;
    let mut operands = known.operands;
    let mut options = true;
    while let Some(word) = arguments.get(index) {
        let text = word.text();
        if options && text.starts_with('-') && text.len() > 1 {
            let shell = |o: &&str| text == **o || (o.starts_with("--") && text.starts_with(*o));
            let clustered = !text.starts_with("--")
                && known.shell.iter().filter(|o| o.len() == 2).any(|o| {
                    let until = text.find(|c| known.short.contains(c)).unwrap_or(text.len());
                    text.get(1..until).is_some_and(|t| t.contains(&o[1..]))
                });
            if known.shell.iter().any(shell) || clustered {
                verdict.refuse(
                    arguments,
                    &Reason::Reparsed(format!("{} {text}", known.name).replace('\0', "…")),
                );
                verdict.stdin = Some(known.name.to_owned());
                return None;
            }
            if text == "--" {
                options = false;
            } else if text.starts_with("--") {
                index += usize::from(known.long.contains(&text.as_str()));
            } else if let Some(at) = text.find(|c| known.short.contains(c)) {
                index += usize::from(at + 1 == text.len());
            }
        } else if known.assignments && word.assignment > 0 {
            let name = text.split('=').next().unwrap_or_default();
            if word.has_holes() && is_special_variable(name) {
                verdict.refuse(std::slice::from_ref(word), &Reason::SpecialVariable(name.to_owned()));
            }
        } else if operands > 0 {
            operands -= 1;
        } else {
            return Some(index);
        }
        index += 1;
    }
    None
}

fn command(name: &str, arguments: &[Word], verdict: &mut Verdict) {
    let reparsed = || Reason::Reparsed(name.to_owned());
    if is_shell(name) {
        run_file(name, "euxfvnhlbpmCEHPT", arguments, verdict);
    } else if let Some((_, flags)) = interpreter(name) {
        run_file(name, flags, arguments, verdict);
    } else if REPARSE.contains(&name) {
        verdict.refuse(arguments, &reparsed());
        if !matches!(name, "trap" | "alias" | "eval" | "source" | "let" | "." | "make") {
            let from_input = !matches!(name, "awk" | "gawk" | "mawk" | "nawk" | "sed" | "gsed" | "yq")
                || arguments
                    .iter()
                    .filter_map(Word::fixed)
                    .any(|a| a == "-" || a == "-f-" || a.starts_with("/dev/"));
            verdict.stdin = from_input.then(|| name.to_owned());
        }
        if name == "let" {
            verdict.arithmetic = arguments.iter().flat_map(|w| names_in(&w.text())).collect();
        }
        if matches!(name, "source" | ".") && arguments.iter().any(|w| base_name(w) == Some("stdin")) {
            verdict.stdin = Some(name.to_owned());
        }
    } else if NAMES.contains(&name) {
        verdict.refuse(arguments, &Reason::VariableName(name.to_owned()));
        verdict.arrays = arguments.iter().flat_map(|w| names_in(&w.text())).collect();
    } else if declares(name) {
        declaration(name, arguments, verdict);
    } else {
        match name {
            "test" | "[" => test(name, arguments, verdict),
            "printf" => printf(arguments, verdict),
            "jq" | "gojq" | "jaq" => jq(arguments, verdict),
            "redis-cli" => verdict.stdin = Some(name.to_owned()),
            _ => options(name, arguments, verdict),
        }
    }
}

fn names_in(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|n| !n.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A program that runs its first operand as a file of code and hands it the others.
fn run_file(name: &str, flags: &str, arguments: &[Word], verdict: &mut Verdict) {
    for (index, word) in arguments.iter().enumerate() {
        let text = word.text();
        let harmless = match text.strip_prefix('-') {
            Some("-norc" | "-noprofile" | "-posix" | "-login") => true,
            Some(letters) => !letters.is_empty() && letters.chars().all(|c| flags.contains(c)),
            None => false,
        };
        if harmless && !word.has_holes() {
            continue;
        }
        let is_file = !text.starts_with('-')
            && !word.has_holes()
            && !word.compound
            && text.bytes().any(|b| b != DYNAMIC)
            && (!text.starts_with('\0') || text.contains('/') || text.contains('.'))
            && !["/dev/", "/proc/"].iter().any(|dir| text.starts_with(dir));
        let subcommand = matches!(name, "deno" | "bun");
        if is_file && !subcommand {
            return;
        }
        verdict.refuse(arguments.get(index..).unwrap_or_default(), &Reason::Reparsed(name.to_owned()));
        break;
    }
    verdict.stdin = Some(name.to_owned());
}

fn declaration(name: &str, arguments: &[Word], verdict: &mut Verdict) {
    let mut plain = true;
    let mut array = false;
    for word in arguments {
        let text = word.text();
        if text.starts_with(['-', '+']) && !word.has_holes() {
            let letters = text.get(1..).unwrap_or_default();
            plain &= letters.chars().all(|c| "xrgptlu".contains(c));
            verdict.attributes |= letters.contains(['i', 'n', '\0']);
            array |= letters.contains(['a', 'A']);
        } else if text.starts_with('\0') && !word.has_holes() {
            verdict.attributes = true;
        } else if word.has_holes() && (!plain || word.compound || word.assignment == 0) {
            verdict.refuse(std::slice::from_ref(word), &Reason::VariableName(name.to_owned()));
        }
        if array {
            verdict.arrays.extend(text.split(['=', '+']).next().map(str::to_owned));
        }
    }
}

fn test(name: &str, arguments: &[Word], verdict: &mut Verdict) {
    if arguments.iter().filter_map(Word::fixed).any(|a| a == "-v" || a == "-R") {
        verdict.refuse(arguments, &Reason::VariableName(format!("{name} -v")));
    }
    let unknown_start = |w: &Word| w.literal.first() == Some(&DYNAMIC);
    for pair in arguments.windows(2) {
        if pair.iter().all(unknown_start) {
            verdict.refuse(pair, &Reason::TestOperator);
        }
    }
}

fn printf(arguments: &[Word], verdict: &mut Verdict) {
    let mut index = 0;
    if let Some(first) = arguments.first().map(Word::text) {
        if first == "-v" {
            verdict.refuse(
                arguments.get(1..2).unwrap_or_default(),
                &Reason::VariableName("printf -v".to_owned()),
            );
            index = 2;
        } else if first.starts_with("-v") {
            verdict.refuse(&arguments[..1], &Reason::VariableName("printf -v".to_owned()));
            index = 1;
        }
    }
    if arguments.get(index).and_then(Word::fixed) == Some("--") {
        index += 1;
    }
    verdict.refuse(arguments.get(index..=index).unwrap_or_default(), &Reason::PrintfFormat);
}

fn jq(arguments: &[Word], verdict: &mut Verdict) {
    let mut index = 0;
    while let Some(word) = arguments.get(index) {
        let text = word.text();
        let operands = match text.as_str() {
            "--arg" | "--argjson" | "--slurpfile" | "--rawfile" | "--argfile" => 2,
            "--indent" => 1,
            "-f" | "--from-file" | "-L" | "--library-path" => {
                verdict.refuse(arguments, &Reason::Reparsed("jq -f".to_owned()));
                verdict.stdin = Some("jq -f".to_owned());
                return;
            }
            _ if text.starts_with('-') && !word.has_holes() => 0,
            _ => {
                verdict.refuse(std::slice::from_ref(word), &Reason::JqProgram);
                return;
            }
        };
        if operands == 2 {
            // The name of a variable is a part of the program.
            let name = arguments.get(index + 1..index + 2).unwrap_or_default();
            verdict.refuse(name, &Reason::JqProgram);
        }
        index += 1 + operands;
    }
}

/// Programs of whose options some are code.
fn options(name: &str, arguments: &[Word], verdict: &mut Verdict) {
    if matches!(name, "scp" | "rsync") {
        // The remote side's shell reads what stands behind the colon.
        for word in arguments.iter().filter(|w| w.literal.contains(&b':')) {
            verdict.refuse(std::slice::from_ref(word), &Reason::Reparsed(name.to_owned()));
        }
    }
    if name == "git" {
        let runs = |a: &str| matches!(a, "foreach" | "filter-branch" | "bisect" | "alias");
        if arguments.iter().filter_map(Word::fixed).any(runs) {
            verdict.refuse(arguments, &Reason::Reparsed(name.to_owned()));
        }
    }
    let Some((_, codes)) = CODE_OPTIONS.iter().find(|(known, _)| *known == name) else { return };
    let is_code = |w: &Word| codes.iter().any(|option| w.literal.starts_with(option.as_bytes()));
    for (index, word) in arguments.iter().enumerate().filter(|(_, w)| w.has_holes()) {
        let after = index.checked_sub(1).and_then(|i| arguments.get(i)).is_some_and(&is_code);
        if after || is_code(word) {
            verdict.refuse(std::slice::from_ref(word), &Reason::Reparsed(format!("{name}'s option")));
        }
    }
}

//! From a job to shell text that runs it: environment, user, input, script. Sends nothing.

use std::fmt::Write as _;

use runbook_core::model::Shell;
use runbook_core::port::{ExecCommand, ExecJob, RunAs};
use runbook_core::shell::quote;

/// Name of the variable that marks everything an attempt has started, even what has left its group.
const MARK: &str = "RUNBOOK_ATTEMPT";

/// Most data for standard input: it travels inside the program's text.
const MOST_INPUT: usize = 16 << 20;

/// A job as shell text. Everything is in braces: of a text that was cut off, nothing runs.
pub(crate) struct CommandText {
    /// Text that runs the command in the shell that reads it, and ends with it.
    pub(crate) run: String,
    /// The directory to go to before, when that needs no other user's permissions.
    pub(crate) cwd: Option<String>,
}

impl CommandText {
    /// The text for `job`; its processes carry `mark`.
    ///
    /// # Errors
    ///
    /// What the job holds that cannot be carried to a shell.
    pub(crate) fn of(job: &ExecJob, mark: &str) -> Result<Self, String> {
        let texts = job.env.iter().map(|(_, value)| value).chain(&job.cwd).chain(match &job.command {
            ExecCommand::Argv(argv) => argv.iter(),
            ExecCommand::Script { text, .. } => std::slice::from_ref(text).iter(),
        });
        if texts.into_iter().any(|text| text.contains('\0')) {
            return Err("it holds a NUL character, which no shell can take".to_owned());
        }
        if job.stdin.as_ref().is_some_and(|data| data.len() > MOST_INPUT) {
            return Err(format!(
                "its standard input has more than {} MiB; copy it as a file",
                MOST_INPUT >> 20
            ));
        }
        let mut text = format!("export {MARK}={}\n", quote(mark));
        for (name, value) in &job.env {
            let _ = writeln!(text, "export {name}={}", quote(value));
        }
        if let (Some(_), Some(cwd)) = (&job.run_as, &job.cwd) {
            let _ = writeln!(text, "cd {} || exit 1", place(cwd));
        }
        text.push_str(&action(job));
        let text = format!("{{\n{text}\n}}");
        Ok(match &job.run_as {
            Some(other) => CommandText { run: format!("{{\n{}\n}}", sudo(other, &text, mark)), cwd: None },
            None => CommandText { run: text, cwd: job.cwd.as_deref().map(place) },
        })
    }
}

/// Text in which `rb_stop GROUP MARK TENTHS SPARE` ends processes with the permissions of the job's user; `end` is what
/// defines `rb_end`.
pub(crate) fn stopping(run_as: Option<&RunAs>, end: &str, mark: &str) -> String {
    let Some(other) = run_as else { return format!("{end}\nrb_stop() {{ rb_end \"$@\"; }}\n") };
    // The other user's own processes here are not to end themselves.
    let call = r#"$(printf 'rb_end %s %s %s " %s$$ $PPID "' "$1" "$2" "$3" "$4")"#;
    let text = format!("rb_end_text={}\nrb_stop() {{\n", quote(end));
    let program = format!("\"$rb_end_text\n{call}\"");
    text + &sudo_reading(other, &program, mark) + "\n}\n"
}

/// The part that runs the program or the script, with its input.
fn action(job: &ExecJob) -> String {
    let input = job.stdin.as_deref().map(printed);
    match &job.command {
        ExecCommand::Argv(argv) => {
            let words: Vec<String> = argv.iter().map(|word| quote(word)).collect();
            let words = words.join(" ");
            match input {
                Some(input) => format!("{input} | {{ exec {words}; }}"),
                None => format!("exec {words} </dev/null"),
            }
        }
        ExecCommand::Script { shell, text } => {
            let (program, strict) = match shell {
                Shell::Sh => ("sh", "-eu $rb_strict"),
                Shell::Bash => ("bash", "-eu -o pipefail"),
            };
            let mut lines = String::new();
            if *shell == Shell::Sh {
                lines.push_str("rb_strict=\n(set -o pipefail) 2>/dev/null && rb_strict='-o pipefail'\n");
            }
            let _ = writeln!(lines, "rb_script={}", quote(text));
            // The script comes by a descriptor of its own: nobody sees it in a list of processes, it needs no file,
            // and standard input stays free.
            let read = format!("exec {program} {strict} -c 'eval \"$(cat <&9)\" 9<&-' {program}");
            match input {
                Some(input) => {
                    let _ = write!(
                        lines,
                        "{input} | {{ exec 8<&0; printf '%s' \"$rb_script\" | {{ exec 9<&0 0<&8 8<&-; {read}; }}; }}"
                    );
                }
                None => {
                    let _ =
                        write!(lines, "printf '%s' \"$rb_script\" | {{ exec 9<&0 0</dev/null; {read}; }}");
                }
            }
            lines
        }
    }
}

/// A command that prints `data`.
fn printed(data: &[u8]) -> String {
    match std::str::from_utf8(data) {
        Ok(text) if !text.contains('\0') => format!("printf '%s' {}", quote(text)),
        _ => {
            let mut text = String::with_capacity(data.len() * 4 + 10);
            text.push_str("printf '");
            for byte in data {
                let _ = write!(text, "\\{byte:03o}");
            }
            text + "'"
        }
    }
}

/// A path after `cd`, which reads `-` and options differently.
fn place(path: &str) -> String {
    if path.starts_with('-') { format!("./{path}") } else { path.to_owned() }
}

/// Text that has another user's shell run `text`.
fn sudo(other: &RunAs, text: &str, mark: &str) -> String {
    format!("rb_inner={}\n{}", quote(text), sudo_reading(other, "\"$rb_inner\"", mark))
}

/// The same for a text that the word `program` yields. It goes over standard input: `sudo` keeps neither environment
/// nor descriptors, and arguments are for everybody to see.
fn sudo_reading(other: &RunAs, program: &str, mark: &str) -> String {
    let user = quote(&other.user);
    match &other.password {
        None => format!("printf '%s' {program} | sudo -n -u {user} -- sh -c 'eval \"$(cat)\"' runbook"),
        // `sudo` takes a line only when it asks, so the shell behind it skips what was not taken.
        Some(password) => format!(
            "{{ printf '%s\\n' {password} {mark}; printf '%s' {program}; }} | sudo -S -p '' -u {user} -- sh -c 'while IFS= read -r rb_line && [ \"$rb_line\" != \"$1\" ]; do :; done; eval \"$(cat)\"' runbook {mark}",
            password = quote(password),
            mark = quote(mark),
        ),
    }
}

//! The programs that run on targets, put together for one session each.

use std::fmt::Write as _;
use std::hash::{BuildHasher, Hasher, RandomState};

use runbook_core::shell::quote;

const COMMON: &str = include_str!("sh/common.sh");
const CAPSULE: &str = include_str!("sh/capsule.sh");
const END: &str = include_str!("sh/end.sh");

/// What the shell programs are.
pub(crate) mod programs {
    pub(crate) const START: &str = include_str!("sh/start.sh");
    pub(crate) const FOLLOW: &str = include_str!("sh/follow.sh");
    pub(crate) const LEASE: &str = include_str!("sh/lease.sh");
    pub(crate) const STOP: &str = include_str!("sh/stop.sh");
    pub(crate) const FILES: &str = include_str!("sh/files.sh");
    pub(crate) const KNOCK: &str = include_str!("sh/knock.sh");
    pub(crate) const PROBE: &str = include_str!("sh/probe.sh");
}

/// A text for one session: what is sent, and how its answers are recognised.
pub(crate) struct Program {
    /// Stands around what the target says, and nowhere else.
    pub(crate) nonce: String,
    text: String,
}

impl Program {
    /// `body`, one of [`programs`], with these variables set, after `given`. It may use the functions of `common.sh`;
    /// descriptor 3 is the engine.
    pub(crate) fn new(variables: &[(&str, &str)], given: &str, body: &str) -> Self {
        let nonce = random();
        let mut text = format!("{{\nexec 3<&0 </dev/null\nrb_nonce={nonce}\n");
        for (name, value) in variables {
            let _ = writeln!(text, "{name}={}", quote(value));
        }
        text.push_str(&without_comments(COMMON));
        text.push_str(given);
        text.push('\n');
        text.push_str(&without_comments(body));
        text.push_str("}\n");
        Program { nonce, text }
    }

    /// What the session is started with. Any login shell understands it, and it holds nothing that is not for every
    /// user of the target to see.
    pub(crate) fn command_line(&self) -> String {
        format!("exec sh -c 'eval \"$(head -c {})\"' runbook", self.text.len())
    }

    /// What is written to its standard input.
    pub(crate) fn text(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

/// The program of a capsule.
pub(crate) fn capsule() -> String {
    without_comments(CAPSULE)
}

/// What defines `rb_end`.
pub(crate) fn end() -> String {
    without_comments(END)
}

/// A name that nobody else has: 128 random bits in hex.
pub(crate) fn random() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

/// A pattern of `grep` that finds `name`, but not itself in a list of processes.
pub(crate) fn pattern(name: &str) -> String {
    let (first, rest) = name.split_at(name.chars().next().map_or(0, char::len_utf8));
    format!("[{first}]{rest}")
}

/// Fewer bytes to send.
fn without_comments(text: &str) -> String {
    let lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
    lines.fold(String::with_capacity(text.len()), |all, line| all + line + "\n")
}

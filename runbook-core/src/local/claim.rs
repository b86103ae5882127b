//! Who may run an attempt, as the file `claim` says it.
//!
//! A capsule writes its process id and the boot. A keeper writes a line that names itself, and adds one when
//! it has started the command and one when it knows the end. The engine writes `engine` when nobody may
//! run it any more. A line counts once it has its newline.

use std::fmt;

/// What the engine writes.
pub(super) const ENGINE: &str = "engine";

/// Who has claimed an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// Nobody yet.
    Open,
    /// A capsule that has not said its name yet; it has not started the command.
    Nameless,
    /// The capsule with this process id, on this boot.
    Capsule {
        /// Its process id, and that of its group.
        pid: i32,
        /// The boot it was started on.
        boot: String,
    },
    /// A keeper, and how far it has come.
    Keeper(Kept),
    /// The engine: nobody else will run it.
    Engine,
}

/// What a keeper has written of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// Who it is.
    pub(super) keeper: KeeperName,
    /// The command's process id; without it, the command may have been started or not.
    pub(super) command: Option<i32>,
    /// How it ended.
    pub(super) end: Option<KeptEnd>,
}

/// Names a keeper for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeeperName {
    /// Its process id.
    pub(super) pid: i32,
    /// When it was started, as the table of processes says it.
    pub(super) start: u64,
    /// The boot it was started on.
    pub(super) boot: String,
}

/// How a command of a keeper ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeptEnd {
    /// With this exit code.
    Code(i32),
    /// It was not started, and never will be.
    NotStarted,
    /// The system would not say.
    Lost,
}

impl fmt::Display for KeeperName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "keeper {} {} {}", self.pid, self.start, self.boot)
    }
}

impl fmt::Display for KeptEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeptEnd::Code(code) => writeln!(f, "code {code}"),
            KeptEnd::NotStarted => writeln!(f, "not started"),
            KeptEnd::Lost => writeln!(f, "lost"),
        }
    }
}

/// The line that says which process the command is.
pub(super) fn command_line(pid: u32) -> String {
    format!("command {pid}\n")
}

impl Claim {
    /// What the file `claim` says; `None` when nobody here wrote it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let Some((whole, _)) = text.rsplit_once('\n') else { return Some(Claim::Nameless) };
        let mut lines = whole.split('\n');
        let first = lines.next()?;
        if first == ENGINE {
            return Some(Claim::Engine);
        }
        let mut words = first.split(' ');
        let head = words.next()?;
        if head != "keeper" {
            return Some(Claim::Capsule { pid: head.parse().ok()?, boot: words.next()?.to_owned() });
        }
        let pid = words.next()?.parse().ok()?;
        let start = words.next()?.parse().ok()?;
        let keeper = KeeperName { pid, start, boot: words.next()?.to_owned() };
        let mut kept = Kept { keeper, command: None, end: None };
        for line in lines {
            match line.split_once(' ') {
                Some(("command", pid)) => kept.command = Some(pid.parse().ok()?),
                Some(("code", code)) => kept.end = Some(KeptEnd::Code(code.parse().ok()?)),
                Some(("not", "started")) => kept.end = Some(KeptEnd::NotStarted),
                None if line == "lost" => kept.end = Some(KeptEnd::Lost),
                _ => return None,
            }
        }
        Some(Claim::Keeper(kept))
    }

    /// Whether a keeper had it and knows the end.
    pub(super) fn is_finished_by_keeper(&self) -> bool {
        matches!(self, Claim::Keeper(Kept { end: Some(_), .. }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn keeper() -> KeeperName {
        KeeperName { pid: 12, start: 3456, boot: "b-1".into() }
    }

    fn kept(text: &str) -> Option<(Option<i32>, Option<KeptEnd>)> {
        match Claim::parse(&format!("{}{text}", keeper()))? {
            Claim::Keeper(kept) => {
                assert_eq!(kept.keeper, keeper());
                Some((kept.command, kept.end))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_line_counts_once_it_is_whole() {
        assert_eq!(Claim::parse(""), Some(Claim::Nameless));
        assert_eq!(Claim::parse("12 b-1"), Some(Claim::Nameless));
        assert_eq!(Claim::parse("12 b-1\n"), Some(Claim::Capsule { pid: 12, boot: "b-1".into() }));
        assert_eq!(Claim::parse("engine\n"), Some(Claim::Engine));
        assert_eq!(kept(""), Some((None, None)));
        assert_eq!(kept("command 13"), Some((None, None)));
        let running = command_line(13);
        assert_eq!(kept(&running), Some((Some(13), None)));
        assert_eq!(kept(&format!("{running}code 3")), Some((Some(13), None)));
        for end in [KeptEnd::Code(3), KeptEnd::NotStarted, KeptEnd::Lost] {
            assert_eq!(kept(&format!("{running}{end}")), Some((Some(13), Some(end))));
        }
    }

    #[test]
    fn what_nobody_here_wrote_is_not_an_answer() {
        for text in ["nonsense\n", "\n", "keeper\n", "keeper 1 2\n", "keeper x 2 b\n", "1\n"] {
            assert_eq!(Claim::parse(text), None, "{text:?}");
        }
        for text in ["code x\n", "code\n", "\n", "command\n", "elsewhere 3\n"] {
            assert_eq!(kept(text), None, "{text:?}");
        }
    }
}

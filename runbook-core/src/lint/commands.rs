//! Commands that lints know, as patterns.

use std::sync::OnceLock;

use crate::command::{CommandPattern, Fit, Invocation, Word};

/// Patterns of commands, read once.
pub(super) struct Known {
    texts: &'static [&'static str],
    patterns: OnceLock<Vec<CommandPattern>>,
}

impl Known {
    pub(super) const fn new(texts: &'static [&'static str]) -> Self {
        Known { texts, patterns: OnceLock::new() }
    }

    /// Whether one of them fits `command` for certain.
    pub(super) fn fits(&self, command: &Invocation) -> bool {
        let read = || self.texts.iter().filter_map(|text| CommandPattern::parse(text).ok()).collect();
        self.patterns.get_or_init(read).iter().any(|pattern| pattern.fits(command) == Fit::Yes)
    }
}

/// What these commands leave behind needs no look and no undoing.
pub(super) static MINOR: Known = Known::new(&[
    "git fetch",
    "(mkdir|rmdir)",
    "mktemp",
    "touch",
    "(docker|podman) pull",
    "docker compose (pull|build)",
    "docker-compose (pull|build)",
    "(apt|apt-get) update",
    "logger",
    "sync",
    "umask",
    "cd",
    "set",
    "export",
]);

/// What these commands do is over when they have ended: there is nothing to go back to.
pub(super) static PASSING: Known = Known::new(&[
    "systemctl (restart|reload|try-restart|reload-or-restart|daemon-reload|reset-failed)",
    "service * (restart|reload)",
    "supervisorctl (restart|reread|update)",
    "(docker|podman) restart",
    "docker compose restart",
    "docker-compose restart",
    "nginx (-s)",
    "(kill|pkill|killall)",
    "kubectl rollout",
    "redis-cli (SAVE|BGSAVE|save|bgsave|PING|ping)",
]);

/// Commands that follow something until they are interrupted.
pub(super) static ENDLESS: Known = Known::new(&[
    "tail (-f|-F|--follow)",
    "journalctl (-f|--follow)",
    "(docker|podman) logs (-f|--follow)",
    "docker compose logs (-f|--follow)",
    "docker-compose logs (-f|--follow)",
    "docker service logs (-f|--follow)",
    "(docker|podman) events",
    "kubectl logs (-f|--follow)",
    "kubectl get (-w|--watch)",
    "dmesg (-w|--follow)",
    "watch",
    "htop",
]);

/// Commands that make a copy of something.
pub(super) static COPYING: Known = Known::new(&[
    "(pg_dump|pg_dumpall|mysqldump|mariadb-dump|mongodump|pg_basebackup)",
    "redis-cli (SAVE|BGSAVE|save|bgsave)",
    "tar (-c|-cf|-czf|--create)",
    "(restic|borg) (backup|create)",
    "rsync",
]);

/// Commands that put a copy back in place of what is there.
pub(super) static RESTORING: Known = Known::new(&[
    "(pg_restore|mongorestore)",
    "(restic|borg) (restore|extract)",
    "*restore*",
    "(python|python3|bash|sh|node) *restore*",
]);

/// The program of a command and its arguments, without what only runs it as somebody else or for some time.
pub(super) fn unwrapped(words: &[Word]) -> &[Word] {
    let mut words = words;
    while let Some((program, rest)) = words.split_first() {
        let base = program.text.rsplit('/').next().unwrap_or_default();
        if !matches!(base, "sudo" | "command" | "exec" | "env" | "nohup" | "nice" | "time" | "timeout") {
            return words;
        }
        let numbers = base == "timeout";
        let skipped = rest.iter().take_while(|word| {
            word.text.starts_with('-')
                || word.text.contains('=')
                || (numbers && word.text.starts_with(|c: char| c.is_ascii_digit()))
        });
        words = &rest[skipped.count()..];
    }
    words
}

/// The program of a command, without its directory.
pub(super) fn program(words: &[Word]) -> &str {
    unwrapped(words).first().map_or("", |word| word.text.rsplit('/').next().unwrap_or_default())
}

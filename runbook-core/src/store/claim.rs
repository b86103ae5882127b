//! Which engine holds a run, and whether it still lives.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Pid, test_kill_process};

use crate::ids::RunId;
use crate::port::{EngineClaim, StoreError};

/// What does not change while this process lives.
struct Here {
    host: String,
    boot: String,
    pid: u32,
    started: u64,
}

fn here() -> &'static Here {
    static HERE: OnceLock<Here> = OnceLock::new();
    HERE.get_or_init(|| {
        let pid = process::id();
        Here {
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            boot: fs::read_to_string("/proc/sys/kernel/random/boot_id")
                .map(|id| id.trim().to_owned())
                .unwrap_or_default(),
            pid,
            started: stat(pid).map_or(0, |stat| stat.started),
        }
    })
}

/// A claim of this process, different from all others: one for every engine.
pub fn this_process() -> EngineClaim {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let Here { host, boot, pid, started } = here();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // Process ids and even boots repeat where machines are restored from images, so chance has a say too.
    let chance = RandomState::new().hash_one((pid, started, count));
    EngineClaim {
        nonce: format!("{pid}-{started}-{count}-{chance:016x}"),
        host: host.clone(),
        boot: boot.clone(),
        pid: *pid,
        started: *started,
    }
}

/// Whether the engine that made `claim` may still be at work. In doubt it is: two engines on one run are
/// worse than one that has to wait.
///
/// The process of another machine cannot be looked at and counts as alive. Machines are told apart by
/// their names, so containers that share a state directory need names of their own.
pub fn is_alive(claim: &EngineClaim) -> bool {
    let here = here();
    if claim.host != here.host {
        return true;
    }
    if !claim.boot.is_empty() && !here.boot.is_empty() && claim.boot != here.boot {
        return false;
    }
    match stat(claim.pid) {
        Some(stat) => !stat.dead && (claim.started == 0 || claim.started == stat.started),
        None => exists(claim.pid),
    }
}

/// Whether `claim` may have `run`, which `held` has now.
pub(super) fn may_take(
    run: &RunId,
    held: Option<&EngineClaim>,
    claim: &EngineClaim,
) -> Result<(), StoreError> {
    match held {
        Some(held) if held.nonce != claim.nonce && is_alive(held) => {
            Err(StoreError::Busy { run: run.clone(), host: held.host.clone(), pid: held.pid })
        }
        _ => Ok(()),
    }
}

/// Whether there is a process `pid`, where the kernel shows no more of it.
fn exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// What `/proc/<pid>/stat` says.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    /// It has ended, and only its parent has not noticed.
    dead: bool,
    /// When it started, in clock ticks since the machine did.
    started: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The second field is the program's name in parentheses, and that may hold spaces and parentheses.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?.parse().ok()?;
    Some(Stat { dead: matches!(state, "Z" | "X" | "x"), started })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::process::Command;

    use super::*;

    /// A claim as the process `pid` would make it.
    fn claim_of(pid: u32) -> EngineClaim {
        EngineClaim { pid, started: stat(pid).unwrap().started, ..this_process() }
    }

    #[test]
    fn a_program_may_be_called_anything() {
        let numbers = "1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 1000 2";
        for name in ["cat", "a b", "x) S (y", ")"] {
            let stat = parse_stat(&format!("12 ({name}) S {numbers}"));
            assert_eq!(stat, Some(Stat { dead: false, started: 4711 }), "{name}");
        }
        assert_eq!(parse_stat(&format!("12 (x) Z {numbers}")), Some(Stat { dead: true, started: 4711 }));
        for nonsense in ["", "12", "12 (x", "12 (x)", "12 (x) S 1 1"] {
            assert_eq!(parse_stat(nonsense), None);
        }
    }

    #[test]
    fn claims_of_this_process_live_and_differ() {
        let (a, b) = (this_process(), this_process());
        assert_ne!(a.nonce, b.nonce);
        assert_eq!(a.pid, process::id());
        assert!(is_alive(&a));
        assert!(!a.host.is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_dead_are_known_even_before_they_are_buried() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let claim = claim_of(child.id());
        assert!(is_alive(&claim));
        rustix::process::kill_process(Pid::from_child(&child), rustix::process::Signal::KILL).unwrap();
        while stat(child.id()).is_some_and(|stat| !stat.dead) {
            std::thread::yield_now();
        }
        assert!(!is_alive(&claim), "a zombie");
        child.wait().unwrap();
        assert!(!is_alive(&claim));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_reused_process_id_is_not_taken_for_the_engine() {
        let claim = this_process();
        assert!(!is_alive(&EngineClaim { started: claim.started + 1, ..claim.clone() }));
        assert!(is_alive(&EngineClaim { started: 0, ..claim }), "not known when it started");
    }

    #[test]
    fn other_boots_are_over_and_other_machines_cannot_be_seen() {
        let claim = this_process();
        let dead = EngineClaim { pid: 0, ..claim.clone() };
        assert!(!is_alive(&dead));
        assert!(is_alive(&EngineClaim { host: "elsewhere.example.net".into(), ..dead }));
        #[cfg(target_os = "linux")]
        assert!(!is_alive(&EngineClaim { boot: "another".into(), ..claim.clone() }));
        assert!(is_alive(&EngineClaim { boot: String::new(), ..claim }), "boot not known");
    }
}

//! The system's table of processes. The one place that differs between systems.

use std::sync::OnceLock;

use rustix::process::{Pid, Signal};

/// One process.
#[derive(Clone, Debug)]
pub(super) struct Process {
    /// Its id.
    pub(super) pid: i32,
    /// Its parent's id.
    pub(super) parent: i32,
    /// Its group.
    pub(super) group: i32,
    /// When it started, in a unit of the system's own: with the id it names a process for ever.
    pub(super) start: u64,
    /// Whether it has ended and only its entry is left.
    pub(super) dead: bool,
    /// Its name, for people.
    pub(super) name: String,
}

impl PartialEq for Process {
    fn eq(&self, other: &Self) -> bool {
        (self.pid, self.start) == (other.pid, other.start)
    }
}

pub(super) use system::{all, boot_time, find, has_argument, has_variable, ignored_signals, signal};

/// Names this boot of the machine.
pub(super) fn boot() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(system::boot)
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;

    use jiff::{SignedDuration, Timestamp};
    use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};

    use super::{Pid, Process, Signal};

    /// All processes that can be seen.
    pub(in super::super) fn all() -> Vec<Process> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        entries.filter_map(|entry| find(entry.ok()?.file_name().to_str()?.parse().ok()?)).collect()
    }

    /// The process `pid`.
    pub(in super::super) fn find(pid: i32) -> Option<Process> {
        parse(pid, &String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat")).ok()?))
    }

    fn parse(pid: i32, stat: &str) -> Option<Process> {
        // The name may hold anything, parentheses included.
        let (before, after) = stat.rsplit_once(')')?;
        let (_, name) = before.split_once('(')?;
        let mut fields = after.split_ascii_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let start = fields.nth(16)?.parse().ok()?;
        Some(Process { pid, parent, group, start, dead: matches!(state, "Z" | "X"), name: name.to_owned() })
    }

    /// Whether `pid` was started with the variable `name` set to `value`.
    pub(in super::super) fn has_variable(pid: i32, name: &str, value: &str) -> bool {
        let wanted = format!("{name}={value}");
        fs::read(format!("/proc/{pid}/environ")).is_ok_and(|all| has_item(&all, wanted.as_bytes()))
    }

    /// Whether `pid` was started with the argument `value`.
    pub(in super::super) fn has_argument(pid: i32, value: &[u8]) -> bool {
        fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|all| has_item(&all, value))
    }

    fn has_item(list: &[u8], wanted: &[u8]) -> bool {
        list.split(|byte| *byte == 0).any(|item| item == wanted)
    }

    /// Sends `signal` to exactly this process, never to one that has got its id since.
    pub(in super::super) fn signal(process: &Process, signal: Signal) {
        let Some(pid) = Pid::from_raw(process.pid) else { return };
        // Failing means that it is gone or is not ours; whoever asks looks again afterwards.
        if let Ok(handle) = pidfd_open(pid, PidfdFlags::empty())
            && find(process.pid).is_some_and(|now| now == *process)
        {
            let _ = pidfd_send_signal(handle, signal);
        }
    }

    /// Names this boot of the machine.
    pub(super) fn boot() -> String {
        fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map_or_else(|_| "unknown".to_owned(), |id| id.trim().to_owned())
    }

    /// The signals that this process ignores, a bit each, beginning with number 1.
    pub(in super::super) fn ignored_signals() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    }

    /// When the machine was booted.
    pub(in super::super) fn boot_time() -> Option<Timestamp> {
        let uptime = fs::read_to_string("/proc/uptime").ok()?;
        let seconds = uptime.split_ascii_whitespace().next()?.parse().ok()?;
        Timestamp::now().checked_sub(SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
    }

    #[cfg(test)]
    #[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    mod tests {
        use super::*;

        #[test]
        fn a_name_may_look_like_the_rest_of_the_line() {
            let stat = "7 (a) Z 1 (b c) S 3 5 2 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
            let process = parse(7, stat).unwrap();
            assert_eq!((process.parent, process.group, process.start), (3, 5, 4711));
            assert_eq!(process.name, "a) Z 1 (b c");
            assert!(!process.dead);
        }

        #[test]
        fn this_process_is_in_the_table() {
            let pid = std::process::id() as i32;
            let found = all().into_iter().find(|process| process.pid == pid).unwrap();
            assert_eq!(found, find(pid).unwrap());
            assert!(!found.dead);
        }

        #[test]
        fn the_machine_was_booted_before_now() {
            assert!(boot_time().unwrap() < Timestamp::now());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::process::Command;

    use jiff::Timestamp;

    use super::{Pid, Process, Signal};

    /// All processes that can be seen. `ps` says no exact start, so the id alone has to do.
    pub(in super::super) fn all() -> Vec<Process> {
        ps(&["-A", "-o", "pid=,ppid=,pgid=,stat=,comm="]).lines().filter_map(parse).collect()
    }

    /// The process `pid`.
    pub(in super::super) fn find(pid: i32) -> Option<Process> {
        parse(ps(&["-o", "pid=,ppid=,pgid=,stat=,comm=", "-p", &pid.to_string()]).lines().next()?)
    }

    fn ps(arguments: &[&str]) -> String {
        let output = Command::new("ps").args(arguments).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    }

    fn parse(line: &str) -> Option<Process> {
        let mut fields = line.split_ascii_whitespace();
        let pid = fields.next()?.parse().ok()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let dead = fields.next()?.starts_with('Z');
        let name = fields.collect::<Vec<_>>().join(" ");
        Some(Process { pid, parent, group, start: 0, dead, name })
    }

    /// Whether `pid` was started with the variable `name` set to `value`: cannot be seen here.
    pub(in super::super) fn has_variable(_pid: i32, _name: &str, _value: &str) -> bool {
        false
    }

    /// Whether `pid` was started with the argument `value`.
    pub(in super::super) fn has_argument(pid: i32, value: &[u8]) -> bool {
        let value = String::from_utf8_lossy(value);
        ps(&["-ww", "-o", "command=", "-p", &pid.to_string()]).contains(value.as_ref())
    }

    /// Sends `signal` to this process.
    pub(in super::super) fn signal(process: &Process, signal: Signal) {
        if let Some(pid) = Pid::from_raw(process.pid) {
            // Failing means that it is gone or is not ours; whoever asks looks again afterwards.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Names this boot of the machine; without a source for that, all boots are taken for one.
    pub(super) fn boot() -> String {
        "unknown".to_owned()
    }

    /// The signals that this process ignores: cannot be seen here.
    pub(in super::super) fn ignored_signals() -> u64 {
        0
    }

    /// When the machine was booted.
    pub(in super::super) fn boot_time() -> Option<Timestamp> {
        None
    }
}

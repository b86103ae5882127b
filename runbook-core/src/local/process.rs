//! Processes of this machine: which there are, which belong together, and how to end them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::table::{self, Process};

/// Name of the variable that marks everything an attempt has started, even what has left its group.
pub(super) const MARK: &str = "RUNBOOK_ATTEMPT";

/// Time between two looks at processes.
pub(super) const LOOK: Duration = Duration::from_millis(10);

/// How long killed processes may take to disappear.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// How long a capsule may take to write down how its command ended.
const CAPSULE_WAIT: Duration = Duration::from_millis(500);

/// Everything that one command has started.
pub(super) struct Tree {
    /// The first process, which leads the group.
    root: Process,
    /// What the mark holds.
    token: String,
    /// Whether the first process only waits for the command, and is to write down how it ended.
    capsule: bool,
    /// Members seen so far, by process id, with their start and whether they were asked to end.
    known: BTreeMap<i32, (u64, bool)>,
}

impl Tree {
    /// What `root` has started, marked with `token`.
    pub(super) fn new(root: Process, token: &str, capsule: bool) -> Self {
        let known = BTreeMap::from([(root.pid, (root.start, false))]);
        Tree { root, token: token.to_owned(), capsule, known }
    }

    /// The members that live.
    fn look(&mut self) -> Vec<Process> {
        let all = table::all();
        let reused =
            all.iter().any(|process| process.pid == self.root.pid && process.start != self.root.start);
        let mut members: BTreeMap<i32, Process> = BTreeMap::new();
        for process in &all {
            let known = self.known.get(&process.pid).is_some_and(|(start, _)| *start == process.start);
            let in_group = !reused && process.group == self.root.pid;
            let young = process.start >= self.root.start;
            if known || young && (in_group || table::has_variable(process.pid, MARK, &self.token)) {
                members.insert(process.pid, process.clone());
            }
        }
        loop {
            let before = members.len();
            for process in &all {
                if members.contains_key(&process.parent) && !members.contains_key(&process.pid) {
                    members.insert(process.pid, process.clone());
                }
            }
            if members.len() == before {
                break;
            }
        }
        for process in members.values() {
            let seen = self.known.entry(process.pid).or_insert((process.start, false));
            if seen.0 != process.start {
                *seen = (process.start, false);
            }
        }
        members.into_values().filter(|process| !process.dead).collect()
    }

    /// Ends all: TERM, after `grace` KILL. Says what could not be ended.
    pub(super) async fn end(mut self, grace: Duration) -> Option<String> {
        let spare = if self.capsule { CAPSULE_WAIT } else { Duration::ZERO };
        let left = self.until_gone(grace, Self::ask).await
            && self.until_gone(spare, Self::kill_command).await
            && self.until_gone(LAST_WAIT, Self::kill_all).await;
        if !left {
            return None;
        }
        let names: Vec<_> =
            self.look().iter().map(|process| format!("{} ({})", process.pid, process.name)).collect();
        (!names.is_empty()).then(|| format!("could not be ended: process {}", names.join(", process ")))
    }

    /// Lets `act` loose on the living members until there are none or `limit` has passed; whether some are left.
    async fn until_gone(&mut self, limit: Duration, act: fn(&mut Self, &[Process])) -> bool {
        let start = Instant::now();
        loop {
            let left = self.look();
            if left.is_empty() {
                return false;
            }
            if start.elapsed() >= limit {
                return true;
            }
            act(self, &left);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Asks each, once, to end.
    fn ask(&mut self, left: &[Process]) {
        for process in left {
            if let Some((_, asked @ false)) = self.known.get_mut(&process.pid) {
                *asked = true;
                table::signal(process, Signal::TERM);
                // A stopped process hears nothing before it is continued.
                table::signal(process, Signal::CONT);
            }
        }
    }

    fn kill_command(&mut self, left: &[Process]) {
        for process in left.iter().filter(|process| process.pid != self.root.pid) {
            table::signal(process, Signal::KILL);
        }
    }

    fn kill_all(&mut self, left: &[Process]) {
        if left.contains(&self.root)
            && let Some(group) = Pid::from_raw(self.root.pid)
        {
            // At once, so that no member can start another meanwhile. What cannot be killed is reported later.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        for process in left {
            table::signal(process, Signal::KILL);
        }
    }
}

/// What still lives of an attempt whose first process is gone, for people.
pub(super) fn remains(token: &str) -> Vec<String> {
    let marked = |process: &Process| !process.dead && table::has_variable(process.pid, MARK, token);
    table::all().iter().filter(|process| marked(process)).map(|p| format!("{} ({})", p.pid, p.name)).collect()
}

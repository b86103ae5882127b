//! Ending what a command has started, inside of its container.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::start::small;
use super::watch::Watched;
use super::{MARK, start::Ran};

/// Sends a signal to every process of an attempt.
const STOP: &str = include_str!("stop.sh");

/// Time between two looks at what is left.
const LOOK: Duration = Duration::from_millis(100);

/// How long killed processes may take to be gone.
const REAP: Duration = Duration::from_secs(2);

/// The user who may signal every process.
const ROOT: &str = "0";

/// TERM, after the job's grace KILL. Says what could not be ended.
pub(super) async fn end(watched: &Watched<'_>) -> Option<String> {
    for (signal, patience) in [("TERM", watched.job.grace.to_std()), ("KILL", REAP)] {
        let limit = Instant::now() + patience;
        let mut signal = signal;
        loop {
            match signalled(watched, signal).await {
                Ok(left) if left.is_empty() && !runs(watched).await => return None,
                Ok(_) => {}
                Err(why) => return by_process_id(watched, &why).await,
            }
            // Asked again only what is left.
            signal = "0";
            if Instant::now() >= limit {
                break;
            }
            sleep(LOOK).await;
        }
    }
    let left = signalled(watched, "0").await.unwrap_or_default();
    Some(format!(
        "could not be ended in the container: process {}",
        left.split_whitespace().collect::<Vec<_>>().join(", ")
    ))
}

/// Whether a process of the attempt is alive.
pub(super) async fn is_alive(watched: &Watched<'_>) -> Result<bool, String> {
    signalled(watched, "0").await.map(|left| !left.is_empty())
}

/// Sends `signal` to all processes of the attempt that are alive, and says which they are.
async fn signalled(watched: &Watched<'_>, signal: &str) -> Result<String, String> {
    let mark = format!("{MARK}={}", watched.job.token);
    let ask = async |user: Option<&str>, seed: &str| -> Result<String, String> {
        let argv = ["sh", "-c", STOP, "sh", signal, &mark, seed];
        let Ran { stdout, .. } = small(watched.docker, watched.container, user, &argv, None).await?;
        Ok(String::from_utf8_lossy(&stdout).trim().to_owned())
    };
    // Its own user may look at its environment, root at nobody else's, unless the container allows it; but root may
    // signal every process.
    let own = ask(watched.user, "").await?;
    if own.is_empty() {
        return Ok(own);
    }
    match ask(Some(ROOT), &own).await {
        Ok(all) => Ok(all),
        Err(_) => Ok(own),
    }
}

/// Whether the engine says that the command itself still runs.
async fn runs(watched: &Watched<'_>) -> bool {
    watched.docker.inspect_exec(watched.id).await.is_ok_and(|found| found.running == Some(true))
}

/// Ends the command from outside, where its container has no shell: when the engine is on this machine, and this user
/// may signal its processes.
async fn by_process_id(watched: &Watched<'_>, why: &str) -> Option<String> {
    let found = watched.docker.inspect_exec(watched.id).await.ok()?;
    if found.running != Some(true) {
        return None;
    }
    let pid = found.pid.and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
    let mark = format!("{MARK}={}", watched.job.token);
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::KILL] {
        let ours = std::fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|line| line == mark.as_bytes()));
        let Some(process) = rustix::process::Pid::from_raw(pid).filter(|_| ours) else { break };
        if rustix::process::kill_process(process, signal).is_err() {
            break;
        }
        let patience =
            if signal == rustix::process::Signal::TERM { watched.job.grace.to_std() } else { REAP };
        let limit = Instant::now() + patience;
        while Instant::now() < limit {
            if !runs(watched).await {
                return None;
            }
            sleep(LOOK).await;
        }
    }
    Some(format!("could not be ended: nothing in the container can do that ({why})"))
}

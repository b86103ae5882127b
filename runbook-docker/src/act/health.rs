//! Waiting until containers are well.

use std::time::Duration;

use bollard::Docker;
use bollard::models::ContainerState;
use tokio::time::{Instant, sleep};

use crate::container::{how, inspect};

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(250);

/// How long a container without a health check must stay up to count as well.
const STEADY: Duration = Duration::from_secs(2);

/// How a container is on its way.
pub(crate) enum Waiting {
    /// It is running, and healthy when it can say so.
    Well,
    /// It may become well.
    NotYet(String),
    /// It will not become well by itself.
    Never(String),
}

impl Waiting {
    /// Reads it from the engine's account of a container.
    fn of(state: &ContainerState, running_for: Duration) -> Self {
        let health = state.health.as_ref().and_then(|health| health.status).map(|status| status.to_string());
        let running = state.running == Some(true) && state.restarting != Some(true);
        match health.as_deref() {
            _ if !running => match state.status.map(|status| status.to_string()).as_deref() {
                Some("exited" | "dead") => Waiting::Never(how(state)),
                _ => Waiting::NotYet(how(state)),
            },
            Some("healthy") => Waiting::Well,
            Some("unhealthy") => {
                let log =
                    state.health.as_ref().and_then(|health| health.log.as_ref()?.last()?.output.clone());
                let log = log.map(|log| format!(": {}", log.trim())).unwrap_or_default();
                Waiting::NotYet(format!("is unhealthy{log}"))
            }
            Some("starting") => Waiting::NotYet("is running, and not healthy yet".to_owned()),
            // It says nothing of its health.
            _ if running_for >= STEADY => Waiting::Well,
            _ => Waiting::NotYet("has only just been started".to_owned()),
        }
    }
}

/// Waits until all containers `names` are well, at most `most`. Says which are not, and why.
pub(crate) async fn until_well(docker: &Docker, names: &[String], most: Duration) -> Result<(), String> {
    let end = Instant::now() + most;
    let mut since: Vec<(String, Instant)> = names.iter().map(|_| (String::new(), Instant::now())).collect();
    loop {
        let mut waiting = Vec::new();
        for (name, (started, seen)) in names.iter().zip(&mut since) {
            let Some(found) = inspect(docker, name).await? else {
                return Err(format!("`{name}` is gone"));
            };
            let state = found.state.unwrap_or_default();
            let now = state.started_at.clone().unwrap_or_default();
            if now != *started {
                (*started, *seen) = (now, Instant::now());
            }
            match Waiting::of(&state, seen.elapsed()) {
                Waiting::Well => {}
                Waiting::NotYet(why) => waiting.push(format!("`{name}` {why}")),
                Waiting::Never(why) => return Err(format!("`{name}` {why}")),
            }
        }
        if waiting.is_empty() {
            return Ok(());
        }
        if Instant::now() >= end {
            return Err(format!("not well within {} s: {}", most.as_secs(), waiting.join("; ")));
        }
        sleep(LOOK).await;
    }
}

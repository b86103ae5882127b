//! A place in a container where a command can leave its exit code.
//!
//! The container engine takes a command whose output nobody takes any more for one that failed with 126, and forgets how it
//! really ends. So the command's own shell writes that down too.

use std::sync::atomic::{AtomicU64, Ordering};

use bollard::Docker;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::start::small;
use crate::container::Found;

/// What runs a command and leaves its exit code.
pub(super) const CAPSULE: &str = include_str!("capsule.sh");

/// Prints the first directory that can be written to; memory before disks.
const FIND: &str = r#"for place in /dev/shm /run /tmp /var/tmp; do
    if [ -d "$place" ] && [ -w "$place" ]; then echo "$place"; exit 0; fi
done
exit 1"#;

/// The places that were found, asked once an incarnation of a container.
#[derive(Debug, Default)]
pub(crate) struct Places {
    known: Mutex<Option<(Found, Option<String>)>>,
}

impl Places {
    /// A new file for an exit code; none where the container has no shell, or nowhere to write.
    pub(super) async fn file(
        &self,
        docker: &Docker,
        container: &Found,
        user: Option<&str>,
        token: &str,
    ) -> Option<String> {
        let mut known = self.known.lock().await;
        let place = match &*known {
            Some((of, place)) if of == container => place.clone(),
            _ => {
                let found = small(docker, container, user, &["sh", "-c", FIND], None).await;
                let place = found.ok().filter(|ran| ran.code == 0);
                let place = place.map(|ran| String::from_utf8_lossy(&ran.stdout).trim().to_owned());
                *known = Some((container.clone(), place.clone()));
                place
            }
        };
        place.map(|place| format!("{place}/.runbook-{}", unguessable(token)))
    }
}

/// A name that nobody has taken: others may write to the same place.
fn unguessable(token: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let seed = format!("{token} {} {} {next}", now.as_nanos(), std::process::id());
    Sha256::digest(seed.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The exit code in `file`, when there is one.
pub(super) async fn code_in(
    docker: &Docker,
    container: &Found,
    user: Option<&str>,
    file: &str,
) -> Result<Option<i32>, String> {
    let ran =
        small(docker, container, user, &["sh", "-c", "[ ! -e \"$1\" ] || cat -- \"$1\"", "sh", file], None)
            .await?;
    if ran.code != 0 {
        return Err(format!("its exit code cannot be read: {}", ran.stderr.trim()));
    }
    Ok(String::from_utf8_lossy(&ran.stdout).trim().parse().ok())
}

/// Removes `file`. One that stays does no harm.
pub(super) async fn tidy(docker: &Docker, container: &Found, user: Option<&str>, file: &str) {
    let _ = small(docker, container, user, &["rm", "-f", "--", file], None).await;
}

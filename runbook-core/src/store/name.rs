//! How runs are named, and found by what people type.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::ids::RunId;
use crate::port::{Store, StoreError};

/// A fresh id for a run that is created `now`: `YYYYMMDD-HHMMSS-xxxx`, in UTC.
///
/// Two runs of the same second may get the same id, once in a million; the store refuses the second one.
pub fn new_run_id(now: Timestamp) -> RunId {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut random = RandomState::new().hash_one(now.as_nanosecond());
    let mut id = now.to_zoned(TimeZone::UTC).strftime("%Y%m%d-%H%M%S-").to_string();
    for _ in 0..4 {
        id.push(char::from(DIGITS[(random % 36) as usize]));
        random /= 36;
    }
    RunId(id)
}

/// Whether `text` may name a run, and so a directory.
pub(super) fn is_run_id(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// The directory of `run` under the store's directory `store`, never outside of it.
pub(super) fn directory(store: &Path, run: &RunId) -> PathBuf {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    store.join("runs").join(run.as_str().chars().map(safe).collect::<String>())
}

/// The run that `text` stands for: its id, the beginning of its id that no other run shares, or `last`
/// (also `latest`) for the newest one.
pub async fn resolve(store: &dyn Store, text: &str) -> Result<RunId, StoreError> {
    let none = || StoreError::NoSuchRun(text.to_owned());
    let runs = store.list().await?;
    if matches!(text, "last" | "latest") {
        return runs.into_iter().next().map(|run| run.id).ok_or_else(none);
    }
    if text.is_empty() {
        return Err(none());
    }
    let mut fitting = Vec::new();
    for run in runs {
        if run.id.as_str() == text {
            return Ok(run.id);
        }
        if run.id.as_str().starts_with(text) {
            fitting.push(run.id);
        }
    }
    match fitting.len() {
        0 => Err(none()),
        1 => fitting.pop().ok_or_else(none),
        _ => Err(StoreError::Ambiguous(text.to_owned(), enumerate(&fitting))),
    }
}

/// The first few of `ids` as a text, and how many more there are.
fn enumerate(ids: &[RunId]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = ids.iter().take(SHOWN).map(RunId::as_str).collect();
    match ids.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_tells_its_time_in_utc_and_can_name_a_directory() {
        let now: Timestamp = "2026-11-20T23:45:01.25Z".parse().unwrap();
        let id = new_run_id(now);
        let (time, random) = id.as_str().split_at(16);
        assert_eq!(time, "20261120-234501-");
        assert_eq!(random.len(), 4);
        assert!(random.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()), "{random}");
        assert!(is_run_id(id.as_str()));
    }

    #[test]
    fn ids_of_one_instant_differ() {
        let now = Timestamp::UNIX_EPOCH;
        let ids: std::collections::BTreeSet<_> = (0..50).map(|_| new_run_id(now)).collect();
        assert!(ids.len() >= 48, "only {} different ids of 50", ids.len());
    }

    #[test]
    fn what_could_leave_the_directory_is_no_id() {
        for text in ["", ".", "..", "a/b", "../x", "a\0", "a b", "ж", &"a".repeat(101)] {
            assert!(!is_run_id(text), "{text:?}");
        }
    }
}

//! The chain that ties every entry of a log to all entries before it.

use sha2::{Digest, Sha256};

use crate::ids::RunId;
use crate::port::StoreError;
use crate::run::Entry;

/// One entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its place in the log.
    pub seq: u64,
    /// The entry, as JSON, byte for byte as it was hashed.
    pub json: String,
    /// [`chain_hash`] of the entry before it (for the first one, of the plan's digest) and `json`.
    pub hash: String,
}

/// The hash of an entry: SHA-256, in hex, over the hash before it and the entry's JSON.
///
/// It is taken of the text that is kept, never of a second rendering of it, so that no detail of
/// numbers or of key order can make an honest log look broken.
pub fn chain_hash(previous: &str, json: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digest = Sha256::new().chain_update(previous).chain_update(json).finalize();
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        hex.extend([byte >> 4, byte & 15].map(|half| char::from(HEX[usize::from(half)])));
        hex
    })
}

/// Checks that `links` are a whole, unchanged log that begins at the plan's `digest`. The error names the
/// first entry that is not as it was written.
///
/// A log that was cut off at its end is whole in itself: compare the returned last hash with one that is
/// kept elsewhere.
pub fn verify_chain(run: &RunId, digest: &str, links: &[Link]) -> Result<String, StoreError> {
    let mut previous = digest;
    for (seq, link) in (1..).zip(links) {
        if link.seq != seq {
            return Err(StoreError::Damaged(format!("entry {seq} of run `{run}` is missing")));
        }
        if chain_hash(previous, &link.json) != link.hash {
            return Err(broken(run, seq, "was changed, or does not follow the entry before it"));
        }
        let entry = parse(run, link.seq, &link.json)?;
        if entry.seq != seq {
            return Err(broken(run, seq, &format!("says it is entry {}", entry.seq)));
        }
        previous = &link.hash;
    }
    Ok(previous.to_owned())
}

/// The entry that is kept as `json`.
pub(super) fn parse(run: &RunId, seq: u64, json: &str) -> Result<Entry, StoreError> {
    serde_json::from_str(json).map_err(|error| broken(run, seq, &format!("cannot be read: {error}")))
}

fn broken(run: &RunId, seq: u64, what: &str) -> StoreError {
    StoreError::Damaged(format!("entry {seq} of run `{run}` {what}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn log(length: u64) -> Vec<Link> {
        let mut previous = "plan".to_owned();
        let mut links = Vec::new();
        for seq in 1..=length {
            let json = format!(
                r#"{{"seq":{seq},"at":"2026-01-01T00:00:00Z","event":"condition","node":{seq},"holds":true}}"#
            );
            let hash = chain_hash(&previous, &json);
            previous.clone_from(&hash);
            links.push(Link { seq, json, hash });
        }
        links
    }

    fn complaint(links: &[Link]) -> String {
        verify_chain(&RunId("r".into()), "plan", links).unwrap_err().to_string()
    }

    #[test]
    fn the_hash_is_sha256_over_the_hash_before_and_the_text() {
        // `printf 'ab{}' | sha256sum`
        assert_eq!(
            chain_hash("ab", "{}"),
            "3be91eba4bbf6eca84815330757ef71cb825527c910d2f446e15710d9bd57f79"
        );
    }

    #[test]
    fn an_untouched_log_is_whole() {
        let links = log(5);
        assert_eq!(verify_chain(&RunId("r".into()), "plan", &links).unwrap(), links[4].hash);
        assert_eq!(verify_chain(&RunId("r".into()), "plan", &[]).unwrap(), "plan");
    }

    #[test]
    fn another_plan_is_found() {
        let error = verify_chain(&RunId("r".into()), "other", &log(2)).unwrap_err();
        assert!(error.to_string().contains("entry 1 of run `r` was changed"), "{error}");
    }

    #[test]
    fn every_change_of_every_entry_is_found_and_named() {
        for n in 0..5_usize {
            let seq = n + 1;
            let mut links = log(5);
            links[n].json = links[n].json.replace("true", "false");
            assert!(complaint(&links).contains(&format!("entry {seq} of run `r` was changed")));

            // Somebody who recomputes one hash breaks the next one.
            let previous = if n == 0 { "plan" } else { &log(5)[n - 1].hash.clone() };
            links[n].hash = chain_hash(previous, &links[n].json);
            if n < 4 {
                assert!(complaint(&links).contains(&format!("entry {} of run `r` was changed", seq + 1)));
            }
        }
    }

    #[test]
    fn deletion_and_reordering_are_found_and_named() {
        let mut links = log(5);
        links.remove(2);
        assert!(complaint(&links).contains("entry 3 of run `r` is missing"));
        (links[2].seq, links[3].seq) = (3, 4);
        assert!(complaint(&links).contains("entry 3 of run `r` was changed"));

        let mut links = log(5);
        links.swap(1, 2);
        assert!(complaint(&links).contains("entry 2 of run `r` is missing"));
        (links[1].seq, links[2].seq) = (2, 3);
        assert!(complaint(&links).contains("entry 2 of run `r` was changed"));
    }

    #[test]
    fn an_entry_that_lies_about_its_place_is_found() {
        let mut links = log(1);
        links[0].json = links[0].json.replace("\"seq\":1", "\"seq\":7");
        links[0].hash = chain_hash("plan", &links[0].json);
        assert!(complaint(&links).contains("entry 1 of run `r` says it is entry 7"));
    }
}

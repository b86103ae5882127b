//! A log outside of its store: one line for the run, one for each entry with its hash.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::chain::{Link, chain_hash};
use crate::port::RunRecord;

/// What an exported log begins with.
pub const EXPORT_FORMAT: &str = "runbook-log/v1";

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    log: String,
    run: String,
    runbook: String,
    digest: String,
    entries: u64,
    head: String,
}

/// Any other line. The entry is kept letter for letter, as it was hashed.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    hash: String,
    #[serde(borrow)]
    entry: &'a RawValue,
}

/// An exported log that is whole in itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WholeLog {
    /// The run.
    pub run: String,
    /// How many entries it has.
    pub entries: u64,
    /// The hash of its last entry.
    pub head: String,
}

/// What is wrong with an exported log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct BrokenLog {
    /// The first line that is not as it was written, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// The log of a run as lines of JSON. The chain of hashes begins at the digest of the plan.
pub fn export_log(record: &RunRecord, links: &[Link]) -> String {
    let header = Header {
        log: EXPORT_FORMAT.to_owned(),
        run: record.id.to_string(),
        runbook: record.runbook.clone(),
        digest: record.digest.clone(),
        entries: links.len() as u64,
        head: links.last().map_or(&record.digest, |last| &last.hash).clone(),
    };
    // Texts and numbers: it always is JSON.
    let mut text = serde_json::to_string(&header).unwrap_or_default();
    text.push('\n');
    for link in links {
        text.push_str(&format!("{{\"hash\":\"{}\",\"entry\":{}}}\n", link.hash, link.json));
    }
    text
}

/// Checks that `text` is an exported log as it was written: no entry changed, moved, deleted or added.
///
/// Whoever can rewrite every line, the first one included, can make a whole log of another one, or cut entries off its
/// end: only a hash that is kept elsewhere shows that. Compare [`WholeLog::head`] with it.
///
/// # Errors
/// The first line that is not as it was written.
pub fn verify_export(text: &str) -> Result<WholeLog, BrokenLog> {
    let broken = |line: usize, what: String| Err(BrokenLog { line, what });
    let mut lines = text.lines();
    let header: Header = match lines.next().map(serde_json::from_str) {
        Some(Ok(header)) => header,
        Some(Err(error)) => return broken(1, format!("this is not the beginning of a log: {error}")),
        None => return broken(1, "there is nothing".to_owned()),
    };
    if header.log != EXPORT_FORMAT {
        return broken(1, format!("`{}` is not a form of log that is known", header.log));
    }
    let (mut previous, mut count) = (header.digest.clone(), 0);
    for (number, line) in (2..).zip(lines) {
        let entry: Line<'_> = match serde_json::from_str(line) {
            Ok(entry) => entry,
            Err(error) => return broken(number, format!("it cannot be read: {error}")),
        };
        count += 1;
        let json = entry.entry.get();
        let seq = seq_of(json);
        if seq != Some(count) {
            let found = seq.map_or_else(|| "something else".to_owned(), |seq| format!("entry {seq}"));
            return broken(number, format!("entry {count} is missing; {found} stands in its place"));
        }
        if chain_hash(&previous, json) != entry.hash {
            let what = format!("entry {count} was changed, or does not follow the entry before it");
            return broken(number, what);
        }
        previous = entry.hash;
    }
    let (end, Header { entries, head, .. }) = (usize::try_from(count).unwrap_or(usize::MAX) + 1, &header);
    if count < *entries {
        return broken(end + 1, format!("the log ends here, but it had {entries} entries"));
    }
    if count > *entries || previous != *head {
        return broken(
            end,
            format!("entry {count} is not the last one that the log had when it was exported"),
        );
    }
    Ok(WholeLog { run: header.run, entries: count, head: previous })
}

/// The number that an entry gives itself.
fn seq_of(json: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Seq {
        seq: u64,
    }
    serde_json::from_str::<Seq>(json).ok().map(|entry| entry.seq)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    fn exported(length: u64) -> String {
        let (mut previous, mut links) = ("plan".to_owned(), Vec::new());
        for seq in 1..=length {
            // Numbers and spaces that a second rendering would write in another way.
            let json = format!(
                r#"{{"seq":{seq}, "at":"x","n":1.0e2,"event":"condition","node":{seq},"holds":true}}"#
            );
            previous = chain_hash(&previous, &json);
            links.push(Link { seq, json, hash: previous.clone() });
        }
        let record = RunRecord {
            id: crate::ids::RunId("r".into()),
            runbook: "book".into(),
            title: None,
            file: None,
            started: jiff::Timestamp::UNIX_EPOCH,
            plan: String::new(),
            digest: "plan".into(),
        };
        export_log(&record, &links)
    }

    fn line_of(text: &str) -> usize {
        verify_export(text).unwrap_err().line
    }

    fn without(text: &str, line: usize) -> String {
        let kept = text.lines().enumerate().filter(|(at, _)| at + 1 != line);
        kept.map(|(_, line)| format!("{line}\n")).collect()
    }

    #[test]
    fn what_is_exported_is_whole() {
        for length in [0, 1, 5] {
            let whole = verify_export(&exported(length)).unwrap();
            assert_eq!((whole.run.as_str(), whole.entries), ("r", length));
        }
        assert_eq!(verify_export(&exported(0)).unwrap().head, "plan");
    }

    #[test]
    fn every_changed_letter_of_every_line_is_found() {
        let text = exported(3);
        let mut found = 0;
        for (at, letter) in text.char_indices().filter(|(_, letter)| letter.is_ascii_alphanumeric()) {
            let other = if letter == 'x' { 'y' } else { 'x' };
            let mut changed = text.clone();
            changed.replace_range(at..=at, &other.to_string());
            let line = text[..at].matches('\n').count() + 1;
            match verify_export(&changed) {
                Err(broken) => {
                    found += 1;
                    // What the first line says is held against the entries; a changed hash also breaks the next line.
                    assert!(line == 1 || (line..=line + 1).contains(&broken.line), "{broken}\n{changed}");
                }
                // The names of run and runbook are for people and under no hash.
                Ok(_) => assert_eq!(line, 1, "{changed}"),
            }
        }
        assert!(found > 300, "{found}");
    }

    #[test]
    fn deletion_reordering_and_addition_are_found_with_their_line() {
        let text = exported(5);
        for line in 2..=6 {
            assert_eq!(line_of(&without(&text, line)), line);
        }
        let lines: Vec<&str> = text.lines().collect();
        let mut swapped = lines.clone();
        swapped.swap(2, 3);
        assert_eq!(line_of(&swapped.join("\n")), 3);
        let mut twice = lines.clone();
        twice.insert(3, lines[2]);
        assert_eq!(line_of(&twice.join("\n")), 4);
        assert_eq!(line_of(&format!("{text}\n")), 7, "an empty line is none that was written");
        assert_eq!(line_of(&without(&text, 1)), 1);
        assert_eq!(line_of(""), 1);
    }

    #[test]
    fn an_entry_that_somebody_adds_properly_is_not_one_that_was_exported() {
        let text = exported(2);
        let head = verify_export(&text).unwrap().head;
        let json = r#"{"seq":3}"#;
        let added = format!("{text}{{\"hash\":\"{}\",\"entry\":{json}}}\n", chain_hash(&head, json));
        assert_eq!(line_of(&added), 4);
    }

    #[test]
    fn only_an_anchor_shows_that_the_end_was_cut_off_with_care() {
        let (long, short) = (exported(5), exported(3));
        // Somebody who rewrites the first line as well has made the log of a shorter run.
        assert_ne!(verify_export(&long).unwrap().head, verify_export(&short).unwrap().head);
        assert!(verify_export(&short).is_ok());
    }
}

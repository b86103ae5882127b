//! Masking of bytes that come in pieces.

use std::sync::Arc;

use super::Masker;
use super::matcher::{Matcher, State};

/// Replaces secrets in a stream of bytes. What comes out does not depend on how the stream was cut.
///
/// Only what may be the beginning of a secret is held back, so a prompt without a line break comes out at once.
///
/// ```
/// use runbook_core::mask::Masker;
/// let masker = Masker::new();
/// masker.add("token", b"s3cr3t-value").unwrap();
/// let mut stream = masker.stream();
/// assert_eq!(stream.push(b"Authorization: s3cr3"), b"Authorization: ");
/// assert_eq!(stream.push(b"t-value\n"), b"[secret token]\n");
/// assert_eq!(stream.finish(), b"");
/// ```
#[derive(Debug)]
pub struct MaskStream {
    masker: Masker,
    scan: Scan,
}

impl MaskStream {
    pub(super) fn new(masker: Masker) -> Self {
        let scan = Scan::new(masker.current());
        MaskStream { masker, scan }
    }

    /// Takes bytes and returns those that are certain, masked.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        self.push_into(bytes, &mut out);
        out
    }

    /// Takes bytes and appends those that are certain to `out`, masked.
    pub fn push_into(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let current = self.masker.current();
        if !Arc::ptr_eq(&current, &self.scan.matcher) {
            self.scan.relearn(current);
        }
        self.scan.take(bytes);
        self.scan.flush(self.scan.certain(), out);
    }

    /// How many bytes are held back.
    pub fn held(&self) -> usize {
        self.scan.held.len()
    }

    /// Returns what was held back: nothing more follows.
    pub fn finish(mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.scan.flush(self.scan.held.len(), &mut out);
        out
    }
}

/// All of `bytes`, masked.
pub(super) fn masked(matcher: Arc<Matcher>, bytes: &[u8]) -> Vec<u8> {
    let mut scan = Scan::new(matcher);
    let mut out = Vec::with_capacity(bytes.len());
    // In pieces, so that no second copy of everything is held.
    for piece in bytes.chunks(64 * 1024) {
        scan.take(piece);
        scan.flush(scan.certain(), &mut out);
    }
    scan.flush(scan.held.len(), &mut out);
    out
}

struct Scan {
    matcher: Arc<Matcher>,
    state: State,
    /// The bytes not yet written; places below count from its first.
    held: Vec<u8>,
    /// Up to here a marker that has been written stands for the bytes.
    covered: usize,
    /// What is to be masked, in order and without overlap, each with the place of its marker.
    runs: Vec<(usize, usize, usize)>,
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan").finish_non_exhaustive()
    }
}

impl Scan {
    fn new(matcher: Arc<Matcher>) -> Self {
        let state = matcher.start();
        Scan { matcher, state, held: Vec::new(), covered: 0, runs: Vec::new() }
    }

    /// Goes on with a matcher that knows more: what is held back is looked at again.
    fn relearn(&mut self, matcher: Arc<Matcher>) {
        self.state = matcher.start();
        self.matcher = matcher;
        self.runs.clear();
        let held = std::mem::take(&mut self.held);
        self.take(&held);
    }

    fn take(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..) {
            at += self.matcher.idle(self.state, rest);
            let Some(byte) = bytes.get(at) else { break };
            self.state = self.matcher.step(self.state, *byte);
            at += 1;
            if let Some(found) = self.matcher.found(self.state) {
                let end = self.held.len() + at;
                self.found(end.saturating_sub(found.length), end, found.marker);
            }
        }
        self.held.extend_from_slice(bytes);
    }

    /// Notes that `start..end` is a secret; what overlaps becomes one run.
    fn found(&mut self, start: usize, end: usize, marker: usize) {
        let (mut start, mut end, mut marker) = (start, end, marker);
        while let Some(&(earlier, earlier_end, earlier_marker)) = self.runs.last() {
            if earlier_end <= start {
                break;
            }
            // The leftmost gives the name, among those that begin together the longest, which ends last.
            if earlier < start {
                (start, marker) = (earlier, earlier_marker);
            }
            end = end.max(earlier_end);
            self.runs.pop();
        }
        if start < self.covered {
            self.covered = self.covered.max(end);
        } else {
            self.runs.push((start, end, marker));
        }
    }

    /// How many of the held bytes no secret can begin in any more.
    fn certain(&self) -> usize {
        self.held.len().saturating_sub(self.matcher.depth(self.state))
    }

    /// Writes the first `limit` held bytes, masked, and forgets them.
    fn flush(&mut self, limit: usize, out: &mut Vec<u8>) {
        let mut at = self.covered.min(limit);
        let mut written = 0;
        for &(start, end, marker) in &self.runs {
            if start >= limit {
                break;
            }
            out.extend_from_slice(self.held.get(at..start).unwrap_or_default());
            out.extend_from_slice(self.matcher.marker(marker).as_bytes());
            self.covered = end;
            at = end.min(limit);
            written += 1;
        }
        out.extend_from_slice(self.held.get(at..limit).unwrap_or_default());
        self.runs.drain(..written);
        self.held.drain(..limit.min(self.held.len()));
        self.covered = self.covered.saturating_sub(limit);
        for (start, end, _) in &mut self.runs {
            *start -= limit;
            *end -= limit;
        }
    }
}

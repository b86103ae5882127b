//! Where the parts of an expression were written.

use std::ops::Range;

use crate::source::Span;

/// Runs of the expression that were written without change, and the tokens that were not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    runs: Vec<Run>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    source: Range<usize>,
    file: Range<usize>,
}

impl Places {
    /// Asks `place` where each of `parts` was written.
    pub(super) fn new(
        parts: impl Iterator<Item = Range<usize>>,
        place: impl Fn(Range<usize>) -> Span,
    ) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for source in parts {
            let run = Run { file: place(source.clone()).range(), source };
            match runs.last_mut() {
                Some(last) if last.goes_on_in(&run) => {
                    last.source.end = run.source.end;
                    last.file.end = run.file.end;
                }
                _ => runs.push(run),
            }
        }
        Places { runs }
    }

    /// Where `range` was written; `whole` when nothing is known.
    pub(super) fn span_of(&self, range: Range<usize>, whole: Span) -> Span {
        let start = self.runs.iter().rev().find(|run| run.source.start <= range.start);
        let end = self.runs.iter().rev().find(|run| run.source.start < range.end.max(1));
        match (start, end) {
            (Some(start), Some(end)) => {
                let start = start.place(range.start);
                Span::new(whole.source, start..end.place(range.end).max(start))
            }
            _ => whole,
        }
    }
}

impl Run {
    fn is_unchanged(&self) -> bool {
        self.source.len() == self.file.len()
    }

    fn goes_on_in(&self, next: &Run) -> bool {
        let gap = next.source.start.checked_sub(self.source.end);
        self.is_unchanged() && next.is_unchanged() && gap == next.file.start.checked_sub(self.file.end)
    }

    fn place(&self, at: usize) -> usize {
        if at >= self.source.end {
            return self.file.end + (at - self.source.end);
        }
        (self.file.start + (at - self.source.start)).min(self.file.end)
    }
}

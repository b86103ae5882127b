//! Script text with holes, and where each byte of it was written.

use std::ops::Range;

use crate::expr::{Expr, Piece, Template};
use crate::shell::Dialect;

/// A place in a script that is filled in from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hole {
    /// A value that is not known yet. It is data: it reaches the program as (a part of) one argument.
    Value,
    /// The same, of a value that is known not to begin with a dash.
    Operand,
    /// A value that is known. It is data too.
    Known(String),
    /// A value that becomes program text (`| raw`) and is not known yet.
    Code,
}

/// A shell script, with holes where values will stand.
///
/// ```
/// use runbook_core::command::{Hole, Script};
/// use runbook_core::shell::Dialect;
/// let script = Script::new("cat ${{ inputs.file }}", Dialect::Sh).with_hole(4..22, Hole::Value);
/// assert_eq!(script.text(), "cat ${{ inputs.file }}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    text: String,
    dialect: Dialect,
    holes: Vec<(Range<usize>, Hole)>,
    map: Map,
}

impl Script {
    /// A script without holes.
    pub fn new(text: impl Into<String>, dialect: Dialect) -> Self {
        Script { text: text.into(), dialect, holes: Vec::new(), map: Map::default() }
    }

    /// Says that the bytes `range` of the text stand for a hole.
    ///
    /// Holes that overlap an earlier one, or that do not lie within the text, are taken for program text
    /// nobody knows, which is the strictest reading.
    #[must_use]
    pub fn with_hole(mut self, range: Range<usize>, hole: Hole) -> Self {
        let inside = range.start < range.end
            && self.text.is_char_boundary(range.start)
            && self.text.is_char_boundary(range.end);
        let free = self.holes.iter().all(|(other, _)| other.end <= range.start || range.end <= other.start);
        let (range, hole) = if inside && free {
            (range, hole)
        } else {
            self.holes.clear();
            (0..self.text.len(), Hole::Code)
        };
        let at = self.holes.partition_point(|(other, _)| other.start < range.start);
        self.holes.insert(at, (range, hole));
        self
    }

    /// The script of a template: the text is as an author writes it, and every `${{ … }}` is a hole. An
    /// expression that ends with `| raw` is program text.
    pub fn from_template(template: &Template, dialect: Dialect) -> Self {
        Self::rendered(template, dialect, |_| None)
    }

    /// The same with the values that are known. A value is data; one marked `| raw` becomes part of the text.
    pub fn rendered(
        template: &Template,
        dialect: Dialect,
        mut value: impl FnMut(&Expr) -> Option<String>,
    ) -> Self {
        Self::with_holes(template, dialect, |expr| value(expr).map_or(Hole::Value, Hole::Known))
    }

    /// The same with what is known of each value.
    pub fn with_holes(template: &Template, dialect: Dialect, mut hole: impl FnMut(&Expr) -> Hole) -> Self {
        let mut script = Script::new(String::new(), dialect);
        for piece in template.pieces() {
            let expr = match piece {
                Piece::Text(text) => {
                    script.text.push_str(text);
                    continue;
                }
                Piece::Expr(expr) => expr,
            };
            let hole = match (hole(expr), expr.ends_with_filter("raw")) {
                (Hole::Known(text), true) => {
                    script.text.push_str(&text);
                    continue;
                }
                (_, true) => Hole::Code,
                (hole, false) => hole,
            };
            let start = script.text.len();
            script.text.push_str("${{ ");
            script.text.push_str(expr.source());
            script.text.push_str(" }}");
            script.holes.push((start..script.text.len(), hole));
        }
        script
    }

    /// A script put together from pieces of another text.
    pub(super) fn mapped(dialect: Dialect) -> Self {
        let mut script = Script::new(String::new(), dialect);
        script.map.mapped = true;
        script
    }

    /// Adds text that was written at `origin`.
    pub(super) fn push(&mut self, text: &str, origin: Range<usize>) {
        self.map.push(self.text.len(), text.len(), origin);
        self.text.push_str(text);
    }

    /// Adds program text that nobody knows.
    pub(super) fn push_unknown(&mut self, origin: Range<usize>) {
        let start = self.text.len();
        self.push("?", origin);
        self.holes.push((start..self.text.len(), Hole::Code));
    }

    /// Whether something in it is not known yet.
    pub fn has_unknown(&self) -> bool {
        self.holes.iter().any(|(_, hole)| !matches!(hole, Hole::Known(_)))
    }

    /// Its text, holes as they are written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Which shell reads it.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Its holes, in order.
    pub(super) fn holes(&self) -> &[(Range<usize>, Hole)] {
        &self.holes
    }

    /// Where the bytes `range` were written.
    pub(super) fn origin(&self, range: Range<usize>) -> Range<usize> {
        self.map.origin(range)
    }
}

/// Where the bytes of a text come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Map {
    /// Whether the text is not simply the origin itself.
    mapped: bool,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    at: usize,
    length: usize,
    origin: Range<usize>,
}

impl Segment {
    fn is_linear(&self) -> bool {
        self.length == self.origin.len()
    }
}

impl Map {
    fn push(&mut self, at: usize, length: usize, origin: Range<usize>) {
        if length > 0 {
            self.segments.push(Segment { at, length, origin });
        }
    }

    fn origin(&self, range: Range<usize>) -> Range<usize> {
        if !self.mapped {
            return range;
        }
        let find = |at: usize| {
            let after = self.segments.partition_point(|segment| segment.at <= at);
            self.segments.get(after.saturating_sub(1))
        };
        let start = find(range.start).map_or(0, |segment| match segment.is_linear() {
            true => segment.origin.start + (range.start - segment.at).min(segment.length),
            false => segment.origin.start,
        });
        let last = range.end.saturating_sub(1).max(range.start);
        let end = find(last).map_or(start, |segment| match segment.is_linear() {
            true => segment.origin.start + (last - segment.at + 1).min(segment.length),
            false => segment.origin.end,
        });
        start..end.max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_through_quotes_and_escapes() {
        // `"a\$b"` written at 10: a at 11, the escape at 12..14, b at 14.
        let mut script = Script::mapped(Dialect::Sh);
        script.push("a", 11..12);
        script.push("$", 12..14);
        script.push("bc", 14..16);
        assert_eq!(script.origin(0..1), 11..12);
        assert_eq!(script.origin(1..2), 12..14);
        assert_eq!(script.origin(2..4), 14..16);
        assert_eq!(script.origin(0..4), 11..16);
    }

    #[test]
    fn a_hole_that_does_not_fit_makes_everything_unknown() {
        let script =
            Script::new("abc", Dialect::Sh).with_hole(0..2, Hole::Value).with_hole(1..3, Hole::Value);
        assert_eq!(script.holes(), [(0..3, Hole::Code)]);
        let script = Script::new("aж", Dialect::Sh).with_hole(0..2, Hole::Value);
        assert_eq!(script.holes(), [(0..3, Hole::Code)]);
    }
}

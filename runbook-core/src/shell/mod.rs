//! Shell syntax, as far as the engine must know it.
//!
//! Values never enter a script as text. [`lower`] replaces every hole of a script by a reference to a
//! shell variable, written so that the shell takes the value as it is in the quoting that surrounds
//! the hole; [`assignments`] carries the values in front of the script. Where the text would be parsed
//! once more, by the shell or by the program that gets it, there is no safe spelling and the hole is
//! refused.
//!
//! ```
//! use runbook_core::shell::{Dialect, Part, assignments, lower};
//! let script = [Part::Text("tar -cf "), Part::Hole, Part::Text(".tar 'of "), Part::Hole, Part::Text("'\n")];
//! let lowered = lower(&script, Dialect::Sh).unwrap();
//! assert_eq!(lowered.text, "tar -cf \"${RB_0}\".tar 'of '\"${RB_1}\"''\n");
//! let values = ["; reboot".to_owned(), "it's".to_owned()];
//! assert_eq!(assignments(&lowered.holes, &values).unwrap(), "RB_0='; reboot'\nRB_1='it'\\''s'\n");
//! ```
//!
//! The reader of the shell's grammar is deliberately strict: where shells disagree about where a
//! quotation ends, it refuses rather than guesses.

mod command;
mod compound;
mod heredoc;
mod programs;
mod quote;
mod refusal;
mod scan;
mod word;

pub use quote::{AssignmentError, assignments, quote};
pub use refusal::{Reason, Refusal};

use scan::{HOLE, RAW_HOLE, Scanner};

/// The longest script that is read, in bytes.
pub const MAX_SCRIPT: usize = 1 << 20;

/// How deep quotations, substitutions and compound commands may nest.
pub const MAX_NESTING: usize = 100;

/// Which shell will read the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Whatever `sh` is on the target: dash, bash, busybox and others. What they read differently is refused.
    Sh,
    /// Bash.
    Bash,
}

/// A piece of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Text that the author wrote.
    Text(&'a str),
    /// A value.
    Hole,
    /// A value marked `| raw`, rendered: it becomes part of the script's text.
    Raw(&'a str),
    /// A value marked `| raw` that is not known yet.
    RawHole,
}

/// A script without holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lowered {
    /// The script; it refers to the variables in `holes`.
    pub text: String,
    /// The variable of each hole, in order; each name stands for one hole.
    pub holes: Vec<String>,
}

/// Replaces the holes of a script by references to variables.
///
/// # Errors
///
/// Every hole for which there is no safe spelling, or the place from which on the script's quoting
/// cannot be followed.
pub fn lower(parts: &[Part<'_>], dialect: Dialect) -> Result<Lowered, Vec<Refusal>> {
    let mut source = Vec::new();
    let mut starts = Vec::with_capacity(parts.len());
    let mut hole_parts = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        starts.push(source.len());
        match part {
            Part::Text(text) | Part::Raw(text) => source.extend_from_slice(text.as_bytes()),
            Part::Hole => {
                source.push(HOLE);
                hole_parts.push(index);
            }
            Part::RawHole => source.push(RAW_HOLE),
        }
    }
    let at = |position: usize, reason: Reason| {
        let part = starts.partition_point(|start| *start <= position).saturating_sub(1);
        let offset = position - starts.get(part).copied().unwrap_or(0);
        Refusal { part, offset, reason }
    };
    if source.len() > MAX_SCRIPT {
        return Err(vec![at(0, Reason::TooLong)]);
    }
    if let Some(position) = source.iter().position(|byte| *byte == 0) {
        return Err(vec![at(position, Reason::Nul)]);
    }

    let prefix = free_prefix(&source);
    let mut scanner = Scanner::new(&source, dialect, &prefix);
    let broken = scanner.script().err();
    let mut refusals: Vec<Refusal> = scanner
        .refused()
        .into_iter()
        .filter_map(|(hole, reason)| Some(Refusal { part: *hole_parts.get(hole)?, offset: 0, reason }))
        .collect();
    let mut text = scanner.into_output();
    if let Some(stop) = broken {
        if stop.reason.only_matters_with_holes() && hole_parts.is_empty() {
            // Nothing depends on how the shell reads the rest: it runs as it was written.
            text = source.iter().flat_map(|byte| scan::plain(*byte)).copied().collect();
        } else {
            refusals.push(at(stop.position, stop.reason));
        }
    }
    if !refusals.is_empty() {
        refusals.sort_by_key(|refusal| (refusal.part, refusal.offset));
        return Err(refusals);
    }
    let holes = (0..hole_parts.len()).map(|index| format!("{prefix}{index}")).collect();
    // Only ASCII was inserted, and only between whole parts.
    let text = String::from_utf8(text).map_err(|_| vec![at(0, Reason::Unexpected("bytes"))])?;
    Ok(Lowered { text, holes })
}

/// A prefix for variable names that the script does not contain.
fn free_prefix(source: &[u8]) -> String {
    let contains = |needle: &[u8]| source.windows(needle.len()).any(|window| window == needle);
    if !contains(b"RB_") {
        return "RB_".to_owned();
    }
    // One pass over the script, however many of these names it contains.
    let mut taken = std::collections::HashSet::new();
    for start in source.windows(3).enumerate().filter(|(_, w)| *w == b"RBV").map(|(i, _)| i + 3) {
        let digits = source[start..].iter().take(8).take_while(|b| b.is_ascii_digit());
        taken.insert(digits.fold(0u32, |n, b| n * 10 + u32::from(b - b'0')));
    }
    let number = (1..).find(|n| !taken.contains(n)).unwrap_or(u32::MAX);
    format!("RBV{number}_")
}

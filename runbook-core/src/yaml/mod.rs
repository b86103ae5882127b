//! YAML text to a tree in which every key and value knows its place.
//!
//! Knows YAML and nothing of runbooks. What the language leaves out of YAML (tags, merge keys,
//! several documents, keys that are no text, duplicate keys) is refused here, and so is whatever
//! could hurt the reader: characters nobody sees, bombs of aliases, bottomless nesting.
//!
//! ```
//! use runbook_core::{diag::Diagnostics, source::SourceId, yaml};
//! let mut found = Diagnostics::default();
//! let tree = yaml::parse(SourceId(0), "kind: Runbook\n", &mut found).unwrap();
//! assert_eq!(tree.get("kind").and_then(|n| n.as_str()), Some("Runbook"));
//! assert!(!found.has_errors());
//! ```

mod build;
mod characters;
mod offsets;
mod resolve;
mod syntax;
mod tree;

pub use resolve::LossReason;
pub use tree::{Map, Node, NodeKind, Scalar, Style};

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::source::{SourceId, Span};

/// Bytes a file may have.
pub const MAX_FILE_BYTES: usize = 32 << 20;
/// Bytes the decoded text of one scalar may have.
pub const MAX_SCALAR_BYTES: usize = 1 << 20;
/// How deeply lists and maps may be nested.
pub const MAX_DEPTH: usize = 128;
/// How many nodes all aliases of a file may stand for.
pub const MAX_ALIAS_NODES: usize = 10_000;
/// How many bytes of text all aliases of a file may stand for.
pub const MAX_ALIAS_BYTES: usize = 1 << 20;

/// Why bytes are not a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} is not UTF-8")]
pub struct Utf8Problem {
    /// The first byte that does not belong to a character.
    pub offset: usize,
}

impl Utf8Problem {
    /// The problem as a diagnostic in `source`.
    pub fn diagnostic(&self, source: SourceId) -> Diagnostic {
        let span = Span::new(source, self.offset..self.offset + 1);
        Diagnostic::error(Code::NOT_UTF8, span, format!("byte {} is not UTF-8 text", self.offset))
            .help("save the file as UTF-8")
    }
}

/// `bytes` as text. A byte order mark stays in it, so that offsets remain those of the file.
pub fn decode(bytes: Vec<u8>) -> Result<String, Utf8Problem> {
    String::from_utf8(bytes).map_err(|e| Utf8Problem { offset: e.utf8_error().valid_up_to() })
}

/// Reads `text` as one YAML document.
///
/// Problems go to `found`. After an error the tree holds what could be read until then, so that
/// later checks can still report; only `found` tells whether it is complete. `None` means that there
/// is nothing to look at.
pub fn parse(id: SourceId, text: &str, found: &mut Diagnostics) -> Option<Node> {
    if text.len() > MAX_FILE_BYTES {
        let message = format!("the file has {} bytes; {MAX_FILE_BYTES} are allowed", text.len());
        found.push(
            Diagnostic::error(Code::TOO_LARGE, Span::new(id, 0..0), message)
                .help("keep large data in a file of its own and name the file"),
        );
        return None;
    }
    let cleaned = characters::check(id, text, found);
    build::Builder::new(id, cleaned.as_ref(), found).read()
}

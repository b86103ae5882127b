//! What an action wrote, as the log keeps it.

use serde::{Deserialize, Serialize};

use crate::expr::unusable;
use crate::value::Value;

/// A stream of output: whole when it is small, else its head and tail; all of it is in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// The whole text, or its beginning. Bytes that are not UTF-8 are shown as U+FFFD.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub head: String,
    /// The end, when the middle is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<String>,
    /// How many bytes were written in all.
    pub bytes: u64,
    /// SHA-256 of them all, in hex, when the middle is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The file that holds them all, relative to the run's directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl Captured {
    /// Output up to this many bytes is kept whole in the log and can be used in expressions.
    pub const WHOLE: usize = 256 * 1024;
    /// How much of the head and of the tail of larger output is kept.
    pub const ENDS: usize = 8 * 1024;

    /// A small text.
    pub fn of_text(text: impl Into<String>) -> Self {
        let head = text.into();
        Captured { bytes: head.len() as u64, head, ..Self::default() }
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// What expressions see: the text, or that it cannot be used.
    pub(super) fn to_value(&self) -> Value {
        let Some(text) = self.whole() else {
            let place = self.file.as_ref().map(|file| format!("; the run's directory has it in `{file}`"));
            let bytes = self.bytes;
            return unusable(format!("{bytes} bytes are too large for it{}", place.unwrap_or_default()));
        };
        text.into()
    }

    /// The whole text; `None` when the middle is left out.
    pub fn whole(&self) -> Option<&str> {
        self.tail.is_none().then_some(self.head.as_str())
    }
}

//! Colour, where it is wanted. Every text reads the same without it.

use std::io::IsTerminal;

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};

use crate::args::Color;

/// Paints texts, or leaves them alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// For standard error. `NO_COLOR`, `CLICOLOR_FORCE`, `TERM=dumb` and the like are respected.
    pub(crate) fn for_stderr(color: Color) -> Self {
        Self::decide(color, &std::io::stderr())
    }

    /// For standard output.
    pub(crate) fn for_stdout(color: Color) -> Self {
        Self::decide(color, &std::io::stdout())
    }

    /// Without any colour.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Paint { on: false }
    }

    fn decide(color: Color, stream: &(impl RawStream + IsTerminal)) -> Self {
        let on = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => AutoStream::choice(stream) != ColorChoice::Never,
        };
        Paint { on }
    }

    /// Whether colours are used.
    pub(crate) fn is_on(self) -> bool {
        self.on
    }

    /// Something that went well.
    pub(crate) fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// Something that went wrong.
    pub(crate) fn bad(self, text: &str) -> String {
        self.with("1;31", text)
    }

    /// Something to look at.
    pub(crate) fn warn(self, text: &str) -> String {
        self.with("33", text)
    }

    /// Something under way, or to type.
    pub(crate) fn lively(self, text: &str) -> String {
        self.with("36", text)
    }

    /// A heading or a name.
    pub(crate) fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    /// Something of less interest.
    pub(crate) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.on && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

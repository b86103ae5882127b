//! How things look: on a terminal, in a file, to a program.

pub(crate) mod agree;
pub(crate) mod diagnostics;
pub(crate) mod json;
pub(crate) mod live;
pub(crate) mod plain;
pub(crate) mod report;
pub(crate) mod sarif;
pub(crate) mod screen;
pub(crate) mod standing;
pub(crate) mod story;
pub(crate) mod style;
pub(crate) mod summary;
pub(crate) mod tests;
pub(crate) mod title;
mod told;
pub(crate) mod verdict;

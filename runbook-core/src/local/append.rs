//! A line at the end of a file on this machine.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// Appends `line`, which has no line break, to the file at `path`; a new file is for its owner alone.
///
/// One write, so that lines of several engines do not mix. Never waits for a reader of a pipe.
///
/// # Errors
/// What the system says.
pub(crate) fn append_line(path: &Path, line: &str) -> io::Result<()> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())
}

//! Files without a name, which are gone with their last user, and giving them one after all.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A file without a name on the file system of `directory`, for this user alone; who writes to it appends.
///
/// Fails where the system or the file system knows no such files.
#[cfg(target_os = "linux")]
pub(super) fn create(directory: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::TMPFILE.bits().cast_signed();
    OpenOptions::new().read(true).append(true).custom_flags(flags).mode(0o600).open(directory)
}

/// A file without a name: not on this system.
#[cfg(not(target_os = "linux"))]
pub(super) fn create(_directory: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Gives `file` the name `path`, which nobody may have yet. It appears with all it holds.
pub(super) fn name(file: &File, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    let descriptor = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(linkat(CWD, descriptor, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

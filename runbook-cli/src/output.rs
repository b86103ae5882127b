//! Standard output for data, standard error for talk. A reader that has gone away is not an error.

use std::io::Write as _;

/// Writes data to standard output.
pub(crate) fn data(text: &str) {
    let mut out = std::io::stdout().lock();
    // The reader may have seen enough (`| head`); then nobody is left to tell.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes one JSON document, indented, to standard output.
pub(crate) fn json(value: &serde_json::Value) {
    data(&format!("{value:#}\n"));
}

/// Writes talk to standard error.
pub(crate) fn talk(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

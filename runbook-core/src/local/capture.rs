//! Output files: shown while they grow, summed up when they are done. Knows nothing of processes.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::port::{OutputSink, Stream};
use crate::run::Captured;

use super::attempt::{Attempt, STDERR, STDOUT};

/// Size of the one buffer that output passes through.
const CHUNK: usize = 64 * 1024;

/// Sums up the first `len` bytes of `file`; `name` is how the report calls the file.
///
/// Memory is bounded by [`Captured::WHOLE`], whatever the file's size. It reads the file, which may take long.
///
/// # Errors
///
/// When the file cannot be read.
pub fn sum_up(file: &File, len: u64, name: &str) -> io::Result<Captured> {
    if len == 0 {
        return Ok(Captured::default());
    }
    if len <= Captured::WHOLE as u64 {
        let mut bytes = vec![0; len as usize];
        let read = read_up_to(file, &mut bytes, 0)?;
        bytes.truncate(read);
        return Ok(Captured { head: lossy(bytes), bytes: read as u64, ..Captured::default() });
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut at = 0;
    while at < len {
        let want = usize::try_from(len - at).unwrap_or(CHUNK).min(CHUNK);
        let read = read_up_to(file, &mut buffer[..want], at)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        at += read as u64;
    }
    let mut head = vec![0; Captured::ENDS];
    let read = read_up_to(file, &mut head, 0)?;
    head.truncate(read);
    cut_end(&mut head);
    let mut tail = vec![0; Captured::ENDS];
    let read = read_up_to(file, &mut tail, at.saturating_sub(Captured::ENDS as u64))?;
    tail.truncate(read);
    cut_start(&mut tail);
    Ok(Captured {
        head: lossy(head),
        tail: Some(lossy(tail)),
        bytes: at,
        sha256: Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
        file: Some(name.to_owned()),
    })
}

/// Fills `buffer` from `at` on as far as the file goes.
fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Removes a character that the end of `bytes` cuts through.
fn cut_end(bytes: &mut Vec<u8>) {
    let last = bytes.len().saturating_sub(4);
    for start in last..bytes.len() {
        if let Err(error) = std::str::from_utf8(&bytes[start..])
            && error.valid_up_to() == 0
            && error.error_len().is_none()
        {
            bytes.truncate(start);
            return;
        }
    }
}

/// Removes a character that the start of `bytes` cuts through.
fn cut_start(bytes: &mut Vec<u8>) {
    let continuation = bytes.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    bytes.drain(..continuation);
}

/// The two outputs of a command, in files, and how much of them has been shown.
pub struct Live {
    sink: Arc<dyn OutputSink>,
    streams: [Shown; 2],
    /// Where to keep output that is too large for the log, when its files have no names.
    keep: Option<Attempt>,
}

struct Shown {
    stream: Stream,
    file: File,
    at: u64,
}

impl Live {
    /// How much of one stream is shown at once while it grows; when more has come, its beginning is left out.
    const TICK: u64 = 64 * 1024;

    /// Shows `stdout` and `stderr`, from their beginning, to `sink`.
    pub(super) fn new(sink: Arc<dyn OutputSink>, stdout: File, stderr: File) -> Self {
        let shown = |stream, file| Shown { stream, file, at: 0 };
        let streams = [shown(Stream::Stdout, stdout), shown(Stream::Stderr, stderr)];
        Live { sink, streams, keep: None }
    }

    /// The same for files without names; those that are too large for the log get one in `attempt`.
    pub(super) fn nameless(sink: Arc<dyn OutputSink>, stdout: File, stderr: File, attempt: &Attempt) -> Self {
        Live { keep: Some(attempt.clone()), ..Live::new(sink, stdout, stderr) }
    }

    /// Output that is not in files yet, and is written by [`write`](Self::write); in `directory`, which exists.
    ///
    /// With `named`, its files have names there from the beginning, and what they held is gone; else only output
    /// that is too large for the log gets a name.
    pub fn fed(sink: Arc<dyn OutputSink>, directory: &Path, named: bool) -> io::Result<Self> {
        let attempt = Attempt::at(directory)?;
        if !named && let Some((stdout, stderr)) = attempt.nameless_outputs()? {
            return Ok(Live::nameless(sink, stdout, stderr, &attempt));
        }
        attempt.create()?;
        let files = (attempt.output(STDOUT)?, attempt.output(STDERR)?);
        for file in [&files.0, &files.1] {
            file.set_len(0)?;
        }
        Ok(Live::new(sink, files.0, files.1))
    }

    /// Output that is in files of `directory` already.
    pub fn found(sink: Arc<dyn OutputSink>, directory: &Path) -> io::Result<Self> {
        let attempt = Attempt::at(directory)?;
        Ok(Live::new(sink, attempt.output(STDOUT)?, attempt.output(STDERR)?))
    }

    /// Adds to the end of one output.
    pub fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let [stdout, stderr] = self.files();
        let mut file = if stream == Stream::Stdout { stdout } else { stderr };
        file.write_all(bytes)
    }

    /// The two files, for the command to write to.
    pub(super) fn files(&self) -> [&File; 2] {
        self.streams.each_ref().map(|shown| &shown.file)
    }

    /// Shows what has come since the last time.
    pub fn tick(&mut self) {
        self.show(Self::TICK);
    }

    fn show(&mut self, limit: u64) -> [u64; 2] {
        let sink = self.sink.as_ref();
        self.streams.each_mut().map(|shown| shown.show(sink, limit))
    }

    /// Shows what has come and sums both outputs up.
    pub(super) async fn finish(mut self) -> io::Result<(Captured, Captured)> {
        let [out, err] = self.show(Captured::WHOLE as u64);
        let [stdout, stderr] = self.streams.map(|shown| shown.file);
        if let Some(attempt) = &self.keep {
            for (file, length, name) in [(&stdout, out, STDOUT), (&stderr, err, STDERR)] {
                if length > Captured::WHOLE as u64 {
                    attempt.keep_output(file, name)?;
                }
            }
        }
        let both = move || Ok((sum_up(&stdout, out, STDOUT)?, sum_up(&stderr, err, STDERR)?));
        let large = out.max(err) > Captured::WHOLE as u64;
        if large { tokio::task::spawn_blocking(both).await.map_err(io::Error::other)? } else { both() }
    }
}

impl Shown {
    /// Shows at most `limit` bytes, the newest, and says how many there are in all. What cannot be read now is
    /// read when it is summed up.
    fn show(&mut self, sink: &dyn OutputSink, limit: u64) -> u64 {
        let Ok(len) = self.file.metadata().map(|meta| meta.len()) else { return self.at };
        if len < self.at {
            // The command emptied it, for example by opening /dev/stderr anew.
            self.at = 0;
        }
        if len == self.at {
            return len;
        }
        self.at = self.at.max(len.saturating_sub(limit));
        let mut buffer = vec![0; usize::try_from(len - self.at).unwrap_or(CHUNK).min(CHUNK)];
        while self.at < len {
            let want = usize::try_from(len - self.at).unwrap_or(CHUNK).min(buffer.len());
            let Ok(read @ 1..) = read_up_to(&self.file, &mut buffer[..want], self.at) else { return len };
            sink.chunk(self.stream, &buffer[..read]);
            self.at += read as u64;
        }
        len
    }
}

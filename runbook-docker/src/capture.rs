//! Output as it comes from the engine: shown, kept, summed up.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runbook_core::local::sum_up;
use runbook_core::port::{OutputSink, Stream};
use runbook_core::run::Captured;

/// How much of the beginning of an output is at hand.
const BEGINNING: usize = 4 * 1024;

/// The two outputs of a command.
pub(crate) struct Capture {
    sink: Arc<dyn OutputSink>,
    directory: PathBuf,
    streams: [Kept; 2],
    /// Whether all of it goes to files at once, for an engine that comes later.
    outlasts: bool,
}

/// One output: in memory while it is small, then in a file.
#[derive(Default)]
struct Kept {
    memory: Vec<u8>,
    /// How it begins, wherever the rest is.
    beginning: Vec<u8>,
    file: Option<File>,
    bytes: u64,
    failed: Option<io::Error>,
}

impl Capture {
    /// Shows output to `sink`, and puts what is large into `directory`, which is made when it is needed.
    pub(crate) fn new(sink: Arc<dyn OutputSink>, directory: &Path, outlasts: bool) -> Self {
        Capture { sink, directory: directory.to_owned(), streams: Default::default(), outlasts }
    }

    /// What an engine that was lost has left in `directory`.
    pub(crate) fn found(sink: Arc<dyn OutputSink>, directory: &Path) -> io::Result<Self> {
        let mut capture = Capture::new(sink, directory, true);
        for stream in [Stream::Stdout, Stream::Stderr] {
            match OpenOptions::new().read(true).append(true).open(directory.join(name(stream))) {
                Ok(file) => {
                    let bytes = file.metadata()?.len();
                    let mut beginning = Vec::new();
                    (&file).take(BEGINNING as u64).read_to_end(&mut beginning)?;
                    let kept = Kept { bytes, beginning, file: Some(file), ..Kept::default() };
                    capture.streams[place(stream)] = kept;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(capture)
    }

    /// More has come. A file that cannot be written is reported at the end.
    pub(crate) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        self.sink.chunk(stream, bytes);
        let kept = &mut self.streams[place(stream)];
        if kept.failed.is_none()
            && let Err(error) = kept.push(&self.directory, name(stream), bytes, self.outlasts)
        {
            kept.failed = Some(error);
        }
    }

    /// How standard output begins.
    pub(crate) fn beginning(&self) -> &[u8] {
        &self.streams[0].beginning
    }

    /// Sums both up, with what went wrong about keeping them.
    pub(crate) async fn finish(self) -> (Captured, Captured, Option<String>) {
        let summed = tokio::task::spawn_blocking(move || {
            let [out, err] = self.streams;
            (out.finish(name(Stream::Stdout)), err.finish(name(Stream::Stderr)))
        });
        let (out, err) = summed.await.unwrap_or_else(|error| {
            let failed = || Err(io::Error::other(error.to_string()));
            (failed(), failed())
        });
        let mut note = None;
        let mut whole = |captured: io::Result<Captured>| {
            captured.unwrap_or_else(|error| {
                note = Some(format!("its output cannot be kept: {error}"));
                Captured::default()
            })
        };
        let (out, err) = (whole(out), whole(err));
        (out, err, note)
    }
}

impl Kept {
    fn push(&mut self, directory: &Path, name: &str, bytes: &[u8], at_once: bool) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        let room = BEGINNING.saturating_sub(self.beginning.len()).min(bytes.len());
        self.beginning.extend_from_slice(&bytes[..room]);
        if let Some(file) = &mut self.file {
            return file.write_all(bytes);
        }
        self.memory.extend_from_slice(bytes);
        if at_once || self.memory.len() > Captured::WHOLE {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(true).mode(0o600);
            let mut file = options.open(directory.join(name))?;
            file.write_all(&std::mem::take(&mut self.memory))?;
            self.file = Some(file);
        }
        Ok(())
    }

    fn finish(self, name: &str) -> io::Result<Captured> {
        match (self.failed, self.file) {
            (Some(error), _) => Err(error),
            (None, Some(file)) => sum_up(&file, self.bytes, name),
            (None, None) => Ok(Captured::of_text(String::from_utf8_lossy(&self.memory)))
                .map(|captured| Captured { bytes: self.bytes, ..captured }),
        }
    }
}

fn place(stream: Stream) -> usize {
    usize::from(stream == Stream::Stderr)
}

fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
    }
}

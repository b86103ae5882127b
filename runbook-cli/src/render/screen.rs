//! Standard error as a screen: lines that stay, and below them a few that change.
//!
//! Knows nothing of runs. While somebody is asked something, nothing else is written.

use std::io::{IsTerminal as _, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How wide the terminal behind `stream` is; 100 when it is none.
pub(crate) fn columns(stream: &impl AsFd) -> usize {
    size(stream).0
}

fn size(stream: &impl AsFd) -> (usize, usize) {
    match rustix::termios::tcgetwinsize(stream) {
        Ok(size) if size.ws_col > 0 => (size.ws_col.into(), usize::from(size.ws_row).max(4)),
        _ => (100, 24),
    }
}

/// Where talk goes.
#[derive(Clone)]
pub(crate) struct Screen {
    inner: Arc<Mutex<Inner>>,
    fixed_size: Option<(usize, usize)>,
}

struct Inner {
    out: Box<dyn Write + Send>,
    /// How many lines at the bottom change.
    drawn: usize,
    /// How often somebody has asked for silence, and what was to be written meanwhile.
    held: usize,
    waiting: String,
    /// No lines that change any more.
    closed: bool,
}

impl Screen {
    /// Standard error.
    pub(crate) fn stderr() -> Self {
        Self::new(Box::new(std::io::stderr()), None)
    }

    fn new(out: Box<dyn Write + Send>, fixed_size: Option<(usize, usize)>) -> Self {
        let inner = Inner { out, drawn: 0, held: 0, waiting: String::new(), closed: false };
        Screen { inner: Arc::new(Mutex::new(inner)), fixed_size }
    }

    /// A screen of that size which is written to `out`.
    #[cfg(test)]
    pub(crate) fn scripted(out: Box<dyn Write + Send>, columns: usize, rows: usize) -> Self {
        Self::new(out, Some((columns, rows)))
    }

    /// Whether standard error is a terminal on which the cursor can be moved.
    pub(crate) fn can_redraw() -> bool {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        std::io::stderr().is_terminal() && !dumb
    }

    /// Columns and rows.
    pub(crate) fn size(&self) -> (usize, usize) {
        self.fixed_size.unwrap_or_else(|| size(&std::io::stderr()))
    }

    /// Writes `text`, whole lines that stay, above the lines that change.
    pub(crate) fn write(&self, text: &str) {
        let mut inner = self.lock();
        if inner.held > 0 {
            inner.waiting.push_str(text);
            return;
        }
        let clear = inner.clear();
        inner.put(&format!("{clear}{text}"));
    }

    /// Replaces the lines that change. They must not be wider than the screen.
    pub(crate) fn draw(&self, lines: &[String]) {
        let mut inner = self.lock();
        if inner.closed || inner.held > 0 || (lines.is_empty() && inner.drawn == 0) {
            return;
        }
        let mut text = inner.clear();
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        inner.drawn = lines.len();
        inner.put(&text);
    }

    /// Takes away the lines that change, for good.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        let clear = inner.clear();
        inner.put(&clear);
    }

    /// Takes away the lines that change and keeps everybody else silent until the result is dropped.
    pub(crate) fn hold(&self) -> Hold {
        let mut inner = self.lock();
        inner.held += 1;
        let clear = inner.clear();
        inner.put(&clear);
        Hold { screen: self.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// What takes the lines that change away.
    fn clear(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\r\x1b[J"),
        }
    }

    fn put(&mut self, text: &str) {
        if !text.is_empty() {
            // A terminal that has gone away must not end the run.
            let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        }
    }
}

/// The screen, for one alone.
pub(crate) struct Hold {
    screen: Screen,
}

impl Hold {
    /// Writes `text` at once.
    pub(crate) fn write(&self, text: &str) {
        self.screen.lock().put(text);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut inner = self.screen.lock();
        inner.held -= 1;
        if inner.held == 0 {
            let waiting = std::mem::take(&mut inner.waiting);
            inner.put(&waiting);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
pub(crate) mod tests {
    use super::*;

    /// Collects what is written.
    #[derive(Clone, Default)]
    pub(crate) struct Tape(Arc<Mutex<Vec<u8>>>);

    impl Tape {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Tape {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_stay_go_above_lines_that_change() {
        let tape = Tape::default();
        let screen = Screen::scripted(Box::new(tape.clone()), 80, 24);
        screen.draw(&["running".to_owned(), "next".to_owned()]);
        screen.write("done\n");
        screen.draw(&["running".to_owned()]);
        screen.draw(&[]);
        screen.draw(&[]);
        assert_eq!(tape.text(), "running\nnext\n\x1b[2A\r\x1b[Jdone\nrunning\n\x1b[1A\r\x1b[J");
    }

    #[test]
    fn while_somebody_is_asked_nothing_else_is_written() {
        let tape = Tape::default();
        let screen = Screen::scripted(Box::new(tape.clone()), 80, 24);
        screen.draw(&["running".to_owned()]);
        let hold = screen.hold();
        screen.write("done\n");
        screen.draw(&["other".to_owned()]);
        hold.write("yes or no? ");
        assert_eq!(tape.text(), "running\n\x1b[1A\r\x1b[Jyes or no? ");
        drop(hold);
        assert!(tape.text().ends_with("yes or no? done\n"));
        screen.draw(&["other".to_owned()]);
        assert!(tape.text().ends_with("done\nother\n"));
    }
}

//! What keeps a command from being carried out, and how that is said.

use runbook_core::drive::EngineError;
use runbook_core::port::StoreError;

use crate::exit::Exit;
use crate::render::style::Paint;
use crate::text::safe;

/// A command could not be carried out.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// How the program ends.
    pub(crate) exit: Exit,
    /// What is wrong; empty when it has been said already.
    message: String,
    /// Why, one line each.
    notes: Vec<String>,
    /// What to do about it, one line each.
    help: Vec<String>,
}

impl Fault {
    /// `message`, ending the program with `exit`.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Fault { exit, message: message.into(), notes: Vec::new(), help: Vec::new() }
    }

    /// A request that makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The program failed itself.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// Everything has been said; only the exit code is left.
    pub(crate) fn said(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// Says why.
    #[must_use]
    pub(crate) fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// The text for people.
    pub(crate) fn render(&self, paint: Paint) -> String {
        if self.message.is_empty() {
            return String::new();
        }
        let mut text = format!("{}: {}\n", paint.bad("error"), safe(&self.message));
        for note in &self.notes {
            text.push_str(&format!("{}: {}\n", paint.strong("note"), safe(note)));
        }
        for help in &self.help {
            text.push_str(&format!("{}: {}\n", paint.strong("help"), safe(help)));
        }
        text
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::NoSuchRun(_) => Fault::usage(message).help("`runbook runs` lists the runs there are"),
            StoreError::Ambiguous(..) => Fault::usage(message).help("type more of the id"),
            StoreError::Busy { .. } => Fault::new(Exit::Blocked, message)
                .help("wait until it is done, or stop that process; `runbook show` tells what it does"),
            _ => Fault::failed(message),
        }
    }
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        let message = error.to_string();
        match error {
            EngineError::Store(store) => store.into(),
            EngineError::Locked { holder, .. } => Fault::new(Exit::Blocked, message)
                .help(format!("`runbook show {holder}` tells what that run does")),
            EngineError::NotNow { .. } => Fault::usage(message),
            _ => Fault::failed(message),
        }
    }
}

/// A file of the system could not be used.
pub(crate) fn io(what: &str, error: &std::io::Error) -> Fault {
    Fault::failed(format!("{what}: {}", reason(error)))
}

/// `error` the way messages are written: lower case, without the operating system's number.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

//! A run as lines that never change: for logs, pipes and CI.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use runbook_core::plan::Plan;
use runbook_core::port::{Notice, Reporter};
use runbook_core::run::{Entry, State};

use super::screen::Screen;
use super::story::{Said, Tone, tell};
use super::style::Paint;
use crate::text::safe_line;

/// Writes one line for everything worth telling.
pub(crate) struct Plain {
    screen: Screen,
    paint: Paint,
}

impl Plain {
    /// On `screen`.
    pub(crate) fn new(screen: Screen, paint: Paint) -> Self {
        Plain { screen, paint }
    }
}

impl Reporter for Plain {
    fn entry(&self, plan: &Plan, state: &State, entry: &Entry) {
        for said in tell(plan, state, entry) {
            self.screen.write(&lines(&said, entry.at, self.paint));
        }
    }

    fn notice(&self, _plan: &Plan, notice: &Notice<'_>) {
        if let Notice::Remark(text) = notice {
            let time = self.paint.dim(&clock(Timestamp::now()));
            self.screen.write(&format!("{time} {}\n", safe_line(text)));
        }
    }
}

fn lines(said: &Said, at: Timestamp, paint: Paint) -> String {
    let key = said.key.as_ref().map_or_else(String::new, |key| format!("{key}: "));
    let took = match (&said.took, said.tone) {
        (None, _) => String::new(),
        (Some(took), Tone::Good) => format!(" {took}"),
        (Some(took), _) => format!(" ({took})"),
    };
    let title = match (&said.title, said.tone) {
        (Some(title), Tone::Began) => format!(" ({title})"),
        _ => String::new(),
    };
    let text = super::live::painted(said, paint);
    let mut lines = format!("{} {key}{text}{took}{title}\n", paint.dim(&clock(at)));
    for line in &said.detail {
        lines.push_str(&format!("    {line}\n"));
    }
    lines
}

/// `[12:00:01]`, in the user's time.
fn clock(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("[%H:%M:%S]").to_string()
}

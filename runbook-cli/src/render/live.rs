//! A run as it happens: what has ended stays as lines, what runs is at the bottom.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use runbook_core::ids::NodeId;
use runbook_core::plan::{Plan, Role};
use runbook_core::port::{Notice, Reporter};
use runbook_core::run::{Entry, Phase, State};

use super::screen::Screen;
use super::story::{Said, Tone, subject, tell, without_colour};
use super::style::Paint;
use super::title::title_of;
use crate::text::{elapsed, fit, pad, safe_line, width};

/// Keys and titles are aligned up to this width.
const KEY_COLUMNS: usize = 24;

/// Shows a run on a terminal.
pub(crate) struct Live {
    board: Arc<Mutex<Board>>,
    screen: Screen,
    paint: Paint,
    stop: Option<Sender<()>>,
    ticker: Option<JoinHandle<()>>,
}

/// What the bottom lines show.
#[derive(Default)]
struct Board {
    running: BTreeMap<NodeId, Line>,
    next: Option<String>,
    key_columns: usize,
}

struct Line {
    key: String,
    title: String,
    doing: &'static str,
    since: Timestamp,
    output: String,
}

impl Live {
    /// On `screen`, redrawn every second.
    pub(crate) fn new(screen: Screen, paint: Paint) -> Self {
        let board = Arc::new(Mutex::new(Board::default()));
        let (stop, stopped) = mpsc::channel();
        let ticker = {
            let (board, screen) = (board.clone(), screen.clone());
            std::thread::Builder::new().name("runbook-screen".into()).spawn(move || {
                while stopped.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                    draw(&board, &screen, paint, Timestamp::now());
                }
            })
        };
        Live { board, screen, paint, stop: Some(stop), ticker: ticker.ok() }
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(ticker) = self.ticker.take() {
            // A ticker that panicked has nothing to say any more.
            let _ = ticker.join();
        }
        self.screen.draw(&[]);
    }
}

impl Reporter for Live {
    fn entry(&self, plan: &Plan, state: &State, entry: &Entry) {
        let (columns, _) = self.screen.size();
        let mut text = String::new();
        {
            let mut board = self.lock();
            if board.key_columns == 0 {
                let longest = plan.roots(Role::Body).map(|id| width(&plan.node(id).key)).max().unwrap_or(0);
                board.key_columns = longest.clamp(1, KEY_COLUMNS);
            }
            for said in tell(plan, state, entry) {
                if said.tone != Tone::Began {
                    text.push_str(&stays(&said, board.key_columns, columns, self.paint));
                }
            }
            if let Some(node) = subject(&entry.event) {
                board.follow(plan, state, node, entry.at);
            }
            if state.finished.is_some() || !state.suspended.is_empty() {
                board.running.clear();
            }
        }
        if !text.is_empty() {
            self.screen.write(&text);
        }
        draw(&self.board, &self.screen, self.paint, Timestamp::now());
    }

    fn notice(&self, _plan: &Plan, notice: &Notice<'_>) {
        match notice {
            Notice::Output { node, bytes, .. } => {
                // Shown at the next redraw: a chatty command must not keep the terminal busy.
                if let (Some(line), Some(last)) = (self.lock().running.get_mut(node), last_line(bytes)) {
                    line.output = last;
                }
            }
            Notice::Remark(text) => {
                self.screen.write(&format!("{} {}\n", self.paint.dim("·"), safe_line(text)));
                draw(&self.board, &self.screen, self.paint, Timestamp::now());
            }
            _ => {}
        }
    }
}

impl Board {
    /// Takes into account where `node` stands now.
    fn follow(&mut self, plan: &Plan, state: &State, node: NodeId, at: Timestamp) {
        let one = state.node(node);
        let doing = match &one.phase {
            Phase::Acting => Some("running"),
            Phase::Settling { .. } => Some("settling"),
            Phase::Verifying => Some("verifying"),
            Phase::Ready { not_before: Some(_) } => Some("waiting to try again"),
            _ => None,
        };
        match doing {
            // A group shows through its steps.
            Some(doing) if !plan.node(node).spec.action.is_group() => {
                let line = self.running.entry(node).or_insert_with(|| Line {
                    key: plan.node(node).key.clone(),
                    title: title_of(plan, node).unwrap_or_default(),
                    doing,
                    since: one.started.unwrap_or(at),
                    output: String::new(),
                });
                line.doing = doing;
            }
            _ => {
                self.running.remove(&node);
            }
        }
        self.next = next(plan, state);
    }

    fn lines(&self, now: Timestamp, (columns, rows): (usize, usize), paint: Paint) -> Vec<String> {
        let room = columns.saturating_sub(1);
        let shown = (rows / 2).max(1);
        let mut lines = Vec::new();
        for line in self.running.values().take(shown) {
            let took = elapsed(now.as_millisecond() - line.since.as_millisecond());
            let doing = if line.doing == "running" { took } else { format!("{} {took}", line.doing) };
            let head = head(&line.key, &line.title, self.key_columns);
            let head = fit(&format!("● {head}  {doing}"), room).into_owned();
            let left = room.saturating_sub(width(&head) + 3);
            let mut text = match head.strip_prefix('●') {
                Some(rest) => format!("{}{rest}", paint.lively("●")),
                None => head,
            };
            if left > 8 && !line.output.is_empty() {
                text.push_str(&paint.dim(&format!(" │ {}", fit(&line.output, left))));
            }
            lines.push(text);
        }
        if self.running.len() > shown {
            lines.push(fit(&format!("  and {} more", self.running.len() - shown), room).into_owned());
        }
        if let (Some(next), false) = (&self.next, self.running.is_empty()) {
            lines.push(paint.dim(&fit(&format!("  next: {next}"), room)));
        }
        lines
    }
}

fn draw(board: &Mutex<Board>, screen: &Screen, paint: Paint, now: Timestamp) {
    let board = board.lock().unwrap_or_else(PoisonError::into_inner);
    screen.draw(&board.lines(now, screen.size(), paint));
}

/// The first few steps of the body that nothing has begun with, in the order of the plan.
fn next(plan: &Plan, state: &State) -> Option<String> {
    const SHOWN: usize = 3;
    if state.is_stopping() {
        return None;
    }
    let mut idle = plan.executable().filter(|(id, node)| {
        node.role == Role::Body
            && node.selected
            && !node.spec.action.is_group()
            && matches!(state.node(*id).phase, Phase::Idle)
    });
    let keys: Vec<&str> = idle.by_ref().take(SHOWN).map(|(_, node)| node.key.as_str()).collect();
    let more = if idle.next().is_some() { ", …" } else { "" };
    (!keys.is_empty()).then(|| format!("{}{more}", keys.join(", ")))
}

/// A line that stays: `✓ restart  Перезапуск  1.2s`.
fn stays(said: &Said, key_columns: usize, columns: usize, paint: Paint) -> String {
    let mark = match said.tone {
        Tone::Began => paint.lively("●"),
        Tone::Good => paint.good("✓"),
        Tone::Quiet => paint.dim("–"),
        Tone::Warn => paint.warn("!"),
        Tone::Bad => paint.bad("✗"),
        Tone::People => paint.lively("?"),
    };
    let head = match &said.key {
        Some(key) => format!("{}  ", head(key, said.title.as_deref().unwrap_or_default(), key_columns)),
        None => String::new(),
    };
    let text =
        if said.tone == Tone::Good && said.key.is_some() { String::new() } else { painted(said, paint) };
    let took = said.took.as_ref().map_or_else(String::new, |took| {
        paint.dim(&if text.is_empty() { took.clone() } else { format!("  {took}") })
    });
    let mut lines = format!("{mark} {head}{text}{took}\n");
    for line in &said.detail {
        lines.push_str(&format!("  {} {}\n", paint.dim("│"), fit(line, columns.max(20) - 5)));
    }
    lines
}

/// What happened, in the colour of its tone.
pub(crate) fn painted(said: &Said, paint: Paint) -> String {
    match said.tone {
        Tone::Good => paint.good(&said.text),
        Tone::Warn => paint.warn(&said.text),
        Tone::Bad => paint.bad(&said.text),
        Tone::Quiet => paint.dim(&said.text),
        Tone::Began | Tone::People => said.text.clone(),
    }
}

fn head(key: &str, title: &str, key_columns: usize) -> String {
    if title.is_empty() { key.to_owned() } else { format!("{}  {title}", pad(key, key_columns)) }
}

/// The last line in `bytes` that says something; a progress bar's last state.
fn last_line(bytes: &[u8]) -> Option<String> {
    let end = &bytes[bytes.len().saturating_sub(4096)..];
    let text = without_colour(&String::from_utf8_lossy(end));
    text.split(['\n', '\r']).rev().map(str::trim).find(|line| !line.is_empty()).map(safe_line)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    fn said(tone: Tone, text: &str) -> Said {
        Said {
            tone,
            key: Some("restart".into()),
            title: Some("Перезапуск".into()),
            text: text.into(),
            took: Some("1.2s".into()),
            detail: vec!["unit not found".into()],
        }
    }

    #[test]
    fn finished_steps_are_lines_with_mark_title_and_time() {
        let good = Said { detail: Vec::new(), ..said(Tone::Good, "ok") };
        assert_eq!(stays(&good, 9, 80, Paint::none()), "✓ restart    Перезапуск  1.2s\n");
        assert_eq!(
            stays(&said(Tone::Bad, "failed: exit code 1"), 7, 80, Paint::none()),
            "✗ restart  Перезапуск  failed: exit code 1  1.2s\n  │ unit not found\n"
        );
    }

    #[test]
    fn no_line_that_changes_is_wider_than_the_screen() {
        let since = Timestamp::UNIX_EPOCH;
        let mut board =
            Board {
                key_columns: 10, next: Some("проверка, очистка, …".into()), ..Board::default()
            };
        for n in 0..12 {
            board.running.insert(
                NodeId(n),
                Line {
                    key: format!("step_{n}"),
                    title: "Очень длинное название шага на 日本語 и по-русски".into(),
                    doing: "verifying",
                    since,
                    output: "x".repeat(500),
                },
            );
        }
        for columns in 4..140 {
            let lines = board.lines(Timestamp::UNIX_EPOCH, (columns, 10), Paint::none());
            assert_eq!(lines.len(), 5 + 2);
            for line in lines {
                assert!(width(&line) < columns, "{columns}: {line}");
            }
        }
    }

    #[test]
    fn the_last_line_of_output_is_clean() {
        assert_eq!(last_line(b"one\ntwo\n").as_deref(), Some("two"));
        assert_eq!(last_line(b"10%\r 20%\r").as_deref(), Some("20%"));
        assert_eq!(last_line(b"\x1b[32mgreen\x1b[0m\n").as_deref(), Some("green"));
        assert_eq!(last_line("ok\u{202e}\n".as_bytes()).as_deref(), Some(r"ok\u{202e}"));
        assert_eq!(last_line(b"\n\r\n"), None);
    }
}

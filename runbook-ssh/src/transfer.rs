//! One operation on a target's files: a program with data on either side, done again when its connection is lost.

use std::fs::File;
use std::io;
use std::time::Duration;

use runbook_core::port::Stream;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::connection::{SshConnection, told};
use crate::link::Lane;
use crate::session::Said;
use crate::text::{self, Program, programs};

/// How often an operation is begun when its connection is lost.
const TRIES: u32 = 3;
/// How long a target may be at work without a sign.
const SILENCE: Duration = Duration::from_secs(600);
/// Size of the pieces in which files travel.
const PIECE: usize = 64 * 1024;
/// Most of what a target may say of a failure.
const MOST_SAID: usize = 4096;
/// Most of an answer that is kept in memory.
const MOST_ANSWER: usize = 64 * 1024;

/// What an operation's output goes to.
pub(crate) trait Arrive: Send {
    /// More has come.
    fn take(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The connection was lost; everything comes once more.
    fn again(&mut self) -> io::Result<()>;
}

/// A short answer.
impl Arrive for Vec<u8> {
    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.len() + bytes.len() > MOST_ANSWER {
            return Err(io::Error::other("the target's answer is too long"));
        }
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn again(&mut self) -> io::Result<()> {
        self.clear();
        Ok(())
    }
}

/// Something on the engine's machine does not work.
pub(crate) fn here(error: &io::Error) -> String {
    format!("on the engine's machine: {error}")
}

impl SshConnection {
    /// Does one operation on files; done again when the connection was lost.
    pub(crate) async fn operate(
        &self,
        path: &str,
        variables: &[(&str, &str)],
        file: Option<File>,
        arriving: &mut impl Arrive,
    ) -> Result<(), String> {
        if variables.iter().any(|(_, value)| value.contains('\0')) {
            return Err(format!("`{}`: a NUL character cannot be sent", path.escape_debug()));
        }
        let unique = text::random();
        let mut all = vec![("rb_unique", &*unique)];
        for name in ["rb_mode", "rb_owner", "rb_into", "rb_carry", "rb_most"] {
            all.push((name, ""));
        }
        all.extend_from_slice(variables);
        let mut lost = String::new();
        for _ in 0..TRIES {
            let program = Program::new(&all, "", programs::FILES);
            match self.operate_once(&program, file.as_ref(), arriving).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(why)) => return Err(format!("`{path}`: {why}")),
                Err(why) => lost = why,
            }
            arriving.again().map_err(|error| here(&error))?;
        }
        Err(format!("`{path}`: {lost}"))
    }

    /// One try. `Ok(Err(…))` is the target's own refusal, `Err` a lost connection.
    async fn operate_once(
        &self,
        program: &Program,
        file: Option<&File>,
        arriving: &mut impl Arrive,
    ) -> Result<Result<(), String>, String> {
        let mut seat = match self.link.seat(program, Lane::Work).await {
            Ok(seat) => seat,
            Err(error) => return Ok(Err(told(&error))),
        };
        let mut feed = None;
        let mut refused = None;
        let mut said = Vec::new();
        let mut silent = Instant::now();
        let word = loop {
            let next = seat.talk.next(|stream, bytes| match stream {
                Stream::Stdout if refused.is_none() => refused = arriving.take(bytes).err(),
                Stream::Stdout => {}
                Stream::Stderr if said.len() < MOST_SAID => said.extend_from_slice(bytes),
                Stream::Stderr => {}
            });
            let next = next.await;
            // Not before: some versions of `head` read more than they are to.
            if feed.is_none()
                && seat.talk.has_begun()
                && let (Some(file), Some(mut input)) = (file, seat.talk.input())
            {
                let file = file.try_clone().map_err(|error| here(&error))?;
                feed = Some(tokio::spawn(async move {
                    let mut file = tokio::fs::File::from_std(file);
                    tokio::io::AsyncSeekExt::rewind(&mut file).await?;
                    tokio::io::copy_buf(&mut tokio::io::BufReader::with_capacity(PIECE, file), &mut input)
                        .await?;
                    input.flush().await?;
                    // Held until all is read: its end would be taken for a lost connection.
                    Ok::<_, io::Error>(input)
                }));
            }
            match next {
                Said::Output => silent = Instant::now(),
                // While something is sent, nothing comes.
                Said::Tick if feed.as_ref().is_some_and(|feed| !feed.is_finished()) => {
                    silent = Instant::now()
                }
                Said::Tick if silent.elapsed() < SILENCE => {}
                Said::Tick => break None,
                Said::Word(word) => break Some(word),
                Said::Gone => break None,
            }
        };
        if let Some(feed) = feed {
            feed.abort();
        }
        let Some(word) = word else {
            if !seat.talk.has_begun() && !self.link.check(&seat.master).await {
                return Ok(Err(self.not_a_shell(&seat.talk.noise())));
            }
            return Err(self.lost(&seat.master).await);
        };
        seat.leave();
        if let Some(error) = refused {
            return Ok(Err(here(&error)));
        }
        let said = String::from_utf8_lossy(&said).trim().replace('\n', "; ");
        Ok(match word.as_str() {
            "done" => Ok(()),
            _ if said.is_empty() => Err("the target does not say why".to_owned()),
            _ => Err(said),
        })
    }
}

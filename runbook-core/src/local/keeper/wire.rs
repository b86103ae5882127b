//! What an engine and its keeper say to each other. Both are the same program, so there is one version.
//!
//! For each job the engine passes descriptors through the keeper's standard input: a file with the request, the
//! writing end of a pipe for the answer, and the files of the command.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use rustix::cmsg_space;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

use crate::local::command::Program;

/// What a keeper says first. Another version does not understand this one.
pub(super) const HELLO: &[u8; 18] = b"runbook-keeper 1\r\n";

/// Descriptors of a job: request, answer, standard output, standard error, and standard input where it has one.
const MOST: usize = 5;

/// No waiting, no signal, and nothing for commands to inherit.
#[cfg(target_os = "linux")]
const SENDING: SendFlags = SendFlags::NOSIGNAL.union(SendFlags::DONTWAIT);
#[cfg(target_os = "linux")]
const RECEIVING: RecvFlags = RecvFlags::CMSG_CLOEXEC.union(RecvFlags::DONTWAIT);

// Elsewhere no keeper is asked for.
#[cfg(not(target_os = "linux"))]
const SENDING: SendFlags = SendFlags::DONTWAIT;
#[cfg(not(target_os = "linux"))]
const RECEIVING: RecvFlags = RecvFlags::DONTWAIT;

/// A command to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// The directory of its attempt.
    pub(super) directory: PathBuf,
    /// Identifies the attempt.
    pub(super) token: String,
    /// What to execute.
    pub(super) program: Program,
    /// Where.
    pub(super) cwd: Option<String>,
    /// What to add to the keeper's own environment.
    pub(super) env: Vec<(String, String)>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::local) enum Reply {
    /// It ended with this exit code.
    Ended(i32),
    /// It was not started: this is the number of the system's error.
    NotStarted(i32),
    /// The attempt is not the keeper's, or its end is not known: what is recorded counts.
    Look,
}

impl Request {
    /// As bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        let mut put = |bytes: &[u8]| {
            // What is longer than four bytes can say is refused by the other side.
            out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend(bytes);
        };
        put(self.directory.as_os_str().as_bytes());
        put(self.token.as_bytes());
        put(self.program.name.as_bytes());
        put(self.program.path.as_os_str().as_bytes());
        put(if self.cwd.is_some() { b"c" } else { b"" });
        put(self.cwd.as_deref().unwrap_or_default().as_bytes());
        put(&(self.env.len() as u64).to_be_bytes());
        put(&(self.program.arguments.len() as u64).to_be_bytes());
        for (name, value) in &self.env {
            put(name.as_bytes());
            put(value.as_bytes());
        }
        for argument in &self.program.arguments {
            put(argument.as_bytes());
        }
        out
    }

    /// From bytes.
    pub(super) fn decode(bytes: &[u8]) -> io::Result<Self> {
        let mut rest = Parts(bytes);
        let directory = PathBuf::from(rest.os()?);
        let token = rest.text()?;
        let name = rest.os()?;
        let path = PathBuf::from(rest.os()?);
        let has_cwd = !rest.next()?.is_empty();
        let cwd = rest.text()?;
        let (variables, arguments) = (rest.number()?, rest.number()?);
        let env = (0..variables).map(|_| Ok((rest.text()?, rest.text()?))).collect::<io::Result<_>>()?;
        let arguments = (0..arguments).map(|_| rest.os()).collect::<io::Result<_>>()?;
        if !rest.0.is_empty() {
            return Err(malformed());
        }
        let program = Program { name, path, arguments };
        Ok(Request { directory, token, program, cwd: has_cwd.then_some(cwd), env })
    }
}

struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn next(&mut self) -> io::Result<&'a [u8]> {
        let (head, rest) = self.0.split_first_chunk::<4>().ok_or_else(malformed)?;
        let (part, rest) = rest.split_at_checked(u32::from_be_bytes(*head) as usize).ok_or_else(malformed)?;
        self.0 = rest;
        Ok(part)
    }

    fn os(&mut self) -> io::Result<OsString> {
        Ok(OsString::from_vec(self.next()?.to_vec()))
    }

    fn number(&mut self) -> io::Result<u64> {
        Ok(u64::from_be_bytes(self.next()?.try_into().map_err(|_| malformed())?))
    }

    fn text(&mut self) -> io::Result<String> {
        OsStr::from_bytes(self.next()?).to_str().map(str::to_owned).ok_or_else(malformed)
    }
}

impl Reply {
    /// Length of its bytes.
    pub(super) const LENGTH: usize = 5;

    /// As bytes.
    pub(super) fn encode(self) -> [u8; Self::LENGTH] {
        let (kind, number) = match self {
            Reply::Ended(code) => (b'e', code),
            Reply::NotStarted(error) => (b'n', error),
            Reply::Look => (b'l', 0),
        };
        let [a, b, c, d] = number.to_be_bytes();
        [kind, a, b, c, d]
    }

    /// From bytes.
    pub(super) fn decode([kind, number @ ..]: [u8; Self::LENGTH]) -> io::Result<Self> {
        let number = i32::from_be_bytes(number);
        match kind {
            b'e' => Ok(Reply::Ended(number)),
            b'n' => Ok(Reply::NotStarted(number)),
            b'l' => Ok(Reply::Look),
            _ => Err(malformed()),
        }
    }
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// What comes with a job.
#[derive(Debug)]
pub(super) struct Handles {
    pub(super) request: File,
    pub(super) answer: File,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
    pub(super) stdin: Option<OwnedFd>,
}

/// Passes descriptors on; does not wait when there is no room.
pub(super) fn pass(channel: &UnixStream, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(malformed());
    }
    sendmsg(channel, &[io::IoSlice::new(b"j")], &mut control, SENDING)?;
    Ok(())
}

/// The next job; `None` when the engine is gone. Does not wait.
pub(super) fn accept(channel: impl AsFd) -> io::Result<Option<Result<Handles, io::Error>>> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let got = recvmsg(channel, &mut [io::IoSliceMut::new(&mut byte)], &mut control, RECEIVING)?;
    if got.bytes == 0 {
        return Ok(None);
    }
    let mut descriptors = Vec::with_capacity(MOST);
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(some) = message {
            descriptors.extend(some);
        }
    }
    let mut descriptors = descriptors.into_iter();
    let mut next = || descriptors.next().ok_or_else(malformed);
    // When this process has too many open files, some are missing.
    let handles = next().and_then(|request| {
        let (request, answer) = (request.into(), next()?.into());
        Ok(Handles { request, answer, stdout: next()?, stderr: next()?, stdin: None })
    });
    Ok(Some(handles.map(|handles| Handles { stdin: descriptors.next(), ..handles })))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = OsString> {
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(OsString::from_vec)
    }

    prop_compose! {
        fn request()(
            (directory, name, path) in (bytes(), bytes(), bytes()),
            token in ".*",
            arguments in proptest::collection::vec(bytes(), 0..5),
            cwd in proptest::option::of(".*"),
            env in proptest::collection::vec((".*", ".*"), 0..5),
        ) -> Request {
            let program = Program { name, path: path.into(), arguments };
            Request { directory: directory.into(), token, program, cwd, env }
        }
    }

    proptest! {
        #[test]
        fn a_request_arrives_as_it_was_sent(request in request()) {
            prop_assert_eq!(Request::decode(&request.encode()).unwrap(), request);
        }

        #[test]
        fn nonsense_is_refused_and_nothing_worse(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Request::decode(&bytes);
        }

        #[test]
        fn a_reply_arrives_as_it_was_sent(number in any::<i32>()) {
            for reply in [Reply::Ended(number), Reply::NotStarted(number), Reply::Look] {
                prop_assert_eq!(Reply::decode(reply.encode()).unwrap(), reply);
            }
        }
    }

    #[test]
    fn a_request_that_is_cut_off_is_refused() {
        let program = Program { name: "n".into(), path: "/p".into(), arguments: vec!["a".into()] };
        let env = vec![("A".to_owned(), "b".to_owned())];
        let request = Request { directory: "/d".into(), token: "t".into(), program, cwd: None, env };
        let sent = request.encode();
        for end in 0..sent.len() {
            assert!(Request::decode(&sent[..end]).is_err(), "{end}");
        }
        assert!(Request::decode(&[&sent[..], b"x"].concat()).is_err());
    }

    #[test]
    fn descriptors_are_passed_and_the_end_is_seen() {
        let (here, there) = UnixStream::pair().unwrap();
        let (one, other) = UnixStream::pair().unwrap();
        for number in [4, 5, 1] {
            pass(&here, &vec![one.as_fd(); number]).unwrap();
        }
        assert!(accept(&there).unwrap().unwrap().unwrap().stdin.is_none());
        assert!(accept(&there).unwrap().unwrap().unwrap().stdin.is_some());
        assert!(accept(&there).unwrap().unwrap().is_err());
        assert_eq!(accept(&there).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop((here, other));
        assert!(accept(&there).unwrap().is_none());
    }
}

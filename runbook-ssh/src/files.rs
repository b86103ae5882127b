//! Files of a target. What is written comes under a new name first, is checked there, and takes its place in one step;
//! so an operation that lost its connection is simply done again.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use jiff::Timestamp;
use runbook_core::port::{FileFacts, FileLook, TargetFiles};
use sha2::{Digest, Sha256};

use crate::connection::SshConnection;
use crate::transfer::{Arrive, here};
use crate::tree::{pack, place_file, place_tree};

/// Size of the pieces in which files are read.
const PIECE: usize = 64 * 1024;

/// How a file looks that nobody has said anything of.
const MODE: u32 = 0o644;

#[async_trait]
impl TargetFiles for SshConnection {
    async fn read(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, String> {
        let limit = most.to_string();
        let variables = [("rb_do", "rb_get"), ("rb_path", path), ("rb_most", &*limit)];
        let got = self.fetch(path, &variables).await?;
        match got.head {
            Head::Nothing => Ok(None),
            Head::Tree => Err(format!("`{path}`: it is a directory")),
            Head::File { .. } => {
                let mut content = Vec::new();
                let mut body = got.body;
                body.read_to_end(&mut content).map_err(|error| here(&error))?;
                Ok(Some(content))
            }
        }
    }

    async fn write(&self, path: &str, content: &[u8], look: &FileLook) -> Result<(), String> {
        let (mode, owner) = shown(look);
        let variables =
            [("rb_do", "rb_put_file"), ("rb_path", path), ("rb_mode", &*mode), ("rb_owner", &*owner)];
        let mut file = tempfile::tempfile().map_err(|error| here(&error))?;
        file.write_all(content).map_err(|error| here(&error))?;
        self.send(path, &variables, MODE, file).await.map(drop)
    }

    async fn keep(&self, path: &str, backup: &str) -> Result<(), String> {
        self.simple(path, &[("rb_do", "rb_keep"), ("rb_path", path), ("rb_backup", backup)]).await.map(drop)
    }

    async fn put_back(&self, path: &str, backup: &str) -> Result<bool, String> {
        let variables = [("rb_do", "rb_put_back"), ("rb_path", path), ("rb_backup", backup)];
        self.simple(path, &variables).await.map(|said| said.trim() != "nothing")
    }

    async fn put(&self, from: &Path, path: &str, look: &FileLook) -> Result<u64, String> {
        let (mode, owner) = shown(look);
        let name = |error: io::Error| format!("`{}`: {error}", from.display());
        let meta = tokio::fs::metadata(from).await.map_err(name)?;
        let into = from.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let (work, file, bytes) = match meta.is_dir() {
            false => ("rb_put_file", File::open(from).map_err(name)?, meta.len()),
            true => {
                let tree = from.to_owned();
                let packed = tokio::task::spawn_blocking(move || pack(&tree)).await;
                let (file, bytes) =
                    packed.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(name)?;
                ("rb_put_tree", file, bytes)
            }
        };
        let variables = [
            ("rb_do", work),
            ("rb_path", path),
            ("rb_mode", &*mode),
            ("rb_owner", &*owner),
            ("rb_into", &*into),
            // Without a mode of its own the file has that of the one it comes from.
            ("rb_carry", "1"),
        ];
        self.send(path, &variables, meta.mode() & 0o7777, file).await?;
        Ok(bytes)
    }

    async fn get(&self, path: &str, to: &Path) -> Result<u64, String> {
        let got = self.fetch(path, &[("rb_do", "rb_get"), ("rb_path", path), ("rb_most", "")]).await?;
        let (from, to) = (PathBuf::from(path), to.to_owned());
        let placed = tokio::task::spawn_blocking(move || match got.head {
            Head::Nothing => {
                Err(io::Error::new(io::ErrorKind::NotFound, format!("`{}` does not exist", from.display())))
            }
            Head::File { mode, .. } => place_file(got.body, mode, &from, &to),
            Head::Tree => place_tree(got.body, &to),
        });
        placed.await.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|error| error.to_string())
    }
}

impl SshConnection {
    /// What is known of the file at `path`.
    pub(crate) async fn facts(&self, path: &str) -> Result<Option<FileFacts>, String> {
        let said = self.simple(path, &[("rb_do", "rb_facts"), ("rb_path", path)]).await?;
        let said = said.trim();
        if said == "nothing" {
            return Ok(None);
        }
        let facts = || {
            let mut words = said.splitn(3, ' ');
            let size = words.next()?.parse().ok()?;
            let modified = Timestamp::from_second(words.next()?.parse().ok()?).ok()?;
            Some(FileFacts { size, modified, is_directory: words.next()? == "directory" })
        };
        facts().map(Some).ok_or_else(|| format!("`{path}`: the target says of it: {said}"))
    }

    /// An operation whose answer is short.
    async fn simple(&self, path: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        let mut answer = Vec::new();
        self.operate(path, variables, None, &mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Sends `file` along with an operation; `usual` is its mode when nobody says another.
    async fn send(
        &self,
        path: &str,
        variables: &[(&str, &str)],
        usual: u32,
        file: File,
    ) -> Result<(), String> {
        let mut file = file;
        let summed =
            tokio::task::spawn_blocking(move || sum(&mut file).map(|(bytes, sum)| (file, bytes, sum)));
        let (file, bytes, sum) = summed
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|error| here(&error))?;
        let (size, usual) = (bytes.to_string(), format!("{usual:o}"));
        let mut all = vec![("rb_size", &*size), ("rb_sha", &*sum), ("rb_else", &*usual)];
        all.extend_from_slice(variables);
        self.operate(path, &all, Some(file), &mut Vec::new()).await
    }

    /// Fetches what an operation sends, into a file without a name here.
    async fn fetch(&self, path: &str, variables: &[(&str, &str)]) -> Result<Got, String> {
        let mut fetched = Fetched {
            line: Vec::new(),
            head: None,
            body: tempfile::tempfile().map_err(|error| here(&error))?,
            hash: Sha256::new(),
        };
        self.operate(path, variables, None, &mut fetched).await?;
        let Fetched { head, mut body, hash, .. } = fetched;
        let head = head.ok_or_else(|| format!("`{path}`: the target says nothing of it"))?;
        if let Head::File { sha256, .. } = &head
            && !sha256.is_empty()
            && *sha256 != hex(hash)
        {
            return Err(format!(
                "`{path}`: it changed while it was copied, or came broken: its checksum differs"
            ));
        }
        body.rewind().map_err(|error| here(&error))?;
        Ok(Got { head, body })
    }
}

/// What arrives when something is fetched: a line that says what it is, and the thing.
struct Fetched {
    line: Vec<u8>,
    head: Option<Head>,
    body: File,
    hash: Sha256,
}

impl Arrive for Fetched {
    fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if self.head.is_none() {
            let end = memchr::memchr(b'\n', bytes);
            self.line.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
            let Some(end) = end else { return Ok(()) };
            bytes = &bytes[end + 1..];
            self.head = Head::parse(&String::from_utf8_lossy(&self.line));
            if self.head.is_none() {
                return Err(io::Error::other("the target's answer is not understood"));
            }
        }
        self.hash.update(bytes);
        self.body.write_all(bytes)
    }

    fn again(&mut self) -> io::Result<()> {
        self.line.clear();
        self.head = None;
        self.hash = Sha256::new();
        self.body.set_len(0)?;
        self.body.rewind()
    }
}

/// What a target has sent.
struct Got {
    head: Head,
    body: File,
}

/// What it says of it.
enum Head {
    Nothing,
    File { mode: u32, sha256: String },
    Tree,
}

impl Head {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        match words.next()? {
            "nothing" => Some(Head::Nothing),
            "tree" => Some(Head::Tree),
            "file" => {
                let mode = u32::from_str_radix(words.next()?, 8).ok()?;
                Some(Head::File { mode, sha256: words.next().unwrap_or_default().to_owned() })
            }
            _ => None,
        }
    }
}

fn shown(look: &FileLook) -> (String, String) {
    (look.mode.map(|mode| format!("{mode:o}")).unwrap_or_default(), look.owner.clone().unwrap_or_default())
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Length and checksum of all of `file`.
fn sum(file: &mut File) -> io::Result<(u64, String)> {
    file.rewind()?;
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok((bytes, hex(hash))),
            read => hash.update(&piece[..read]),
        }
        bytes = file.stream_position()?;
    }
}

//! The text protocol of memcached. Knows nothing of runbooks.

use std::fmt;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// The largest value that is read, in bytes.
const LARGEST: usize = 1 << 20;

/// Why something did not work, for people.
#[derive(Debug)]
pub(crate) struct Trouble(String);

impl Trouble {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Trouble(why.into())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Trouble(error.to_string())
    }
}

/// A connection to a server.
pub(crate) struct Session {
    stream: BufReader<TcpStream>,
}

impl Session {
    pub(crate) async fn open(server: &str) -> Result<Self, Trouble> {
        Ok(Session { stream: BufReader::new(TcpStream::connect(server).await?) })
    }

    pub(crate) async fn get(&mut self, key: &str) -> Result<Option<String>, Trouble> {
        let head = self.ask(format!("get {key}\r\n").as_bytes()).await?;
        if head == "END" {
            return Ok(None);
        }
        let size = head.strip_prefix("VALUE ").and_then(|rest| rest.split(' ').nth(2)?.parse::<usize>().ok());
        let size = size.filter(|size| *size <= LARGEST).ok_or_else(|| surprise(&head))?;
        let mut value = vec![0; size + 2];
        self.stream.read_exact(&mut value).await?;
        value.truncate(size);
        match self.line().await?.as_str() {
            "END" => Ok(Some(String::from_utf8_lossy(&value).into_owned())),
            other => Err(surprise(other)),
        }
    }

    pub(crate) async fn set(&mut self, key: &str, value: &str) -> Result<(), Trouble> {
        let command = format!("set {key} 0 0 {}\r\n{value}\r\n", value.len());
        self.expect("STORED", command.as_bytes()).await
    }

    pub(crate) async fn incr(&mut self, key: &str) -> Result<Option<u64>, Trouble> {
        let said = self.ask(format!("incr {key} 1\r\n").as_bytes()).await?;
        match said.as_str() {
            "NOT_FOUND" => Ok(None),
            number => number.parse().map(Some).map_err(|_| surprise(number)),
        }
    }

    pub(crate) async fn flush(&mut self) -> Result<(), Trouble> {
        self.expect("OK", b"flush_all\r\n").await
    }

    async fn expect(&mut self, wanted: &str, command: &[u8]) -> Result<(), Trouble> {
        let said = self.ask(command).await?;
        if said == wanted { Ok(()) } else { Err(surprise(&said)) }
    }

    async fn ask(&mut self, command: &[u8]) -> Result<String, Trouble> {
        self.stream.write_all(command).await?;
        self.line().await
    }

    /// One line, without its end. A server that never ends one is not listened to for ever.
    async fn line(&mut self) -> Result<String, Trouble> {
        let mut line = Vec::new();
        (&mut self.stream).take(4096).read_until(b'\n', &mut line).await?;
        match line.strip_suffix(b"\r\n") {
            Some(text) => Ok(String::from_utf8_lossy(text).into_owned()),
            None => Err(Trouble::new("the server broke off")),
        }
    }
}

fn surprise(said: &str) -> Trouble {
    Trouble(format!("the server said `{}`", said.escape_debug()))
}

//! Servers on this machine that do exactly what a test says, and requests to them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use runbook_core::port::{ActionContext, Executor as _};
use runbook_core::run::StepResult;
use runbook_core::testing::action_context;
use runbook_core::value::{Duration, Value};
use runbook_http::HttpExecutor;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as a server has seen it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Method, target and version.
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// What a server does next.
#[derive(Clone, Debug)]
pub(crate) enum Say {
    /// Writes this.
    Bytes(Vec<u8>),
    /// Writes this again and again, so many times.
    Again(Vec<u8>, usize),
    /// Writes this a byte at a time, for ever from the beginning.
    Drip(Vec<u8>),
    /// Says nothing more, and keeps the connection.
    Hang,
    /// Resets the connection.
    Reset,
}

/// A whole answer of HTTP/1.1.
pub(crate) fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<Say> {
    let body = body.as_ref();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n", body.len());
    vec![Say::Bytes([head.as_bytes(), body].concat())]
}

/// `200 OK` with a text.
pub(crate) fn ok(body: impl AsRef<[u8]>) -> Vec<Say> {
    answer("200 OK", "", body)
}

/// A server; it goes away with this.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Answers each request with what `reply` says.
    pub(crate) async fn start(reply: impl Fn(&Seen) -> Vec<Say> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, reply) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::new(reply));
        let all = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let (all, reply) = (Arc::clone(&all), Arc::clone(&reply));
                tokio::spawn(async move { serve(stream, &all, reply.as_ref()).await });
            }
        });
        Server { address, seen, task }
    }

    /// Answers every request with the same.
    pub(crate) async fn always(reply: Vec<Say>) -> Self {
        Self::start(move |_| reply.clone()).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What was asked so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn last(&self) -> Seen {
        self.seen().pop().unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    all: &Mutex<Vec<Seen>>,
    reply: &(dyn Fn(&Seen) -> Vec<Say> + Send + Sync),
) {
    let Some(seen) = request(&mut stream).await else { return };
    all.lock().unwrap().push(seen.clone());
    for say in reply(&seen) {
        if matches!(say, Say::Reset) {
            let _ = stream.set_zero_linger();
            return;
        }
        if said(&mut stream, say).await.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
}

async fn said(stream: &mut (impl AsyncWrite + Unpin), say: Say) -> std::io::Result<()> {
    match say {
        Say::Bytes(bytes) => stream.write_all(&bytes).await?,
        Say::Again(bytes, times) => {
            for _ in 0..times {
                stream.write_all(&bytes).await?;
            }
        }
        Say::Drip(bytes) => loop {
            for byte in &bytes {
                stream.write_all(std::slice::from_ref(byte)).await?;
                stream.flush().await?;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        },
        Say::Hang => std::future::pending::<()>().await,
        Say::Reset => {}
    }
    stream.flush().await
}

/// Reads one request, whole.
pub(crate) async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break end;
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = bytes[end + 4..].to_vec();
    while body.len() < length {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => body.extend_from_slice(&buffer[..read]),
        }
    }
    Some(Seen { line, headers, body })
}

/// What the executor is called with.
pub(crate) fn context(params: Value) -> ActionContext {
    action_context(params, std::env::temp_dir().join("runbook-http-unused"))
}

/// One attempt with these parameters.
pub(crate) async fn ask(params: Value) -> StepResult {
    HttpExecutor.execute(&context(params)).await
}

/// One attempt with a time limit.
pub(crate) async fn ask_within(params: Value, limit: &str) -> StepResult {
    let mut context = context(params);
    context.timeout = Some(limit.parse::<Duration>().unwrap());
    HttpExecutor.execute(&context).await
}

pub(crate) fn reason(result: &StepResult) -> &str {
    result.reason.as_deref().unwrap_or_default()
}

/// The most memory this process has ever used, in bytes.
pub(crate) fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

//! Sockets of a target, brought here over its connection.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openssh::{ForwardType, Socket};
use runbook_core::port::{ConnectError, Forward, ForwardTo};
use runbook_core::shell::quote;
use tokio::time::Instant;

use crate::connection::SshConnection;
use crate::master::Master;
use crate::text::{Program, programs};

/// How long a port may take to accept a connection.
const KNOCK: Duration = Duration::from_secs(15);

impl SshConnection {
    /// A socket here that leads to `to` as the target sees it.
    pub(crate) async fn bring(&self, to: &ForwardTo) -> Result<Forward, ConnectError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let to = match to {
            ForwardTo::Tcp { host, port } => {
                Socket::TcpSocket { host: Cow::Owned(host.clone()), port: *port }
            }
            ForwardTo::Unix(path) => Socket::UnixSocket { path: Cow::Owned(PathBuf::from(path)) },
        };
        let mut lost = String::new();
        for _ in 0..3 {
            let master = self.link.master().await?;
            let path = master.path(&format!("f{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
            let here = Socket::UnixSocket { path: Cow::Owned(path.clone()) };
            match master.session().request_port_forward(ForwardType::Local, here, to.clone()).await {
                Ok(()) => {
                    let guard = Open { master, path: path.clone(), to };
                    return Ok(Forward::new(path, guard));
                }
                Err(error) if self.link.check(&master).await => lost = error.to_string(),
                Err(error) => {
                    lost = error.to_string();
                    break;
                }
            }
        }
        Err(ConnectError {
            kind: "forward",
            message: format!("target `{}`: no way to {to} on it: {lost}", self.link.host.target),
            help: Some(
                "see that its sshd_config allows `AllowTcpForwarding` and `AllowStreamLocalForwarding`"
                    .into(),
            ),
        })
    }

    /// Whether `host:port`, as the target sees it, accepts a connection.
    pub(crate) async fn knock(&self, host: &str, port: u16) -> Result<(), String> {
        let port_text = port.to_string();
        let program = Program::new(&[("rb_host", host), ("rb_port", &*port_text)], "", programs::KNOCK);
        let limit = Instant::now() + KNOCK;
        let (word, _) = self.ask(&program, limit).await.map_err(|error| crate::connection::told(&error))?;
        match word.as_str() {
            "open" => Ok(()),
            "no-tool" => Err(format!(
                "`{}` has none of bash, nc and python3 to try {}:{port} with",
                self.link.host.target,
                quote(host)
            )),
            _ => Err(format!("no connection to {host}:{port} from `{}`", self.link.host.target)),
        }
    }
}

/// A forwarded socket; closed when dropped.
struct Open {
    master: Arc<Master>,
    path: PathBuf,
    to: Socket<'static>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (master, path, to) = (Arc::clone(&self.master), std::mem::take(&mut self.path), self.to.clone());
        runtime.spawn(async move {
            let here = Socket::UnixSocket { path: Cow::Borrowed(&path) };
            // With its connection it is gone anyway.
            let _ = master.session().close_port_forward(ForwardType::Local, here, to).await;
            let _ = std::fs::remove_file(&path);
        });
    }
}

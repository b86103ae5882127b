//! Sockets of a target, brought to the engine's machine.

use std::fmt;
use std::path::{Path, PathBuf};

/// A socket as the target sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ForwardTo {
    /// A TCP port of `host`, which the target looks up.
    Tcp {
        /// A name or an address, such as `localhost`.
        host: String,
        /// The port.
        port: u16,
    },
    /// A Unix socket at this path on the target.
    Unix(String),
}

impl fmt::Display for ForwardTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ForwardTo::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            ForwardTo::Tcp { host, port } => write!(f, "{host}:{port}"),
            ForwardTo::Unix(path) => f.write_str(path),
        }
    }
}

/// A Unix socket on the engine's machine that leads to a socket of a target. It goes away when this is dropped;
/// who is connected through it then may stay so.
///
/// Only this user can connect to it, where a local TCP port would be open to everybody on the machine.
pub struct Forward {
    path: PathBuf,
    /// Ends it when dropped.
    _guard: Box<dyn Send + Sync>,
}

impl Forward {
    /// The socket `path`, open until `guard` is dropped.
    pub fn new(path: PathBuf, guard: impl Send + Sync + 'static) -> Self {
        Forward { path, _guard: Box::new(guard) }
    }

    /// Where to connect to.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward").field("path", &self.path).finish_non_exhaustive()
    }
}

//! The way to a container engine, and what it says when something is wrong.

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, Docker};
use runbook_core::port::{ConnectError, Connection, Forward, ForwardTo};

/// How long the engine may take to begin an answer, when nothing else is known of how long it takes.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// Where the engine listens when nobody says otherwise.
const SOCKET: &str = "/var/run/docker.sock";

/// Where this machine's container engine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineAddress {
    socket: Result<PathBuf, String>,
}

impl Default for EngineAddress {
    fn default() -> Self {
        EngineAddress { socket: Ok(SOCKET.into()) }
    }
}

impl EngineAddress {
    /// What `DOCKER_HOST` says, written as `unix:///run/docker.sock`; the usual socket without it.
    ///
    /// An address of another kind is refused when the engine is needed: another machine's engine is reached through a target.
    pub fn of_docker_host(value: Option<&str>) -> Self {
        match value.filter(|value| !value.is_empty()) {
            None => Self::default(),
            Some(value) => EngineAddress {
                socket: value.strip_prefix("unix://").map(PathBuf::from).ok_or_else(|| value.to_owned()),
            },
        }
    }

    /// What the program `docker` takes for it.
    pub(crate) fn docker_host(&self) -> Option<String> {
        self.socket.as_ref().ok().map(|socket| format!("unix://{}", socket.display()))
    }

    /// Connects, and agrees on a version of the API.
    pub(crate) async fn connect(&self) -> Result<Docker, ConnectError> {
        let socket = self.socket.as_ref().map_err(|other| ConnectError {
            kind: "not_available",
            message: format!("`DOCKER_HOST` is `{other}`: only `unix://` sockets are understood"),
            help: Some("declare the other machine as a target, and name it in `on` or `target`".to_owned()),
        })?;
        connect(socket, &format!("`{}`", socket.display())).await
    }

    /// Connects to the engine of the host at the other end of `host`. The way is open until it is dropped.
    pub(crate) async fn connect_through(host: &dyn Connection) -> Result<(Docker, Forward), ConnectError> {
        let way = host.forward(&ForwardTo::Unix(SOCKET.to_owned())).await?;
        let docker = connect(way.path(), &format!("`{SOCKET}` of the target")).await?;
        Ok((docker, way))
    }
}

/// Connects to the engine behind `socket`, which messages call `shown`, and agrees on a version of the API.
async fn connect(socket: &Path, shown: &str) -> Result<Docker, ConnectError> {
    let docker = Docker::connect_with_unix(&socket.to_string_lossy(), LIMIT.as_secs(), API_DEFAULT_VERSION);
    let agreed = match docker {
        Ok(docker) => docker.negotiate_version().await,
        Err(error) => Err(error),
    };
    agreed.map_err(|error| ConnectError {
        kind: "connect_failed",
        message: format!("no container engine answers at {shown}: {}", said(&error)),
        help: Some("is it running, and may this user use its socket?".to_owned()),
    })
}

/// What `error` says, with its causes.
pub(crate) fn said(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Error::RequestTimeoutError => "it did not answer in time".to_owned(),
        other => {
            let mut text = other.to_string();
            let mut cause = other.source();
            while let Some(error) = cause {
                let more = error.to_string();
                if !text.contains(&more) {
                    text = format!("{text}: {more}");
                }
                cause = error.source();
            }
            text
        }
    }
}

/// Whether the engine says that there is no such thing.
pub(crate) fn is_missing(error: &Error) -> bool {
    status(error) == Some(404)
}

/// The engine's refusal. Without one nobody knows what became of the request.
pub(crate) fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// Refuses what the engine could not take for the name of one thing: names stand in the paths of its API.
pub(crate) fn checked_name<'a>(what: &str, name: &'a str) -> Result<&'a str, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.-/:@".contains(c);
    let begins = |c: char| c.is_ascii_alphanumeric();
    if name.starts_with(begins) && name.chars().all(fits) && !name.contains("..") {
        return Ok(name);
    }
    Err(format!("`{}` is not the name of {what}", name.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_names() {
        for name in ["worker", "organizer_api_1", "registry.example.net:5000/app:v2", "0a1b", "a@sha256:00"] {
            assert_eq!(checked_name("an image", name), Ok(name));
        }
        for name in ["", "-f", "../x", "a b", "a?force=1", "a#", "a%2f", "ящик", "a\n"] {
            assert!(checked_name("a container", name).is_err(), "{name:?}");
        }
    }

    #[tokio::test]
    async fn an_address_of_another_kind_is_refused() {
        let error =
            EngineAddress::of_docker_host(Some("tcp://app.example.net:2376")).connect().await.unwrap_err();
        assert_eq!(error.kind, "not_available");
        assert!(error.message.contains("tcp://app.example.net:2376"), "{error}");
        assert_eq!(EngineAddress::of_docker_host(Some("")), EngineAddress::default());
    }
}

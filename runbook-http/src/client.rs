//! The way to one server: TLS, proxy, or a connection forwarded by a target.

use std::sync::Arc;

use reqwest::{Certificate, Client, Identity, Proxy, Url, redirect};
use runbook_core::port::{ActionContext, Connection, Forward, ForwardTo};

use crate::fault::{Progress, chain};
use tower::util::MapResponseLayer;

use crate::request::{Request, Tls, USER_AGENT};

/// A client for one server, and what must stay open while it is used.
pub(crate) struct Way {
    pub(crate) client: Client,
    _forward: Option<Forward>,
}

/// Where requests are sent from.
pub(crate) enum From {
    /// The engine's machine.
    Here,
    /// A target, over a connection that it forwards.
    Target(Arc<dyn Connection>),
}

impl From {
    /// The point of view of the step's target.
    pub(crate) async fn of(context: &ActionContext) -> Result<Self, String> {
        if context.target.kind == "local" {
            return Ok(From::Here);
        }
        let connection = context.connections.get(&context.target).await.map_err(|error| {
            let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
            format!("{}{help}", error.message)
        })?;
        Ok(From::Target(connection))
    }

    /// The way to the server of `url`. Nothing of the request is sent; `Err` says why there is none.
    pub(crate) async fn way(&self, url: &Url, request: &Request, progress: &Progress) -> Result<Way, String> {
        // Whoever embeds the engine may have chosen another provider; then that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .pool_max_idle_per_host(0)
            .connector_layer(MapResponseLayer::new({
                let progress = progress.clone();
                move |connection| {
                    progress.connected();
                    connection
                }
            }));
        // Variables of the environment do not decide where requests go.
        builder = match &request.proxy {
            None => builder.no_proxy(),
            Some(proxy) => {
                builder.proxy(Proxy::all(proxy).map_err(|error| format!("`proxy`: {}", chain(&error)))?)
            }
        };
        builder = with_tls(builder, url, &request.tls).await?;
        let forward = match self {
            From::Here => None,
            From::Target(_) if request.proxy.is_some() => {
                return Err("a request from a target's point of view takes no `proxy`".to_owned());
            }
            From::Target(connection) => Some(forwarded(connection.as_ref(), url).await?),
        };
        if let Some(forward) = &forward {
            builder = builder.unix_socket(forward.path());
        }
        let client = builder.build().map_err(|error| chain(&error))?;
        Ok(Way { client, _forward: forward })
    }
}

/// The server's own socket, as the target sees it.
async fn forwarded(connection: &dyn Connection, url: &Url) -> Result<Forward, String> {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = url.port_or_known_default().unwrap_or(80);
    // A forwarded connection to a closed port looks like one that was lost.
    connection.tcp(&host, port).await?;
    connection.forward(&ForwardTo::Tcp { host, port }).await.map_err(|error| {
        let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
        format!("{}{help}", error.message)
    })
}

async fn with_tls(
    mut builder: reqwest::ClientBuilder,
    url: &Url,
    tls: &Tls,
) -> Result<reqwest::ClientBuilder, String> {
    if url.scheme() != "https" {
        // The system's certificates are not needed, and may not be there.
        return Ok(builder.tls_certs_only([]));
    }
    if let Some(ca) = &tls.ca {
        let pem = pem("tls.ca", ca).await?;
        let certificates =
            Certificate::from_pem_bundle(&pem).map_err(|error| unreadable("tls.ca", ca, &error))?;
        if certificates.is_empty() {
            return Err(format!("`tls.ca`: there is no certificate in {}", named(ca)));
        }
        builder = builder.tls_certs_only(certificates);
    }
    if let (Some(cert), Some(key)) = (&tls.cert, &tls.key) {
        let mut both = pem("tls.cert", cert).await?;
        both.push(b'\n');
        both.extend(pem("tls.key", key).await?);
        let identity = Identity::from_pem(&both).map_err(|error| unreadable("tls.cert", cert, &error))?;
        builder = builder.identity(identity);
    }
    if tls.insecure {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    Ok(builder)
}

/// PEM that is given itself, or in the file at a path.
async fn pem(what: &str, text: &str) -> Result<Vec<u8>, String> {
    if text.contains("-----BEGIN") {
        return Ok(text.as_bytes().to_vec());
    }
    tokio::fs::read(text).await.map_err(|error| format!("`{what}`: `{text}` cannot be read: {error}"))
}

/// A key that is given itself is not shown.
fn named(text: &str) -> String {
    if text.contains("-----BEGIN") { "the text".to_owned() } else { format!("`{text}`") }
}

fn unreadable(what: &str, text: &str, error: &reqwest::Error) -> String {
    format!("`{what}`: {} cannot be used: {}", named(text), chain(error))
}

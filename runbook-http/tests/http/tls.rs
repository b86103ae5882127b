//! Certificates, and HTTP/2.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use runbook_core::run::{Ending, StepResult};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::support::{ask, ask_within, reason};

/// A certificate authority, and the files with what it has signed.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    place: tempfile::TempDir,
}

/// A certificate and its key, as PEM.
struct Signed {
    cert: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Authority { issuer, place: tempfile::tempdir().unwrap() }
    }

    fn sign(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Signed {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Signed { cert: cert.pem(), key: key.serialize_pem() }
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.place.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn ca(&self) -> PathBuf {
        self.file("ca.pem", &self.issuer.pem())
    }
}

/// A server that says which version of HTTP it was asked in; it knows clients that `clients` has signed.
async fn server(signed: &Signed, clients: Option<&Authority>, protocols: &[&str]) -> String {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let builder = match clients {
        None => ServerConfig::builder().with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.issuer.pem().as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
            ServerConfig::builder().with_client_cert_verifier(verifier)
        }
    };
    let cert = CertificateDer::from_pem_slice(signed.cert.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(vec![cert], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { return };
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let answer = service_fn(|request: hyper::Request<Incoming>| async move {
                    let text = format!("{:?}", request.version());
                    Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from(text))))
                });
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    });
    url
}

/// It failed before anything was sent, even for a method that must not be repeated.
async fn refused(url: &str, tls: Value, why: &str) {
    let result: StepResult = ask(json!({"post": url, "tls": tls})).await;
    assert_eq!((result.ending, result.ok), (Ending::NotStarted, false), "{result:?}");
    assert!(reason(&result).contains(why), "{why}: {}", reason(&result));
}

#[tokio::test]
async fn a_server_of_an_own_authority_is_trusted_when_the_author_says_so() {
    let authority = Authority::new();
    let url = server(&authority.sign("localhost", |_| {}), None, &[]).await;
    let result = ask(json!({"get": url, "tls": {"ca": authority.ca()}})).await;
    assert!(result.ok, "{}", reason(&result));
    // The text itself will do, for one that comes from a secret.
    assert!(ask(json!({"get": url, "tls": {"ca": authority.issuer.pem()}})).await.ok);
    let stranger = Authority::new();
    refused(&url, json!({"ca": stranger.ca()}), "nvalid peer certificate").await;
    refused(&url, json!(null), "nvalid peer certificate").await;
}

#[tokio::test]
async fn wrong_certificates_are_refused() {
    let authority = Authority::new();
    let ca = json!({"ca": authority.ca()});
    let other = server(&authority.sign("other.example.net", |_| {}), None, &[]).await;
    refused(&other, ca.clone(), "not valid for name").await;
    let old = authority.sign("localhost", |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    });
    refused(&server(&old, None, &[]).await, ca.clone(), "expired").await;
    let early = authority.sign("localhost", |params| params.not_before = date_time_ymd(2900, 1, 1));
    refused(&server(&early, None, &[]).await, ca.clone(), "not valid yet").await;
    let url = server(&authority.sign("localhost", |_| {}), None, &[]).await;
    for (content, why) in
        [("not PEM", "there is no certificate in"), ("-----BEGIN CERTIFICATE-----\n!\n", "`tls.ca`")]
    {
        refused(&url, json!({"ca": authority.file("broken.pem", content)}), why).await;
    }
}

#[tokio::test]
async fn a_certificate_is_left_unchecked_only_with_a_reason() {
    let url = server(&Authority::new().sign("other.example.net", |_| {}), None, &[]).await;
    let result = ask(json!({"get": url, "tls": {"insecure_because": "it is replaced tomorrow"}})).await;
    assert!(result.ok, "{}", reason(&result));
    refused(&url, json!({"insecure_because": " "}), "nvalid peer certificate").await;
}

#[tokio::test]
async fn a_client_shows_its_certificate() {
    let authority = Authority::new();
    let url = server(&authority.sign("localhost", |_| {}), Some(&authority), &[]).await;
    let client = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    let signed = authority.sign("runbook", client);
    let (cert, key) = (authority.file("cert.pem", &signed.cert), authority.file("key.pem", &signed.key));
    let result = ask(json!({"get": url, "tls": {"ca": authority.ca(), "cert": cert, "key": key}})).await;
    assert!(result.ok, "{}", reason(&result));
    // The key may come from a secret.
    let result =
        ask(json!({"get": url, "tls": {"ca": authority.ca(), "cert": cert, "key": signed.key}})).await;
    assert!(result.ok, "{}", reason(&result));
    let stranger = Authority::new().sign("runbook", client);
    for tls in [
        json!({"ca": authority.ca()}),
        json!({"ca": authority.ca(), "cert": stranger.cert, "key": stranger.key}),
    ] {
        let result = ask_within(json!({"get": url, "tls": tls}), "20s").await;
        assert!(!result.ok, "{result:?}");
        assert!(reason(&result).contains("received fatal alert"), "{}", reason(&result));
    }
    let tls = json!({"ca": authority.ca(), "cert": cert, "key": "-----BEGIN nonsense-----"});
    let result = ask(json!({"get": url, "tls": tls})).await;
    assert_eq!(result.ending, Ending::NotStarted);
    assert!(
        reason(&result).contains("`tls.cert`") && !reason(&result).contains("nonsense"),
        "{}",
        reason(&result)
    );
}

#[tokio::test]
async fn both_versions_of_http_are_spoken() {
    let authority = Authority::new();
    for (protocols, version) in
        [(&["h2", "http/1.1"][..], "HTTP/2"), (&["http/1.1"], "HTTP/1.1"), (&[], "HTTP/1.1")]
    {
        let url = server(&authority.sign("localhost", |_| {}), None, protocols).await;
        let result = ask(json!({"post": url, "json": {}, "tls": {"ca": authority.ca()}})).await;
        assert_eq!(result.fields.get("version"), Some(&json!(version)), "{}", reason(&result));
    }
}

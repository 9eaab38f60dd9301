//! An issuer with TLS: its certificate must be trusted before its keys are used.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jsonwebtoken::Algorithm::EdDSA;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::program::Directory;
use crate::world::{CertificateAuthority, KeyPair, Signed, World, public};

/// An issuer with a certificate for `name` by its own certificate authority. Its port also answers without TLS.
struct TlsIssuer {
    address: SocketAddr,
    /// The root certificate, in PEM.
    authority: String,
    /// How many requests came without TLS.
    unencrypted: Arc<AtomicUsize>,
}

/// The first byte of a TLS connection: a record of the handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

impl TlsIssuer {
    async fn start(name: &str, keys: Vec<Value>) -> Self {
        Self::redirecting(name, keys, None).await
    }

    /// The same, with the keys elsewhere: /keys redirects to a URL with that scheme on the same port.
    async fn redirecting(name: &str, keys: Vec<Value>, scheme: Option<&'static str>) -> Self {
        let authority = CertificateAuthority::new();
        let Signed { certificate, key } = authority.signs(&[name]);

        let config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("versions")
                .with_no_client_auth()
                .with_single_cert(
                    vec![certificate.der().clone()],
                    PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
                )
                .expect("a certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let unencrypted = Arc::new(AtomicUsize::new(0));
        let counted = unencrypted.clone();
        let moved = scheme.map(|scheme| format!("{scheme}://{address}/moved"));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut first = [0];
                let _ = stream.peek(&mut first).await;
                if first != [HANDSHAKE] {
                    counted.fetch_add(1, Ordering::Relaxed);
                    answer(stream, &keys, moved.as_deref()).await;
                } else if let Ok(stream) = acceptor.accept(stream).await {
                    answer(stream, &keys, moved.as_deref()).await;
                }
            }
        });
        Self { address, authority: authority.pem(), unencrypted }
    }

    fn url(&self) -> String {
        format!("https://{}/keys", self.address)
    }
}

/// Answers one request: with the keys, or at /keys with a redirect to where they are.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, keys: &[Value], moved: Option<&str>) {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request).await;
    let (status, body) = match moved.filter(|_| request.starts_with(b"GET /keys ")) {
        Some(url) => (format!("302 Found\r\nlocation: {url}"), String::new()),
        None => ("200 OK".into(), json!({ "keys": keys }).to_string()),
    };
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let _ = stream.shutdown().await;
}

const ISSUER: &str = "https://auth.example.com";

/// A server that reads its keys from there and trusts that certificate authority.
async fn reading(url: &str, authority: &str) -> World {
    let accepted = [("JWT_ISSUER", ISSUER), ("JWT_AUDIENCE", "any")];
    let keys = [("BETTER_AUTH_SECRET", ""), ("JWKS_URL", url), ("SSL_CERT_FILE", authority)];
    World::with(&[&keys[..], &accepted].concat()).await
}

fn claims() -> Value {
    json!({ "sub": "alice", "iss": ISSUER, "exp": jiff::Timestamp::now().as_second() + 900 })
}

#[tokio::test]
async fn keys_are_read_over_tls_if_this_machine_trusts_the_certificate() {
    let (pair, directory) = (KeyPair::new(EdDSA), Directory::new());
    let issuer = TlsIssuer::start("127.0.0.1", public(&[&pair])).await;
    directory.write("authority.pem", &issuer.authority);
    let authority = directory.0.join("authority.pem").display().to_string();

    let world = reading(&issuer.url(), &authority).await;

    assert_eq!(world.bearer(&pair.token(&claims())).get("/api/tasks").await.status(), 200);
}

#[tokio::test]
async fn keys_of_an_issuer_whose_certificate_is_not_trusted_are_not_used() {
    let (pair, directory) = (KeyPair::new(EdDSA), Directory::new());
    let (unknown, other_name) = (
        TlsIssuer::start("127.0.0.1", public(&[&pair])).await,
        TlsIssuer::start("auth.example.com", public(&[&pair])).await,
    );
    directory.write("authority.pem", &other_name.authority);
    let authority = directory.0.join("authority.pem").display().to_string();

    for (label, issuer) in [("an unknown authority", &unknown), ("another name", &other_name)] {
        let world = reading(&issuer.url(), &authority).await;

        assert_eq!(world.bearer(&pair.token(&claims())).get("/api/tasks").await.status(), 401, "{label}");
        assert_eq!(world.anonymous().get("/health").await.status(), 503, "{label}");
        let problem = world.server.logs(|event| event["error.message"].is_string()).await;
        assert!(problem.to_string().contains("certificate"), "{label}: {problem}");
    }
}

/// Keys that came without TLS could be those of an attacker on the network.
#[tokio::test]
async fn a_redirect_from_https_to_http_is_not_followed_and_one_to_https_is() {
    for (scheme, status) in [("https", 200), ("http", 401)] {
        let (pair, directory) = (KeyPair::new(EdDSA), Directory::new());
        let issuer = TlsIssuer::redirecting("127.0.0.1", public(&[&pair]), Some(scheme)).await;
        directory.write("authority.pem", &issuer.authority);
        let authority = directory.0.join("authority.pem").display().to_string();

        let world = reading(&issuer.url(), &authority).await;

        assert_eq!(world.bearer(&pair.token(&claims())).get("/api/tasks").await.status(), status, "{scheme}");
        assert_eq!(issuer.unencrypted.load(Ordering::Relaxed), 0, "{scheme}");
        if scheme == "http" {
            let problem = world.server.logs(|event| event["error.message"].is_string()).await;
            assert!(problem.to_string().contains("from https to http"), "{problem}");
        }
    }
}

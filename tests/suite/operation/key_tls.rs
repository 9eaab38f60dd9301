//! An issuer with TLS: its certificate must be trusted before its keys are used.

use std::net::SocketAddr;
use std::sync::Arc;

use jsonwebtoken::Algorithm::EdDSA;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::program::Directory;
use crate::world::{CertificateAuthority, KeyPair, Signed, World, public};

/// An issuer with a certificate for `name` by its own certificate authority.
struct TlsIssuer {
    address: SocketAddr,
    /// The root certificate, in PEM.
    authority: String,
}

impl TlsIssuer {
    async fn start(name: &str, keys: Vec<Value>) -> Self {
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
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let body = json!({ "keys": keys }).to_string();
                let head =
                    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { address, authority: authority.pem() }
    }

    fn url(&self) -> String {
        format!("https://{}/keys", self.address)
    }
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
        let problem = world.server.logs(|event| event["problem"].is_string()).await;
        assert!(problem.to_string().contains("certificate"), "{label}: {problem}");
    }
}

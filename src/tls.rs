//! TLS for connections to the database and to issuers. The certificate of the other side is always verified.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// The public root certificates, as Mozilla's browsers trust them.
pub fn public_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// A client configuration that accepts certificates below these root certificates only.
pub fn client(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the compiled-in provider supports TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

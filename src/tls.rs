//! TLS for connections to the database, to issuers and to a collector. The certificate of the other side is always verified.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The root certificates of which one must vouch for the other side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Roots {
    /// Those that Mozilla's browsers trust.
    #[default]
    Public,
    /// Those of this machine (`SSL_CERT_FILE`, or where the system keeps them).
    System,
    /// Those in this file, in PEM form, and no others.
    File(PathBuf),
}

impl Roots {
    /// The roots that libpq means by this value of `sslrootcert`.
    pub fn named(text: &str) -> Self {
        if text == "system" { Self::System } else { Self::File(text.into()) }
    }

    /// # Errors
    /// A sentence that names the file.
    pub fn read(&self) -> Result<RootCertStore, String> {
        match self {
            Self::Public => Ok(public_roots()),
            Self::System => match system_roots() {
                roots if roots.is_empty() => {
                    Err("this machine has no root certificates (SSL_CERT_FILE names another file)".into())
                }
                roots => Ok(roots),
            },
            Self::File(path) => read_roots(path),
        }
    }
}

/// The public root certificates, as Mozilla's browsers trust them.
pub fn public_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// The root certificates of this machine.
pub fn system_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for problem in &found.errors {
        tracing::debug!(error.message = %problem, "a root certificate of this machine cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    roots
}

fn read_roots(path: &Path) -> Result<RootCertStore, String> {
    let shown = path.display();
    let text = std::fs::read(path)
        .map_err(|error| format!("the certificate file {shown} cannot be read: {error}"))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates =
        certificates.map_err(|error| format!("the certificate file {shown} is not in PEM form: {error}"))?;
    if certificates.is_empty() {
        return Err(format!("the file {shown} has no certificate: it must have one or more in PEM form"));
    }
    let mut roots = RootCertStore::empty();
    // Bundles of authorities may have certificates that no client uses any more.
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Err(format!("the file {shown} has no certificate that can be used"));
    }
    Ok(roots)
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

//! A certificate authority of one test.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

pub struct CertificateAuthority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub struct Signed {
    pub certificate: rcgen::Certificate,
    pub key: KeyPair,
}

impl CertificateAuthority {
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A certificate for a host with these names.
    pub fn signs(&self, names: &[&str]) -> Signed {
        self.signs_until(names, 4000)
    }

    /// The same, valid until the end of the year.
    pub fn signs_until(&self, names: &[&str], year: i32) -> Signed {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>());
        let mut params = params.expect("names");
        params.not_after = date_time_ymd(year, 12, 31);
        Signed { certificate: params.signed_by(&key, &self.issuer).expect("a certificate"), key }
    }
}

//! Key pairs for every algorithm that signs tokens with a key pair.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RsaEncoding,
};
use aws_lc_rs::{rand, rsa};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

/// A key pair for one algorithm.
pub struct KeyPair {
    pub algorithm: Algorithm,
    pub kid: String,
    secret: Secret,
}

enum Secret {
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair),
    Rsa(rsa::KeyPair),
}

impl KeyPair {
    /// A new pair for EdDSA (Ed25519), ES256, ES384, or an RSA algorithm (2048 bits).
    pub fn new(algorithm: Algorithm) -> Self {
        let secret = match algorithm {
            Algorithm::EdDSA => Secret::Ed25519(Ed25519KeyPair::generate().expect("a key")),
            Algorithm::ES256 => {
                Secret::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"))
            }
            Algorithm::ES384 => {
                Secret::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key"))
            }
            _ => return Self::rsa(algorithm, rsa::KeySize::Rsa2048),
        };
        Self { algorithm, kid: kid(), secret }
    }

    /// A new pair for an RSA algorithm.
    pub fn rsa(algorithm: Algorithm, size: rsa::KeySize) -> Self {
        let secret = Secret::Rsa(rsa::KeyPair::generate(size).expect("a key"));
        Self { algorithm, kid: kid(), secret }
    }

    /// The same pair with this `kid`.
    pub fn with_kid(mut self, kid: &str) -> Self {
        self.kid = kid.into();
        self
    }

    /// The name of the algorithm in tokens and key sets.
    pub fn alg(&self) -> String {
        format!("{:?}", self.algorithm)
    }

    /// The public half, as Better Auth publishes it: without `use` and `key_ops`.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.secret {
            Secret::Ed25519(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encoded(key.public_key()) })
            }
            Secret::Ecdsa(key) => {
                // An uncompressed point: the byte 4, then x and y of the same length.
                let point = key.public_key().as_ref();
                let (x, y) = point[1..].split_at(point.len() / 2);
                let crv = if self.algorithm == Algorithm::ES256 { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "crv": crv, "x": encoded(x), "y": encoded(y) })
            }
            Secret::Rsa(key) => {
                let n = key.public_key().modulus().big_endian_without_leading_zero();
                let e = key.public_key().exponent().big_endian_without_leading_zero();
                json!({ "kty": "RSA", "n": encoded(n), "e": encoded(e) })
            }
        };
        jwk["alg"] = json!(self.alg());
        jwk["kid"] = json!(self.kid);
        jwk
    }

    /// The public half in DER, as a SubjectPublicKeyInfo.
    pub fn public_der(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match &self.secret {
            Secret::Ed25519(key) => key.public_key().as_der(),
            Secret::Ecdsa(key) => key.public_key().as_der(),
            Secret::Rsa(key) => key.public_key().as_der(),
        }
        .expect("a public key");
        der.as_ref().to_vec()
    }

    /// A token as Better Auth makes it: its header has `alg` and `kid`, and nothing else.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&json!({ "alg": self.alg(), "kid": self.kid }), claims)
    }

    /// A token of these parts, signed with this pair's algorithm, even if its header names another.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let text = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        format!("{text}.{}", encoded(self.signature(&text)))
    }

    /// The signature of `text` by this pair.
    pub fn signature(&self, text: impl AsRef<[u8]>) -> Vec<u8> {
        self.signature_as(self.algorithm, text)
    }

    /// The signature of `text` by this RSA pair with another algorithm.
    pub fn signature_as(&self, algorithm: Algorithm, text: impl AsRef<[u8]>) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.secret {
            Secret::Ed25519(key) => key.sign(text.as_ref()).as_ref().to_vec(),
            Secret::Ecdsa(key) => key.sign(&random, text.as_ref()).expect("a signature").as_ref().to_vec(),
            Secret::Rsa(key) => {
                let encoding: &dyn RsaEncoding = match algorithm {
                    Algorithm::RS256 => &signature::RSA_PKCS1_SHA256,
                    Algorithm::RS384 => &signature::RSA_PKCS1_SHA384,
                    Algorithm::RS512 => &signature::RSA_PKCS1_SHA512,
                    Algorithm::PS256 => &signature::RSA_PSS_SHA256,
                    Algorithm::PS384 => &signature::RSA_PSS_SHA384,
                    Algorithm::PS512 => &signature::RSA_PSS_SHA512,
                    other => panic!("{other:?} is not an RSA algorithm"),
                };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(encoding, &random, text.as_ref(), &mut signature).expect("a signature");
                signature
            }
        }
    }
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// 32 letters and digits.
fn kid() -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = [0; 32];
    rand::fill(&mut random).expect("randomness");
    random.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
}

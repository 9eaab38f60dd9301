//! Keys: a secret, or what a JWK (RFC 7517) says a public key is.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::claims::Expected;
use super::{LEEWAY, token};

/// The shortest RSA modulus to believe, in bits (RFC 7518, section 3.3), and the longest that can be verified with.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// What a key can be called at most, in bytes: logs repeat it.
const LONGEST_KID: usize = 1024;

/// A key that verifies the tokens of one algorithm, and what those must say.
pub(super) struct Key {
    /// Its name in the set; a secret has none.
    pub(super) kid: Option<String>,
    /// The only algorithm that it verifies: taken from the key, never from a token.
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
    pub(super) validation: jsonwebtoken::Validation,
    pub(super) expected: Arc<Expected>,
}

impl Key {
    pub(super) fn of_secret(secret: &str, expected: &Arc<Expected>) -> Self {
        Self::new(None, Algorithm::HS256, DecodingKey::from_secret(secret.as_bytes()), expected)
    }

    fn new(
        kid: Option<String>,
        algorithm: Algorithm,
        decoding: DecodingKey,
        expected: &Arc<Expected>,
    ) -> Self {
        let mut validation = jsonwebtoken::Validation::new(algorithm);
        validation.leeway = LEEWAY;
        // A time before 1970 is none to the library, and the clock can go on between it and what we say about it.
        validation.validate_nbf = false;
        let mut required = vec!["exp"];
        if !expected.issuers.is_empty() {
            validation.set_issuer(&expected.issuers);
            required.push("iss");
        }
        if expected.audiences.is_empty() {
            // Better Auth always names one, and the library refuses what it was not told to expect.
            validation.validate_aud = false;
        } else {
            validation.set_audience(&expected.audiences);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);

        Self { kid, algorithm, decoding, validation, expected: expected.clone() }
    }

    /// Whether it is the same key, however it is called and wherever it comes from.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        use jsonwebtoken::DecodingKeyKind::{RsaModulusExponent, SecretOrDer};
        let same = match (self.decoding.kind(), other.decoding.kind()) {
            (SecretOrDer(one), SecretOrDer(two)) => one == two,
            (RsaModulusExponent { n: n1, e: e1 }, RsaModulusExponent { n: n2, e: e2 }) => {
                n1 == n2 && e1 == e2
            }
            _ => false,
        };
        same && self.algorithm == other.algorithm && self.kid == other.kid
    }
}

/// Names the key, and shows nothing of it.
impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Key").field("kid", &self.kid).field("algorithm", &self.algorithm).finish()
    }
}

/// The members that say what a key is and what it is for. Better Auth writes neither `use` nor `key_ops`.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

/// The members of private and secret keys (RFC 7518, sections 6.2.2, 6.3.2 and 6.4).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The keys that an entry of a set stands for: one for each algorithm that it verifies.
///
/// # Errors
/// Why it cannot be used, in words for the operator.
pub(super) fn of_jwk(entry: &Value, expected: &Arc<Expected>) -> Result<Vec<Key>, String> {
    let kid = match entry.get("kid") {
        None | Some(Value::Null) => None,
        Some(Value::String(kid)) if kid.len() <= LONGEST_KID => Some(kid.clone()),
        Some(_) => return Err(format!("its kid is not a text of {LONGEST_KID} bytes at most")),
    };
    // The parser's own words repeat what it read, which could be a private key.
    let jwk = Jwk::deserialize(entry)
        .map_err(|_| "it is no JWK: kty is missing, or a member is of another type than it should be")?;
    if jwk.kty == "oct" {
        return Err("it is a secret, which has no place in a set of public keys".into());
    }
    if PRIVATE.iter().any(|member| entry.get(member).is_some()) {
        return Err("it holds the private key: whoever has read it can sign as its issuer".into());
    }
    if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
        return Err("it is not for signatures (use)".into());
    }
    if jwk
        .key_ops
        .as_ref()
        .is_some_and(|operations| !operations.iter().any(|operation| operation == "verify"))
    {
        return Err("it is not for verifying (key_ops)".into());
    }

    let (algorithms, decoding) = match jwk.kty.as_str() {
        "RSA" => (&[Algorithm::RS256, Algorithm::PS256][..], rsa(&jwk)?),
        "EC" => elliptic(&jwk)?,
        "OKP" if jwk.crv.as_deref() == Some("Ed25519") => {
            let x = member("x", jwk.x.as_deref())?;
            if x.len() != 32 {
                return Err("its point has the wrong length for its curve (x)".into());
            }
            check(&ED25519, &x)?;
            (&[Algorithm::EdDSA][..], DecodingKey::from_ed_der(&x))
        }
        "OKP" => return Err("its curve is not Ed25519 (crv)".into()),
        _ => return Err("its type is none of RSA, EC and OKP (kty)".into()),
    };
    let keys = |algorithms: &[Algorithm]| {
        let key = |algorithm: &Algorithm| Key::new(kid.clone(), *algorithm, decoding.clone(), expected);
        algorithms.iter().map(key).collect()
    };
    match jwk.alg.as_deref() {
        None => Ok(keys(algorithms)),
        Some(name) => match token::algorithm(name).filter(|algorithm| algorithms.contains(algorithm)) {
            Some(algorithm) => Ok(keys(&[algorithm])),
            None => Err("its algorithm is not supported, or not that of such a key (alg)".into()),
        },
    }
}

fn rsa(jwk: &Jwk) -> Result<DecodingKey, String> {
    let (n, e) = (member("n", jwk.n.as_deref())?, member("e", jwk.e.as_deref())?);
    let bits = match n.iter().position(|byte| *byte != 0) {
        Some(at) => 8 * (n.len() - at) - n.get(at).map_or(0, |first| first.leading_zeros() as usize),
        None => 0,
    };
    if !RSA_BITS.contains(&bits) {
        return Err(format!(
            "its modulus has {bits} bits; {} to {} are needed",
            RSA_BITS.start(),
            RSA_BITS.end()
        ));
    }
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    let is_one = e.iter().rev().skip(1).all(|byte| *byte == 0) && e.last() == Some(&1);
    if !is_odd(&n) || !is_odd(&e) || is_one {
        return Err("its modulus or its exponent is not that of an RSA key".into());
    }
    RsaPublicKeyComponents { n: &n, e: &e }
        .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
        .map_err(|_| "its modulus or its exponent is not that of an RSA key")?;
    Ok(DecodingKey::from_rsa_raw_components(&n, &e))
}

fn elliptic(jwk: &Jwk) -> Result<(&'static [Algorithm], DecodingKey), String> {
    // The length of a coordinate, in bytes (RFC 7518, section 6.2.1.2).
    let (algorithms, length, verification): (_, _, &'static dyn VerificationAlgorithm) =
        match jwk.crv.as_deref() {
            Some("P-256") => (&[Algorithm::ES256], 32, &ECDSA_P256_SHA256_FIXED),
            Some("P-384") => (&[Algorithm::ES384], 48, &ECDSA_P384_SHA384_FIXED),
            _ => return Err("its curve is neither P-256 nor P-384 (crv)".into()),
        };
    let (x, y) = (member("x", jwk.x.as_deref())?, member("y", jwk.y.as_deref())?);
    if x.len() != length || y.len() != length {
        return Err("its point has the wrong length for its curve (x, y)".into());
    }
    // The uncompressed form (SEC 1, section 2.3.3).
    let point = [&[4], &*x, &*y].concat();
    check(verification, &point)?;
    Ok((algorithms, DecodingKey::from_ec_der(&point)))
}

fn member(name: &str, text: Option<&str>) -> Result<Vec<u8>, String> {
    let bytes = text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    bytes.ok_or_else(|| format!("its member {name} is missing, or is not base64url without padding"))
}

fn check(algorithm: &'static dyn VerificationAlgorithm, key: &[u8]) -> Result<(), String> {
    match ParsedPublicKey::new(algorithm, key) {
        Ok(_) => Ok(()),
        Err(_) => Err("it is not a point of its curve (x, y)".into()),
    }
}

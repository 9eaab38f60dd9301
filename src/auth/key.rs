//! Keys: a secret, or what a JWK (RFC 7517) says a public key is.

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
        // The clock can go on between the library's look and what is said about it; the rules beside it are as strict.
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

    /// Whether it is the same key of the same name, wherever it comes from.
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
    if !entry.is_object() {
        return Err("it is no JSON object".into());
    }
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
            if is_of_small_order(&x) {
                return Err("anybody can sign for its point: it is of small order (x)".into());
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

/// The y-coordinates of the points of Ed25519 whose order divides 8, in every encoding, little-endian and without the sign
/// of x (RFC 8032, section 5.1.2): 0, 1, -1 and the two of order 8, then 0 and 1 with p added. With such a key the check of
/// a signature says as good as nothing about the message, and the library does not look for them.
const SMALL_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

fn is_of_small_order(point: &[u8]) -> bool {
    let mut y = point.to_vec();
    y.iter_mut().last().into_iter().for_each(|byte| *byte &= 0x7f);
    let y: String = y.iter().map(|byte| format!("{byte:02x}")).collect();
    SMALL_ORDER.contains(&y.as_str())
}

fn rsa(jwk: &Jwk) -> Result<DecodingKey, String> {
    // Some issuers write a sign octet, which RFC 7518, section 6.3.1.1, does not want.
    let number = |name, text: Option<&str>| {
        member(name, text).map(|bytes| bytes.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<_>>())
    };
    let (n, e) = (number("n", jwk.n.as_deref())?, number("e", jwk.e.as_deref())?);
    let bits = n.first().map_or(0, |first| 8 * n.len() - first.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        return Err(format!(
            "its modulus has {bits} bits; {} to {} are needed",
            RSA_BITS.start(),
            RSA_BITS.end()
        ));
    }
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    // With an exponent that is longer the library loads the key and verifies nothing.
    if !is_odd(&n) || !is_odd(&e) || *e == [1] || e.len() > 4 {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_point_that_anybody_can_sign_for_is_no_key() {
        let expected = Arc::new(Expected {
            issuers: vec![],
            audiences: vec![],
            user_claim: "sub".into(),
            max_lifetime: 3600,
        });
        for (at, hex) in SMALL_ORDER.iter().enumerate() {
            for sign in [0, 0x80] {
                let mut point: Vec<u8> = (0..32)
                    .filter_map(|byte| u8::from_str_radix(hex.get(2 * byte..2 * byte + 2)?, 16).ok())
                    .collect();
                point.iter_mut().last().into_iter().for_each(|byte| *byte |= sign);
                let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(&point) });

                let reason = of_jwk(&jwk, &expected).err().unwrap_or_default();
                assert!(reason.contains("small order"), "{at} {sign}: {reason}");
            }
        }
    }
}

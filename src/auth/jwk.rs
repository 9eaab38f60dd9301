//! Parses the text of a JWK set (RFC 7517, section 5) into keys. Skips each entry that cannot be used, and says why.
//!
//! The entries have a type of our own, because `jsonwebtoken::jwk::Jwk` would break promises. It refuses a good key for a
//! certificate (`x5c`, `x5t`) of a shape that it does not expect. It reads an unknown type, an unknown curve and a missing
//! number all as the same "other" key, so the warning could not say what is wrong. It also checks no key: neither the length
//! of a modulus, nor whether a point is on its curve.

#[cfg(any(test, fuzzing))]
pub(super) mod fuzz;

use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::claims::ClaimRules;
use super::jwt;
use super::key::{Key, SetKeys};

/// How many entries a set may have. An issuer has one key or two, and twice as many while it rotates them. A longer set
/// would make every token cost more.
const MAX_ENTRIES: usize = 100;

/// The longest `kid`, in bytes: the log repeats it.
const MAX_KID_BYTES: usize = 1024;

/// How much of the `kid` of a skipped entry the log repeats, in characters.
const LOGGED_KID_CHARS: usize = 255;

/// The allowed lengths of an RSA modulus, in bits. RFC 7518, section 3.3, wants 2048 or more; the library verifies up to 8192.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The entries of a set.
///
/// # Errors
/// When the text is no key set. Repeats nothing from the text, which could hold a private key.
fn entries(text: &[u8]) -> Result<Vec<Value>, String> {
    let set: Value = serde_json::from_slice(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("it is not JSON: look at line {line}, column {column}")
    })?;
    // Not a struct: serde would also read one from a list.
    let keys = match set {
        Value::Object(mut members) => members.remove("keys"),
        _ => None,
    };
    let Some(Value::Array(keys)) = keys else {
        return Err("it is not a JSON object with a list \"keys\"".into());
    };
    if keys.len() > MAX_ENTRIES {
        return Err(format!("it has {} keys; at most {MAX_ENTRIES} are read", keys.len()));
    }
    Ok(keys)
}

/// A set that was read.
pub(super) struct ParsedSet {
    /// The keys that can be used.
    pub(super) keys: SetKeys,
    /// The `kid` of each entry that cannot be used, and why.
    pub(super) skipped: Vec<(String, String)>,
}

impl ParsedSet {
    /// The keys of a set, and the entries that cannot be used.
    ///
    /// # Errors
    /// When the text is no key set.
    pub(super) fn parse(text: &[u8], rules: &Arc<ClaimRules>) -> Result<Self, String> {
        let (mut keys, mut skipped) = (Vec::<Arc<Key>>::new(), vec![]);
        for entry in entries(text)? {
            match keys_of_entry(&entry, rules) {
                Ok(of_entry) => {
                    for key in of_entry {
                        if !keys.iter().any(|known| known.is_same_as(&key)) {
                            keys.push(Arc::new(key));
                        }
                    }
                }
                Err(reason) => {
                    let kid = entry.get("kid").and_then(Value::as_str).unwrap_or_default();
                    skipped.push((kid.chars().take(LOGGED_KID_CHARS).collect(), reason));
                }
            }
        }
        Ok(Self { keys: keys.into(), skipped })
    }

    /// Why no key can be used, for the operator; none if one can be.
    pub(super) fn why_unusable(&self) -> Option<String> {
        let mut reasons: Vec<&str> = self.skipped.iter().map(|(_, reason)| &**reason).collect();
        reasons.sort_unstable();
        reasons.dedup();
        match &*reasons {
            _ if !self.keys.is_empty() => None,
            [] => Some("it has no key: its list is empty".into()),
            reasons => Some(format!("it has no key that can be used: {}", reasons.join("; "))),
        }
    }

    /// Logs a warning for each entry that cannot be used, and for each key that no token can name.
    pub(super) fn log_problems(&self, source: &str) {
        for (kid, reason) in &self.skipped {
            tracing::warn!(
                rowkeep.key_id = kid,
                rowkeep.key_source = source,
                event.reason = reason,
                "key skipped"
            );
        }
        for (position, key) in self.keys.iter().enumerate() {
            let is_like = |other: &Arc<Key>| other.kid == key.kid && other.algorithm == key.algorithm;
            if self.keys.iter().take(position).any(is_like) {
                tracing::warn!(
                    rowkeep.key_id = key.logged_kid(),
                    rowkeep.key_source = source,
                    "two keys have the same kid and algorithm: no token can say which it means"
                );
            }
        }
    }
}

/// The members of an entry that say what the key is and what it is for. Better Auth writes neither `use` nor `key_ops`.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    key_use: Option<PublicKeyUse>,
    key_ops: Option<Vec<KeyOperations>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

/// The members of private and secret keys (RFC 7518, sections 6.2.2, 6.3.2 and 6.4).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The keys of an entry: one for each algorithm that it may verify.
///
/// # Errors
/// Why the entry cannot be used, for the operator.
fn keys_of_entry(entry: &Value, rules: &Arc<ClaimRules>) -> Result<Vec<Key>, String> {
    if !entry.is_object() {
        return Err("it is not a JSON object".into());
    }
    let kid = match entry.get("kid") {
        None | Some(Value::Null) => None,
        Some(Value::String(kid)) if kid.len() <= MAX_KID_BYTES => Some(kid.clone()),
        Some(_) => return Err(format!("its kid is not a string of at most {MAX_KID_BYTES} bytes")),
    };
    // The parser's own text repeats what it read, which could be a private key.
    let jwk = Jwk::deserialize(entry)
        .map_err(|_| "it is not a JWK: kty is missing, or a member has another type than it should")?;
    if jwk.kty == "oct" {
        return Err(
            "it is a secret, and a public set must not hold secrets: everybody can sign with it".into()
        );
    }
    if PRIVATE_MEMBERS.iter().any(|member| entry.get(member).is_some()) {
        return Err("it holds the private key: everybody who has read the set can sign with it".into());
    }
    if jwk.key_use.is_some_and(|key_use| key_use != PublicKeyUse::Signature) {
        return Err("it is not for signatures (use)".into());
    }
    if jwk.key_ops.is_some_and(|operations| !operations.contains(&KeyOperations::Verify)) {
        return Err("it is not for verifying (key_ops)".into());
    }

    let (algorithms, decoding_key) = match (&*jwk.kty, jwk.crv.as_deref()) {
        ("RSA", _) => (&[Algorithm::RS256, Algorithm::PS256][..], rsa(jwk.n, jwk.e)?),
        ("EC", Some("P-256")) => (&[Algorithm::ES256][..], ec(jwk.x, jwk.y, 32, &ECDSA_P256_SHA256_FIXED)?),
        ("EC", Some("P-384")) => (&[Algorithm::ES384][..], ec(jwk.x, jwk.y, 48, &ECDSA_P384_SHA384_FIXED)?),
        ("EC", _) => return Err("its curve is neither P-256 nor P-384 (crv)".into()),
        ("OKP", Some("Ed25519")) => (&[Algorithm::EdDSA][..], ed25519(jwk.x)?),
        ("OKP", _) => return Err("its curve is not Ed25519 (crv)".into()),
        _ => return Err("its type is not RSA, EC or OKP (kty)".into()),
    };
    let algorithms = match jwk.alg.as_deref() {
        None => algorithms.to_vec(),
        Some(name) => match jwt::algorithm(name).filter(|algorithm| algorithms.contains(algorithm)) {
            Some(algorithm) => vec![algorithm],
            None => return Err("its algorithm is not supported, or not one for such a key (alg)".into()),
        },
    };
    let key = |algorithm| Key::new(kid.clone(), algorithm, decoding_key.clone(), rules);
    Ok(algorithms.into_iter().map(key).collect())
}

fn rsa(n: Option<String>, e: Option<String>) -> Result<DecodingKey, String> {
    // RFC 7518, section 6.3.1.1, forbids leading zeros, but some issuers write one.
    let number = |name, text| -> Result<Vec<u8>, String> {
        Ok(base64url(name, text)?.into_iter().skip_while(|byte| *byte == 0).collect())
    };
    let (n, e) = (number("n", n)?, number("e", e)?);
    let bits = n.first().map_or(0, |first| 8 * n.len() - first.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        let (least, most) = (RSA_BITS.start(), RSA_BITS.end());
        return Err(format!("its modulus has {bits} bits; it needs {least} to {most}"));
    }
    // RFC 8017, section 3.1: both are odd, and the exponent is 3 or more. With an exponent of 1 anyone can sign.
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    let is_rsa = is_odd(&n) && is_odd(&e) && *e != [1];
    // The library loads a key with a longer exponent, and then verifies nothing with it.
    let can_verify = e.len() <= 4;
    let parsed = RsaPublicKeyComponents { n: &n, e: &e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256);
    if !is_rsa || !can_verify || parsed.is_err() {
        return Err("its modulus or its exponent is not that of an RSA key (n, e)".into());
    }
    Ok(DecodingKey::from_rsa_raw_components(&n, &e))
}

/// A key on a curve whose coordinates have `length` bytes, no more and no fewer (RFC 7518, section 6.2.1.2).
fn ec(
    x: Option<String>,
    y: Option<String>,
    length: usize,
    algorithm: &'static dyn VerificationAlgorithm,
) -> Result<DecodingKey, String> {
    let (x, y) = (base64url("x", x)?, base64url("y", y)?);
    if x.len() != length || y.len() != length {
        return Err("its point has the wrong length for its curve (x, y)".into());
    }
    // The uncompressed form (SEC 1, section 2.3.3).
    let point = [&[4], &*x, &*y].concat();
    refuse_off_curve(algorithm, &point)?;
    Ok(DecodingKey::from_ec_der(&point))
}

fn ed25519(x: Option<String>) -> Result<DecodingKey, String> {
    let x = base64url("x", x)?;
    if x.len() != 32 {
        return Err("its point has the wrong length for its curve (x)".into());
    }
    if has_small_order(&x) {
        return Err("its point has a small order, so that everybody can sign for it (x)".into());
    }
    refuse_off_curve(&ED25519, &x)?;
    Ok(DecodingKey::from_ed_der(&x))
}

/// The y-coordinates of the Ed25519 points whose order divides 8, in every encoding: little-endian, without the sign of x
/// (RFC 8032, section 5.1.2). They are 0, 1, -1 and the two of order 8, then 0 and 1 with p added.
///
/// With such a key almost any signature fits any message. The library does not refuse these keys.
const SMALL_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

fn has_small_order(point: &[u8]) -> bool {
    let mut y = point.to_vec();
    y.iter_mut().last().into_iter().for_each(|byte| *byte &= 0x7f);
    let y: String = y.iter().map(|byte| format!("{byte:02x}")).collect();
    SMALL_ORDER.contains(&y.as_str())
}

fn base64url(name: &str, text: Option<String>) -> Result<Vec<u8>, String> {
    let bytes = text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    bytes.ok_or_else(|| format!("its member {name} is missing, or not in base64url without padding"))
}

fn refuse_off_curve(algorithm: &'static dyn VerificationAlgorithm, point: &[u8]) -> Result<(), String> {
    match ParsedPublicKey::new(algorithm, point) {
        Ok(_) => Ok(()),
        Err(_) => Err("its point is not on its curve (x, y)".into()),
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::AlgorithmParameters;
    use serde_json::json;

    use super::*;

    fn rules() -> Arc<ClaimRules> {
        Arc::new(ClaimRules { is_of_secret: false, ..ClaimRules::lax() })
    }

    #[test]
    fn a_point_of_small_order_is_refused_in_every_encoding() {
        for (index, hex) in SMALL_ORDER.iter().enumerate() {
            for sign in [0, 0x80] {
                let mut point: Vec<u8> = (0..32)
                    .filter_map(|byte| u8::from_str_radix(hex.get(2 * byte..2 * byte + 2)?, 16).ok())
                    .collect();
                point.iter_mut().last().into_iter().for_each(|byte| *byte |= sign);
                let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(&point) });

                let reason = keys_of_entry(&jwk, &rules()).err().unwrap_or_default();
                assert!(reason.contains("small order"), "{index} {sign}: {reason}");
            }
        }
    }

    /// RFC 8037, section 2: `x` holds the 32 bytes of the key. The crypto library would read DER as well.
    #[test]
    fn an_ed25519_key_in_der_is_refused() {
        let der = [&b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"[..], &[0x58; 32]].concat();
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(der) });

        let reason = keys_of_entry(&jwk, &rules()).err().unwrap_or_default();
        assert!(reason.contains("wrong length"), "{reason}");
    }

    /// The library's type would refuse the key because of these members.
    #[test]
    fn a_certificate_of_any_shape_beside_a_key_does_not_matter() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"; // RFC 8037, appendix A.2
        for more in [json!({ "x5c": "MIIB" }), json!({ "x5t": 5 }), json!({ "x5u": {} })] {
            let mut jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
            jwk.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());

            assert_eq!(keys_of_entry(&jwk, &rules()).map(|keys| keys.len()), Ok(1), "{jwk}");
            assert!(jsonwebtoken::jwk::Jwk::deserialize(&jwk).is_err(), "{jwk}: the library reads it now");
        }
    }

    /// The library's type could not give these reasons: it reads all of these as "other" keys.
    #[test]
    fn the_reason_says_which_part_of_a_key_is_not_supported() {
        for (jwk, wanted) in [
            (json!({ "kty": "AKP", "pub": "AA" }), "(kty)"),
            (json!({ "kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA" }), "(crv)"),
            (json!({ "kty": "OKP", "crv": "Ed448", "x": "AA" }), "(crv)"),
            (json!({ "kty": "RSA", "n": "AA" }), "member e"),
        ] {
            let reason = keys_of_entry(&jwk, &rules()).err().unwrap_or_default();

            assert!(reason.contains(wanted), "{jwk}: {reason}");
            let parameters = AlgorithmParameters::deserialize(&jwk).ok();
            let is_other = matches!(parameters, Some(AlgorithmParameters::Other(_)));
            assert!(is_other, "{jwk}: the library tells it apart now");
        }
    }
}

//! A fuzz target: a key that is accepted is public, cannot be forged for, and reads the same when it is written again.

use jsonwebtoken::DecodingKeyKind::{RsaModulusExponent, SecretOrDer};
use serde_json::json;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::UnparsedPublicKey;

use super::*;

/// How many messages are tried with a signature that fits any message for a key of small order. The chance that none of them
/// fits is at most 1 - 1/8 for each.
const FORGERIES: u8 = 64;

/// The beginning of what RSASSA-PKCS1-v1_5 signs with SHA-256 (RFC 8017, section 9.2, note 1).
const SHA256_PREFIX: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];

/// The input is the text of a key set.
pub fn key_set(input: &[u8]) -> bool {
    let rules = Arc::new(ClaimRules {
        is_of_secret: false,
        issuers: vec![],
        foreign_issuers: vec![],
        audiences: vec![],
        user_claim: "sub".into(),
        max_lifetime: 3600,
        not_before: None,
    });
    let set = match ParsedSet::parse(input, &rules) {
        Ok(set) => set,
        Err(why) => {
            assert_repeats_nothing(input, &why);
            return false;
        }
    };

    let document: Value = serde_json::from_slice(input).expect("a set that is JSON");
    let entries = document.get("keys").and_then(Value::as_array).expect("a set with a list of keys");
    assert!(entries.len() <= 100 && set.skipped.len() <= entries.len(), "too many entries");
    for (kid, reason) in &set.skipped {
        assert!(kid.chars().count() <= 255, "the log repeats a kid of any length");
        assert_repeats_nothing(input, reason);
    }
    assert_eq!(set.why_unusable().is_none(), !set.keys.is_empty());
    for key in set.keys.iter() {
        assert!(entries.iter().any(|entry| allows(entry, key)), "no entry allows the key {}", jwk(key));
        assert!(!can_be_forged(key), "anybody can sign for the key {}", jwk(key));
    }

    for keys in set.keys.chunks(100) {
        let text = json!({ "keys": keys.iter().map(|key| jwk(key)).collect::<Vec<_>>() }).to_string();
        let again = ParsedSet::parse(text.as_bytes(), &rules).expect("the same set");
        let is_same = again.keys.len() == keys.len()
            && again.skipped.is_empty()
            && again.keys.iter().zip(keys).all(|(again, key)| again.is_same_as(key));
        assert!(is_same, "another set when it is read again: {text}");
    }
    !set.keys.is_empty()
}

/// Asserts that a message for the log or for a client repeats no long word of the text, such as a private key.
fn assert_repeats_nothing(input: &[u8], message: &str) {
    let is_in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '/');
    let text = String::from_utf8_lossy(input);
    for word in text.split(|c| !is_in_word(c)).filter(|word| word.len() >= 20) {
        assert!(!message.contains(word), "{message:?} repeats {word:?}");
    }
}

/// The key as an entry of a set.
fn jwk(key: &Key) -> Value {
    let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let mut entry = match key.decoding_key.kind() {
        RsaModulusExponent { n, e } => json!({ "kty": "RSA", "n": encoded(n), "e": encoded(e) }),
        SecretOrDer(x) if key.algorithm == Algorithm::EdDSA => {
            json!({ "kty": "OKP", "crv": "Ed25519", "x": encoded(x) })
        }
        SecretOrDer(point) => {
            let (x, y) = point.split_at(1).1.split_at(point.len() / 2);
            let crv = if key.algorithm == Algorithm::ES256 { "P-256" } else { "P-384" };
            json!({ "kty": "EC", "crv": crv, "x": encoded(x), "y": encoded(y) })
        }
    };
    if let Some(members) = entry.as_object_mut() {
        members.insert("alg".into(), format!("{:?}", key.algorithm).into());
        members.extend(key.kid.iter().map(|kid| ("kid".to_owned(), Value::from(kid.as_str()))));
    }
    entry
}

/// Whether an entry holds this very key, in public, for signatures and for this algorithm.
fn allows(entry: &Value, key: &Key) -> bool {
    let written = jwk(key);
    let text = |name: &str| entry.get(name).filter(|value| !value.is_null());
    let is_equal = |name: &str| text(name) == written.get(name);
    let without_zeros = |value: Option<&Value>| {
        let bytes = value.and_then(Value::as_str).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        bytes.unwrap_or_default().into_iter().skip_while(|byte| *byte == 0).collect::<Vec<_>>()
    };
    let is_number = |name: &str| without_zeros(entry.get(name)) == without_zeros(written.get(name));

    let is_public =
        ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().all(|name| entry.get(name).is_none());
    let is_for_signatures = text("use").is_none_or(|used| used == "sig")
        && text("key_ops")
            .is_none_or(|list| list.as_array().is_some_and(|list| list.contains(&json!("verify"))));
    let is_same = is_equal("kty")
        && is_equal("kid")
        && text("alg").is_none_or(|alg| Some(alg) == written.get("alg"))
        && match key.algorithm {
            Algorithm::RS256 | Algorithm::PS256 => is_number("n") && is_number("e"),
            _ => ["crv", "x", "y"].iter().all(|name| {
                // An Ed25519 key has no y. An entry may have any other member.
                written.get(*name).is_none() || is_equal(name)
            }),
        };
    is_public && is_for_signatures && is_same
}

/// Whether a signature that anybody can write fits a message.
fn can_be_forged(key: &Key) -> bool {
    match key.decoding_key.kind() {
        // With an exponent of 1 the signature is the padded message itself.
        RsaModulusExponent { n, e } => {
            let hash = digest(&SHA256, b"forged");
            let padding = vec![0xff; n.len().saturating_sub(3 + SHA256_PREFIX.len() + 32)];
            let signature = [&[0, 1], &*padding, &[0], &SHA256_PREFIX, hash.as_ref()].concat();
            let key = RsaPublicKeyComponents { n, e };
            key.verify(&RSA_PKCS1_2048_8192_SHA256, b"forged", &signature).is_ok()
        }
        // R is the neutral element and S is 0: this fits if the order of the key divides the hash.
        SecretOrDer(x) if key.algorithm == Algorithm::EdDSA => {
            let signature = [&[1], &[0; 63][..]].concat();
            let key = UnparsedPublicKey::new(&ED25519, x);
            (0..FORGERIES).any(|message| key.verify(&[message], &signature).is_ok())
        }
        SecretOrDer(_) => false,
    }
}

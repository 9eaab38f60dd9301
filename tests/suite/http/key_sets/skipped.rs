//! Entries of a key set that must not verify any token.

mod numbers;

use aws_lc_rs::signature::{
    ECDSA_P256K1_SHA256_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    KeyPair as _,
};
use numbers::{SMALL_ORDER, edwards, modulus_and_exponent, points};
use serde_json::{Value, json};

use super::served::changed;
use crate::http::hostile_tokens::forge::bytes;
use crate::http::key_pairs::UNKNOWN_PAIRS;
use crate::http::tokens::{part, signed};
use crate::world::KeyPair;

/// Stands for the private part of a key. It must not be logged.
pub const SECRET_PART: &str = "cHJpdmF0ZSBwYXJ0IG9mIGEga2V5IG9mIHRoZSBpc3N1ZXI";

/// An entry, and the key pair that signs for it, if there is one.
pub struct Entry {
    pub label: String,
    pub jwk: Value,
    pair: Option<&'static KeyPair>,
}

impl Entry {
    /// Its `kid` in the log: empty if it is not a string.
    pub fn logged_kid(&self) -> String {
        self.jwk["kid"].as_str().unwrap_or_default().to_owned()
    }

    /// Tokens that would be accepted if the entry was used.
    pub fn tokens(&self, claims: &Value) -> Vec<String> {
        let kid = self.logged_kid();
        let algs = [self.jwk["alg"].as_str(), self.pair.map(KeyPair::alg).as_deref()]
            .map(|alg| alg.map(str::to_owned));
        let headers = algs.into_iter().flatten().map(|alg| json!({ "alg": alg, "kid": kid }));
        let mut tokens: Vec<_> = self
            .pair
            .iter()
            .flat_map(|pair| headers.clone().map(|header| pair.sign(&header, claims)))
            .collect();
        if let Some(secret) = self.jwk["k"].as_str() {
            let secret = String::from_utf8_lossy(&bytes(secret)).into_owned();
            tokens.push(signed(&json!({ "alg": "HS256", "kid": kid }), claims, &secret));
        }
        tokens
    }
}

pub fn entries() -> Vec<Entry> {
    let [ed, p256, p384, rs, ps] = &*UNKNOWN_PAIRS;
    let mut all = Vec::new();
    let mut changes = |pair: &'static KeyPair, label: &str, changes: Value| {
        let jwk = changed(&changed(&pair.jwk(), json!({ "kid": label })), changes);
        all.push(Entry { label: label.into(), jwk, pair: Some(pair) });
    };

    modulus_and_exponent(rs, &mut changes);
    points(p256, p384, &mut changes);
    edwards(ed, &mut changes);
    purposes(ed, p256, rs, &mut changes);
    for (pair, alg) in [
        (rs, "ES256"),
        (rs, "EdDSA"),
        (rs, "HS256"),
        (rs, "RS384"),
        (rs, "RS512"),
        (rs, "RSA-OAEP"),
        (rs, "rs256"),
        (ps, "PS384"),
        (ps, "PS512"),
        (p256, "ES384"),
        (p256, "ES512"),
        (p256, "ES256K"),
        (p256, "RS256"),
        (p256, "HS256"),
        (p256, "ECDH-ES"),
        (p384, "ES256"),
        (p384, "EdDSA"),
        (ed, "ES256"),
        (ed, "HS256"),
        (ed, "Ed448"),
        (ed, "none"),
        (ed, ""),
        (ed, "EdDSA "),
    ] {
        changes(pair, &format!("{} with alg {alg:?}", pair.alg()), json!({ "alg": alg }));
    }
    for alg in [json!(5), json!(["EdDSA"]), json!({}), json!(true)] {
        changes(ed, &format!("alg: {alg}"), json!({ "alg": alg }));
    }
    for kty in [
        json!("rsa"),
        json!("ec"),
        json!("EC"),
        json!("RSA"),
        json!("AKP"),
        json!(""),
        json!(5),
        json!(["OKP"]),
    ] {
        changes(ed, &format!("kty: {kty}"), json!({ "kty": kty }));
    }
    for (pair, kty) in [(rs, "EC"), (rs, "OKP"), (p256, "RSA"), (p256, "OKP")] {
        changes(pair, &format!("{} as {kty}", pair.alg()), json!({ "kty": kty, "alg": null }));
    }
    for (pair, member) in [
        (ed, "kty"),
        (ed, "crv"),
        (ed, "x"),
        (p256, "crv"),
        (p256, "x"),
        (p256, "y"),
        (p384, "y"),
        (rs, "n"),
        (rs, "e"),
        (ps, "kty"),
    ] {
        let label = format!("{} without {member}", pair.alg());
        changes(pair, &label, json!({ member: null }));
        for value in [json!(5), json!([]), json!({}), json!(true), json!("")] {
            changes(pair, &format!("{} with {member}: {value}", pair.alg()), json!({ member: value }));
        }
    }
    for kid in [json!(5), json!(true), json!(["a"]), json!({})] {
        changes(ed, "a kid that is not a string", json!({ "kid": kid }));
    }

    all.extend(others());
    all
}

/// Keys for other purposes than verifying signatures.
fn purposes(
    ed: &'static KeyPair,
    p256: &'static KeyPair,
    rs: &'static KeyPair,
    changes: &mut impl FnMut(&'static KeyPair, &str, Value),
) {
    for pair in [ed, p256, rs] {
        for usage in [json!("enc"), json!("SIG"), json!(""), json!(["sig"]), json!(5)] {
            changes(pair, &format!("{} with use: {usage}", pair.alg()), json!({ "use": usage }));
        }
        for operations in [
            json!([]),
            json!(["sign"]),
            json!(["encrypt", "wrapKey"]),
            json!(["VERIFY"]),
            json!("verify"),
            json!([5]),
            json!({ "verify": true }),
        ] {
            let label = format!("{} with key_ops: {operations}", pair.alg());
            changes(pair, &label, json!({ "key_ops": operations }));
        }
        changes(
            pair,
            &format!("{} for two purposes", pair.alg()),
            json!({ "use": "enc", "key_ops": ["verify"] }),
        );
    }
}

/// Points of small order.
pub fn small_order() -> Vec<Entry> {
    let [ed, ..] = &*UNKNOWN_PAIRS;
    let entry = |(label, x)| Entry {
        label: String::from(label),
        jwk: changed(&ed.jwk(), json!({ "kid": label, "x": x })),
        pair: Some(ed),
    };
    SMALL_ORDER.map(entry).into()
}

/// Exponents that are longer than any in use. The library loads such a key and then verifies nothing with it: the log
/// would list a key that does not work.
pub fn long_exponents() -> Vec<Entry> {
    let [_, _, _, rs, _] = &*UNKNOWN_PAIRS;
    let entry = |bytes: usize| {
        let label = format!("an exponent of {bytes} bytes");
        let jwk = changed(&rs.jwk(), json!({ "kid": label, "e": part(vec![0x7f; bytes]) }));
        Entry { label, jwk, pair: Some(rs) }
    };
    [8, 32, 255, 256].map(entry).into()
}

/// Entries for which there is no key pair.
fn others() -> Vec<Entry> {
    let secret = part("a secret that everybody can read in a set of keys");
    let akp = part([7; 1312]);
    let entries = [
        ("a secret", json!({ "kty": "oct", "k": secret, "alg": "HS256" })),
        ("a secret without alg", json!({ "kty": "oct", "k": secret })),
        ("a secret without the secret", json!({ "kty": "oct" })),
        (
            "a secret for signatures",
            json!({ "kty": "oct", "k": secret, "use": "sig", "key_ops": ["verify"] }),
        ),
        ("ML-DSA", json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": akp })),
        ("nothing", json!({})),
        ("a key within a key", json!({ "jwk": UNKNOWN_PAIRS[0].jwk() })),
        ("a certificate alone", json!({ "kty": "RSA", "x5c": ["MIIB"] })),
        ("P-521", other_curve(&ECDSA_P521_SHA512_FIXED_SIGNING, "P-521", Some("ES512"))),
        ("P-521 without alg", other_curve(&ECDSA_P521_SHA512_FIXED_SIGNING, "P-521", None)),
        ("secp256k1", other_curve(&ECDSA_P256K1_SHA256_FIXED_SIGNING, "secp256k1", Some("ES256K"))),
        ("secp256k1 as P-256", other_curve(&ECDSA_P256K1_SHA256_FIXED_SIGNING, "P-256", None)),
    ];
    let with_kids = entries.map(|(label, jwk)| (label, changed(&jwk, json!({ "kid": label }))));
    let not_objects =
        [json!(null), json!(5), json!("a key"), json!([]), json!([UNKNOWN_PAIRS[0].jwk()]), json!(true)];
    let not_objects = not_objects.map(|entry| ("not an object", entry));
    let all = with_kids.into_iter().chain(not_objects);
    all.map(|(label, jwk)| Entry { label: label.into(), jwk, pair: None }).collect()
}

fn other_curve(algorithm: &'static EcdsaSigningAlgorithm, crv: &str, alg: Option<&str>) -> Value {
    let key = EcdsaKeyPair::generate(algorithm).expect("a key");
    let point = key.public_key().as_ref();
    let (x, y) = point[1..].split_at(point.len() / 2);
    changed(&json!({}), json!({ "kty": "EC", "crv": crv, "x": part(x), "y": part(y), "alg": alg }))
}

//! A signature of another kind, or by another key, than the token names.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::forge::{Forge, Signer, bytes};
use super::table::Table;
use crate::http::key_pairs::{PAIRS, UNKNOWN_PAIRS};
use crate::http::tokens::{part, signed};
use crate::world::{KeyPair, SECRET, public};

pub fn table(forge: &Forge) -> Table {
    let mut table = Table::default();
    table.accepted("the right signature", forge.valid());
    match forge.signer {
        Signer::Secret => secrets(forge, &mut table),
        Signer::Pair(pair) => {
            macs(forge, pair, &mut table);
            pairs(forge, pair, &mut table);
            paddings(forge, pair, &mut table);
        }
    }
    table
}

/// MACs with nearly the right secret, and other MACs with the right secret.
fn secrets(forge: &Forge, table: &mut Table) {
    let (header, claims) = (forge.header(json!({})), forge.claims(json!({})));
    let nearly = [
        ("nothing", String::new()),
        ("a guess", "secret".into()),
        ("the secret and a line break", format!("{SECRET}\n")),
        ("the secret after a space", format!(" {SECRET}")),
        ("the secret in quotes", format!("\"{SECRET}\"")),
        ("the secret in upper case", SECRET.to_uppercase()),
        ("the secret without its end", SECRET[..SECRET.len() - 1].into()),
        ("the secret twice", format!("{SECRET}{SECRET}")),
        ("the secret in base64", STANDARD.encode(SECRET)),
        ("the secret in base64url", part(SECRET)),
        ("the claims", claims.to_string()),
        ("the name of the setting", "BETTER_AUTH_SECRET".into()),
    ];
    for (label, secret) in nearly {
        table.refused(format!("a MAC under {label}"), signed(&header, &claims, &secret));
    }

    for (alg, algorithm) in [("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)] {
        let valid = mac(algorithm, SECRET, &header, &claims);
        let with_own_alg = mac(algorithm, SECRET, &forge.header(json!({ "alg": alg })), &claims);
        table.refused(format!("an {alg} MAC with alg {alg}"), with_own_alg);
        table.refused(format!("an {alg} MAC with alg HS256"), &*valid);
        let (text, end) = valid.rsplit_once('.').expect("three parts");
        table.refused(
            format!("the first half of an {alg} MAC"),
            format!("{text}.{}", part(&bytes(end)[..32])),
        );
    }
    for pair in PAIRS.iter() {
        let alg = pair.alg();
        table.refused(format!("signed with {alg}, alg HS256"), pair.sign(&header, &claims));
        let header = json!({ "alg": alg, "kid": pair.kid });
        table.refused(format!("a MAC under the secret, alg {alg}"), signed(&header, &claims, SECRET));
    }
    let unknown = &UNKNOWN_PAIRS[0];
    table.refused("signed by an unknown key", unknown.token(&claims));
}

/// MACs with public data of a key as the secret, in every form of that data (RFC 8725, section 2.1).
fn macs(forge: &Forge, pair: &KeyPair, table: &mut Table) {
    let claims = forge.claims(json!({}));
    let jwk = pair.jwk();
    let member = |name: &str| jwk[name].as_str().unwrap_or_default().to_owned();
    let numbers = [member("n"), member("e"), member("x"), member("y")];
    let point = [vec![4], bytes(&numbers[2]), bytes(&numbers[3])].concat();
    let set = json!({ "keys": public(&PAIRS.each_ref()) });
    let der = pair.public_der();

    let mut known: Vec<(&str, Vec<u8>)> = vec![
        ("the JWK", jwk.to_string().into()),
        ("the JWK, pretty-printed", serde_json::to_vec_pretty(&jwk).expect("JSON")),
        ("the JWK without its kid", without(&jwk, &["kid"]).to_string().into()),
        ("the JWK as in a thumbprint", without(&jwk, &["kid", "alg"]).to_string().into()),
        ("the key set", set.to_string().into()),
        ("the list of keys", set["keys"].to_string().into()),
        ("the point", point.clone()),
        ("the point without its tag", point[1..].into()),
        ("its DER", der.clone()),
        ("its DER in base64", STANDARD.encode(&der).into()),
        ("its DER in base64url", part(&der).into()),
        ("its kid", pair.kid.clone().into()),
        ("its algorithm", pair.alg().into()),
        ("nothing", vec![]),
        ("a zero", vec![0]),
        ("the secret of another server", SECRET.into()),
    ];
    for number in numbers.iter().filter(|number| !number.is_empty()) {
        known.push(("a member's text", number.clone().into()));
        known.push(("a member's bytes", bytes(number)));
        known.push(("a member's bytes after a zero", [vec![0], bytes(number)].concat()));
    }
    for (label, line_break) in [("PEM", "\n"), ("PEM with CRLF", "\r\n")] {
        let pem = pem(&der, line_break);
        known.push((label, pem.trim_end().into()));
        known.push((label, pem.into()));
    }

    for (label, key) in known {
        // A server that has this secret accepts what it signs.
        if label == "the secret of another server" && forge.has_secret {
            continue;
        }
        for header in [json!({ "alg": "HS256" }), json!({ "alg": "HS256", "kid": pair.kid })] {
            table.refused(format!("{header} under {label}"), mac(hmac::HMAC_SHA256, &key, &header, &claims));
        }
        let header = forge.header(json!({}));
        table.refused(
            format!("{header}, a MAC under {label}"),
            mac(hmac::HMAC_SHA256, &key, &header, &claims),
        );
        for (alg, algorithm) in [("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)] {
            let header = json!({ "alg": alg, "kid": pair.kid });
            table.refused(format!("{alg} under {label}"), mac(algorithm, &key, &header, &claims));
        }
    }
}

/// The signature of one key with the kid or the algorithm of another.
fn pairs(forge: &Forge, pair: &KeyPair, table: &mut Table) {
    let claims = forge.claims(json!({}));
    for other in PAIRS.iter().filter(|other| other.kid != pair.kid) {
        let (mine, others) = (pair.alg(), other.alg());
        for (label, alg, kid) in [
            ("its own algorithm, the kid of another key", &mine, &other.kid),
            ("its own kid, the algorithm of another key", &others, &pair.kid),
            ("kid and algorithm of another key", &others, &other.kid),
        ] {
            let token = pair.sign(&json!({ "alg": alg, "kid": kid }), &claims);
            table.refused(format!("{label} ({others})"), token);
        }
        let without_kid = pair.sign(&json!({ "alg": others }), &claims);
        table.refused(format!("no kid, the algorithm of another key ({others})"), without_kid);
    }

    for unknown in UNKNOWN_PAIRS.iter().filter(|unknown| unknown.algorithm == pair.algorithm) {
        table.refused("signed by an unknown key", unknown.token(&claims));
        table.refused(
            "an unknown key with the kid of this one",
            unknown.sign(&forge.header(json!({})), &claims),
        );
        table.refused("an unknown key without a kid", unknown.sign(&json!({ "alg": pair.alg() }), &claims));
    }
}

/// The same key with the other paddings and digests of RSA.
fn paddings(forge: &Forge, pair: &KeyPair, table: &mut Table) {
    let rsa = [
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ];
    if !rsa.contains(&pair.algorithm) {
        return;
    }
    for algorithm in rsa.into_iter().filter(|algorithm| *algorithm != pair.algorithm) {
        let alg = format!("{algorithm:?}");
        for named in [&alg, &pair.alg()] {
            let header = json!({ "alg": named, "kid": pair.kid });
            let text = format!("{}.{}", part(header.to_string()), part(forge.claims(json!({})).to_string()));
            let token = format!("{text}.{}", part(pair.signature_as(algorithm, &text)));
            table.refused(format!("signed with {alg}, alg {named}"), token);
        }
    }
}

fn mac(algorithm: hmac::Algorithm, key: impl AsRef<[u8]>, header: &Value, claims: &Value) -> String {
    let text = format!("{}.{}", part(header.to_string()), part(claims.to_string()));
    format!("{text}.{}", part(hmac::sign(&hmac::Key::new(algorithm, key.as_ref()), text.as_bytes())))
}

fn without(jwk: &Value, names: &[&str]) -> Value {
    let members = jwk.as_object().expect("an object").iter();
    members.filter(|(name, _)| !names.contains(&name.as_str())).map(|(n, v)| (n.clone(), v.clone())).collect()
}

fn pem(der: &[u8], line_break: &str) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).expect("ASCII")).collect();
    let lines = lines.join(line_break);
    format!("-----BEGIN PUBLIC KEY-----{line_break}{lines}{line_break}-----END PUBLIC KEY-----{line_break}")
}

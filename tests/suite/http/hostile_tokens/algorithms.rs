//! The header member `alg`: the token must not choose the algorithm.

use serde_json::{Value, json};

use super::forge::{Forge, split_signature};
use super::table::Table;
use crate::http::tokens::part;

/// Names that ask for no signature.
const NONE: [&str; 9] = ["none", "None", "NONE", "nOnE", "none ", " none", "none\0", "null", ""];

/// Algorithms of other keys, unknown ones, and encryptions.
const OTHERS: [&str; 36] = [
    "HS256",
    "HS384",
    "HS512",
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "ES256K",
    "EdDSA",
    "Ed25519",
    "Ed448",
    "ESP256",
    "ML-DSA-44",
    "RS1",
    "HS1",
    "HS256/64",
    "dir",
    "A128KW",
    "A256GCMKW",
    "RSA1_5",
    "RSA-OAEP",
    "RSA-OAEP-256",
    "ECDH-ES",
    "PBES2-HS256+A128KW",
    "HMACSHA256",
    "SHA256withRSA",
    "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
    "-7",
    "nonsense",
    "*",
    "HS256,none",
];

pub fn table(forge: &Forge) -> Table {
    let mut table = Table::default();
    let alg = forge.alg();
    table.accepted("its own algorithm", forge.with_header(json!({ "alg": alg })));

    for name in NONE {
        let token = forge.with_header(json!({ "alg": name }));
        let (text, _) = split_signature(&token);
        table.refused(format!("{name:?}, signed"), &token);
        table.refused(format!("{name:?}, unsigned"), format!("{text}."));
        table.refused(format!("{name:?}, two parts"), text);
        table.refused(format!("{name:?}, zeros"), format!("{text}.{}", part([0; 64])));
        let bare = forge.token(&json!({ "alg": name }), &forge.claims(json!({})));
        table.refused(
            format!("{name:?} as the only member, unsigned"),
            format!("{}.", split_signature(&bare).0),
        );
    }

    let (lower, spaced, nul) = (alg.to_lowercase(), format!("{alg} "), format!("{alg}\0"));
    let variants = [lower.as_str(), &spaced, &nul].into_iter().filter(|variant| *variant != alg);
    for name in OTHERS.into_iter().filter(|name| *name != alg).chain(variants) {
        let token = forge.with_header(json!({ "alg": name }));
        table.refused(format!("{name:?}, signed"), &token);
        table.refused(format!("{name:?}, unsigned"), format!("{}.", split_signature(&token).0));
    }

    for value in [json!(null), json!(true), json!(256), json!([alg]), json!({ "name": alg }), json!([])] {
        let token = forge.with_header(json!({ "alg": value }));
        table.refused(format!("alg: {value}, signed"), &token);
        table.refused(format!("alg: {value}, unsigned"), format!("{}.", split_signature(&token).0));
    }

    let mut header = forge.header(json!({ "Alg": alg, "algorithm": alg }));
    header.as_object_mut().and_then(|header| header.remove("alg"));
    table.refused("no alg", forge.token(&header, &forge.claims(json!({}))));
    table.refused("an empty header", forge.token(&json!({}), &forge.claims(json!({}))));
    let claims: Value = forge.claims(json!({ "alg": alg }));
    table.refused("alg among the claims", forge.token(&json!({ "typ": "JWT" }), &claims));
    table
}

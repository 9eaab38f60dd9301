//! Numbers that are not a key, or not a key of the type that the entry names.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE};
use serde_json::{Value, json};

use super::SECRET_PART;
use crate::http::hostile_tokens::forge::bytes;
use crate::http::tokens::part;
use crate::world::KeyPair;

/// RSA: a modulus and an exponent.
pub fn modulus_and_exponent(rs: &'static KeyPair, changes: &mut impl FnMut(&'static KeyPair, &str, Value)) {
    let n = bytes(rs.jwk()["n"].as_str().expect("a modulus"));
    let of_bits = |bits: usize| {
        let mut n = n.repeat(9)[..bits / 8].to_vec();
        n[0] |= 0x80;
        *n.last_mut().expect("a byte") |= 1;
        part(n)
    };
    let mut shorter = n.clone();
    shorter[0] = 0x7f;
    let mut even = n.clone();
    *even.last_mut().expect("a byte") &= 0xfe;

    for (label, n) in [
        ("512 bits", of_bits(512)),
        ("1024 bits", of_bits(1024)),
        ("1536 bits", of_bits(1536)),
        ("2047 bits", part(&shorter)),
        ("16384 bits", of_bits(16384)),
        ("1024 bits and zeros before them", part([vec![0; 128], bytes(&of_bits(1024))].concat())),
        ("an even modulus", part(&even)),
        ("a modulus of zeros", part([0; 256])),
    ] {
        changes(rs, label, json!({ "n": n }));
        changes(rs, &format!("{label}, for either padding"), json!({ "n": n, "alg": null }));
    }
    for (label, e) in [
        ("an exponent of one", "AQ"),
        ("an exponent of one and zeros", "AAAB"),
        ("an exponent of zero", "AA"),
        ("an even exponent", "AQAA"),
        ("an exponent of two", "Ag"),
        ("an exponent with padding", "AQAB="),
        ("an exponent in decimal", "65537"),
    ] {
        changes(rs, label, json!({ "e": e }));
    }
    changes(rs, "a modulus in the other alphabet", json!({ "n": STANDARD_NO_PAD.encode([0xff; 256]) }));
    changes(rs, "a modulus with padding", json!({ "n": URL_SAFE.encode(&n) }));
    changes(rs, "a modulus in hexadecimal", json!({ "n": format!("0x{}", "a1".repeat(256)) }));
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        let value = if member == "oth" { json!([{ "r": SECRET_PART }]) } else { json!(SECRET_PART) };
        changes(rs, &format!("RSA with {member}"), json!({ member: value }));
    }
}

/// P-256 and P-384: a point with two coordinates.
pub fn points(
    p256: &'static KeyPair,
    p384: &'static KeyPair,
    changes: &mut impl FnMut(&'static KeyPair, &str, Value),
) {
    for pair in [p256, p384] {
        let jwk = pair.jwk();
        let coordinate = |name: &str| bytes(jwk[name].as_str().expect("a coordinate"));
        let (x, y) = (coordinate("x"), coordinate("y"));
        let mut elsewhere = y.clone();
        elsewhere[5] ^= 1;
        let zeros = part(vec![0; x.len()]);
        let alg = pair.alg();

        for (label, members) in [
            ("off the curve", json!({ "y": part(&elsewhere) })),
            ("x and y exchanged", json!({ "x": part(&y), "y": part(&x) })),
            ("nowhere", json!({ "x": zeros, "y": zeros })),
            ("beyond the field", json!({ "x": part(vec![0xff; x.len()]) })),
            ("x too short", json!({ "x": part(&x[1..]) })),
            ("y too short", json!({ "y": part(&y[..y.len() - 1]) })),
            ("x with a zero before it", json!({ "x": part([&[0], &*x].concat()) })),
            ("both in x", json!({ "x": part([&*x, &*y].concat()), "y": "" })),
            ("compressed", json!({ "x": part([&[2], &*x].concat()), "y": null })),
            ("one letter more", json!({ "x": format!("{}A", part(&x)) })),
            ("a line break in x", json!({ "x": format!("{}\n", part(&x)) })),
            ("a curve in lower case", json!({ "crv": "p-256" })),
            ("a curve of another name", json!({ "crv": "secp256r1" })),
            ("an Edwards curve", json!({ "crv": "Ed25519" })),
            ("the private part", json!({ "d": SECRET_PART })),
        ] {
            changes(pair, &format!("{alg}, {label}"), members);
        }
        if URL_SAFE.encode(&x) != part(&x) {
            changes(pair, &format!("{alg}, padding"), json!({ "x": URL_SAFE.encode(&x) }));
        }
    }
    changes(p256, "P-256 with crv P-384", json!({ "crv": "P-384", "alg": null }));
    changes(p384, "P-384 with crv P-256", json!({ "crv": "P-256", "alg": null }));
    changes(p256, "P-256 with crv P-384 and alg ES384", json!({ "crv": "P-384", "alg": "ES384" }));
    changes(p256, "P-256 with crv P-521", json!({ "crv": "P-521", "alg": null }));
}

/// The Ed25519 points of small order, in every encoding that a verifier may accept. In the last two the size of the field
/// is added to the coordinate.
pub const SMALL_ORDER: [(&str, &str); 8] = [
    ("the neutral point", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ("the neutral point with a sign", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA"),
    ("a point of order two", "7P_______________________________________38"),
    ("a point of order four", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ("a point of order eight", "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU"),
    ("another point of order eight", "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o"),
    ("a point of order four in another way", "7f_______________________________________38"),
    ("the neutral point in another way", "7v_______________________________________38"),
];

/// Ed25519 and similar curves: a point with one coordinate and a sign.
pub fn edwards(ed: &'static KeyPair, changes: &mut impl FnMut(&'static KeyPair, &str, Value)) {
    let x = bytes(ed.jwk()["x"].as_str().expect("a point"));
    for (label, members) in [
        ("Ed448", json!({ "crv": "Ed448", "x": part([7; 57]) })),
        ("Ed448 without alg", json!({ "crv": "Ed448", "x": part([7; 57]), "alg": null })),
        ("X25519", json!({ "crv": "X25519" })),
        ("X25519 without alg", json!({ "crv": "X25519", "alg": null })),
        ("X448", json!({ "crv": "X448", "x": part([7; 56]), "alg": null })),
        ("Ed25519 in lower case", json!({ "crv": "ed25519" })),
        ("Ed25519 as P-256", json!({ "crv": "P-256" })),
        ("Ed25519, too short", json!({ "x": part(&x[1..]) })),
        ("Ed25519, too long", json!({ "x": part([&*x, &[0]].concat()) })),
        ("Ed25519, padding", json!({ "x": URL_SAFE.encode(&x) })),
        ("Ed25519, the private part", json!({ "d": SECRET_PART })),
        ("Ed25519, in an array", json!({ "x": [part(&x)] })),
    ] {
        changes(ed, label, members);
    }
}

//! Changed signatures of the right key.

use jsonwebtoken::Algorithm;
use serde_json::json;

use super::forge::{Forge, Signer, bytes, split_signature};
use super::table::Table;
use crate::http::tokens::part;
use crate::world::KeyPair;

pub fn table(forge: &Forge) -> Table {
    let mut table = Table::default();
    let valid = forge.valid();
    let (text, signature) = split_signature(&valid);
    let with = |signature: &[u8]| format!("{text}.{}", part(signature));
    table.accepted("unchanged", with(&signature));

    let length = signature.len();
    let flipped = |at: usize, bit: u8| {
        let mut flipped = signature.clone();
        flipped[at] ^= bit;
        with(&flipped)
    };
    let zero: &[u8] = &[0];
    for (label, token) in [
        ("none", with(&[])),
        ("one byte", with(zero)),
        ("zeros", with(&vec![0; length])),
        ("ones", with(&vec![0xff; length])),
        ("the first bit", flipped(0, 0x80)),
        ("the last bit", flipped(length - 1, 1)),
        ("a bit in the middle", flipped(length / 2, 0x10)),
        ("without its first byte", with(&signature[1..])),
        ("without its last byte", with(&signature[..length - 1])),
        ("its first half", with(&signature[..length / 2])),
        ("its second half", with(&signature[length / 2..])),
        (
            "its first half and zeros",
            with(&[&signature[..length / 2], &vec![0; length - length / 2]].concat()),
        ),
        ("16 bytes of it", with(&signature[..16])),
        ("a zero after it", with(&[&signature, zero].concat())),
        ("a zero before it", with(&[zero, &signature].concat())),
        ("twice", with(&[&*signature, &*signature].concat())),
        ("back to front", with(&signature.iter().rev().copied().collect::<Vec<_>>())),
        ("its text, encoded again", with(part(&signature).as_bytes())),
        ("in hexadecimal", with(hexadecimal(&signature).as_bytes())),
    ] {
        table.refused(label, token);
    }

    let (header, claims) = text.split_once('.').expect("two parts");
    let others = [
        ("other claims", format!("{header}.{}", part(forge.claims(json!({ "sub": "bob" })).to_string()))),
        (
            "another header",
            format!("{}.{claims}", part(forge.header(json!({ "typ": "at+jwt" })).to_string())),
        ),
        ("a space in the header", format!("{}.{claims}", part(format!(" {}", forge.header(json!({})))))),
        ("no header", format!(".{claims}")),
        ("no claims", format!("{header}.")),
        ("claims first", format!("{claims}.{header}")),
    ];
    for (label, text) in others {
        table.refused(
            format!("the signature of another text: {label}"),
            format!("{text}.{}", part(&signature)),
        );
    }
    let halves = [(header, "the header alone"), (claims, "the claims alone"), (&valid, "the whole token")];
    for (signed, label) in halves {
        table.refused(format!("a signature of {label}"), with(&forge.signature(signed)));
    }

    if let Signer::Pair(pair) = forge.signer {
        match pair.algorithm {
            Algorithm::EdDSA => ed25519(&signature, &with, &mut table),
            Algorithm::ES256 | Algorithm::ES384 => ecdsa(pair, &signature, &with, &mut table),
            _ => rsa(pair, &signature, &with, &mut table),
        }
    }
    table
}

/// The order of Ed25519's base point, the lowest byte first (RFC 8032, section 5.1).
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn ed25519(signature: &[u8], with: &impl Fn(&[u8]) -> String, table: &mut Table) {
    let (r, s) = signature.split_at(32);
    let mut higher = [0; 32];
    let mut carry = 0;
    for (sum, (s, order)) in higher.iter_mut().zip(s.iter().zip(ED25519_ORDER)) {
        carry += u16::from(*s) + u16::from(order);
        *sum = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    let mut neutral = [0; 32];
    neutral[0] = 1;

    table.refused("S and the order", with(&[r, &higher].concat()));
    table.refused("S of zero", with(&[r, &[0; 32]].concat()));
    table.refused("S of the order", with(&[r, &ED25519_ORDER].concat()));
    table.refused("the neutral point and zero", with(&[neutral, [0; 32]].concat()));
    table.refused("the other sign of R", with(&[&r[..31], &[r[31] ^ 0x80], s].concat()));
    table.refused("S first", with(&[s, r].concat()));
}

/// The orders of P-256 and P-384, the highest byte first (FIPS 186-4, appendix D.1.2).
const P256_ORDER: &str = "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE";
const P384_ORDER: &str = "________________________________x2NNgfQ3Ld9YGg2ySLCneuzsGWrMxSlz";

fn ecdsa(pair: &KeyPair, signature: &[u8], with: &impl Fn(&[u8]) -> String, table: &mut Table) {
    let half = signature.len() / 2;
    let (r, s) = signature.split_at(half);
    let order = bytes(if pair.algorithm == Algorithm::ES256 { P256_ORDER } else { P384_ORDER });
    let zero = vec![0; half];
    let mut one = zero.clone();
    one[half - 1] = 1;
    let [zero, one, order] = [&zero[..], &one, &order];

    for (label, r, s) in [
        ("both zero", zero, zero),
        ("r of zero", zero, s),
        ("s of zero", r, zero),
        ("both one", one, one),
        ("both of the order", order, order),
        ("r of the order", order, s),
        ("s of the order", r, order),
        ("the order and zero", order, zero),
        ("s first", s, r),
        ("r twice", r, r),
    ] {
        table.refused(label, with(&[r, s].concat()));
    }
    let padded = [&[0], r, &[0], s].concat();
    table.refused("a zero before each half", with(&padded));
    let der = der(r, s);
    table.refused("in DER", with(&der));
    table.refused("in DER, filled up with zeros", with(&[&*der, &vec![0; half]].concat()[..2 * half]));
    table.refused("zeros in DER", with(&[0x30, 6, 2, 1, 0, 2, 1, 0]));
}

fn rsa(pair: &KeyPair, signature: &[u8], with: &impl Fn(&[u8]) -> String, table: &mut Table) {
    let modulus = bytes(pair.jwk()["n"].as_str().expect("a modulus"));
    let mut one = vec![0; signature.len()];
    *one.last_mut().expect("a byte") = 1;
    let mut below = modulus.clone();
    *below.last_mut().expect("a byte") -= 1;

    table.refused("one", with(&one));
    table.refused("one in one byte", with(&[1]));
    table.refused("the modulus", with(&modulus));
    table.refused("the modulus less one", with(&below));
    table.refused("four times as long", with(&signature.repeat(4)));
}

/// A signature as X.509 has it: a sequence of two numbers.
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let number = |number: &[u8]| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let mut number = number[zeros..].to_vec();
        if number.first().is_none_or(|first| *first >= 0x80) {
            number.insert(0, 0);
        }
        [vec![2, length(&number)], number].concat()
    };
    let both = [number(r), number(s)].concat();
    [vec![0x30, length(&both)], both].concat()
}

fn length(bytes: &[u8]) -> u8 {
    u8::try_from(bytes.len()).ok().filter(|length| *length < 0x80).expect("a short length")
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

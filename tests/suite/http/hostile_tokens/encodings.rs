//! Too few parts, too many, or parts that are not in strict base64url (RFC 7515).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde_json::json;

use super::forge::{Forge, split_signature};
use super::table::Table;
use crate::http::tokens::part;

pub fn table(forge: &Forge) -> Table {
    let mut table = Table::default();
    each_part(forge, &mut table);
    number_of_parts(forge, &mut table);
    in_other_formats(forge, &mut table);
    lengths(forge, &mut table);
    table
}

/// One part in another encoding. The signature fits the changed text.
fn each_part(forge: &Forge, table: &mut Table) {
    // The text ends in unused bits, and has both letters that differ between the two alphabets.
    let header = with_spare_bits(&forge.header(json!({ "x": "???>>>~~~ÿÿÿ" })).to_string());
    let claims = with_spare_bits(&forge.claims(json!({ "x": "???>>>~~~ÿÿÿ" })).to_string());
    let (head, body) = (part(&header), part(&claims));
    table.accepted("unchanged", forge.parts(&head, &body));

    for (label, wrong) in wrong_encodings(header.as_bytes()) {
        table.refused(format!("header, {label}"), forge.parts(&wrong, &body));
    }
    for (label, wrong) in wrong_encodings(claims.as_bytes()) {
        table.refused(format!("claims, {label}"), forge.parts(&head, &wrong));
    }
    let (text, signature) = (0..)
        .map(|attempt| forge.with_claims(json!({ "jti": attempt.to_string() })))
        .map(|token| (split_signature(&token).0.to_owned(), split_signature(&token).1))
        .find(|(_, signature)| part(signature).contains(['-', '_']))
        .expect("a signature with a letter that is not in every alphabet");
    table.accepted("another signature, unchanged", format!("{text}.{}", part(&signature)));
    for (label, wrong) in wrong_encodings(&signature) {
        table.refused(format!("signature, {label}"), format!("{text}.{wrong}"));
    }
}

fn with_spare_bits(object: &str) -> String {
    let spaces = (0..3).find(|spaces| !(object.len() + spaces).is_multiple_of(3)).unwrap_or_default();
    format!("{}{object}", " ".repeat(spaces))
}

/// The same bytes, or nearly, in encodings other than base64url without padding.
fn wrong_encodings(bytes: &[u8]) -> Vec<(&'static str, String)> {
    let right = part(bytes);
    let (start, end) = right.split_at(right.len() / 2);
    let mut wrong = vec![
        ("in the other alphabet", STANDARD_NO_PAD.encode(bytes)),
        ("in the other alphabet, padded", STANDARD.encode(bytes)),
        ("in both alphabets", format!("{start}{}", end.replace('-', "+").replace('_', "/"))),
        ("padded too much", format!("{right}====")),
        ("padded in front", format!("={right}")),
        ("padded in the middle", format!("{start}={end}")),
        ("with one letter more", format!("{right}A")),
        ("with four letters more", format!("{right}AAAA")),
        ("with one letter less", right[..right.len() - 1].into()),
        ("encoded twice", part(&right)),
        ("in hexadecimal", bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        (
            "not encoded",
            bytes.iter().map(|byte| char::from(byte % 0x5e + 0x21)).filter(|c| *c != '.').collect(),
        ),
        ("with a space", format!("{start} {end}")),
        ("with a tab", format!("{start}\t{end}")),
        ("after a space", format!(" {right}")),
        ("before a space", format!("{right} x")),
        ("with a line break in percent", format!("{start}%0A{end}")),
        ("with a letter in percent", format!("%{:02X}{}", right.as_bytes()[0], &right[1..])),
        ("with a backslash", format!("{start}\\n{end}")),
        ("with a letter of another script", format!("{start}\u{ff21}{end}")),
        ("with a soft hyphen", format!("{start}\u{ad}{end}")),
        ("with a comma", format!("{start},{end}")),
        ("in lower case", right.to_lowercase()),
        ("back to front", right.chars().rev().collect()),
    ];
    let padded = URL_SAFE.encode(bytes);
    if padded != right {
        wrong.push(("padded", padded.clone()));
        wrong.push(("padded in percent", padded.replace('=', "%3D")));
        wrong.extend(other_last_letters(&right).map(|last| ("with spare bits", last)));
    }
    wrong.retain(|(_, text)| *text != right);
    wrong
}

/// A decoder that ignores the unused bits would decode all of these to the same bytes.
fn other_last_letters(right: &str) -> impl Iterator<Item = String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (start, last) = right.split_at(right.len() - 1);
    let spare = if right.len() % 4 == 2 { 4 } else { 2 };
    let value = ALPHABET.iter().position(|letter| *letter == last.as_bytes()[0]).expect("base64url");
    let others = [1, (1 << spare) - 1].map(|bits| char::from(ALPHABET[value | bits]));
    others.map(|last| format!("{start}{last}")).into_iter()
}

fn number_of_parts(forge: &Forge, table: &mut Table) {
    let good = forge.valid();
    table.accepted("three parts", &*good);
    let [head, body, end] = good.split('.').collect::<Vec<_>>().try_into().expect("three parts");
    let sign = |text: &str| part(forge.signature(text));

    for (label, token) in [
        ("a word", "nonsense".to_owned()),
        ("a session's id", "Qm3xLAw8rYb0c2p6TzVn1KdEsHfGjUiO".into()),
        (
            "a session's cookie",
            "Qm3xLAw8rYb0c2p6TzVn1KdEsHfGjUiO.dGhlIHNpZ25hdHVyZSBvZiBhIGNvb2tpZQ==".into(),
        ),
        ("nothing but dots", "..".into()),
        ("four dots", "....".into()),
        ("a dot", ".".into()),
        ("one part", head.into()),
        ("one part and dots", format!("{head}..")),
        ("two parts", format!("{head}.{body}")),
        ("two parts, the second a signature", format!("{body}.{}", sign(body))),
        ("the claims alone, signed", format!(".{body}.{}", sign(&format!(".{body}")))),
        ("the header alone, signed", format!("{head}..{}", sign(&format!("{head}.")))),
        ("a signature of nothing", format!("..{}", sign("."))),
        ("a dot in front", format!(".{good}")),
        ("a dot behind", format!("{good}.")),
        ("two dots in the middle", good.replacen('.', "..", 1)),
        ("four parts", format!("{good}.{end}")),
        (
            "four parts, signed as three",
            format!("{head}.{body}.{body}.{}", sign(&format!("{head}.{body}.{body}"))),
        ),
        ("five parts", format!("{head}..{body}.{end}.{end}")),
        ("a token after a token", format!("{good}.{good}")),
        ("another header in front", format!("{}.{good}", part(r#"{"alg":"none"}"#))),
        ("claims twice", format!("{head}.{body}.{}", [body, end].join("."))),
        ("dots in percent", good.replace('.', "%2E")),
        ("other dots", good.replace('.', "\u{3002}")),
        ("commas", good.replace('.', ",")),
        ("a token within a token", forge.texts(head, &good)),
    ] {
        table.refused(label, token);
    }
    for (alg, enc) in
        [("dir", "A256CBC-HS512"), ("dir", "A128GCM"), ("RSA-OAEP", "A256GCM"), ("A128KW", "A128GCM")]
    {
        let header = part(json!({ "alg": alg, "enc": enc, "kid": "a" }).to_string());
        let random = |length: u8| part((0..length).map(|byte| byte.wrapping_mul(151)).collect::<Vec<_>>());
        let key = if alg == "dir" { String::new() } else { random(40) };
        let token = format!("{header}.{key}.{}.{}.{}", random(12), random(200), random(16));
        table.refused(format!("encrypted with {enc} ({alg})"), token);
    }
}

/// A token inside of something else.
fn in_other_formats(forge: &Forge, table: &mut Table) {
    let good = forge.valid();
    let [head, body, end] = good.split('.').collect::<Vec<_>>().try_into().expect("three parts");
    table.accepted("in nothing", &*good);
    // RFC 9110, section 5.5: white space around a header's value is not part of it.
    table.accepted("before a blank", format!("{good} "));
    table.accepted("after two blanks", format!("  {good}"));

    let flat = json!({ "protected": head, "payload": body, "signature": end });
    let general = json!({ "payload": body, "signatures": [{ "protected": head, "signature": end }] });
    for (label, token) in [
        ("quotes", format!("\"{good}\"")),
        ("single quotes", format!("'{good}'")),
        ("angles", format!("<{good}>")),
        ("a list", format!("[\"{good}\"]")),
        ("an object", json!({ "token": good }).to_string()),
        ("JSON, flat", flat.to_string()),
        ("JSON, general", general.to_string()),
        ("two tokens", format!("{good} {good}")),
        ("two tokens and a comma", format!("{good}, {good}")),
        ("a comma behind", format!("{good},")),
        ("a semicolon behind", format!("{good};")),
        ("a parameter behind", format!("{good}; charset=utf-8")),
        ("a name in front", format!("token={good}")),
        ("another scheme in front", format!("JWT {good}")),
        ("base64", part(&good)),
        ("percent", good.bytes().map(|byte| format!("%{byte:02X}")).collect()),
        ("a line break in percent behind", format!("{good}%0D%0A")),
        ("a backslash behind", format!("{good}\\")),
        ("an equals sign behind", format!("{good}=")),
        ("a fragment behind", format!("{good}#x")),
        ("a query behind", format!("{good}?x")),
        ("a no-break space behind", format!("{good}\u{a0}")),
        ("a byte order mark in front", format!("\u{feff}{good}")),
        ("capitals", good.to_uppercase()),
        ("back to front", good.chars().rev().collect()),
        ("parts back to front", format!("{end}.{body}.{head}")),
        ("a data URL", format!("data:application/jwt,{good}")),
    ] {
        table.refused(format!("in {label}"), token);
    }
}

/// The longest token, and one that is longer.
fn lengths(forge: &Forge, table: &mut Table) {
    const MAX_TOKEN_BYTES: usize = 16 * 1024;
    let padded = |length: usize| forge.with_claims(json!({ "name": "x".repeat(length) }));
    // Three bytes of claims are four letters of a token.
    let length = (MAX_TOKEN_BYTES - padded(0).len()) * 3 / 4;
    let (longest, longer) = (padded(length), padded(length + 3));
    assert!(
        longest.len() <= MAX_TOKEN_BYTES && longer.len() > MAX_TOKEN_BYTES,
        "{} {}",
        longest.len(),
        longer.len()
    );

    table.accepted("as long as a token can be", longest);
    table.refused("longer than a token can be", longer);
    table.refused("20 kB", padded(15_000));
    table.refused("30 kB of header", forge.with_header(json!({ "x": "x".repeat(22_000) })));
}

//! Headers that bring a key, need an extension, or name a key.

use serde_json::{Value, json};

use super::forge::{Forge, Signer};
use super::table::Table;
use crate::http::key_pairs::UNKNOWN_PAIRS;
use crate::http::tokens::{part, signed};
use crate::world::JWKS_PATH;

/// A secret that no server has.
const UNKNOWN_SECRET: &str = "an unknown secret of more than thirty-two bytes";

/// Keys in the header, and URLs of keys. The server must not use or read any of them.
pub fn keys_in_header(forge: &Forge) -> Table {
    let mut table = Table::default();
    for (alg, jwk, sign) in unknown_signers(forge) {
        let name = jwk["kid"].clone();
        let mut renamed = jwk.clone();
        renamed["kid"] = forge.header(json!({})).get("kid").cloned().unwrap_or("a".into());
        let set = format!("{}{JWKS_PATH}", forge.trap);
        let der = jwk.get("x").and_then(Value::as_str).unwrap_or("MIIB").to_owned();
        let encoded = part(jwk.to_string());

        for member in [
            json!({}),
            json!({ "jwk": jwk }),
            json!({ "jwk": renamed }),
            json!({ "jwks": { "keys": [jwk] } }),
            json!({ "jku": set }),
            json!({ "jku": format!("{}/keys", forge.trap) }),
            json!({ "jku": format!("{set}#fragment"), "x5u": set }),
            json!({ "jku": set, "jwk": jwk }),
            json!({ "jku": format!("{}@{}", forge.required.clone().unwrap_or_default(), &set[7..]) }),
            json!({ "jku": format!("data:application/json;base64,{encoded}") }),
            json!({ "jku": "file:///dev/stdin" }),
            json!({ "x5u": format!("{}/certificate.pem", forge.trap) }),
            json!({ "x5c": [der] }),
            json!({ "x5c": [der], "x5t": part([1; 20]), "x5t#S256": part([2; 32]) }),
            json!({ "x5t": part([1; 20]) }),
            json!({ "iss": forge.trap, "aud": forge.trap }),
            json!({ "url": set, "nonce": "n" }),
        ] {
            table.accepted(format!("{member}, signed by the right key"), forge.with_header(member.clone()));

            let claims = forge.claims(json!({}));
            let kind = json!({ "alg": alg });
            let with_its_kid = merged(&merged(&kind, &json!({ "kid": name })), &member);
            let with_known_kid = merged(&merged(&forge.header(json!({})), &kind), &member);
            table.refused(format!("{member}, an unknown key"), sign(&merged(&kind, &member), &claims));
            table.refused(format!("{member}, an unknown key with its kid"), sign(&with_its_kid, &claims));
            table.refused(
                format!("{member}, an unknown key with the kid of a known one"),
                sign(&with_known_kid, &claims),
            );
        }
        let theirs = forge.claims(json!({ "iss": forge.trap, "aud": forge.trap }));
        table.refused("an issuer of its own", sign(&json!({ "alg": alg, "kid": name }), &theirs));
    }
    table
}

type Sign = Box<dyn Fn(&Value, &Value) -> String>;

/// Unknown signers with the algorithm of the known one: the algorithm, the public key, and the function that signs.
fn unknown_signers(forge: &Forge) -> Vec<(String, Value, Sign)> {
    let pairs = UNKNOWN_PAIRS.iter().filter(|unknown| match forge.signer {
        Signer::Secret => true,
        Signer::Pair(pair) => unknown.algorithm == pair.algorithm,
    });
    let mut all: Vec<(String, Value, Sign)> = pairs
        .map(|pair| -> (String, Value, Sign) {
            (pair.alg(), pair.jwk(), Box::new(|header, claims| pair.sign(header, claims)))
        })
        .collect();
    let jwk = json!({ "kty": "oct", "k": part(UNKNOWN_SECRET), "alg": "HS256", "kid": "unknown" });
    all.push(("HS256".into(), jwk, Box::new(|header, claims| signed(header, claims, UNKNOWN_SECRET))));
    all
}

/// Extensions that this server does not support, and types of other tokens.
pub fn table(forge: &Forge) -> Table {
    let mut table = Table::default();
    let own = json!(forge.alg());
    for unknown in [json!({}), json!({ "x": 1 }), json!({ "Crit": ["exp"] }), json!({ "critical": ["exp"] })]
    {
        table.accepted(format!("{unknown}"), forge.with_header(unknown));
    }

    for changes in [
        json!({ "crit": ["exp"], "exp": 5 }),
        json!({ "crit": ["exp"] }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "crit": ["b64"], "b64": true }),
        json!({ "crit": ["alg"] }),
        json!({ "crit": ["alg", "kid", "typ"] }),
        json!({ "crit": ["x"], "x": true }),
        json!({ "crit": ["http://example.com/UNDEFINED"], "http://example.com/UNDEFINED": true }),
        json!({ "crit": ["crit"] }),
        json!({ "crit": [""] }),
        json!({ "crit": [1] }),
        json!({ "crit": [null] }),
        json!({ "crit": [["exp"]] }),
        json!({ "crit": [] }),
        json!({ "crit": null }),
        json!({ "crit": false }),
        json!({ "crit": true }),
        json!({ "crit": 0 }),
        json!({ "crit": "" }),
        json!({ "crit": "exp" }),
        json!({ "crit": {} }),
        json!({ "b64": false }),
        json!({ "zip": "DEF" }),
        json!({ "zip": "GZIP" }),
        json!({ "enc": "A256GCM" }),
        json!({ "enc": "A128CBC-HS256", "epk": {} }),
        json!({ "cty": "JWT" }),
        json!({ "cty": "jwt" }),
        json!({ "typ": "better-auth.session-cache+jwt" }),
        json!({ "typ": "Better-Auth.Session-Cache+JWT" }),
        json!({ "typ": "session-cache+jwt" }),
        json!({ "typ": "dpop+jwt" }),
        json!({ "typ": "logout+jwt" }),
        json!({ "typ": "secevent+jwt" }),
        json!({ "typ": "oauth-authz-req+jwt" }),
        json!({ "typ": "token-introspection+jwt" }),
        json!({ "typ": "id_token" }),
        json!({ "typ": "+jwt" }),
        json!({ "typ": "jwt+at" }),
        json!({ "typ": "JWE" }),
        json!({ "typ": "JOSE" }),
        json!({ "typ": "JOSE+JSON" }),
        json!({ "typ": "JWT " }),
        json!({ "typ": " JWT" }),
        json!({ "typ": "JWT\0" }),
        json!({ "typ": "JWT\n" }),
        json!({ "typ": "JWT;charset=utf-8" }),
        json!({ "typ": "ＪＷＴ" }),
        json!({ "typ": "" }),
        json!({ "typ": null }),
        json!({ "typ": true }),
        json!({ "typ": 5 }),
        json!({ "typ": ["JWT"] }),
        json!({ "typ": { "JWT": "JWT" } }),
    ] {
        table.refused(changes.to_string(), forge.with_header(changes));
    }

    let escaped = |name: &str| forge.header(json!({})).to_string().replacen('{', &format!("{{{name}, "), 1);
    let claims = forge.claims(json!({})).to_string();
    table.accepted("a name in escapes", forge.texts(escaped(r#""\u0078": 1"#), &claims));
    table.refused("crit in escapes", forge.texts(escaped(r#""\u0063rit": ["exp"]"#), &claims));
    table.refused("crit in capital escapes", forge.texts(escaped(r#""cri\u0074": ["\u0065xp"]"#), &claims));

    // Tokens that really are what such headers say.
    let inner = forge.valid();
    for header in [json!({ "cty": "JWT" }), json!({ "typ": "JWT", "cty": "JWT" }), json!({})] {
        table.refused(format!("{header} on a token"), forge.texts(forge.header(header).to_string(), &inner));
    }
    let unencoded = part(forge.header(json!({ "b64": false, "crit": ["b64"] })).to_string());
    table.refused("claims that are not encoded", forge.parts(&unencoded, &claims.replace('.', "\\u002e")));
    table.refused("claims that are elsewhere", {
        let token = forge.with_header(json!({ "b64": false }));
        let mut parts = token.split('.');
        format!("{}..{}", parts.next().unwrap_or_default(), parts.next_back().unwrap_or_default())
    });
    for alg in ["dir", "A256KW", "RSA-OAEP"] {
        let header = json!({ "alg": alg, "enc": "A256GCM", "cty": "JWT" });
        table.refused(format!("encrypted: {header}"), forge.with_header(header));
    }
    table.refused("an algorithm within the header", forge.with_header(json!({ "alg": { "alg": own } })));
    table
}

/// A secret has no `kid`, so HS256 accepts any. The `kid` of a key must be exactly the same string.
pub fn key_ids(forge: &Forge) -> Table {
    let mut table = Table::default();
    let own =
        forge.header(json!({}))["kid"].as_str().unwrap_or("KaDcFVszGZn7zvH3RIbrsH5uyJCq88JU").to_owned();
    table.accepted("its own", forge.with_header(json!({ "kid": own })));

    let long = "x".repeat(8000);
    let trap = format!("{}{JWKS_PATH}", forge.trap);
    let spaced = format!("{own} ");
    let (shorter, longer, nul) = (&own[..own.len() - 1], format!("{own}a"), format!("{own}\0"));
    let swapped: String = own.chars().map(swap_case).collect();
    let percent = format!("%{:02X}{}", own.as_bytes()[0], &own[1..]);
    for kid in [
        &spaced,
        shorter,
        &longer,
        &nul,
        &swapped,
        &percent,
        &long,
        &trap,
        "",
        " ",
        "*",
        ".",
        "0",
        "1",
        "null",
        "undefined",
        "__proto__",
        "constructor",
        "../../../../etc/passwd",
        "/dev/null",
        "..\\..\\boot.ini",
        "file:///etc/passwd",
        "' or '1'='1",
        "x' union select 'secret' --",
        "'; drop table app.tasks; --",
        "\" or \"\"=\"",
        "$(id)",
        "| id",
        "`id`",
        "${jndi:ldap://127.0.0.1/a}",
        "{{7*7}}",
        "%00",
        "%s%n",
        "\0",
        "\r\nX-Injected: yes",
        "\n",
        "\u{1b}[31m",
        "\u{202e}",
        "\u{feff}",
        "ключ",
        "🔑",
        "\u{10ffff}",
    ] {
        let label = format!("{:?}", kid.chars().take(60).collect::<String>());
        let token = forge.with_header(json!({ "kid": kid }));
        match forge.signer {
            Signer::Secret => table.accepted(label, token),
            Signer::Pair(_) => table.refused(label, token),
        }
    }

    for kid in [
        json!(null),
        json!(7),
        json!(1.5),
        json!(true),
        json!([]),
        json!([own]),
        json!({}),
        json!({ "a": own }),
    ] {
        table.refused(kid.to_string(), forge.with_header(json!({ "kid": kid })));
    }
    table
}

fn swap_case(letter: char) -> char {
    if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
}

fn merged(one: &Value, other: &Value) -> Value {
    let mut both = one.clone();
    for (name, value) in other.as_object().expect("an object") {
        both[name] = value.clone();
    }
    both
}

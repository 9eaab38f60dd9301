//! Tokens that look unusual and are valid.

use serde_json::json;

use super::forge::{Forge, Signer, split_signature};
use super::table::Table;
use crate::http::key_pairs::{PAIRS, UNKNOWN_PAIRS};
use crate::http::tokens::{now, part};
use crate::world::JWKS_PATH;

pub fn table(forge: &Forge) -> Table {
    let mut table = Table::default();
    times(forge, &mut table);
    claims(forge, &mut table);
    headers(forge, &mut table);
    texts(forge, &mut table);
    // Without this row the table would pass with a server that accepts every token.
    table.refused("no signature", format!("{}.", split_signature(&forge.valid()).0));
    table
}

fn times(forge: &Forge, table: &mut Table) {
    let now = now();
    for changes in [
        json!({ "exp": now - 15 }),
        json!({ "exp": (now - 15) as f64 + 0.5 }),
        json!({ "nbf": now + 20 }),
        json!({ "nbf": now as f64 + 20.25 }),
        json!({ "iat": now + 20 }),
        json!({ "iat": now as f64 + 20.25 }),
        json!({ "exp": now as f64 + 3600.75 }),
        json!({ "exp": now + 1 }),
        json!({ "exp": now + 365 * 86_400 }),
        json!({ "iat": null }),
        json!({ "iat": 0 }),
        json!({ "nbf": 0 }),
        json!({ "nbf": now - 86_400 }),
        json!({ "nbf": now as f64 - 0.001 }),
        json!({ "iat": now - 25 * 366 * 86_400 }),
        json!({ "iat": now, "nbf": now, "exp": now + 60 }),
    ] {
        table.accepted(changes.to_string(), forge.with_claims(changes));
    }
    let claims = forge.claims(json!({ "exp": "the time" })).to_string();
    for raw in [format!("{}e0", now + 60), format!("{}.0", now + 60), format!("{}00E-2", now + 60)] {
        let token = forge.texts(forge.header(json!({})).to_string(), claims.replace("\"the time\"", &raw));
        table.accepted(format!("exp: {raw}"), token);
    }
}

fn claims(forge: &Forge, table: &mut Table) {
    let better_auth = json!({
        "name": "User 1", "email": "user1@example.test", "emailVerified": false, "image": null,
        "createdAt": "2026-11-21T07:31:06.075Z", "updatedAt": "2026-11-21T07:31:06.075Z",
        "id": "6rsoSaIEOKW2p7ZqRHiLVjVaFCawX2U4", "sub": "6rsoSaIEOKW2p7ZqRHiLVjVaFCawX2U4",
    });
    let mut with_null = forge.claims(better_auth);
    with_null["image"] = json!(null);
    table.accepted("Better Auth's", forge.token(&forge.header(json!({})), &with_null));

    let right = forge.required.as_deref().unwrap_or("https://todo.example");
    for changes in [
        json!({ "aud": [right] }),
        json!({ "aud": ["https://other.example", right, ""] }),
        json!({ "aud": [right, right] }),
        json!({ "jti": "1", "azp": "web", "scope": "openid profile", "roles": ["admin"], "sid": null }),
        json!({ "user_id": "bob", "userId": "bob", "id": "bob", "email": "bob@example.org", "role": "postgres" }),
        json!({ "typ": "better-auth.session-cache+jwt", "alg": "none", "kid": 5, "crit": ["exp"] }),
        json!({ "sub_": [[[[1]]]], "": "", "\u{0}": "\u{0}", "a.b": { "c": [null, true, 1.5e-7] } }),
        json!({ "name": "Zoë 🙂 \u{202e}\u{feff}\u{7f}", "email": "\"<script>\"@example.org" }),
    ] {
        table.accepted(changes.to_string(), forge.with_claims(changes));
    }

    for id in [
        "6rsoSaIEOKW2p7ZqRHiLVjVaFCawX2U4",
        "0b2f6a1e-6a3c-4f0e-9a51-3a8f4d1c2b7e",
        "1",
        "0",
        "-1",
        "1e3",
        "null",
        "true",
        "undefined",
        "tasks",
        "v1",
        "postgres",
        "rowkeep_owner",
        "user@example.org",
        "auth0|5f7c8ec7c33c6c004bbafe82",
        "https://example.org/users/1?x=y#z",
        "../../etc/passwd",
        "' or '1'='1",
        "\"quoted\"",
        "back\\slash",
        "$1",
        "%00",
        "%2e%2e",
        "a b",
        "a,b",
        "Ünïcödé",
        "имя",
        "名前",
        "اسم",
        "🙂",
        "e\u{301}",
        "\u{200b}",
        "\u{202e}drow",
        "\u{10ffff}",
    ] {
        table.accepted(format!("sub: {id:?}"), forge.with_claims(json!({ "sub": id })));
    }
    for id in ["a".repeat(255), "ü".repeat(255), "🙂".repeat(255)] {
        table.accepted("255 characters", forge.with_claims(json!({ "sub": id })));
    }
}

fn headers(forge: &Forge, table: &mut Table) {
    let unknown = &UNKNOWN_PAIRS[1];
    let set = format!("{}{JWKS_PATH}", forge.trap);
    for changes in [
        json!({ "typ": "JWT" }),
        json!({ "typ": "jwt" }),
        json!({ "typ": "Jwt" }),
        json!({ "typ": "at+jwt" }),
        json!({ "typ": "AT+JWT" }),
        json!({ "jku": set }),
        json!({ "x5u": set }),
        json!({ "x5c": ["MIIB"], "x5t": part([1; 20]), "x5t#S256": part([2; 32]) }),
        json!({ "jwk": unknown.jwk() }),
        json!({ "jku": set, "jwk": unknown.jwk() }),
        json!({ "iss": set, "sub": "bob", "exp": 1 }),
        json!({ "x": [[[]]], "": null, "ALG": "none", "Kid": 5 }),
    ] {
        table.accepted(format!("header: {changes}"), forge.with_header(changes));
    }

    let claims = forge.claims(json!({}));
    table.accepted("alg alone", forge.token(&json!({ "alg": forge.alg() }), &claims));
    match forge.signer {
        Signer::Secret => {
            for pair in PAIRS.iter() {
                let kid = json!({ "kid": pair.kid });
                table.accepted("the kid of a key pair", forge.with_header(kid));
            }
        }
        Signer::Pair(pair) => {
            let own = pair.jwk();
            table.accepted("its own key in the header", forge.with_header(json!({ "jwk": own })));
            let backwards = format!(r#"{{"kid":"{}","alg":"{}"}}"#, pair.kid, pair.alg());
            table.accepted("kid first", forge.texts(backwards, claims.to_string()));
        }
    }
}

fn texts(forge: &Forge, table: &mut Table) {
    let (header, claims) = (forge.header(json!({})), forge.claims(json!({})));
    let (plain, body) = (header.to_string(), claims.to_string());
    let shaped = |value| serde_json::to_string_pretty(value).expect("JSON");

    table.accepted("pretty-printed", forge.texts(shaped(&header), shaped(&claims)));
    table.accepted(
        "with CRLF",
        forge.texts(shaped(&header).replace('\n', "\r\n"), shaped(&claims).replace("  ", "\t")),
    );
    table.accepted("blanks around", forge.texts(format!(" {plain}\n"), format!("\r\n{body}\t")));
    table.accepted("names in escapes", forge.texts(escaped(&plain), escaped(&body)));
    table.accepted("a slash in escapes", forge.texts(&plain, body.replace('/', "\\/")));
    table.accepted(
        "a nested claim",
        forge.texts(&plain, body.replacen('{', &format!("{{\"x\":{},", nested(50)), 1)),
    );
    table.accepted(
        "a long number",
        forge.texts(&plain, body.replacen('{', "{\"x\":0.1234567890123456789012345678901,", 1)),
    );
    let with_spaces = [0, 1, 2].map(|spaces| format!("{}{body}", " ".repeat(spaces)));
    for text in with_spaces {
        table.accepted("any number of spare bits", forge.texts(&plain, text));
    }
}

/// The object with the first letter of each name written as an escape.
fn escaped(object: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(object).expect("JSON");
    let members = value.as_object().expect("an object").iter().map(|(name, value)| {
        let (first, rest) = name.split_at(1);
        format!("\"\\u{:04x}{rest}\":{value}", u32::from(first.as_bytes()[0]))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

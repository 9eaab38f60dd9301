//! Which keys of a set are used, which are left out, and which of them a token is checked with.

mod served;
mod skipped;
mod weak;
mod which;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use served::{Served, changed, named, refusal};
use skipped::Entry;

use super::hostile::forge::bytes;
use super::key_pairs::{PAIRS, STRANGERS};
use super::tokens::{claims, part, token_with};
use crate::operation::program::Directory;
use crate::world::{Issuer, JWKS_PATH, Reply, World};

/// How many entries of a set are read.
const MOST: usize = 100;

/// Expects of each place that keys can come from that these entries are left out of a set, and that good ones before,
/// between and after them are used.
async fn assert_left_out(skipped: &[Entry]) {
    let mut set: Vec<Value> = skipped.iter().map(|entry| entry.jwk.clone()).collect();
    for (number, pair) in PAIRS.iter().enumerate() {
        set.insert(number * skipped.len() / 4 + number, pair.jwk());
    }

    for served in Served::all(&set).await {
        let setting = served.setting;
        for pair in PAIRS.iter() {
            assert_eq!(served.refusal(&pair.token(&served.claims)).await, None, "{setting}: {}", pair.alg());
        }
        let good: BTreeSet<_> = PAIRS.iter().map(|pair| (pair.kid.clone(), pair.alg())).collect();
        assert_eq!(served.logged("key loaded", "algorithm"), good, "{setting}");

        let reasons = served.logged("key skipped", "reason");
        for entry in skipped {
            let reason = reasons.iter().find(|(kid, _)| *kid == entry.logged_kid());
            let (_, reason) = reason.unwrap_or_else(|| panic!("{setting}: {} is not logged", entry.label));
            assert!(!reason.is_empty(), "{setting}: {}", entry.label);
            for token in entry.tokens(&served.claims) {
                assert!(served.refusal(&token).await.is_some(), "{setting}: {}: {token}", entry.label);
            }
        }
        let log = served.world.server.log();
        let lines: Vec<_> = log.iter().filter(|line| line.contains("\"key skipped\"")).collect();
        assert_eq!(lines.len(), skipped.len(), "{setting}: a line for each");
        assert!(lines.iter().all(|line| line.contains("\"WARN\"")), "{setting}: {lines:#?}");
        assert!(!log.iter().any(|line| line.contains(skipped::SECRET_PART)), "{setting}: a secret is logged");
    }
}

#[tokio::test]
async fn a_key_is_used_whatever_it_says_beside_what_it_is() {
    let mut keys = Vec::new();
    for pair in PAIRS.iter() {
        for more in [
            json!({}),
            json!({ "alg": null }),
            json!({ "use": "sig" }),
            json!({ "key_ops": ["verify"] }),
            json!({ "key_ops": ["sign", "verify"] }),
            json!({ "use": "sig", "key_ops": ["verify"], "alg": null }),
            json!({ "x5c": ["MIIB"], "x5t": part([1; 20]), "x5u": "http://127.0.0.1:1/" }),
            json!({ "ext": true, "exp": 1, "iat": 1, "nbf": 1, "status": "active", "": {} }),
        ] {
            let kid = format!("{} {more}", pair.alg());
            keys.push((pair, changed(&changed(&pair.jwk(), more), json!({ "kid": kid })), kid));
        }
    }
    // RFC 7518, section 6.3.1.1, does not want such a zero, and issuers are known to write it.
    for pair in PAIRS.iter().filter(|pair| pair.jwk()["kty"] == "RSA") {
        let n = bytes(pair.jwk()["n"].as_str().expect("a modulus"));
        let kid = format!("{} with a zero before its modulus", pair.alg());
        let zero = json!({ "kid": kid, "n": part([vec![0], n].concat()) });
        keys.push((pair, changed(&pair.jwk(), zero), kid));
    }
    let set: Vec<_> = keys.iter().map(|(_, jwk, _)| jwk.clone()).collect();

    for served in Served::all(&set).await {
        for (pair, _, kid) in &keys {
            let token = pair.sign(&named(&pair.alg(), kid), &served.claims);

            assert_eq!(served.refusal(&token).await, None, "{}: {kid}", served.setting);
        }
        let loaded = served.logged("key loaded", "algorithm");
        for (pair, _, kid) in &keys {
            assert!(loaded.contains(&(kid.clone(), pair.alg())), "{}: {kid}: {loaded:?}", served.setting);
        }
        assert!(served.logged("key skipped", "reason").is_empty(), "{}", served.setting);
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_left_out_and_the_others_are_used() {
    let skipped = skipped::entries();

    for some in skipped.chunks(MOST - PAIRS.len()) {
        assert_left_out(some).await;
    }
}

#[tokio::test]
async fn a_set_that_is_longer_than_any_issuers_is_not_read() {
    let [ed, ..] = &*PAIRS;
    let many = |count: usize| {
        let name = |number: usize| changed(&ed.jwk(), json!({ "kid": number.to_string() }));
        (0..count).map(name).collect::<Vec<_>>()
    };
    let (longest, longer) = (Issuer::new(&[]).await, Issuer::new(&[]).await);
    longest.publish(&many(MOST));
    longer.publish(&many(MOST + 1));
    let (of_longest, of_longer) = (World::of(&longest, &[]).await, World::of(&longer, &[]).await);
    let token = |issuer: &Issuer| ed.sign(&named("EdDSA", "0"), &issuer.claims(json!({})));

    assert_eq!(refusal(&of_longest, &token(&longest)).await, None);
    assert!(refusal(&of_longer, &token(&longer)).await.is_some());
    assert_eq!(of_longer.stranger().get("/health").await.status(), 503);
}

#[tokio::test]
async fn keys_of_several_places_are_believed_side_by_side_each_by_its_own_demands() {
    let [ed, p256, p384, rs, _] = &*PAIRS;
    let (issuer, directory) = (Issuer::new(&[ed, p256]).await, Directory::new());
    let elsewhere = Issuer::new(&[]).await;
    elsewhere.reply("/keys", Reply::keys(&[p384.jwk()]));
    directory.write("keys.json", &json!({ "keys": [rs.jwk()] }).to_string());
    let settings = [
        ("BETTER_AUTH_URL", issuer.url()),
        ("JWKS_URL", format!("{}/keys", elsewhere.url())),
        ("JWKS_FILE", directory.0.join("keys.json").display().to_string()),
    ];
    let mut settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let world = World::with(&settings).await;
    settings.extend([("JWT_ISSUER", "https://todo.example"), ("JWT_AUDIENCE", "todo-api")]);
    let demanding = World::with(&settings).await;

    let bare = claims(json!({}));
    let follows = claims(json!({ "iss": issuer.url(), "aud": issuer.url() }));
    let wanted = claims(json!({ "iss": "https://todo.example", "aud": "todo-api" }));
    let of_the_secret = |claims: &Value| token_with(claims.clone());
    for (label, token, believed, believed_by_demanding) in [
        ("the secret, bare", of_the_secret(&bare), true, false),
        ("the secret, as the URL implies", of_the_secret(&follows), true, false),
        ("the secret, as demanded", of_the_secret(&wanted), true, true),
        ("Better Auth, bare", ed.token(&bare), false, false),
        ("Better Auth, as the URL implies", ed.token(&follows), true, false),
        ("Better Auth's other key, as the URL implies", p256.token(&follows), true, false),
        ("Better Auth, as demanded", ed.token(&wanted), false, true),
        ("the URL, bare", p384.token(&bare), true, false),
        ("the URL, as Better Auth's implies", p384.token(&follows), true, false),
        ("the URL, as demanded", p384.token(&wanted), true, true),
        ("the file, bare", rs.token(&bare), true, false),
        ("the file, as demanded", rs.token(&wanted), true, true),
        ("a name of the file, a key of the URL", p384.sign(&named("ES384", &rs.kid), &wanted), false, false),
        ("a stranger", STRANGERS[2].token(&wanted), false, false),
    ] {
        let refusal_of = async |world| refusal(world, &token).await;

        assert_eq!(refusal_of(&world).await.is_none(), believed, "{label}");
        assert_eq!(refusal_of(&demanding).await.is_none(), believed_by_demanding, "{label}");
    }
    assert_eq!(issuer.asked().iter().filter(|path| *path != JWKS_PATH).count(), 0);
}

#[tokio::test]
async fn every_key_is_named_in_the_log_before_the_server_listens() {
    let [ed, p256, p384, rs, ps] = &*PAIRS;
    let (issuer, directory) = (Issuer::new(&[ed, p256]).await, Directory::new());
    let nameless = [changed(&p384.jwk(), json!({ "kid": null })), changed(&rs.jwk(), json!({ "alg": null }))];
    directory.write("keys.json", &json!({ "keys": [nameless[0], nameless[1], ps.jwk()] }).to_string());
    let path = directory.0.join("keys.json").display().to_string();
    let previous = ("BETTER_AUTH_SECRET_PREVIOUS", "the secret before it, of more than thirty-two bytes");

    let world = World::with(&[("BETTER_AUTH_URL", &issuer.url()), ("JWKS_FILE", &path), previous]).await;

    world.server.logs(|event| event["message"] == "listening").await;
    let log = world.server.log();
    let events: Vec<Value> = log.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let listening = events.iter().position(|event| event["message"] == "listening").expect("it listens");
    let named: BTreeSet<_> = events[..listening]
        .iter()
        .filter(|event| event["message"] == "key loaded" && event["level"] == "INFO")
        .map(|event| {
            ["source", "algorithm", "kid"].map(|field| event[field].as_str().unwrap_or("?").to_owned())
        })
        .collect();
    let (better_auth, file) =
        (format!("BETTER_AUTH_URL {}{JWKS_PATH}", issuer.url()), format!("JWKS_FILE {path}"));
    let wanted = [
        ["BETTER_AUTH_SECRET", "HS256", ""],
        ["BETTER_AUTH_SECRET_PREVIOUS", "HS256", ""],
        [&better_auth, "EdDSA", &ed.kid],
        [&better_auth, "ES256", &p256.kid],
        [&file, "ES384", ""],
        [&file, "RS256", &rs.kid],
        [&file, "PS256", &rs.kid],
        [&file, "PS256", &ps.kid],
    ];
    assert_eq!(named, wanted.map(|key| key.map(str::to_owned)).into());
}

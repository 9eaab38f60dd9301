//! Which keys of a set are used, which are skipped, and which of them verifies a token.

mod key_choice;
mod served;
mod skipped;
mod weak;

use std::collections::BTreeSet;

use serde_json::{Value, json};
pub use served::changed;
use served::{Served, header_with_kid, refusal};
use skipped::Entry;

use super::hostile_tokens::forge::bytes;
use super::key_pairs::{PAIRS, UNKNOWN_PAIRS};
use super::tokens::{claims, part, token_with};
use crate::operation::program::Directory;
use crate::world::{Issuer, JWKS_PATH, Reply, SHARED_USERS, World};

/// The most entries that a set may have.
const MAX_ENTRIES: usize = 100;

/// Checks, for each setting that names a key set, that these entries are skipped and that the good ones before, between and
/// after them are used.
async fn assert_skipped(skipped: &[Entry]) {
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
        assert_eq!(served.logged("key loaded", "rowkeep.key_algorithm"), good, "{setting}");

        let reasons = served.logged("key skipped", "event.reason");
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
        assert!(lines.iter().all(|line| line.contains("\"warn\"")), "{setting}: {lines:#?}");
        assert!(!log.iter().any(|line| line.contains(skipped::SECRET_PART)), "{setting}: a secret is logged");
    }
}

#[tokio::test]
async fn a_key_is_used_with_any_other_members() {
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
    // RFC 7518, section 6.3.1.1, forbids such a zero, but some issuers write it.
    for pair in PAIRS.iter().filter(|pair| pair.jwk()["kty"] == "RSA") {
        let n = bytes(pair.jwk()["n"].as_str().expect("a modulus"));
        let kid = format!("{} with a zero before its modulus", pair.alg());
        let zero = json!({ "kid": kid, "n": part([vec![0], n].concat()) });
        keys.push((pair, changed(&pair.jwk(), zero), kid));
    }
    let set: Vec<_> = keys.iter().map(|(_, jwk, _)| jwk.clone()).collect();

    for served in Served::all(&set).await {
        for (pair, _, kid) in &keys {
            let token = pair.sign(&header_with_kid(&pair.alg(), kid), &served.claims);

            assert_eq!(served.refusal(&token).await, None, "{}: {kid}", served.setting);
        }
        let loaded = served.logged("key loaded", "rowkeep.key_algorithm");
        for (pair, _, kid) in &keys {
            assert!(loaded.contains(&(kid.clone(), pair.alg())), "{}: {kid}: {loaded:?}", served.setting);
        }
        assert!(served.logged("key skipped", "event.reason").is_empty(), "{}", served.setting);
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_key_that_cannot_be_used_is_skipped_and_the_others_are_used() {
    let skipped = skipped::entries();

    for some in skipped.chunks(MAX_ENTRIES - PAIRS.len()) {
        assert_skipped(some).await;
    }
}

#[tokio::test]
async fn a_set_with_too_many_keys_is_not_read() {
    let [ed, ..] = &*PAIRS;
    let many = |count: usize| {
        let key = |number: usize| changed(&ed.jwk(), json!({ "kid": number.to_string() }));
        (0..count).map(key).collect::<Vec<_>>()
    };
    let (longest, longer) = (Issuer::new(&[]).await, Issuer::new(&[]).await);
    longest.publish(&many(MAX_ENTRIES));
    longer.publish(&many(MAX_ENTRIES + 1));
    let (of_longest, of_longer) = (World::of(&longest, &[]).await, World::of(&longer, &[]).await);
    let token = |issuer: &Issuer| ed.sign(&header_with_kid("EdDSA", "0"), &issuer.claims(json!({})));

    assert_eq!(refusal(&of_longest, &token(&longest)).await, None);
    assert!(refusal(&of_longer, &token(&longer)).await.is_some());
    assert_eq!(of_longer.anonymous().get("/health").await.status(), 503);
}

#[tokio::test]
async fn several_key_sets_are_accepted_together_each_by_its_own_claim_rules() {
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
    settings.push(SHARED_USERS);
    let (issuers, audiences) =
        ("JWKS_URL=https://url.example; JWKS_FILE=https://file.example", "JWKS_URL=any; JWKS_FILE=file-api");
    let open = [("JWT_ISSUER", issuers), ("JWT_AUDIENCE", audiences)];
    let world = World::with(&[&settings[..], &open].concat()).await;
    let issuers =
        format!("{issuers}; BETTER_AUTH_SECRET=https://hand.example; BETTER_AUTH_URL=https://todo.example");
    let strict = [("JWT_ISSUER", &*issuers), ("JWT_AUDIENCE", "todo-api")];
    let strict = World::with(&[&settings[..], &strict].concat()).await;

    let from = |iss: &str, aud: &str| claims(json!({ "iss": iss, "aud": aud }));
    let no_issuer = claims(json!({}));
    let of_url = from(&issuer.url(), &issuer.url());
    let configured = from("https://todo.example", "todo-api");
    let [of_hand, of_jwks_url, of_file] =
        ["hand", "url", "file"].map(|name| from(&format!("https://{name}.example"), "todo-api"));
    let of_file_api = from("https://file.example", "file-api");
    let by_secret = |claims: &Value| token_with(claims.clone());
    for (label, token, is_accepted, is_accepted_by_strict) in [
        ("the secret, no issuer", by_secret(&no_issuer), true, false),
        ("the secret, the issuer of the URL", by_secret(&of_url), false, false),
        ("the secret, its own issuer", by_secret(&of_hand), true, true),
        ("the secret, another issuer's", by_secret(&of_file), false, false),
        ("Better Auth, no issuer", ed.token(&no_issuer), false, false),
        ("Better Auth, the issuer of the URL", ed.token(&of_url), true, false),
        ("Better Auth's other key, the issuer of the URL", p256.token(&of_url), true, false),
        ("Better Auth, as required", ed.token(&configured), false, true),
        ("Better Auth, the secret's issuer", ed.token(&of_hand), false, false),
        ("the URL, no issuer", p384.token(&no_issuer), false, false),
        ("the URL, the issuer of Better Auth's URL", p384.token(&of_url), false, false),
        ("the URL, its own issuer", p384.token(&of_jwks_url), true, true),
        ("the URL, the file's issuer", p384.token(&of_file), false, false),
        ("the file, no issuer", rs.token(&no_issuer), false, false),
        ("the file, its own issuer", rs.token(&of_file), false, true),
        ("the file, its own issuer and audience", rs.token(&of_file_api), true, false),
        (
            "the kid of the file's key, the key of the URL",
            p384.sign(&header_with_kid("ES384", &rs.kid), &of_jwks_url),
            false,
            false,
        ),
        ("an unknown key", UNKNOWN_PAIRS[2].token(&of_jwks_url), false, false),
    ] {
        let refusal_of = async |world| refusal(world, &token).await;

        assert_eq!(refusal_of(&world).await.is_none(), is_accepted, "{label}");
        assert_eq!(refusal_of(&strict).await.is_none(), is_accepted_by_strict, "{label}");
    }
    assert_eq!(issuer.requested_paths().iter().filter(|path| *path != JWKS_PATH).count(), 0);
}

#[tokio::test]
async fn every_key_is_logged_before_the_server_listens() {
    let [ed, p256, p384, rs, ps] = &*PAIRS;
    let (issuer, directory) = (Issuer::new(&[ed, p256]).await, Directory::new());
    let without_kid =
        [changed(&p384.jwk(), json!({ "kid": null })), changed(&rs.jwk(), json!({ "alg": null }))];
    directory.write("keys.json", &json!({ "keys": [without_kid[0], without_kid[1], ps.jwk()] }).to_string());
    let path = directory.0.join("keys.json").display().to_string();
    let previous = ("BETTER_AUTH_SECRET_PREVIOUS", "the secret before it, of more than thirty-two bytes");

    let issuers = ("JWT_ISSUER", "JWKS_FILE=https://file.example");
    let audiences = ("JWT_AUDIENCE", "JWKS_FILE=any");
    let url = issuer.url();
    let sources = [("BETTER_AUTH_URL", &*url), ("JWKS_FILE", &path), previous];
    let world = World::with(&[&sources[..], &[issuers, audiences, SHARED_USERS]].concat()).await;

    world.server.logs(|event| event["message"] == "listening").await;
    let log = world.server.log();
    let events: Vec<Value> = log.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let listening = events.iter().position(|event| event["message"] == "listening").expect("it listens");
    let named: BTreeSet<_> = events[..listening]
        .iter()
        .filter(|event| event["message"] == "key loaded" && event["log.level"] == "info")
        .map(|event| {
            ["rowkeep.key_source", "rowkeep.key_algorithm", "rowkeep.key_id"]
                .map(|field| event[field].as_str().unwrap_or("?").to_owned())
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

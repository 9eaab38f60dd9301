//! Which key of a set verifies a token.

use jsonwebtoken::Algorithm::{self, ES256, ES384, PS256, RS256};
use serde_json::{Value, json};

use super::served::{Served, changed, header_with_kid, refusal};
use crate::http::key_pairs::{PAIRS, UNKNOWN_PAIRS};
use crate::http::tokens::part;
use crate::world::{Issuer, KeyPair, Reply, SHARED_USERS, World};

#[tokio::test]
async fn keys_with_the_same_kid_verify_each_its_own_algorithm() {
    let kid = json!({ "kid": "same kid" });
    let set: Vec<_> = PAIRS.iter().map(|pair| changed(&pair.jwk(), kid.clone())).collect();

    for served in Served::all(&set).await {
        for pair in PAIRS.iter() {
            let token = pair.sign(&header_with_kid(&pair.alg(), "same kid"), &served.claims);
            assert_eq!(served.refusal(&token).await, None, "{}: {}", served.setting, pair.alg());

            for other in PAIRS.iter().filter(|other| other.algorithm != pair.algorithm) {
                let token = other.sign(&header_with_kid(&pair.alg(), "same kid"), &served.claims);
                let label = format!("{}: {} as {}", served.setting, other.alg(), pair.alg());
                assert!(served.refusal(&token).await.is_some(), "{label}");
            }
        }
    }
}

#[tokio::test]
async fn an_rsa_key_verifies_both_paddings_unless_its_alg_says_which() {
    let [_, _, _, pair, _] = &*PAIRS;
    let set = [
        changed(&pair.jwk(), json!({ "kid": "either", "alg": null })),
        changed(&pair.jwk(), json!({ "kid": "RS256" })),
        changed(&pair.jwk(), json!({ "kid": "PS256", "alg": "PS256" })),
    ];
    let token = |algorithm: Algorithm, kid: &str, claims: &Value| {
        let header = header_with_kid(&format!("{algorithm:?}"), kid);
        let text = format!("{}.{}", part(header.to_string()), part(claims.to_string()));
        format!("{text}.{}", part(pair.signature_as(algorithm, &text)))
    };

    for served in Served::all(&set).await {
        for (algorithm, kid, is_accepted) in [
            (RS256, "either", true),
            (PS256, "either", true),
            (RS256, "RS256", true),
            (PS256, "RS256", false),
            (RS256, "PS256", false),
            (PS256, "PS256", true),
            (Algorithm::RS384, "either", false),
            (Algorithm::RS512, "either", false),
            (Algorithm::PS512, "either", false),
        ] {
            let refusal = served.refusal(&token(algorithm, kid, &served.claims)).await;

            assert_eq!(
                refusal.is_none(),
                is_accepted,
                "{}: {algorithm:?}, {kid}: {refusal:?}",
                served.setting
            );
        }
    }
}

#[tokio::test]
async fn a_token_without_a_kid_is_accepted_if_only_one_key_has_its_algorithm() {
    let [ed, p256, p384, rs, ps] = &*PAIRS;
    let other = KeyPair::new(ES256);
    let set = [ed, p256, &other, p384, rs].map(KeyPair::jwk);

    for served in Served::all(&set).await {
        let token = |pair: &KeyPair| pair.sign(&json!({ "alg": pair.alg() }), &served.claims);
        for only in [ed, p384, rs] {
            assert_eq!(served.refusal(&token(only)).await, None, "{}: {}", served.setting, only.alg());
        }
        for one_of_two in [p256, &other] {
            let why = served.refusal(&token(one_of_two)).await;
            assert!(why.as_ref().is_some_and(|why| why.contains("kid")), "{}: {why:?}", served.setting);
            assert_eq!(served.refusal(&one_of_two.token(&served.claims)).await, None, "{}", served.setting);
        }
        assert!(served.refusal(&token(ps)).await.is_some(), "{}: no such key", served.setting);
        let [unknown, ..] = &*UNKNOWN_PAIRS;
        assert!(served.refusal(&token(unknown)).await.is_some(), "{}: an unknown key", served.setting);
    }
}

/// RFC 7517, section 4.5: a key need not have a `kid`.
#[tokio::test]
async fn a_key_without_a_kid_verifies_tokens_with_any_kid() {
    let [ed, p256, p384, ..] = &*PAIRS;
    let other = KeyPair::new(ES384);
    let without_kid = |pair: &KeyPair| changed(&pair.jwk(), json!({ "kid": null }));
    let set = [without_kid(ed), p256.jwk(), without_kid(p384), without_kid(&other)];

    for served in Served::all(&set).await {
        for header in
            [json!({ "alg": "EdDSA" }), header_with_kid("EdDSA", "any kid"), header_with_kid("EdDSA", "")]
        {
            assert_eq!(served.refusal(&ed.sign(&header, &served.claims)).await, None, "{header}");
        }
        for (token, label) in [
            (ed.sign(&header_with_kid("EdDSA", &p256.kid), &served.claims), "the kid of another key"),
            (ed.sign(&header_with_kid("ES256", "any kid"), &served.claims), "another algorithm"),
            (p256.sign(&header_with_kid("ES256", "any kid"), &served.claims), "a kid that no key has"),
            (
                p384.sign(&header_with_kid("ES384", "any kid"), &served.claims),
                "one of two keys without a kid",
            ),
            (p384.sign(&json!({ "alg": "ES384" }), &served.claims), "one of two, no kid"),
            (UNKNOWN_PAIRS[0].sign(&header_with_kid("EdDSA", "any kid"), &served.claims), "an unknown key"),
        ] {
            assert!(served.refusal(&token).await.is_some(), "{}: {label}", served.setting);
        }
    }
}

/// Two issuers can use the same `kid` without knowing it. Neither may sign tokens of the other.
#[tokio::test]
async fn with_the_same_kid_neither_of_two_issuers_can_sign_for_the_other() {
    let (ours, theirs) = (KeyPair::new(ES256).with_kid("same kid"), KeyPair::new(ES256).with_kid("same kid"));
    let (issuer, other) = (Issuer::new(&[&ours]).await, Issuer::new(&[]).await);
    other.reply("/keys", Reply::keys(&[theirs.jwk()]));
    let url = format!("{}/keys", other.url());
    let settings = [
        ("JWKS_URL", &*url),
        ("JWT_ISSUER", &format!("JWKS_URL={}", other.url())),
        ("JWT_AUDIENCE", "JWKS_URL=any"),
        SHARED_USERS,
    ];
    let world = World::of(&issuer, &settings).await;

    for (label, token, is_accepted) in [
        ("ours", ours.token(&issuer.claims(json!({}))), true),
        ("ours without an issuer", ours.token(&issuer.claims(json!({ "iss": null }))), false),
        ("ours as if from another", ours.token(&issuer.claims(json!({ "iss": other.url() }))), false),
        ("theirs", theirs.token(&other.claims(json!({}))), true),
        ("theirs as if from ours", theirs.token(&issuer.claims(json!({}))), false),
        ("theirs without a kid", theirs.sign(&json!({ "alg": "ES256" }), &issuer.claims(json!({}))), false),
    ] {
        assert_eq!(refusal(&world, &token).await.is_none(), is_accepted, "{label}");
    }
}

//! Which key of a set a token is checked with.

use jsonwebtoken::Algorithm::{self, ES256, ES384, PS256, RS256};
use serde_json::{Value, json};

use super::served::{Served, changed, named, refusal};
use crate::http::key_pairs::{PAIRS, STRANGERS};
use crate::http::tokens::part;
use crate::world::{Issuer, KeyPair, Reply, World};

#[tokio::test]
async fn two_keys_of_one_name_verify_each_its_own_algorithm() {
    let name = json!({ "kid": "one name" });
    let set: Vec<_> = PAIRS.iter().map(|pair| changed(&pair.jwk(), name.clone())).collect();

    for served in Served::all(&set).await {
        for pair in PAIRS.iter() {
            let token = pair.sign(&named(&pair.alg(), "one name"), &served.claims);
            assert_eq!(served.refusal(&token).await, None, "{}: {}", served.setting, pair.alg());

            for other in PAIRS.iter().filter(|other| other.algorithm != pair.algorithm) {
                let token = other.sign(&named(&pair.alg(), "one name"), &served.claims);
                let label = format!("{}: {} as {}", served.setting, other.alg(), pair.alg());
                assert!(served.refusal(&token).await.is_some(), "{label}");
            }
        }
    }
}

#[tokio::test]
async fn a_key_of_rsa_verifies_both_paddings_unless_it_says_which() {
    let [_, _, _, pair, _] = &*PAIRS;
    let set = [
        changed(&pair.jwk(), json!({ "kid": "either", "alg": null })),
        changed(&pair.jwk(), json!({ "kid": "RS256" })),
        changed(&pair.jwk(), json!({ "kid": "PS256", "alg": "PS256" })),
    ];
    let token = |algorithm: Algorithm, kid: &str, claims: &Value| {
        let header = named(&format!("{algorithm:?}"), kid);
        let text = format!("{}.{}", part(header.to_string()), part(claims.to_string()));
        format!("{text}.{}", part(pair.signature_as(algorithm, &text)))
    };

    for served in Served::all(&set).await {
        for (algorithm, kid, believed) in [
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

            assert_eq!(refusal.is_none(), believed, "{}: {algorithm:?}, {kid}: {refusal:?}", served.setting);
        }
    }
}

#[tokio::test]
async fn a_token_without_a_name_is_believed_if_only_one_key_can_be_meant() {
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
        let [stranger, ..] = &*STRANGERS;
        assert!(served.refusal(&token(stranger)).await.is_some(), "{}: a stranger", served.setting);
    }
}

/// RFC 7517, section 4.5, lets a key have no name.
#[tokio::test]
async fn a_key_without_a_name_verifies_whatever_name_its_tokens_give() {
    let [ed, p256, p384, ..] = &*PAIRS;
    let other = KeyPair::new(ES384);
    let nameless = |pair: &KeyPair| changed(&pair.jwk(), json!({ "kid": null }));
    let set = [nameless(ed), p256.jwk(), nameless(p384), nameless(&other)];

    for served in Served::all(&set).await {
        for header in [json!({ "alg": "EdDSA" }), named("EdDSA", "a name"), named("EdDSA", "")] {
            assert_eq!(served.refusal(&ed.sign(&header, &served.claims)).await, None, "{header}");
        }
        for (token, label) in [
            (ed.sign(&named("EdDSA", &p256.kid), &served.claims), "the name of another key"),
            (ed.sign(&named("ES256", "a name"), &served.claims), "another algorithm"),
            (p256.sign(&named("ES256", "a name"), &served.claims), "a name that no key has"),
            (p384.sign(&named("ES384", "a name"), &served.claims), "one of two without a name"),
            (p384.sign(&json!({ "alg": "ES384" }), &served.claims), "one of two, no name"),
            (STRANGERS[0].sign(&named("EdDSA", "a name"), &served.claims), "a stranger"),
        ] {
            assert!(served.refusal(&token).await.is_some(), "{}: {label}", served.setting);
        }
    }
}

/// Neither issuer has to know what the other calls its keys, and neither may speak for the other.
#[tokio::test]
async fn a_name_that_two_issuers_use_helps_neither_to_sign_for_the_other() {
    let (ours, theirs) = (KeyPair::new(ES256).named("one name"), KeyPair::new(ES256).named("one name"));
    let (issuer, other) = (Issuer::new(&[&ours]).await, Issuer::new(&[]).await);
    other.reply("/keys", Reply::keys(&[theirs.jwk()]));
    let url = format!("{}/keys", other.url());
    let world = World::of(&issuer, &[("JWKS_URL", &url)]).await;

    for (label, token, believed) in [
        ("ours", ours.token(&issuer.claims(json!({}))), true),
        ("ours without an issuer", ours.token(&issuer.claims(json!({ "iss": null }))), false),
        ("ours as if from another", ours.token(&issuer.claims(json!({ "iss": other.url() }))), false),
        ("theirs as if from ours", theirs.token(&issuer.claims(json!({}))), false),
        ("theirs without a name", theirs.sign(&json!({ "alg": "ES256" }), &issuer.claims(json!({}))), false),
    ] {
        assert_eq!(refusal(&world, &token).await.is_none(), believed, "{label}");
    }
}

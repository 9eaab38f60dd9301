//! The texts that tell the developer of a front end why a token is refused.

use jsonwebtoken::Algorithm::{EdDSA, RS256};
use serde_json::{Value, json};

use super::tokens::{claims, header, now, signed, token_with};
use crate::world::{Issuer, KeyPair, SECRET, SHARED_USERS, World};

async fn refusal_text(world: &World, token: &str) -> String {
    let answer = world.bearer(token).get("/api/tasks").await;
    assert_eq!(answer.status(), 401, "{answer:?}");
    let description =
        answer.header("www-authenticate").split("error_description=").nth(1).unwrap_or_default();
    let description = description.trim_matches('"').to_owned();
    assert!(!description.is_empty() && answer.detail().contains(&description), "{answer:?}");
    description
}

#[tokio::test]
async fn the_text_for_a_wrong_time_says_by_how_much_and_what_time_it_is() {
    let world = World::shared().await;

    for (changes, wanted) in [
        (json!({ "exp": now() - 3600 }), "the token expired 360"),
        (json!({ "nbf": now() + 3600 }), "the token becomes valid in 3"),
        (json!({ "iat": now() + 3600 }), "the token says that it will be issued in 3"),
    ] {
        let text = refusal_text(&world, &token_with(changes.clone())).await;

        assert!(text.starts_with(wanted), "{changes}: {text}");
        let time = text.split("server time is ").nth(1).and_then(|rest| rest.get(..20)).unwrap_or_default();
        let time: jiff::Timestamp = time.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!((time.as_second() - now()).abs() < 60, "{text}");
    }
    let milliseconds = refusal_text(&world, &token_with(json!({ "exp": (now() + 3600) * 1000 }))).await;
    assert!(
        milliseconds.contains("milliseconds") && milliseconds.contains("JWT_MAX_LIFETIME"),
        "{milliseconds}"
    );
    for time in [json!(-1e300), json!(-1), json!(0)] {
        let text = refusal_text(&world, &token_with(json!({ "exp": time }))).await;
        assert!(text.starts_with("the token expired ") && text.len() < 200, "{time}: {text}");
    }
}

#[tokio::test]
async fn the_text_for_a_wrong_issuer_or_audience_says_which_are_accepted() {
    let issuers = ("JWT_ISSUER", "https://a.example,https://b.example");
    let world = World::with(&[issuers, ("JWT_AUDIENCE", "todo-api"), SHARED_USERS]).await;
    let with = |iss: Value, aud: Value| token_with(json!({ "iss": iss, "aud": aud }));

    for (token, wanted) in [
        (
            with(json!("https://c.example"), json!("todo-api")),
            "the token's issuer (iss) is not https://a.example or https://b.example: set JWT_ISSUER to what your tokens say",
        ),
        (
            with(json!(null), json!("todo-api")),
            "the token does not say who issued it: this server needs https://a.example or https://b.example in the claim iss",
        ),
        (
            with(json!("https://a.example"), json!(["x"])),
            "the token's audience (aud) is not todo-api: set JWT_AUDIENCE to what your tokens say",
        ),
        (
            with(json!("https://a.example"), json!(null)),
            "the token does not say whom it is meant for: this server needs todo-api in the claim aud",
        ),
    ] {
        assert_eq!(refusal_text(&world, &token).await, wanted);
    }
}

#[tokio::test]
async fn one_text_says_that_issuer_and_audience_are_both_wrong() {
    let world = World::with(&[("JWT_ISSUER", "https://a.example"), ("JWT_AUDIENCE", "todo-api")]).await;
    let pair = KeyPair::new(EdDSA);
    let issuer = Issuer::new(&[&pair]).await;
    let of_issuer = World::of(&issuer, &[]).await;
    let own_names = json!({ "iss": "https://tasks.example", "aud": "tasks" });
    let url = issuer.url();

    let texts = [
        refusal_text(&world, &token_with(own_names.clone())).await,
        refusal_text(&world, &token_with(json!({}))).await,
        refusal_text(&of_issuer, &pair.token(&issuer.claims(own_names))).await,
    ];

    let wanted = [
        "the token's issuer (iss) is not https://a.example: set JWT_ISSUER to what your tokens say; the token's audience (aud) \
         is not todo-api: set JWT_AUDIENCE to what your tokens say"
            .to_owned(),
        "the token does not say who issued it: this server needs https://a.example in the claim iss; the token does not say \
         whom it is meant for: this server needs todo-api in the claim aud"
            .to_owned(),
        format!(
            "the token's issuer (iss) is not {url}: set JWT_ISSUER to what your tokens say; the token's audience (aud) is not \
             {url}: set JWT_AUDIENCE to what your tokens say"
        ),
    ];
    assert_eq!(texts, wanted);
}

/// A caller without a valid signature must not learn which issuer and audience would be accepted.
#[tokio::test]
async fn the_text_for_a_forged_token_does_not_say_what_is_accepted() {
    let world = World::with(&[("JWT_ISSUER", "https://a.example"), ("JWT_AUDIENCE", "todo-api")]).await;
    let forged =
        signed(&header(), &claims(json!({ "exp": 1 })), "another secret of more than thirty-two bytes");

    let text = refusal_text(&world, &forged).await;

    assert!(!text.contains("a.example") && !text.contains("todo-api") && !text.contains("expired"), "{text}");
}

#[tokio::test]
async fn an_issuer_with_unusual_characters_does_not_break_the_header() {
    let world = World::with(&[("JWT_ISSUER", "https://\"ключ\\\".example")]).await;

    let answer = world.bearer(&token_with(json!({ "iss": "x" }))).get("/api/tasks").await;

    assert_eq!(answer.status(), 401);
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge.matches('"').count(), 4, "{challenge}");
    assert!(challenge.contains("https://??????") && !challenge.contains('\\'), "{challenge}");
}

#[tokio::test]
async fn the_text_for_another_kind_of_token_says_what_to_send_instead() {
    let pair = KeyPair::new(EdDSA);
    let issuer = Issuer::new(&[&pair]).await;
    let world = World::of(&issuer, &[]).await;
    let cookie = json!({ "alg": "EdDSA", "kid": pair.kid, "typ": "better-auth.session-cache+jwt" });
    let session = "Qm3xLAw8rYb0c2p6Qm3xLAw8rYb0c2p6";

    for (token, wanted) in [
        (session.to_owned(), "session token"),
        (format!("{session}.dGhlIHNpZ25hdHVyZSBvZiBpdA"), "session token"),
        (format!("{session}.dGhlIHNpZ25hdHVyZQ%3D%3D"), "session token"),
        (format!("{session}.dGhl/HNpZ25hdHVyZQ=="), "session token"),
        (pair.sign(&cookie, &issuer.claims(json!({}))), "session cookie"),
        (pair.token(&issuer.claims(json!({ "aud": "better-auth:session-cache" }))), "session cookie"),
        ("a.b.c.d.e".into(), "encrypted"),
        ("nonsense".into(), "not a JWT"),
        (token_with(json!({})), "jwt plugin"),
    ] {
        let text = refusal_text(&world, &token).await;
        assert!(text.contains(wanted), "{token}: {text}");
    }
}

#[tokio::test]
async fn the_text_for_an_unknown_key_says_which_setting_to_check() {
    let (pair, other) = (KeyPair::new(RS256), KeyPair::new(RS256));
    let issuer = Issuer::new(&[&pair]).await;
    let (of_issuer, of_secret) = (World::of(&issuer, &[]).await, World::shared().await);
    let claims = issuer.claims(json!({}));
    let with_kid = |kid: &str, alg: &str| other.sign(&json!({ "alg": alg, "kid": kid }), &claims);

    for (world, token, wanted) in [
        (&of_issuer, other.token(&claims), "BETTER_AUTH_URL"),
        (&of_issuer, with_kid(&pair.kid, "RS256"), "signature"),
        (&of_issuer, with_kid(&pair.kid, "PS256"), "not that of its key"),
        (&of_issuer, with_kid(&pair.kid, "ES512"), "does not verify the algorithm"),
        (&of_secret, pair.token(&claims), "BETTER_AUTH_URL"),
    ] {
        let text = refusal_text(world, &token).await;
        assert!(text.contains(wanted), "{text}");
    }
}

#[tokio::test]
async fn no_text_repeats_a_part_of_the_token() {
    let pair = KeyPair::new(EdDSA);
    let issuer = Issuer::new(&[&pair]).await;
    let (of_issuer, of_secret) = (World::of(&issuer, &[]).await, World::new().await);
    let invented = ["made-up-kid", "https://made-up.example", "made-up-user\u{1}", "made-up-type"];

    for world in [&of_issuer, &of_secret] {
        for token in [
            pair.sign(&json!({ "alg": "EdDSA", "kid": invented[0] }), &issuer.claims(json!({}))),
            pair.sign(&json!({ "alg": invented[0], "kid": invented[0] }), &issuer.claims(json!({}))),
            pair.sign(&json!({ "alg": "EdDSA", "typ": invented[3] }), &issuer.claims(json!({}))),
            pair.token(&issuer.claims(json!({ "iss": invented[1] }))),
            pair.token(&issuer.claims(json!({ "aud": invented[1] }))),
            pair.token(&issuer.claims(json!({ "sub": invented[2] }))),
            signed(&header(), &claims(json!({ "sub": invented[2] })), SECRET),
            invented[0].to_owned(),
        ] {
            let answer = world.bearer(&token).get("/api/tasks").await;

            assert_eq!(answer.status(), 401, "{answer:?}");
            let text = format!("{answer:?}");
            assert!(!text.contains("made-up"), "{text}");
            assert!(!token.split('.').any(|part| text.contains(part)), "{text}");
        }
    }
    for world in [of_issuer, of_secret] {
        assert!(!world.server.log().iter().any(|line| line.contains("made-up")));
    }
}

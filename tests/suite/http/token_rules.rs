//! The settings that say which tokens a server accepts.

use serde_json::json;

use super::tokens::{PREVIOUS_SECRET, bearer, claims, header, now, signed, token_with};
use crate::world::{SECRET, SHARED_USERS, Server, World};

/// Checks for each token whether the server accepts it.
async fn assert_accepted(world: &World, cases: Vec<(&str, String, bool)>) {
    for (label, token, is_accepted) in cases {
        let answer = bearer(world, &token).get("/api/tasks").await;

        assert_eq!(answer.status(), if is_accepted { 200 } else { 401 }, "{label}: {answer:?}");
        if !is_accepted {
            let challenge = answer.header("www-authenticate");
            assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{label}: {challenge}");
        }
    }
}

#[tokio::test]
async fn the_previous_secret_is_accepted_while_it_is_configured() {
    let without = World::shared().await;
    let with = World::with(&[("BETTER_AUTH_SECRET_PREVIOUS", PREVIOUS_SECRET)]).await;
    let old = || signed(&header(), &claims(json!({})), PREVIOUS_SECRET);
    let other = signed(&header(), &claims(json!({})), "a third secret of more than thirty-two bytes");
    let expired = signed(&header(), &claims(json!({ "exp": 1 })), PREVIOUS_SECRET);

    assert_accepted(&without, vec![("previous", old(), false)]).await;
    let cases = vec![
        ("previous", old(), true),
        ("current", token_with(json!({})), true),
        ("neither", other, false),
        ("previous and expired", expired, false),
    ];
    assert_accepted(&with, cases).await;
}

#[tokio::test]
async fn another_claim_can_name_the_user() {
    let world = World::with(&[("JWT_USER_CLAIM", "user_id")]).await;
    let both = bearer(&world, &token_with(json!({ "sub": "bob@example.org", "user_id": "alice" })));

    let task = both.creates(json!({ "title": "buy milk" })).await;

    assert_eq!(task["user_id"], "alice");
    let cases = vec![
        ("sub alone", token_with(json!({})), false),
        ("no text", token_with(json!({ "user_id": 5 })), false),
        ("blank", token_with(json!({ "user_id": " " })), false),
        ("no sub", token_with(json!({ "sub": null, "user_id": "alice" })), false),
        ("a blank sub", token_with(json!({ "sub": " ", "user_id": "alice" })), false),
        ("no expiry", token_with(json!({ "exp": null, "user_id": "alice" })), false),
        ("no time of issue", token_with(json!({ "iat": null, "user_id": "alice" })), true),
    ];
    assert_accepted(&world, cases).await;
}

/// Better Auth signs them with the same secret. The first two are in links of its e-mails, and the third is a cookie.
#[tokio::test]
async fn what_the_secret_of_a_sign_in_signs_for_other_purposes_is_refused_whatever_claim_names_the_user() {
    let session = json!({ "userId": "alice", "token": "t" });
    let texts = [
        ("verification", json!({ "email": "alice@example.org", "userId": "alice" })),
        ("change", json!({ "email": "alice@example.org", "updateTo": "b@example.org", "userId": "alice" })),
        ("cookie", json!({ "session": session, "user": { "id": "alice" }, "updatedAt": 1, "version": "1" })),
        ("refresh", json!({ "sub": "alice", "type": "refresh" })),
        ("reset", json!({ "sub": "alice", "aud": ["fastapi-users:reset"], "password_fgpt": "x" })),
    ];
    for claim in ["sub", "email", "userId", "user"] {
        let world = World::with(&[("JWT_USER_CLAIM", claim)]).await;
        for (label, text) in &texts {
            let mut text = text.clone();
            text["iat"] = now().into();
            text["exp"] = (now() + 300).into();
            let cases = vec![(*label, signed(&json!({ "alg": "HS256" }), &text, SECRET), false)];
            assert_accepted(&world, cases).await;
        }
    }
}

#[tokio::test]
async fn tokens_that_were_issued_before_a_moment_can_be_refused() {
    let moment = now() - 60;
    let time = jiff::Timestamp::from_second(moment).expect("a moment").to_string();
    for setting in [moment.to_string(), time] {
        let world = World::with(&[("JWT_NOT_BEFORE", &setting)]).await;
        // Twice, because accepted tokens are remembered.
        for _ in 0..2 {
            let cases = vec![
                ("after", token_with(json!({ "iat": moment + 1 })), true),
                ("at that moment", token_with(json!({ "iat": moment })), true),
                ("a second before", token_with(json!({ "iat": moment - 1 })), false),
                ("without a time", token_with(json!({ "iat": null })), false),
            ];
            assert_accepted(&world, cases).await;
        }
    }
}

/// As on the day of a leak: the same secret, and a restart.
#[tokio::test]
async fn a_token_that_was_accepted_is_refused_after_a_restart_with_a_later_moment() {
    let mut world = World::new().await;
    let url = world.database.url("rowkeep_login");
    let stolen = token_with(json!({ "iat": now() - 10 }));
    assert_eq!(bearer(&world, &stolen).get("/api/tasks").await.status(), 200);

    let settings = [("JWT_NOT_BEFORE", &*now().to_string()), ("DATABASE_URL", &*url)];
    world.server =
        Server::start(&[&settings[..], &[("BETTER_AUTH_SECRET", SECRET)]].concat()).await.expect("a server");

    let cases = vec![("stolen", stolen, false), ("new", token_with(json!({ "iat": now() + 1 })), true)];
    assert_accepted(&world, cases).await;
}

#[tokio::test]
async fn a_configured_issuer_is_required_and_must_match() {
    let issuers = ("JWT_ISSUER", "https://one.example, https://two.example");
    let world = World::with(&[issuers, SHARED_USERS]).await;

    let cases = vec![
        ("the first", token_with(json!({ "iss": "https://one.example" })), true),
        ("the second", token_with(json!({ "iss": "https://two.example" })), true),
        ("another", token_with(json!({ "iss": "https://three.example" })), false),
        ("nearly", token_with(json!({ "iss": "https://one.example/" })), false),
        ("another case", token_with(json!({ "iss": "https://ONE.example" })), false),
        ("both as one text", token_with(json!({ "iss": "https://one.example, https://two.example" })), false),
        ("empty", token_with(json!({ "iss": "" })), false),
        ("a number", token_with(json!({ "iss": 1 })), false),
        ("a list", token_with(json!({ "iss": ["https://three.example", "https://one.example"] })), false),
        ("none", token_with(json!({})), false),
    ];
    assert_accepted(&world, cases).await;
}

#[tokio::test]
async fn a_configured_audience_is_required_and_must_match() {
    let world = World::with(&[("JWT_AUDIENCE", "todo-api,todo-mobile")]).await;

    let cases = vec![
        ("the first", token_with(json!({ "aud": "todo-api" })), true),
        ("the second", token_with(json!({ "aud": "todo-mobile" })), true),
        ("in a list", token_with(json!({ "aud": ["other-api", "todo-api"] })), true),
        ("another", token_with(json!({ "aud": "better-auth:session-cache" })), false),
        ("a list of others", token_with(json!({ "aud": ["other-api", "another-api"] })), false),
        ("an empty list", token_with(json!({ "aud": [] })), false),
        ("empty", token_with(json!({ "aud": "" })), false),
        ("part of it", token_with(json!({ "aud": "todo" })), false),
        ("none", token_with(json!({})), false),
    ];
    assert_accepted(&world, cases).await;
}

#[tokio::test]
async fn any_issuer_and_audience_is_accepted_when_none_is_configured() {
    let world = World::shared().await;

    let cases = vec![
        ("an issuer", token_with(json!({ "iss": "https://one.example" })), true),
        ("an audience", token_with(json!({ "aud": "todo-api" })), true),
        ("a list", token_with(json!({ "aud": ["todo-api", "https://one.example"] })), true),
        ("empty ones", token_with(json!({ "iss": "", "aud": "" })), true),
    ];
    assert_accepted(&world, cases).await;
}

#[tokio::test]
async fn the_longest_lifetime_of_a_token_can_be_set() {
    let world = World::with(&[("JWT_MAX_LIFETIME", "600")]).await;
    let now = super::tokens::now();

    let cases = vec![
        ("five minutes", token_with(json!({ "exp": now + 300 })), true),
        ("an hour", token_with(json!({ "exp": now + 3600 })), false),
    ];
    assert_accepted(&world, cases).await;
}

//! Tokens that were accepted before.

use std::time::Duration;

use serde_json::json;

use super::tokens::{assert_invalid_token, bearer, claims, header, now, part, signed};
use crate::world::{SECRET, World};

#[tokio::test]
async fn a_token_that_was_accepted_is_refused_after_it_expires() {
    let world = World::new().await;
    // The leeway is 30 seconds, and most of it is over.
    let expiry = now() - 27;
    let token = signed(&header(), &claims(json!({ "exp": expiry })), SECRET);
    assert_eq!(bearer(&world, &token).get("/api/tasks").await.status(), 200);

    while now() <= expiry + 30 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    assert_invalid_token(&bearer(&world, &token).get("/api/tasks").await, "expired");
}

#[tokio::test]
async fn an_accepted_token_does_not_make_a_similar_one_accepted() {
    let world = World::new().await;
    let token = signed(&header(), &claims(json!({})), SECRET);
    assert_eq!(bearer(&world, &token).get("/api/tasks").await.status(), 200);

    let [head, own, signature] = *token.split('.').collect::<Vec<_>>() else { panic!("three parts") };
    let bobs = part(claims(json!({ "sub": "bob" })).to_string());
    let other = signed(&header(), &claims(json!({})), "another secret of more than 32 bytes, at least");
    let forged = other.rsplit('.').next().expect("a signature");
    for token in [
        format!("{head}.{bobs}.{signature}"),
        format!("{head}.{own}.{forged}"),
        format!("{head}.{own}."),
        format!("{head}.{own}"),
        format!("{token}A"),
        token.to_ascii_lowercase(),
    ] {
        assert_invalid_token(&bearer(&world, &token).get("/api/tasks").await, &token);
    }
    assert_eq!(bearer(&world, &token).get("/api/tasks").await.status(), 200);
}

#[tokio::test]
async fn each_accepted_token_keeps_its_own_user() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    alice.creates(json!({ "title": "hers" })).await;
    bob.creates(json!({ "title": "his" })).await;

    for _ in 0..3 {
        for (person, title) in [(&alice, "hers"), (&bob, "his")] {
            let tasks = person.get("/api/tasks").await.json();
            assert_eq!(tasks[0]["title"], title);
            assert_eq!(tasks.as_array().map(Vec::len), Some(1));
        }
    }
}

//! Tokens that were believed a moment ago.

use std::time::Duration;

use serde_json::json;

use super::tokens::{assert_not_believed, bearer, claims, header, now, part, signed};
use crate::world::{SECRET, World};

#[tokio::test]
async fn a_token_that_was_believed_is_refused_once_it_has_expired() {
    let world = World::new().await;
    // 30 seconds are forgiven, and most of them are over.
    let expiry = now() - 27;
    let token = signed(&header(), &claims(json!({ "exp": expiry })), SECRET);
    assert_eq!(bearer(&world, &token).get("/api/tasks").await.status(), 200);

    while now() <= expiry + 30 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    assert_not_believed(&bearer(&world, &token).get("/api/tasks").await, "expired");
}

#[tokio::test]
async fn a_token_that_was_believed_vouches_for_no_other() {
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
        assert_not_believed(&bearer(&world, &token).get("/api/tasks").await, &token);
    }
    assert_eq!(bearer(&world, &token).get("/api/tasks").await.status(), 200);
}

#[tokio::test]
async fn tokens_that_were_believed_name_each_their_own_user() {
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

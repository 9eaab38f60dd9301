//! Tokens made to deceive, by the hundred. Each table is run against a server with a secret, one with the keys of an
//! issuer, and one with both, once for everybody whose tokens that server believes.

mod algorithms;
mod claims;
mod confusion;
mod duplicates;
mod encodings;
pub mod forge;
mod headers;
mod odd;
mod realm;
mod signatures;
mod table;
mod texts;

use realm::Realm;
use serde_json::json;

use super::tokens::{assert_not_believed, authorized, claims, header, signed, token_with};
use crate::world::{SECRET, World};

#[tokio::test]
async fn an_algorithm_that_is_not_the_keys_is_not_believed() {
    for realm in Realm::all().await {
        realm.holds("algorithms", algorithms::table).await;
    }
}

#[tokio::test]
async fn a_signature_of_another_kind_or_of_another_key_is_not_believed() {
    for realm in Realm::all().await {
        realm.holds("confusion", confusion::table).await;
    }
}

#[tokio::test]
async fn a_signature_that_was_bent_is_not_believed() {
    for realm in Realm::all().await {
        realm.holds("signatures", signatures::table).await;
    }
}

#[tokio::test]
async fn a_header_that_brings_its_own_key_is_not_believed_and_nobody_is_asked_for_it() {
    for realm in Realm::all().await {
        realm.holds("keys in the header", headers::own_keys).await;

        assert_eq!(realm.trap.asked(), [] as [&str; 0], "{}", realm.name);
    }
}

#[tokio::test]
async fn a_header_that_asks_for_more_than_this_server_knows_is_not_believed() {
    for realm in Realm::all().await {
        realm.holds("headers", headers::table).await;
    }
}

#[tokio::test]
async fn a_key_id_that_names_no_key_is_not_believed() {
    for realm in Realm::all().await {
        realm.holds("key ids", headers::key_ids).await;
    }
}

#[tokio::test]
async fn a_time_of_another_shape_or_out_of_bounds_is_not_believed() {
    for realm in Realm::all().await {
        realm.holds("times", claims::times).await;
    }
}

#[tokio::test]
async fn a_time_before_1970_is_not_believed() {
    for realm in Realm::all().await {
        realm.holds("times before 1970", claims::times_before_1970).await;
    }
}

#[tokio::test]
async fn a_subject_that_names_nobody_is_not_believed() {
    for realm in Realm::all().await {
        realm.holds("subjects", claims::subjects).await;
    }
}

#[tokio::test]
async fn an_issuer_or_audience_that_is_not_exactly_the_right_one_is_not_believed() {
    for realm in Realm::all_with_demands().await {
        realm.holds("issuers and audiences", claims::origins).await;
    }
}

#[tokio::test]
async fn a_token_that_says_something_twice_is_not_believed() {
    for realm in Realm::all().await {
        realm.holds("duplicates", duplicates::table).await;
    }
}

#[tokio::test]
async fn a_token_of_another_shape_or_encoding_is_not_believed() {
    for realm in Realm::all().await {
        realm.holds("encodings", encodings::table).await;
    }
}

#[tokio::test]
async fn a_token_that_is_not_made_of_json_objects_is_not_believed() {
    for realm in Realm::all().await {
        realm.holds("texts", texts::table).await;
    }
}

#[tokio::test]
async fn a_token_that_is_odd_and_valid_is_believed() {
    for realm in Realm::all().await {
        realm.holds("odd tokens", odd::table).await;

        assert_eq!(realm.trap.asked(), [] as [&str; 0], "{}", realm.name);
    }
}

/// Whoever made the token must find out which of its claims is wrong.
#[tokio::test]
async fn the_reason_names_the_claim_that_is_wrong() {
    let world = World::with(&[("JWT_ISSUER", "https://a.example"), ("JWT_AUDIENCE", "todo-api")]).await;

    for name in ["exp", "nbf", "iat", "iss", "aud", "sub", "jti"] {
        for wrong in [json!(null), json!("\u{1}"), json!(-1), json!(-1e300), json!(1e300), json!(true)] {
            let right = json!({ "iss": "https://a.example", "aud": "todo-api" });
            let mut claims = claims(right);
            claims[name] = wrong.clone();
            let answer = world.bearer(&signed(&header(), &claims, SECRET)).get("/api/tasks").await;
            if name == "jti" && wrong.is_string() {
                assert_eq!(answer.status(), 200, "{name}: {wrong}");
                continue;
            }

            assert_not_believed(&answer, &format!("{name}: {wrong}"));
            let told = answer.detail();
            assert!(
                told.contains(name) || name == "exp" && told.contains("expired"),
                "{name}: {wrong}: {told}"
            );
        }
    }
}

/// The list of one user would be shown to another, were this wrong: a user's id is a text, to the letter.
#[tokio::test]
async fn users_whose_ids_look_alike_are_different_users() {
    let world = World::new().await;
    let alike = [
        "alice",
        "Alice",
        "alice ",
        " alice",
        "alicе",
        "ａlice",
        "alice\u{200b}",
        "alice%20",
        "\u{feff}alice",
    ];

    for id in alike {
        let person = world.bearer(&token_with(json!({ "sub": id })));
        let task = person.creates(json!({ "title": id })).await;
        assert_eq!(task["user_id"], id);
    }

    for id in alike {
        let person = world.bearer(&token_with(json!({ "sub": id })));
        let list = person.get("/api/tasks").await.json();
        assert_eq!(list.as_array().map(Vec::len), Some(1), "{id:?}: {list}");
        assert_eq!(list[0]["title"], id);
    }
}

/// As long as a header can get: the HTTP layer refuses it before anybody looks for a token.
#[tokio::test]
async fn a_token_of_a_megabyte_is_refused_and_does_no_harm() {
    let world = World::new().await;
    let long = token_with(json!({ "name": "x".repeat(1_000_000) }));

    let answer = authorized(&world, &[&format!("Bearer {long}")]).await;

    assert_eq!(answer.status(), 431, "{answer:?}");
    assert_eq!(world.user("alice").get("/api/tasks").await.status(), 200);
}

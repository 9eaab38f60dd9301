//! Hundreds of tokens that an attacker could make. Each table runs against a server with a secret, one with the keys of an
//! issuer, and one with both; and for each signer whose tokens that server accepts.

mod algorithms;
mod claims;
mod duplicates;
mod encodings;
pub mod forge;
mod headers;
mod json;
mod key_confusion;
mod signatures;
mod table;
mod target;
mod unusual;

use serde_json::json;
use target::Target;

use super::tokens::{assert_invalid_token, authorized, claims, header, signed, token_with};
use crate::world::{SECRET, World};

#[tokio::test]
async fn an_algorithm_other_than_the_keys_is_refused() {
    for target in Target::all().await {
        let target = target.lock().await;
        target.check("algorithms", algorithms::table).await;
    }
}

#[tokio::test]
async fn a_signature_of_another_kind_or_of_another_key_is_refused() {
    for target in Target::all().await {
        let target = target.lock().await;
        target.check("key confusion", key_confusion::table).await;
    }
}

#[tokio::test]
async fn a_changed_signature_is_refused() {
    for target in Target::all().await {
        let target = target.lock().await;
        target.check("signatures", signatures::table).await;
    }
}

#[tokio::test]
async fn a_key_in_the_header_is_refused_and_no_url_in_the_header_is_read() {
    for target in Target::all().await {
        let target = target.lock().await;
        target.check("keys in the header", headers::keys_in_header).await;

        assert_eq!(target.trap.requested_paths(), [] as [&str; 0], "{}", target.name);
    }
}

#[tokio::test]
async fn a_header_that_needs_what_this_server_does_not_support_is_refused() {
    for target in Target::all().await {
        let target = target.lock().await;
        target.check("headers", headers::table).await;
    }
}

#[tokio::test]
async fn an_unknown_kid_is_refused() {
    for target in Target::all().await {
        let target = target.lock().await;
        target.check("key ids", headers::key_ids).await;
    }
}

#[tokio::test]
async fn a_time_of_the_wrong_type_or_out_of_bounds_is_refused() {
    for target in Target::all().await {
        let target = target.lock().await;
        target.check("times", claims::times).await;
    }
}

#[tokio::test]
async fn a_time_before_1970_is_refused() {
    for target in Target::all().await {
        let target = target.lock().await;
        target.check("times before 1970", claims::times_before_1970).await;
    }
}

#[tokio::test]
async fn a_subject_that_cannot_be_a_user_id_is_refused() {
    for target in Target::all().await {
        let target = target.lock().await;
        target.check("subjects", claims::subjects).await;
    }
}

#[tokio::test]
async fn an_issuer_or_audience_that_differs_in_one_character_is_refused() {
    for target in Target::all_with_claim_rules().await {
        target.check("issuers and audiences", claims::origins).await;
    }
}

#[tokio::test]
async fn a_token_that_has_a_member_twice_is_refused() {
    for target in Target::all().await {
        let target = target.lock().await;
        target.check("duplicates", duplicates::table).await;
    }
}

#[tokio::test]
async fn a_token_of_the_wrong_shape_or_encoding_is_refused() {
    for target in Target::all().await {
        let target = target.lock().await;
        target.check("encodings", encodings::table).await;
    }
}

#[tokio::test]
async fn a_token_that_does_not_consist_of_json_objects_is_refused() {
    for target in Target::all().await {
        let target = target.lock().await;
        target.check("JSON", json::table).await;
    }
}

#[tokio::test]
async fn a_token_that_is_unusual_and_valid_is_accepted() {
    for target in Target::all().await {
        let target = target.lock().await;
        target.check("unusual tokens", unusual::table).await;

        assert_eq!(target.trap.requested_paths(), [] as [&str; 0], "{}", target.name);
    }
}

/// The developer who made the token must find out which claim is wrong.
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

            assert_invalid_token(&answer, &format!("{name}: {wrong}"));
            let reason = answer.detail();
            assert!(
                reason.contains(name) || name == "exp" && reason.contains("expired"),
                "{name}: {wrong}: {reason}"
            );
        }
    }
}

/// User ids are compared byte by byte: otherwise one user would see the tasks of another.
#[tokio::test]
async fn users_whose_ids_look_alike_are_different_users() {
    let world = World::shared().await;
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

/// The HTTP server refuses such a long header before it looks for a token.
#[tokio::test]
async fn a_token_of_a_megabyte_is_refused_and_the_server_goes_on() {
    let world = World::shared().await;
    let long = token_with(json!({ "name": "x".repeat(1_000_000) }));

    let answer = authorized(&world, &[&format!("Bearer {long}")]).await;

    assert_eq!(answer.status(), 431, "{answer:?}");
    assert_eq!(world.user("alice").get("/api/tasks").await.status(), 200);
}

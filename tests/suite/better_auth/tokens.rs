//! The tokens that front ends get from Better Auth are accepted.

use http::Method;
use serde_json::json;

use super::member::{claims, header};
use super::node::{ALGORITHMS, Node, trusting};

#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn a_token_of_every_algorithm_gives_its_member_access_to_every_contract() {
    let node = Node::start();
    for algorithm in ALGORITHMS {
        let issuer = node.better_auth(algorithm);
        let world = issuer.trusted().await;
        let member = issuer.sign_up("alice").await;
        let alice = member.at(&world).await;
        let paths = [&format!("/api/{}/tasks", alice.id), "/api/tasks", "/api/v1/tasks"];

        let mut ids = Vec::new();
        for path in paths {
            let created = alice.post(path, json!({ "title": "buy milk" })).await;
            assert_eq!(created.status(), 201, "{algorithm} {path}: {created:?}");
            assert_eq!(created.json()["user_id"], alice.id, "{algorithm} {path}");
            ids.insert(0, created.json()["id"].as_i64().expect("an id"));
        }

        assert_eq!(header(&member.token().await)["alg"], algorithm);
        for path in paths {
            assert_eq!(alice.get(path).await.ids(), ids, "{algorithm} {path}");
        }
    }
}

#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn members_do_not_see_each_others_tasks() {
    let node = Node::start();
    let issuer = node.better_auth("EdDSA");
    let world = issuer.trusted().await;
    let alice = issuer.sign_up("alice").await.at(&world).await;
    let bob = issuer.sign_up("bob").await.at(&world).await;

    let hers = alice.creates(json!({ "title": "hers" })).await;
    let his = bob.creates(json!({ "title": "his" })).await;

    for (person, own, other, others) in [(&alice, &hers, &bob, &his), (&bob, &his, &alice, &hers)] {
        let ids = [own["id"].as_i64().expect("an id")];
        for path in [&format!("/api/{}/tasks", person.id), "/api/tasks", "/api/v1/tasks"] {
            assert_eq!(person.get(path).await.ids(), ids, "{path}");
        }
        assert_eq!(person.get(&format!("/api/{}/tasks", other.id)).await.status(), 403);
        assert_eq!(person.get(&format!("/api/tasks/{}", others["id"])).await.status(), 404);
    }
}

/// A page that reads its session gets a token with the answer, and needs no second request.
#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn the_token_in_the_answer_for_a_session_is_accepted() {
    let node = Node::start();
    let issuer = node.better_auth("EdDSA");
    let world = issuer.trusted().await;
    let member = issuer.sign_up("alice").await;
    let alice = member.at(&world).await;
    let task = alice.creates(json!({ "title": "buy milk" })).await;

    let session = member.call(Method::GET, "/api/auth/get-session").await;
    let answer = world.bearer(session.header("set-auth-jwt")).get("/api/tasks").await;

    assert_eq!(answer.status(), 200, "{answer:?}");
    assert_eq!(answer.json(), json!([task]));
}

/// Rowkeep does not ask Better Auth about a token. That is why tokens are valid for minutes only.
#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn after_sign_out_there_are_no_new_tokens_but_old_ones_are_accepted_until_they_expire() {
    let node = Node::start();
    let issuer = node.better_auth("EdDSA");
    let world = issuer.trusted().await;
    let member = issuer.sign_up("alice").await;
    let token = member.token().await;

    member.signs_out().await;

    assert_eq!(member.requests_token().await.status(), 401);
    let answer = world.bearer(&token).get("/api/tasks").await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let lifetime = claims(&token)["exp"].as_i64().zip(claims(&token)["iat"].as_i64());
    assert_eq!(lifetime.map(|(exp, iat)| exp - iat), Some(900));
}

#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn better_auths_url_may_end_with_a_slash_or_with_its_own_path() {
    let node = Node::start();
    let issuer = node.better_auth("EdDSA");
    let token = issuer.sign_up("alice").await.token().await;

    for end in ["/", "/api/auth", "/api/auth/"] {
        let url = format!("{}{end}", issuer.origin);
        let world = trusting(&url).await;
        let answer = world.bearer(&token).get("/api/tasks").await;

        assert_eq!(answer.status(), 200, "{url}: {answer:?}");
    }
}

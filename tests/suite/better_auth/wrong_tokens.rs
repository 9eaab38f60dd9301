//! Better Auth's session tokens and cookies, and tokens of others, are refused.

use http::Method;

use super::member::header;
use super::node::Node;
use crate::world::{SHARED_USERS, World, token};

/// This is the most frequent mistake of front ends with Better Auth.
#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn a_session_token_is_refused_with_a_text_that_explains_the_mistake() {
    let node = Node::start();
    let issuer = node.better_auth("EdDSA");
    let world = issuer.trusted().await;
    let member = issuer.sign_up("alice").await;

    for session in [&member.session_token, &member.cookie("better-auth.session_token")] {
        let answer = world.bearer(session).get("/api/tasks").await;

        assert_eq!(answer.status(), 401, "{session}: {answer:?}");
        assert!(answer.detail().contains("not a JWT"), "{session}: {answer:?}");
    }
}

/// The cookie has the key, the issuer and the subject of a token. Only its type and its audience differ.
#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn a_session_cookie_signed_with_the_key_of_tokens_is_refused() {
    let node = Node::start();
    let issuer = node.better_auth("cookieByKey");
    let world = issuer.trusted().await;
    let member = issuer.sign_up("alice").await;
    let token = member.token().await;

    let cookie = member.cookie("better-auth.session_data");
    let answer = world.bearer(&cookie).get("/api/tasks").await;

    assert_eq!(header(&cookie)["kid"], header(&token)["kid"]);
    assert_eq!(answer.status(), 401, "{answer:?}");
    assert!(answer.detail().contains("session cookie"), "{answer:?}");
    assert_eq!(world.bearer(&token).get("/api/tasks").await.status(), 200);
}

/// Rowkeep can have both the URL of Better Auth and the secret that signs the cookie.
#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn a_session_cookie_signed_with_the_secret_is_refused_by_a_server_with_that_secret() {
    let node = Node::start();
    let issuer = node.better_auth("cookieBySecret");
    let world = World::with(&[("BETTER_AUTH_URL", &issuer.origin), SHARED_USERS]).await;
    let member = issuer.sign_up("alice").await;

    let cookie = member.cookie("better-auth.session_data");
    let answer = world.bearer(&cookie).get("/api/tasks").await;

    assert_eq!(header(&cookie)["alg"], "HS256");
    assert_eq!(answer.status(), 401, "{answer:?}");
    assert!(answer.detail().contains("session cookie"), "the signature is right: {answer:?}");
    assert_eq!(world.bearer(&member.token().await).get("/api/tasks").await.status(), 200);
}

/// They are signed with the secret, and hold the address and the id of the user.
#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn the_link_of_an_e_mail_is_refused_whatever_claim_names_the_user() {
    let node = Node::start();
    let issuer = node.better_auth("EdDSA");
    let links = issuer.call(Method::GET, "/control/links", "", None).await.json();
    let links: Vec<String> = serde_json::from_value(links).expect("links");
    assert_eq!(links.len(), 3);

    for claim in ["sub", "email", "userId", "updateTo"] {
        let world = World::with(&[("JWT_USER_CLAIM", claim)]).await;
        for link in &links {
            let answer = world.bearer(link).get("/api/tasks").await;

            assert_eq!(header(link)["alg"], "HS256");
            assert_eq!(answer.status(), 401, "{claim}: {answer:?}");
            assert!(!answer.detail().contains("signature"), "the signature is right: {answer:?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn a_token_of_another_better_auth_is_refused() {
    let node = Node::start();
    let world = node.better_auth("EdDSA").trusted().await;
    let hers = node.better_auth("EdDSA").sign_up("alice").await.token().await;
    let anothers = node.better_auth("cookieByKey").sign_up("alice").await.token().await;

    let answer = world.bearer(&anothers).get("/api/tasks").await;

    assert_eq!(header(&anothers)["alg"], header(&hers)["alg"]);
    assert_eq!(answer.status(), 401, "{answer:?}");
    assert_eq!(world.bearer(&hers).get("/api/tasks").await.status(), 200);
}

#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn a_token_signed_with_the_secret_is_refused_by_a_server_with_only_the_url() {
    let node = Node::start();
    let world = node.better_auth("EdDSA").trusted().await;

    let answer = world.bearer(&token("alice")).get("/api/tasks").await;

    assert_eq!(answer.status(), 401, "{answer:?}");
}

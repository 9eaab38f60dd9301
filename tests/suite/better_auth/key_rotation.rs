//! Better Auth adds and removes keys while Rowkeep runs.

use super::member::header;
use super::node::{ALGORITHMS, Node};

#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn a_token_of_a_new_key_is_accepted_at_once_and_one_of_the_old_key_still() {
    let node = Node::start();
    for algorithm in ALGORITHMS {
        let issuer = node.better_auth(algorithm);
        let world = issuer.trusted().await;
        let member = issuer.sign_up("alice").await;
        let old = member.token().await;
        let before = world.bearer(&old).get("/api/tasks").await;

        issuer.rotates().await;
        let new = member.token().await;
        let with_new = world.bearer(&new).get("/api/tasks").await;
        let with_old = world.bearer(&old).get("/api/tasks").await;

        assert_ne!(header(&new)["kid"], header(&old)["kid"], "{algorithm}");
        for (which, answer) in [("before", before), ("new", with_new), ("old", with_old)] {
            assert_eq!(answer.status(), 200, "{algorithm}, {which}: {answer:?}");
        }
    }
}

/// Reads of the key set are limited only after a read that brought no new key.
#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn keys_may_rotate_several_times() {
    let node = Node::start();
    let issuer = node.better_auth("EdDSA");
    let world = issuer.trusted().await;
    let member = issuer.sign_up("alice").await;

    let mut tokens = vec![member.token().await];
    for _ in 0..3 {
        issuer.rotates().await;
        tokens.push(member.token().await);
        for token in &tokens {
            let answer = world.bearer(token).get("/api/tasks").await;

            assert_eq!(answer.status(), 200, "{}: {answer:?}", header(token));
        }
    }
}

/// Rowkeep knows only the keys that it read last.
#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn a_token_of_a_retired_key_is_refused_after_a_token_of_a_newer_key() {
    let node = Node::start();
    for algorithm in ALGORITHMS {
        let issuer = node.better_auth(algorithm);
        let world = issuer.trusted().await;
        let member = issuer.sign_up("alice").await;
        let old = member.token().await;
        assert_eq!(world.bearer(&old).get("/api/tasks").await.status(), 200, "{algorithm}");

        issuer.rotates().await;
        issuer.retires_old_keys().await;
        let new = member.token().await;
        let with_new = world.bearer(&new).get("/api/tasks").await;
        let with_old = world.bearer(&old).get("/api/tasks").await;

        assert_eq!(with_new.status(), 200, "{algorithm}: {with_new:?}");
        assert_eq!(with_old.status(), 401, "{algorithm}: {with_old:?}");
        assert_eq!(world.bearer(&new).get("/api/tasks").await.status(), 200, "{algorithm}");
    }
}

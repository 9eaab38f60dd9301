//! Better Auth's keys come and go while Rowkeep runs.

use super::member::header;
use super::node::{ALGORITHMS, Node};

#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn a_new_keys_token_is_believed_at_once_and_an_old_keys_token_still() {
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

/// Reading the key set again is rationed only where it was of no use.
#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn keys_may_change_again_and_again() {
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

/// What Rowkeep knows is what it read last: nothing is added up.
#[tokio::test]
#[ignore = "needs Better Auth on Node.js: `make test-all`"]
async fn a_retired_keys_token_is_refused_once_a_newer_keys_token_has_come() {
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

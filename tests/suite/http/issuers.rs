//! The issuers and audiences that a server with public keys accepts.

use std::path::Path;

use jsonwebtoken::Algorithm::{ES256, EdDSA};
use serde_json::{Value, json};

use super::tokens::token_with;
use crate::operation::checkout::is_root;
use crate::operation::program::{Directory, Program};
use crate::world::{Issuer, JWKS_PATH, KeyPair, Reply, SHARED_USERS, World, public};

async fn assert_accepted(world: &World, cases: Vec<(&str, String, bool)>) {
    for (label, token, is_accepted) in cases {
        let answer = world.bearer(&token).get("/api/tasks").await;

        assert_eq!(answer.status(), if is_accepted { 200 } else { 401 }, "{label}: {answer:?}");
    }
}

#[tokio::test]
async fn issuer_and_audience_follow_from_better_auths_url() {
    let pair = KeyPair::new(EdDSA);
    let issuer = Issuer::new(&[&pair]).await;
    let world = World::of(&issuer, &[]).await;
    let token = |changes: Value| pair.token(&issuer.claims(changes));
    let (url, slash) = (issuer.url(), format!("{}/", issuer.url()));

    let cases = vec![
        ("unchanged", token(json!({})), true),
        ("for several", token(json!({ "aud": ["https://other.example", url] })), true),
        ("another issuer", token(json!({ "iss": "https://other.example" })), false),
        ("another audience", token(json!({ "aud": "https://other.example" })), false),
        ("no issuer", token(json!({ "iss": null })), false),
        ("no audience", token(json!({ "aud": null })), false),
        ("a slash too many in iss", token(json!({ "iss": slash })), false),
        ("a slash too many in aud", token(json!({ "aud": slash })), false),
        ("a session cookie", token(json!({ "aud": "better-auth:session-cache" })), false),
        ("a session cookie, too", token(json!({ "aud": [url, "better-auth:session-cache"] })), false),
    ];
    assert_accepted(&world, cases).await;
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn better_auths_url_may_end_in_a_slash_or_a_path() {
    let pair = KeyPair::new(ES256);
    for (path, jwks_path) in [
        ("/", JWKS_PATH),
        ("/api/auth", JWKS_PATH),
        ("/api/auth/", JWKS_PATH),
        ("/auth", "/auth/jwks"),
        ("/auth/", "/auth/jwks"),
        ("/app", "/app/api/auth/jwks"),
        ("/app/api/auth", "/app/api/auth/jwks"),
    ] {
        let issuer = Issuer::new(&[]).await;
        issuer.reply(JWKS_PATH, Reply::new("").status(404));
        issuer.reply(jwks_path, Reply::keys(&public(&[&pair])));
        let given = format!("{}{path}", issuer.url());
        let world = World::of(&issuer, &[("BETTER_AUTH_URL", &given)]).await;

        let as_given = json!({ "iss": given, "aud": given });
        let cases = vec![
            ("its origin", pair.token(&issuer.claims(json!({}))), true),
            ("the URL as given", pair.token(&issuer.claims(as_given)), true),
            ("another", pair.token(&issuer.claims(json!({ "iss": format!("{given}x") }))), false),
        ];
        assert_accepted(&world, cases).await;

        // The operator of a path that may be one of two sees where the keys were found.
        let loaded = world.server.logs(|event| event["message"] == "key loaded").await;
        let place = format!("BETTER_AUTH_URL {}{jwks_path}", issuer.url());
        assert_eq!(loaded["rowkeep.key_source"], place.as_str(), "{path}");
    }
}

/// Better Auth's jwt plugin puts the row of the user into the token, with the columns that an application has added.
#[tokio::test]
async fn a_token_of_an_issuer_may_have_claims_that_tell_another_purpose_of_texts_signed_with_a_secret() {
    let pair = KeyPair::new(EdDSA);
    let issuer = Issuer::new(&[&pair]).await;
    let world = World::of(&issuer, &[]).await;

    for columns in [
        json!({ "purpose": "work" }),
        json!({ "purpose": null, "events": [] }),
        json!({ "type": "invite", "kind": "id", "action": "verify" }),
        json!({ "updateTo": "x", "session": {}, "user": {} }),
    ] {
        let token = pair.token(&issuer.claims(columns.clone()));

        assert_accepted(&world, vec![(&*columns.to_string(), token, true)]).await;
    }
}

/// Keys are believed from there without TLS.
#[tokio::test]
async fn keys_are_read_from_localhost() {
    let pair = KeyPair::new(EdDSA);
    let issuer = Issuer::new(&[&pair]).await;
    let url = format!("http://localhost:{}", issuer.address.port());
    let world = World::of(&issuer, &[("BETTER_AUTH_URL", &url)]).await;

    let token = pair.token(&issuer.claims(json!({ "iss": url, "aud": url })));

    assert_accepted(&world, vec![("of localhost", token, true)]).await;
}

/// On a machine whose hosts file gives the name to another one. Not every container lets root make such a machine.
#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs mount namespaces of Linux")]
async fn localhost_is_this_machine_also_where_a_resolver_says_otherwise() {
    let directory = Directory::new();
    directory.write("hosts", "192.0.2.1 localhost\n");
    let mount = format!("mount --bind '{}' /etc/hosts", directory.0.join("hosts").display());
    let elsewhere = |script: &str| {
        let mut program = Program::new(&["--mount", "sh", "-c", script]).with(&[("PATH", "/usr/bin:/bin")]);
        program.file = "/usr/bin/unshare".into();
        program
    };
    if !is_root() || !Path::new("/usr/bin/unshare").exists() || elsewhere(&mount).run().await.code != Some(0)
    {
        return;
    }
    let issuer = Issuer::new(&[&KeyPair::new(EdDSA)]).await;

    let script = format!("{mount} && exec {}", env!("CARGO_BIN_EXE_rowkeep"));
    let url = format!("http://localhost:{}", issuer.address.port());
    let settings = [
        ("ENVIRONMENT", "production"),
        ("DATABASE_URL", "postgres://u@127.0.0.1:9/d"),
        ("PORT", "0"),
        ("BETTER_AUTH_URL", &url),
    ];
    let mut running = elsewhere(&script).with(&settings).start();

    running.says("key loaded").await;
    assert_eq!(issuer.fetches(), 1);
}

/// A secret is often known to more programs than the key of an issuer is.
#[tokio::test]
async fn a_token_signed_with_the_secret_cannot_name_the_issuer_of_a_key_set() {
    let pair = KeyPair::new(EdDSA);
    let issuer = Issuer::new(&[&pair]).await;
    let url = issuer.url();
    let world = World::with(&[("BETTER_AUTH_URL", &url), SHARED_USERS]).await;
    let by_secret = |iss: &str| token_with(json!({ "iss": iss, "aud": url }));

    let cases = vec![
        ("its name", by_secret(&url), false),
        ("with a slash", by_secret(&format!("{url}/")), false),
        ("with the path", by_secret(&format!("{url}/api/auth")), false),
        ("in capitals", by_secret(&url.to_uppercase()), false),
        ("another name", by_secret("https://hand.example"), true),
        ("no name", token_with(json!({})), true),
        ("its name, its key", pair.token(&issuer.claims(json!({}))), true),
    ];
    assert_accepted(&world, cases).await;
}

#[tokio::test]
async fn configured_issuers_and_audiences_replace_those_of_the_url() {
    let pair = KeyPair::new(EdDSA);
    let issuer = Issuer::new(&[&pair]).await;
    let issuers = ("JWT_ISSUER", "https://a.example, https://b.example");
    let settings = [issuers, ("JWT_AUDIENCE", "todo-api"), SHARED_USERS];
    let world = World::of(&issuer, &settings).await;
    let token = |iss: &str, aud: Value| pair.token(&issuer.claims(json!({ "iss": iss, "aud": aud })));

    let cases = vec![
        ("the first", token("https://a.example", json!("todo-api")), true),
        ("the second", token("https://b.example", json!(["x", "todo-api"])), true),
        ("the URL's", pair.token(&issuer.claims(json!({}))), false),
        ("the URL's issuer", token(&issuer.url(), json!("todo-api")), false),
        ("the URL's audience", token("https://a.example", json!(issuer.url())), false),
    ];
    assert_accepted(&world, cases).await;
}

#[tokio::test]
async fn the_issuer_of_the_url_is_required_of_its_own_keys_only() {
    let (pair, other) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let (issuer, elsewhere) = (Issuer::new(&[&pair]).await, Issuer::new(&[]).await);
    elsewhere.reply("/keys", Reply::keys(&public(&[&other])));
    let settings = [
        ("BETTER_AUTH_URL", &*issuer.url()),
        ("JWKS_URL", &format!("{}/keys", elsewhere.url())),
        ("JWT_ISSUER", "JWKS_URL=x"),
        ("JWT_AUDIENCE", "JWKS_URL=any"),
        SHARED_USERS,
    ];
    let world = World::with(&settings).await;
    let by_other = |aud: &str| other.token(&issuer.claims(json!({ "iss": "x", "aud": aud })));

    let cases = vec![
        ("the secret", token_with(json!({})), true),
        ("another issuer's key", by_other("y"), true),
        ("Better Auth's key", pair.token(&issuer.claims(json!({}))), true),
        ("Better Auth's key, for another", pair.token(&issuer.claims(json!({ "aud": "y" }))), false),
        ("another issuer's cookie", by_other("better-auth:session-cache"), false),
    ];
    assert_accepted(&world, cases).await;
}

#[tokio::test]
async fn two_users_of_an_issuer_see_only_their_own_tasks() {
    let pair = KeyPair::new(EdDSA);
    let issuer = Issuer::new(&[&pair]).await;
    let world = World::of(&issuer, &[]).await;
    let alice = world.bearer(&pair.token(&issuer.claims(json!({}))));
    let bob = world.bearer(&pair.token(&issuer.claims(json!({ "sub": "bob" }))));

    let task = alice.creates(json!({ "title": "buy milk" })).await;

    assert_eq!(alice.get("/api/alice/tasks").await.json(), json!([task]));
    assert_eq!(bob.get("/api/tasks").await.json(), json!([]));
    assert_eq!(bob.get("/api/alice/tasks").await.status(), 403);
    assert_eq!(bob.get(&format!("/api/tasks/{}", task["id"])).await.status(), 404);
}

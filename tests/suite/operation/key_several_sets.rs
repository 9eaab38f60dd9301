//! Several key sets at once: none blocks another.

use std::time::Duration;

use jsonwebtoken::Algorithm::EdDSA;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::program::Directory;
use crate::world::{Issuer, JWKS_PATH, KeyPair, NEVER, Person, Reply, World, public};

async fn status(person: &Person) -> u16 {
    person.get("/api/tasks").await.status()
}

#[tokio::test]
async fn a_rotation_is_followed_beside_a_key_without_a_kid() {
    let (old, new, without_kid) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let issuer = Issuer::new(&[&old]).await;
    let directory = Directory::new();
    let mut jwk = without_kid.jwk();
    jwk.as_object_mut().expect("an object").remove("kid");
    directory.write("keys.json", &json!({ "keys": [jwk] }).to_string());
    let file = directory.0.join("keys.json").display().to_string();
    let world = World::of(&issuer, &[("JWKS_FILE", &file)]).await;
    let with_header = |header: Value| world.bearer(&without_kid.sign(&header, &issuer.claims(json!({}))));

    issuer.publish(&public(&[&new]));

    assert_eq!(status(&world.signed_in(&issuer, &new)).await, 200);
    assert_eq!(status(&with_header(json!({ "alg": "EdDSA", "kid": "anything" }))).await, 200);
    assert_eq!(status(&with_header(json!({ "alg": "EdDSA", "kid": "anything else" }))).await, 200);
    let without_kid = with_header(json!({ "alg": "EdDSA" })).get("/api/tasks").await;
    assert!(without_kid.detail().contains("(kid)"), "two keys could be meant: {without_kid:?}");
}

#[tokio::test]
async fn a_set_whose_keys_have_no_kid_can_start_to_give_them_one() {
    let (without_kid, named) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let mut jwk = without_kid.jwk();
    jwk.as_object_mut().expect("an object").remove("kid");
    let issuer = Issuer::new(&[]).await;
    issuer.publish(&[jwk]);
    let world = World::of(&issuer, &[]).await;
    let header = json!({ "alg": "EdDSA", "kid": "anything" });
    let before = world.bearer(&without_kid.sign(&header, &issuer.claims(json!({}))));
    assert_eq!(status(&before).await, 200);
    assert_eq!(issuer.fetches(), 1, "the set was not read again");

    issuer.publish(&public(&[&named]));

    assert_eq!(status(&world.signed_in(&issuer, &named)).await, 200);
    assert_eq!(status(&before).await, 401);
}

#[tokio::test]
async fn a_silent_issuer_does_not_delay_the_tokens_of_a_key_without_a_kid() {
    let (without_kid, directory) = (KeyPair::new(EdDSA), Directory::new());
    let mut jwk = without_kid.jwk();
    jwk.as_object_mut().expect("an object").remove("kid");
    directory.write("keys.json", &json!({ "keys": [jwk] }).to_string());
    let file = directory.0.join("keys.json").display().to_string();
    let silent = Issuer::new(&[&KeyPair::new(EdDSA)]).await;
    let settings = [("JWKS_FILE", &*file), ("REQUEST_TIMEOUT", "180")];
    let world = World::of(&silent, &settings).await;
    silent.reply(JWKS_PATH, Reply::keys(&[]).after(NEVER));
    let header = json!({ "alg": "EdDSA", "kid": "anything" });
    let person = world.bearer(&without_kid.sign(&header, &silent.claims(json!({}))));

    let answer = timeout(Duration::from_secs(30), status(&person)).await;

    assert_eq!(answer.expect("an answer"), 200);
    assert_eq!(silent.fetches(), 1);
}

#[tokio::test]
async fn a_silent_issuer_does_not_delay_the_tokens_of_another() {
    let pairs: Vec<_> = (0..3).map(|_| KeyPair::new(EdDSA)).collect();
    let (issuer, silent) = (Issuer::new(&[&pairs[0]]).await, Issuer::new(&[]).await);
    let other = format!("{}{JWKS_PATH}", silent.url());
    let settings = [("JWKS_URL", &*other), ("REQUEST_TIMEOUT", "180")];
    let world = World::of(&issuer, &settings).await;
    silent.reply(JWKS_PATH, Reply::keys(&[]).after(NEVER));

    for pair in &pairs[1..] {
        issuer.publish(&public(&[pair]));
        let person = world.signed_in(&issuer, pair);

        // The silent issuer may take a minute.
        let answer = timeout(Duration::from_secs(30), status(&person)).await;
        assert_eq!(answer.expect("an answer"), 200);
    }
}

#[tokio::test]
async fn two_issuers_may_use_the_same_kid() {
    let (one, two) = (KeyPair::new(EdDSA).with_kid("1"), KeyPair::new(EdDSA).with_kid("1"));
    let (issuer, other) = (Issuer::new(&[&one]).await, Issuer::new(&[&two]).await);
    let issuers = format!("{},{}", issuer.url(), other.url());
    let set = format!("{}{JWKS_PATH}", other.url());
    let (separate, shared) = (
        World::of(&issuer, &[("JWKS_URL", &set), ("JWT_ISSUER", "")]).await,
        World::of(&issuer, &[("JWKS_URL", &set), ("JWT_ISSUER", &issuers), ("JWT_AUDIENCE", &issuers)]).await,
    );
    let forged = two.token(&issuer.claims(json!({})));

    assert_eq!(status(&separate.signed_in(&issuer, &one)).await, 200);
    assert_eq!(status(&separate.signed_in(&other, &two)).await, 200);
    let without_issuer = two.token(&other.claims(json!({ "iss": null })));
    assert_eq!(status(&separate.bearer(&without_issuer)).await, 200, "its set accepts any issuer");
    assert_eq!(status(&separate.bearer(&forged)).await, 401, "the other issuer's key, this issuer in iss");
    // If both sets accept both issuers, the server cannot tell which key is meant.
    let refused = shared.signed_in(&issuer, &one).get("/api/tasks").await;
    assert!(refused.detail().contains("more than one key"), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_answers_unknown_paths_with_a_page_does_not_hide_its_key_set() {
    let pair = KeyPair::new(EdDSA);
    for page in [
        Reply::new("<!doctype html><title>Tasks</title>"),
        Reply::new("").status(302).header("location", "/app/sign-in"),
        Reply::new("{}").status(401),
    ] {
        let issuer = Issuer::new(&[]).await;
        issuer.reply("/app/jwks", page);
        issuer.reply("/app/sign-in", Reply::new("<!doctype html><title>Sign in</title>"));
        issuer.reply("/app/api/auth/jwks", Reply::keys(&public(&[&pair])));
        let url = format!("{}/app", issuer.url());

        let world = World::of(&issuer, &[("BETTER_AUTH_URL", &url)]).await;

        assert_eq!(status(&world.signed_in(&issuer, &pair)).await, 200);
    }
}

#[tokio::test]
async fn health_names_everything_that_is_missing() {
    let mut issuer = Issuer::new(&[]).await;
    issuer.stop().await;
    let world = World::of(&issuer, &[]).await;
    let superuser = world.database.superuser().await;
    superuser.batch_execute("drop policy fence on app.tasks").await.expect("no fence");

    let health = world.anonymous().get("/health").await;

    assert_eq!((health.status(), &health.json()["status"]), (503, &json!("unhealthy")));
    for part in ["no key", "BETTER_AUTH_URL", "database"] {
        assert!(health.detail().contains(part), "{part}: {health:?}");
    }
}

/// An issuer can sign tokens for other APIs, too.
#[tokio::test]
async fn a_key_set_without_issuer_and_audience_is_logged_as_a_warning() {
    let issuer = Issuer::new(&[]).await;
    let set = format!("{}{JWKS_PATH}", issuer.url());
    let warning = |event: &Value| event["message"] == "tokens of any issuer and audience";

    let open = World::with(&[("JWKS_URL", &set)]).await;
    let closed = World::with(&[("JWKS_URL", &set), ("JWT_AUDIENCE", "tasks")]).await;

    let warned = open.server.logs(warning).await;
    assert!(warned["problem"].as_str().is_some_and(|problem| problem.contains("JWT_ISSUER")), "{warned}");
    let log = closed.server.log();
    assert!(!log.iter().filter_map(|line| serde_json::from_str(line).ok()).any(|event| warning(&event)));
}

#[tokio::test]
async fn a_stop_does_not_wait_for_an_issuer() {
    let (known, unknown) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let issuer = Issuer::new(&[&known]).await;
    let mut world = World::of(&issuer, &[("REQUEST_TIMEOUT", "600"), ("SHUTDOWN_TIMEOUT", "1")]).await;
    issuer.reply(JWKS_PATH, Reply::keys(&[]).after(NEVER));
    let person = world.signed_in(&issuer, &unknown);

    let waiting = tokio::spawn(async move {
        let request = person.request(http::Method::GET, "/api/tasks", "");
        crate::world::send(person.address, request).await
    });
    while issuer.fetches() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.server.signal("TERM");

    assert_eq!(world.server.ended().await.code(), Some(0));
    assert!(waiting.await.is_err(), "there was no answer to give");
}

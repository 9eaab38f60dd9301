//! The issuer is down or answers nonsense: tokens of known keys are still accepted, and the server recovers by itself.

use std::time::Duration;

use jsonwebtoken::Algorithm::EdDSA;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::world::{Answer, Issuer, KeyPair, SHARED_USERS, World};
use crate::world::{JWKS_PATH, NEVER, Reply, public};

/// Waits until `/health` gives the wanted answer.
async fn health(world: &World, wanted: impl Fn(&Answer) -> bool) -> Answer {
    let found = async {
        loop {
            let answer = world.anonymous().get("/health").await;
            if wanted(&answer) {
                return answer;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(60), found).await.expect("the health that is wanted within a minute")
}

fn is_healthy(answer: &Answer) -> bool {
    answer.status() == 200 && answer.json() == json!({ "status": "healthy" })
}

#[tokio::test]
async fn an_issuer_that_is_down_at_start_is_tried_again() {
    let pair = KeyPair::new(EdDSA);
    let mut issuer = Issuer::new(&[&pair]).await;
    issuer.stop().await;
    let world = World::of(&issuer, &[]).await;
    let person = world.signed_in(&issuer, &pair);

    let down = world.anonymous().get("/health").await;
    let refused = person.get("/api/tasks").await;
    issuer.start();
    health(&world, is_healthy).await;

    assert_eq!((down.status(), &down.json()["status"]), (503, &json!("unhealthy")));
    assert!(down.detail().contains("BETTER_AUTH_URL"), "{down:?}");
    assert_eq!(refused.status(), 401);
    assert!(refused.detail().contains("cannot read the issuer's key set right now"), "{refused:?}");
    assert_eq!(person.get("/api/tasks").await.status(), 200);
}

#[tokio::test]
async fn a_silent_issuer_does_not_delay_the_start_for_long() {
    let pair = KeyPair::new(EdDSA);
    let issuer = Issuer::new(&[&pair]).await;
    issuer.reply(JWKS_PATH, Reply::keys(&public(&[&pair])).after(NEVER));
    let world = World::of(&issuer, &[("REQUEST_TIMEOUT", "1")]).await;
    assert_eq!(world.anonymous().get("/health").await.status(), 503);

    issuer.publish(&public(&[&pair]));

    health(&world, is_healthy).await;
    assert_eq!(world.signed_in(&issuer, &pair).get("/api/tasks").await.status(), 200);
}

#[tokio::test]
async fn known_keys_are_accepted_while_the_issuer_is_down() {
    let (known, unknown) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let mut issuer = Issuer::new(&[&known]).await;
    let world = World::of(&issuer, &[]).await;
    let (person, other) = (world.signed_in(&issuer, &known), world.signed_in(&issuer, &unknown));
    issuer.stop().await;

    let refused = other.get("/api/tasks").await;
    let down = world.anonymous().get("/health").await;
    let accepted = person.get("/api/tasks").await.status();
    issuer.publish(&public(&[&known, &unknown]));
    issuer.start();
    health(&world, is_healthy).await;

    assert_eq!((refused.status(), accepted), (401, 200));
    assert_eq!((down.status(), &down.json()["status"]), (200, &json!("healthy")));
    assert!(down.detail().contains("BETTER_AUTH_URL"), "{down:?}");
    assert_eq!(person.get("/api/tasks").await.status(), 200);
    assert_eq!(other.get("/api/tasks").await.status(), 200);
}

#[tokio::test]
async fn a_secret_is_accepted_while_the_issuer_is_down() {
    let pair = KeyPair::new(EdDSA);
    let mut issuer = Issuer::new(&[&pair]).await;
    issuer.stop().await;
    let url = issuer.url();
    let world = World::with(&[("BETTER_AUTH_URL", &url), SHARED_USERS]).await;

    let health = world.anonymous().get("/health").await;

    assert_eq!(world.user("alice").get("/api/tasks").await.status(), 200);
    assert_eq!((health.status(), &health.json()["status"]), (200, &json!("healthy")));
    assert!(health.detail().contains("BETTER_AUTH_URL"), "{health:?}");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn an_issuer_that_answers_nonsense_removes_no_key() {
    let (known, unknown) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let keys = public(&[&unknown]);
    for (label, nonsense) in [
        ("500", Reply::keys(&keys).status(500)),
        ("404", Reply::keys(&keys).status(404)),
        ("204", Reply::new("").status(204)),
        ("nothing", Reply::new("")),
        ("a page", Reply::new("<!doctype html><title>Sign in</title>")),
        ("null", Reply::new("null")),
        ("a list", Reply::new(json!([unknown.jwk()]).to_string())),
        ("no keys", Reply::new(r#"{"key": []}"#)),
        ("keys that are not a list", Reply::new(json!({ "keys": unknown.jwk() }).to_string())),
        ("half of it", Reply::new(r#"{"keys": [{"kty": "OKP""#)),
        ("more keys than any issuer has", Reply::keys(&vec![unknown.jwk(); 101])),
        ("too much", Reply::new(format!(r#"{{"keys": [], "x": "{}"}}"#, "x".repeat(2_000_000)))),
        (
            "a redirect to another server",
            Reply::keys(&keys).status(302).header("location", "http://127.0.0.1:9/jwks"),
        ),
    ] {
        let issuer = Issuer::new(&[&known]).await;
        let world = World::of(&issuer, &[]).await;
        issuer.reply(JWKS_PATH, nonsense);

        let refused = world.signed_in(&issuer, &unknown).get("/api/tasks").await.status();

        assert_eq!(refused, 401, "{label}");
        assert!(issuer.fetches() >= 2, "{label}");
        let accepted = world.signed_in(&issuer, &known).get("/api/tasks").await;
        assert_eq!(accepted.status(), 200, "{label}");
        let health = world.anonymous().get("/health").await;
        assert_eq!(health.status(), 200, "{label}");
        assert!(health.detail().contains("BETTER_AUTH_URL"), "{label}: {health:?}");
    }
}

#[tokio::test]
async fn a_redirect_to_another_path_of_the_issuer_is_followed_and_to_another_server_is_not() {
    let pair = KeyPair::new(EdDSA);
    let (issuer, other) = (Issuer::new(&[&pair]).await, Issuer::new(&[&pair]).await);
    let moved = |location: &str| Reply::new("").status(308).header("location", location);

    issuer.reply("/api/auth/jwks/", Reply::keys(&public(&[&pair])));
    issuer.reply(JWKS_PATH, moved("/api/auth/jwks/"));
    let within = World::of(&issuer, &[]).await;
    let followed = within.signed_in(&issuer, &pair).get("/api/tasks").await.status();
    issuer.reply(JWKS_PATH, moved(&format!("{}{JWKS_PATH}", other.url())));
    let elsewhere = World::of(&issuer, &[]).await;
    let not_followed = elsewhere.signed_in(&issuer, &pair).get("/api/tasks").await.status();
    issuer.reply(JWKS_PATH, moved(JWKS_PATH));
    let around = World::of(&issuer, &[]).await;

    assert_eq!((followed, not_followed), (200, 401));
    assert_eq!(other.fetches(), 0);
    assert_eq!(around.anonymous().get("/health").await.status(), 503);
}

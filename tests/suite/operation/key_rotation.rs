//! Issuers add and remove keys while the server runs.

use std::time::Duration;

use futures_util::future::join_all;
use jsonwebtoken::Algorithm::{self, ES256, EdDSA};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::http::tokens::signed;
use crate::world::{Issuer, JWKS_PATH, KeyPair, NEVER, Person, Reply, SECRET, SHARED_USERS, World, public};

async fn status(person: &Person) -> u16 {
    person.get("/api/tasks").await.status()
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_new_key_is_accepted_without_a_restart_and_the_old_one_stays() {
    for algorithm in [EdDSA, ES256, Algorithm::ES384, Algorithm::RS256, Algorithm::PS256] {
        let (old, new) = (KeyPair::new(algorithm), KeyPair::new(algorithm));
        let issuer = Issuer::new(&[&old]).await;
        let world = World::of(&issuer, &[]).await;
        let (before, after) = (world.signed_in(&issuer, &old), world.signed_in(&issuer, &new));
        assert_eq!(status(&before).await, 200, "{algorithm:?}");

        issuer.publish(&public(&[&old, &new]));

        assert_eq!(status(&after).await, 200, "{algorithm:?}");
        assert_eq!(status(&before).await, 200, "{algorithm:?}");
        assert_eq!(issuer.fetches(), 2, "{algorithm:?}: one at start, one for the new kid");
    }
}

#[tokio::test]
async fn several_rotations_in_a_row_are_followed() {
    let pairs: Vec<_> = (0..5).map(|_| KeyPair::new(EdDSA)).collect();
    let issuer = Issuer::new(&[&pairs[0]]).await;
    let world = World::of(&issuer, &[]).await;

    for pair in &pairs {
        issuer.publish(&public(&[pair]));

        assert_eq!(status(&world.signed_in(&issuer, pair)).await, 200);
    }
}

#[tokio::test]
async fn rotations_of_several_issuers_are_followed() {
    let pairs: Vec<_> = (0..4).map(|_| KeyPair::new(EdDSA)).collect();
    let (one, two) = (Issuer::new(&[&pairs[0]]).await, Issuer::new(&[&pairs[1]]).await);
    let other = format!("{}{JWKS_PATH}", two.url());
    let settings = [
        ("JWKS_URL", &*other),
        ("JWT_ISSUER", &format!("JWKS_URL={}", two.url())),
        ("JWT_AUDIENCE", "JWKS_URL=any"),
        SHARED_USERS,
    ];
    let world = World::of(&one, &settings).await;

    for (issuer, pair) in [(&one, &pairs[2]), (&two, &pairs[3]), (&one, &pairs[0]), (&two, &pairs[1])] {
        issuer.publish(&public(&[pair]));

        assert_eq!(status(&world.signed_in(issuer, pair)).await, 200);
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn invented_kids_cause_one_read_in_each_cool_down() {
    let (real, forged) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let issuer = Issuer::new(&[&real]).await;
    let world = World::of(&issuer, &[]).await;
    let invented = |n: usize| {
        let header = json!({ "alg": "EdDSA", "kid": format!("invented-{n}") });
        world.bearer(&forged.sign(&header, &issuer.claims(json!({}))))
    };

    let began = Instant::now();
    let people: Vec<_> = (0..100).map(invented).collect();
    let at_once = join_all(people.iter().map(status)).await;
    let mut later = Vec::new();
    for n in 100..200 {
        later.push(status(&invented(n)).await);
    }

    assert!(at_once.iter().chain(&later).all(|status| *status == 401), "{at_once:?} {later:?}");
    let allowed = 2 + began.elapsed().as_secs() as usize / 10; // a slow machine needs more than one cool-down
    assert!(issuer.fetches() <= allowed, "{} fetches: one at start, one for all kids", issuer.fetches());
    assert_eq!(status(&world.signed_in(&issuer, &real)).await, 200);

    // Invented kids delay a real new key by one cool-down at most.
    let new = KeyPair::new(EdDSA);
    issuer.publish(&public(&[&real, &new]));
    let person = world.signed_in(&issuer, &new);
    let accepted = async {
        while status(&person).await != 200 {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(60), accepted).await.expect("the new key is accepted within a minute");
}

#[tokio::test]
async fn requests_with_the_same_new_key_wait_for_one_fetch() {
    let (old, new) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let issuer = Issuer::new(&[&old]).await;
    let world = World::of(&issuer, &[]).await;
    issuer.reply(JWKS_PATH, Reply::keys(&public(&[&old, &new])).after(Duration::from_millis(300)));

    let person = world.signed_in(&issuer, &new);
    let answers = join_all((0..40).map(|_| status(&person))).await;

    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn a_request_that_is_dropped_does_not_end_the_read_that_others_wait_for() {
    let (old, new) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let issuer = Issuer::new(&[&old]).await;
    let world = World::of(&issuer, &[]).await;
    issuer.reply(JWKS_PATH, Reply::keys(&public(&[&old, &new])).after(Duration::from_millis(300)));
    let person = world.signed_in(&issuer, &new);

    let first = tokio::spawn({
        let person = person.clone();
        async move { status(&person).await }
    });
    while issuer.fetches() < 2 {
        sleep(Duration::from_millis(5)).await;
    }
    first.abort();
    let second = status(&person).await;

    assert_eq!(second, 200);
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn a_token_of_a_known_key_does_not_wait_for_a_read() {
    let (known, unknown) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let issuer = Issuer::new(&[&known]).await;
    let world = World::of(&issuer, &[("REQUEST_TIMEOUT", "90")]).await;
    issuer.reply(JWKS_PATH, Reply::keys(&[]).after(NEVER));
    let (waits, person) = (world.signed_in(&issuer, &unknown), world.signed_in(&issuer, &known));

    let waiting = tokio::spawn(async move { status(&waits).await });
    while issuer.fetches() < 2 {
        sleep(Duration::from_millis(5)).await;
    }

    assert_eq!(status(&person).await, 200);
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn a_request_waits_for_a_silent_issuer_only_for_its_read_timeout() {
    let (known, unknown) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let issuer = Issuer::new(&[&known]).await;
    let world = World::of(&issuer, &[("REQUEST_TIMEOUT", "1")]).await;

    for silence in [Reply::keys(&[]).after(NEVER), Reply::keys(&[]).body_after(NEVER)] {
        issuer.reply(JWKS_PATH, silence);
        let person = world.signed_in(&issuer, &unknown);
        // It may wait a third of a second. A slow machine needs some time for the rest.
        let answer = timeout(Duration::from_secs(10), status(&person)).await.expect("an answer");

        assert_eq!(answer, 401);
        assert_eq!(status(&world.signed_in(&issuer, &known)).await, 200);
    }
}

#[tokio::test]
async fn a_retired_key_is_refused_after_the_set_was_read_for_a_new_one() {
    let (old, new) = (KeyPair::new(EdDSA), KeyPair::new(ES256));
    let issuer = Issuer::new(&[&old]).await;
    let world = World::of(&issuer, &[]).await;
    let (before, after) = (world.signed_in(&issuer, &old), world.signed_in(&issuer, &new));
    assert_eq!(status(&before).await, 200);

    issuer.publish(&public(&[&new]));

    assert_eq!(status(&after).await, 200);
    assert_eq!(status(&before).await, 401);
    let retired = world.server.logs(|event| event["message"] == "key retired").await;
    assert_eq!(retired["rowkeep.key_id"], old.kid.as_str());
}

/// The issuer sets `max-age=1`.
#[tokio::test]
async fn a_retired_key_is_refused_after_the_set_was_due() {
    let (old, new) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let issuer = Issuer::new(&[&old]).await;
    let brief = |pair: &KeyPair| Reply::keys(&public(&[pair])).header("cache-control", "public, max-age=1");
    issuer.reply(JWKS_PATH, brief(&old));
    let world = World::of(&issuer, &[]).await;
    let before = world.signed_in(&issuer, &old);
    assert_eq!(status(&before).await, 200);

    issuer.reply(JWKS_PATH, brief(&new));
    world.server.logs(|event| event["message"] == "key retired").await;

    assert_eq!(status(&before).await, 401);
    assert_eq!(status(&world.signed_in(&issuer, &new)).await, 200);
}

/// A server that has lost its keys must not lock every user out.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_set_without_a_usable_key_retires_no_key() {
    let (old, unknown) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let for_encryption = json!({ "kty": "OKP", "crv": "Ed25519", "x": unknown.jwk()["x"], "use": "enc" });
    for (label, set, reason) in [
        ("an empty list", vec![], "its list is empty"),
        ("a key for encryption", vec![for_encryption], "it is not for signatures (use)"),
        ("a secret", vec![json!({ "kty": "oct", "k": "aHVzaA" })], "it is a secret"),
        ("an unknown curve", vec![json!({ "kty": "EC", "crv": "P-521" })], "(crv)"),
    ] {
        let issuer = Issuer::new(&[&old]).await;
        let world = World::of(&issuer, &[]).await;
        issuer.publish(&set);

        let refused = world.signed_in(&issuer, &unknown).get("/api/tasks").await;

        assert!(refused.detail().contains("no key that can be used"), "{label}: {refused:?}");
        assert_eq!(status(&world.signed_in(&issuer, &old)).await, 200, "{label}");
        let health = world.anonymous().get("/health").await;
        assert_eq!(health.status(), 200, "{label}");
        let detail = health.detail();
        assert!(
            detail.contains("BETTER_AUTH_URL cannot be read, and its known keys stay"),
            "{label}: {detail}"
        );
        assert!(detail.contains("it has no key that can be used"), "{label}: {detail}");
        let problem = world.server.logs(|event| event["error.message"].is_string()).await;
        assert!(
            problem["error.message"].as_str().is_some_and(|text| text.contains(reason)),
            "{label}: {problem}"
        );
    }
}

#[tokio::test]
async fn only_a_token_with_an_unknown_kid_causes_a_read() {
    let (real, forged) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA).with_kid("invented"));
    let issuer = Issuer::new(&[&real]).await;
    let world = World::of(&issuer, &[]).await;
    let claims = issuer.claims(json!({}));
    let with_kid = |kid: Value| json!({ "alg": "EdDSA", "kid": kid });

    for (label, token) in [
        ("the kid of a known key", forged.sign(&with_kid(json!(real.kid)), &claims)),
        ("no kid", forged.sign(&json!({ "alg": "EdDSA" }), &claims)),
        ("a kid that is not a string", forged.sign(&with_kid(json!(5)), &claims)),
        ("not a token", "invented".into()),
        ("HS256", signed(&json!({ "alg": "HS256", "kid": "invented" }), &claims, SECRET)),
        ("another algorithm", forged.sign(&json!({ "alg": "ES512", "kid": "invented" }), &claims)),
        ("another type", forged.sign(&json!({ "alg": "EdDSA", "kid": "invented", "typ": "x" }), &claims)),
        ("too long", format!("{}.{}", forged.token(&claims), "x".repeat(20_000))),
        ("no signature", format!("{}.", forged.token(&claims).rsplit_once('.').expect("parts").0)),
        ("no base64url", format!("{}=", forged.token(&claims))),
    ] {
        assert_eq!(status(&world.bearer(&token)).await, 401, "{label}");
    }

    assert_eq!(issuer.fetches(), 1);
    assert_eq!(status(&world.bearer(&forged.token(&claims))).await, 401);
    assert_eq!(issuer.fetches(), 2);
}

//! Several key sets at once: none blocks or disturbs another.

use std::time::Duration;

use jsonwebtoken::Algorithm::{ES256, EdDSA};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::program::Directory;
use crate::http::key_sets::changed;
use crate::world::{Issuer, JWKS_PATH, KeyPair, NEVER, Person, Reply, SHARED_USERS, World, public};

async fn status(person: &Person) -> u16 {
    person.get("/api/tasks").await.status()
}

/// The issuer of a second key set.
const OTHER: &str = "https://other.example";

/// A server with the keys of `issuer`, and with a second key set whose tokens name [`OTHER`].
async fn world_with_other(issuer: &Issuer, setting: &str, location: &str, more: &[(&str, &str)]) -> World {
    let other = format!("{setting}={OTHER}");
    let audience = format!("{setting}=any");
    let settings = [(setting, location), ("JWT_ISSUER", &*other), ("JWT_AUDIENCE", &*audience), SHARED_USERS];
    World::of(issuer, &[&settings[..], more].concat()).await
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
    let world = world_with_other(&issuer, "JWKS_FILE", &file, &[]).await;
    let token = |header: Value, iss: &str| {
        world.bearer(&without_kid.sign(&header, &issuer.claims(json!({ "iss": iss }))))
    };
    let kid = |kid: &str| json!({ "alg": "EdDSA", "kid": kid });

    issuer.publish(&public(&[&new]));

    assert_eq!(status(&world.signed_in(&issuer, &new)).await, 200);
    for header in [kid("anything"), kid("anything else"), json!({ "alg": "EdDSA" })] {
        assert_eq!(status(&token(header.clone(), OTHER)).await, 200, "{header}");
        assert_eq!(status(&token(header, &issuer.url())).await, 401, "it may not sign for the issuer");
    }
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
    let world = world_with_other(&silent, "JWKS_FILE", &file, &[("REQUEST_TIMEOUT", "180")]).await;
    silent.reply(JWKS_PATH, Reply::keys(&[]).after(NEVER));
    let header = json!({ "alg": "EdDSA", "kid": "anything" });
    let person = world.bearer(&without_kid.sign(&header, &silent.claims(json!({ "iss": OTHER }))));

    let answer = timeout(Duration::from_secs(30), status(&person)).await;

    assert_eq!(answer.expect("an answer"), 200);
    assert_eq!(silent.fetches(), 1);
}

#[tokio::test]
async fn a_silent_issuer_does_not_delay_the_tokens_of_another() {
    let pairs: Vec<_> = (0..3).map(|_| KeyPair::new(EdDSA)).collect();
    let (issuer, silent) = (Issuer::new(&[&pairs[0]]).await, Issuer::new(&[]).await);
    let other = format!("{}{JWKS_PATH}", silent.url());
    let world = world_with_other(&issuer, "JWKS_URL", &other, &[("REQUEST_TIMEOUT", "180")]).await;
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
    let set = format!("{}{JWKS_PATH}", other.url());
    let world = world_with_other(&issuer, "JWKS_URL", &set, &[]).await;
    let by = |pair: &KeyPair, iss: Value| world.bearer(&pair.token(&issuer.claims(json!({ "iss": iss }))));

    for (label, person, wanted) in [
        ("one", by(&one, json!(issuer.url())), 200),
        ("two", by(&two, json!(OTHER)), 200),
        ("one as the other", by(&one, json!(OTHER)), 401),
        ("two as the issuer", by(&two, json!(issuer.url())), 401),
        ("two as nobody", by(&two, json!(null)), 401),
        ("two as somebody else", by(&two, json!("https://third.example")), 401),
    ] {
        assert_eq!(status(&person).await, wanted, "{label}");
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn what_another_issuer_publishes_does_not_disturb_the_users_of_this_one() {
    for ours_is_of_better_auth_url in [true, false] {
        let (ours, theirs) = (KeyPair::new(EdDSA).with_kid("1"), KeyPair::new(ES256).with_kid("1"));
        let (issuer, other) = (Issuer::new(&[&ours]).await, Issuer::new(&[&theirs]).await);
        let brief = |keys: &[Value]| Reply::keys(keys).header("cache-control", "max-age=1");
        other.reply(JWKS_PATH, brief(&public(&[&theirs])));
        let (of_url, of_set) = if ours_is_of_better_auth_url { (&issuer, &other) } else { (&other, &issuer) };
        let set = format!("{}{JWKS_PATH}", of_set.url());
        let world = world_with_other(of_url, "JWKS_URL", &set, &[]).await;
        let iss = if ours_is_of_better_auth_url { issuer.url() } else { OTHER.into() };
        let new_person =
            |n: usize| world.bearer(&ours.token(&issuer.claims(json!({ "iss": iss, "jti": n.to_string() }))));
        assert_eq!(status(&new_person(0)).await, 200);

        let same_kid = KeyPair::new(EdDSA).with_kid("1").jwk();
        let without_kid = changed(&KeyPair::new(EdDSA).jwk(), json!({ "kid": null }));
        let sets = [vec![same_kid.clone()], vec![without_kid, same_kid], vec![ours.jwk()], vec![]];
        for (n, keys) in sets.into_iter().enumerate() {
            let reads = other.fetches();
            other.reply(JWKS_PATH, brief(&keys));
            while other.fetches() < reads + 2 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }

            assert_eq!(status(&new_person(n + 1)).await, 200, "{keys:?}");
        }
    }
}

#[tokio::test]
async fn an_unknown_kid_is_looked_for_only_at_the_issuer_that_the_token_names() {
    let (known, unknown) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let (issuer, other) = (Issuer::new(&[&known]).await, Issuer::new(&[&known]).await);
    let set = format!("{}{JWKS_PATH}", other.url());
    let world = world_with_other(&issuer, "JWKS_URL", &set, &[]).await;
    let person = |iss: &str| world.bearer(&unknown.token(&issuer.claims(json!({ "iss": iss }))));

    let of_nobody = person("https://third.example").get("/api/tasks").await;
    let reads_for_nobody = (issuer.fetches(), other.fetches());
    let of_issuer = status(&person(&issuer.url())).await;
    let reads_for_issuer = (issuer.fetches(), other.fetches());
    let of_other = status(&person(OTHER)).await;

    assert_eq!((of_nobody.status(), of_issuer, of_other), (401, 401, 401));
    assert!(of_nobody.detail().contains("issuer (iss)"), "{of_nobody:?}");
    assert_eq!([reads_for_nobody, reads_for_issuer], [(1, 1), (2, 1)]);
    assert_eq!((issuer.fetches(), other.fetches()), (2, 2));
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_server_that_answers_unknown_paths_with_a_page_a_useless_set_or_nothing_does_not_hide_its_key_set()
{
    let pair = KeyPair::new(EdDSA);
    for page in [
        Reply::new("<!doctype html><title>Tasks</title>"),
        Reply::new("").status(302).header("location", "/app/sign-in"),
        Reply::new("{}").status(401),
        Reply::new("").after(NEVER),
        Reply::keys(&[]),
        Reply::keys(&[json!({ "kty": "oct", "k": "aHVzaA" })]),
        Reply::keys(&[changed(&KeyPair::new(EdDSA).jwk(), json!({ "use": "enc" }))]),
        Reply::keys(&[json!({}), json!("x"), json!({ "kty": "EC", "crv": "P-521", "x": "AA", "y": "AA" })]),
    ] {
        let issuer = Issuer::new(&[]).await;
        issuer.reply("/app/jwks", page);
        issuer.reply("/app/sign-in", Reply::new("<!doctype html><title>Sign in</title>"));
        issuer.reply("/app/api/auth/jwks", Reply::keys(&public(&[&pair])));
        let url = format!("{}/app", issuer.url());

        let world = World::of(&issuer, &[("BETTER_AUTH_URL", &url), ("REQUEST_TIMEOUT", "1")]).await;

        let person = world.signed_in(&issuer, &pair);
        let accepted = async {
            while status(&person).await != 200 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(30), accepted).await.expect("the keys at the second place are found");
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

//! The settings that name keys.

use std::time::Duration;

use jsonwebtoken::Algorithm::EdDSA;
use serde_json::json;

use super::checkout::Checkout;
use super::program::{Ended, Program};
use crate::world::{Issuer, KeyPair, Person, SECRET, SHARED_USERS, World};

async fn in_production(settings: &[(&str, &str)]) -> Ended {
    let base = [("DATABASE_URL", "postgres://u@127.0.0.1:9/d")];
    Program::checking_settings().with(&base).with(settings).run().await
}

#[tokio::test]
async fn any_one_key_setting_is_enough_outside_development() {
    let base = [("ENVIRONMENT", "production"), ("DATABASE_URL", "postgres://u@127.0.0.1:9/d"), ("PORT", "0")];
    let start = |settings: &[(&str, &str)]| Program::new(&["serve"]).with(&base).with(settings).start();

    for source in ["BETTER_AUTH_URL", "JWKS_URL", "JWKS_FILE"] {
        let mut settings = vec![(source, "https://auth.example.com")];
        if source != "BETTER_AUTH_URL" {
            settings.extend([("JWT_ISSUER", "https://auth.example.com"), ("JWT_AUDIENCE", "any")]);
        }
        // With valid settings the program tries to connect for a while.
        let text = start(&settings).says_within(Duration::from_secs(1)).await;
        assert!(!text.contains("cannot start"), "{source}: {text}");
    }
    let none = start(&[]).says_within(Duration::from_secs(10)).await;
    assert!(none.contains("cannot start") && none.contains("JWKS_URL"), "{none}");
}

#[tokio::test]
async fn the_error_for_a_bad_url_does_not_repeat_its_password() {
    for url in [
        "auth.example.com",
        "localhost:3000",
        "ftp://auth.example.com",
        "/api/auth",
        "https://",
        "https://user:hushhush@auth.example.com",
    ] {
        for name in ["BETTER_AUTH_URL", "JWKS_URL"] {
            let ended = in_production(&[("BETTER_AUTH_SECRET", SECRET), (name, url)]).await;

            assert_eq!(ended.code, Some(1), "{name}={url}");
            let lines = ended.err.lines().filter(|line| line.trim().starts_with(name)).count();
            assert_eq!(lines, 1, "{name}={url}: {}", ended.err);
            assert!(!ended.err.contains("hush"), "{}", ended.err);
        }
    }
    // Tokens name this URL as their issuer, and texts of refusals repeat it.
    let ended = in_production(&[("BETTER_AUTH_URL", "https://auth.example.com?key=hushhush")]).await;
    assert!(ended.err.contains("BETTER_AUTH_URL") && !ended.err.contains("hush"), "{}", ended.err);
}

/// Everybody has the public key, and could sign with it if it was used as the secret.
#[tokio::test]
async fn a_public_key_is_refused_as_a_secret() {
    let jwk = KeyPair::new(EdDSA).jwk();
    for key in [
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n".to_owned(),
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----".into(),
        jwk.to_string(),
        json!({ "keys": [jwk] }).to_string(),
    ] {
        for environment in ["development", "production"] {
            for name in ["BETTER_AUTH_SECRET", "BETTER_AUTH_SECRET_PREVIOUS"] {
                let settings = [("BETTER_AUTH_SECRET", SECRET), (name, &*key), ("ENVIRONMENT", environment)];
                let ended = in_production(&settings).await;

                assert_eq!(ended.code, Some(1), "{name} {key}");
                assert!(ended.err.contains(&format!("{name} is a key")), "{}", ended.err);
                assert!(!ended.err.contains(&key), "{}", ended.err);
            }
        }
    }
}

#[tokio::test]
async fn the_log_lists_every_loaded_key_and_no_secret() {
    let pair = KeyPair::new(EdDSA);
    let issuer = Issuer::new(&[&pair]).await;
    let previous = "the secret before it, of more than thirty-two bytes";
    let url = issuer.url();
    let set = format!("{}/api/auth/jwks?apikey=hushhush", issuer.url());
    let settings = [
        ("BETTER_AUTH_SECRET_PREVIOUS", previous),
        ("BETTER_AUTH_URL", &*url),
        ("JWKS_URL", &*set),
        ("JWT_ISSUER", "JWKS_URL=https://other.example"),
        ("JWT_AUDIENCE", "JWKS_URL=tasks"),
        SHARED_USERS,
    ];
    let world = World::with(&settings).await;

    let mut loaded = Vec::new();
    for source in ["BETTER_AUTH_SECRET", "BETTER_AUTH_SECRET_PREVIOUS", "BETTER_AUTH_URL", "JWKS_URL"] {
        let event = world
            .server
            .logs(|event| {
                event["message"] == "key loaded"
                    && event["rowkeep.key_source"].as_str().and_then(|text| text.split(' ').next())
                        == Some(source)
            })
            .await;
        loaded.push((event["rowkeep.key_id"].clone(), event["rowkeep.key_algorithm"].clone()));
    }

    let of_secret = (json!(""), json!("HS256"));
    let of_pair = (json!(pair.kid), json!("EdDSA"));
    assert_eq!(loaded, [of_secret.clone(), of_secret, of_pair.clone(), of_pair]);
    for secret in [SECRET, previous, "hush"] {
        assert!(!world.server.log().iter().any(|line| line.contains(secret)), "{secret}");
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn with_an_issuer_no_development_secret_is_made() {
    let pair = KeyPair::new(EdDSA);
    let issuer = Issuer::new(&[&pair]).await;
    let checkout = Checkout::new("issuer");
    std::fs::write(checkout.path.join(".env"), format!("BETTER_AUTH_URL={}", issuer.url())).expect("a file");

    let minted = checkout.program(&["token", "--user=alice"]).run().await;
    let ready = checkout.start().await;
    let accepted = Person::with_token(ready.address(), Some(&pair.token(&issuer.claims(json!({})))));

    assert_eq!((minted.code, minted.out.as_str()), (Some(1), ""), "{minted:?}");
    assert!(
        minted.err.contains("BETTER_AUTH_URL") && minted.err.contains("BETTER_AUTH_SECRET"),
        "{minted:?}"
    );
    assert!(!ready.running.err().contains("HS256"), "{}", ready.running.err());
    assert_eq!(accepted.get("/api/tasks").await.status(), 200);
    ready.stop().await;
}

#[tokio::test]
async fn a_token_is_minted_with_a_secret_that_is_set_beside_an_issuer() {
    let issuer = Issuer::new(&[]).await;
    let url = issuer.url();
    let settings = [
        ("BETTER_AUTH_SECRET", SECRET),
        ("BETTER_AUTH_URL", &*url),
        ("JWT_ISSUER", "BETTER_AUTH_SECRET=https://hand.example"),
        ("JWT_AUDIENCE", "BETTER_AUTH_SECRET=tasks,others"),
        SHARED_USERS,
    ];
    let world = World::with(&settings).await;

    let minted = Program::new(&["token", "--user=alice"]).with(&settings).run().await;

    assert_eq!(minted.code, Some(0), "{minted:?}");
    assert_eq!(world.bearer(minted.out.trim()).get("/api/alice/tasks").await.status(), 200);
}

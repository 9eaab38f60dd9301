//! Key sets: their age, and whether they can be read.

use std::time::Duration;

use jsonwebtoken::Algorithm::EdDSA;
use serde_json::json;

use super::scrape::{Scrape, Watched};
use crate::world::{Issuer, JWKS_PATH, KeyPair, Reply, public};

const SET: [(&str, &str); 1] = [("key_set", "BETTER_AUTH_URL")];

fn figures(scrape: &Scrape) -> [f64; 3] {
    ["keys", "usable", "failures_total"].map(|name| scrape.value(&format!("rowkeep_key_set_{name}"), &SET))
}

fn age(scrape: &Scrape) -> f64 {
    scrape.value("rowkeep_key_set_age_seconds", &SET)
}

#[tokio::test]
async fn an_issuer_that_stops_makes_its_key_set_old_and_each_failed_read_is_counted() {
    let pair = KeyPair::new(EdDSA);
    let mut issuer = Issuer::new(&[&pair]).await;
    // The shortest time that a set is used without another read.
    issuer.reply(JWKS_PATH, Reply::keys(&public(&[&pair])).header("cache-control", "max-age=1"));
    let watched = Watched::of(&issuer, &[]).await;
    assert_eq!(figures(&watched.scrape().await), [1.0, 1.0, 0.0]);

    issuer.stop().await;
    watched.eventually("two reads fail", |scrape| figures(scrape)[2] >= 2.0).await;
    let stopped = watched.scrape().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let later = watched.scrape().await;
    issuer.start();
    watched.eventually("the set is read again", |scrape| age(scrape) < age(&later)).await;

    assert_eq!(figures(&stopped)[..2], [1.0, 1.0], "known keys stay in use");
    assert!(age(&later) >= age(&stopped) + 0.3 && age(&stopped) > 1.0, "{} {}", age(&stopped), age(&later));
}

#[tokio::test]
async fn a_key_set_that_was_never_read_has_no_key_and_is_not_usable() {
    let mut issuer = Issuer::new(&[&KeyPair::new(EdDSA)]).await;
    issuer.stop().await;

    let watched = Watched::of(&issuer, &[]).await;

    let scrape = watched.scrape().await;
    let [keys, usable, failures] = figures(&scrape);
    assert_eq!((keys, usable), (0.0, 0.0));
    assert!(failures >= 1.0 && age(&scrape) > 0.0, "{}", scrape.text);
}

#[tokio::test]
async fn every_key_set_has_the_name_of_its_setting_and_a_secret_has_none() {
    let pair = KeyPair::new(EdDSA);
    let (one, two) = (Issuer::new(&[&pair]).await, Issuer::new(&[&pair]).await);
    let url = format!("{}{JWKS_PATH}", two.url());
    let names = format!("JWKS_URL={}", two.url());
    let settings = [
        ("JWKS_URL", url.as_str()),
        ("JWT_ISSUER", names.as_str()),
        ("JWT_AUDIENCE", "JWKS_URL=any"),
        crate::world::SHARED_USERS,
    ];

    let several = Watched::of(&one, &settings).await.scrape().await;
    let secret = Watched::with(&[]).await.scrape().await;

    let sets = several.values_of("rowkeep_key_set_usable", "key_set");
    assert_eq!(json!(sets), json!(["BETTER_AUTH_URL", "JWKS_URL"]));
    assert_eq!(secret.values_of("rowkeep_key_set_usable", "key_set").len(), 0);
}

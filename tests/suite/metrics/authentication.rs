//! Failed sign-ins are counted by their reason, and refusals by the limit that was exceeded.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use jsonwebtoken::Algorithm::{ES256, EdDSA};
use rowkeep::refusal::TokenProblem;
use serde_json::json;

use super::scrape::Watched;
use crate::http::tokens::{authorized, claims, header, now, signed, token_with};
use crate::world::{Issuer, KeyPair, SECRET, public};

const FAILURES: &str = "rowkeep_authentication_failures_total";

/// Sends these `Authorization` headers. Asserts that the request counts as one failure, and for this reason.
async fn counts_as(watched: &Watched, reason: &str, values: &[&str]) {
    let before = watched.scrape().await;

    let answer = authorized(&watched.world, values).await;

    let after = watched.scrape().await;
    assert_eq!(answer.status(), 401, "{reason} {answer:?}");
    let grown = |labels: &[(&str, &str)]| after.sum(FAILURES, labels) - before.sum(FAILURES, labels);
    let reasons: Vec<_> = after
        .values_of(FAILURES, "reason")
        .into_iter()
        .filter(|reason| grown(&[("reason", reason)]) != 0.0)
        .collect();
    assert_eq!((reasons, grown(&[])), (vec![reason.to_owned()], 1.0), "{answer:?}");
}

#[tokio::test]
async fn every_reason_is_there_from_the_start_and_no_other() {
    let watched = Watched::with(&[]).await;

    let scrape = watched.scrape().await;

    let known = TokenProblem::ALL.map(TokenProblem::word).into_iter().chain(["other_user"]);
    assert_eq!(scrape.values_of(FAILURES, "reason"), known.map(str::to_owned).collect::<BTreeSet<_>>());
    assert_eq!(scrape.sum(FAILURES, &[]), 0.0);
}

/// Together with the next test, this one has every reason.
#[tokio::test]
async fn a_refused_token_is_counted_by_what_is_wrong_with_it() {
    let watched = Watched::with(&[
        ("JWT_ISSUER", "https://a.example"),
        ("JWT_AUDIENCE", "todo-api"),
        ("JWT_NOT_BEFORE", "2020-01-01T00:00:00Z"),
    ])
    .await;
    let with = |mut changes: serde_json::Value| {
        for (name, value) in [("iss", "https://a.example"), ("aud", "todo-api")] {
            let changes = changes.as_object_mut().expect("an object");
            changes.entry(name).or_insert(json!(value));
        }
        token_with(changes)
    };
    let good = with(json!({}));
    assert_eq!(authorized(&watched.world, &[&format!("Bearer {good}")]).await.status(), 200);
    let no_hs256 = signed(&json!({ "alg": "HS512" }), &claims(json!({})), SECRET);
    let critical = signed(&json!({ "alg": "HS256", "crit": ["x"] }), &claims(json!({})), SECRET);
    let foreign = signed(&header(), &claims(json!({})), "another secret of more than thirty-two bytes");
    let of_pair = KeyPair::new(EdDSA).token(&claims(json!({})));

    for (reason, token) in [
        ("token_placeholder", "undefined".to_owned()),
        ("token_malformed", "nonsense".to_owned()),
        ("token_too_long", "x".repeat(17 * 1024)),
        ("token_session", "x".repeat(32)),
        ("token_other_purpose", with(json!({ "purpose": "reset" }))),
        ("token_unsupported", critical),
        ("token_algorithm", no_hs256),
        ("token_no_key", of_pair),
        ("token_signature", foreign),
        ("token_expired", with(json!({ "exp": now() - 3600 }))),
        ("token_not_yet_valid", with(json!({ "nbf": now() + 3600 }))),
        ("token_lifetime", with(json!({ "exp": now() + 10_000 * 86_400 }))),
        ("token_issued_too_early", with(json!({ "iat": 1_000_000_000 }))),
        ("token_issuer", with(json!({ "iss": "https://b.example" }))),
        ("token_audience", with(json!({ "aud": "x" }))),
        ("token_subject", with(json!({ "sub": " " }))),
        ("token_claims", with(json!({ "exp": null }))),
    ] {
        counts_as(&watched, reason, &[&format!("Bearer {token}")]).await;
    }
    counts_as(&watched, "token_missing", &[]).await;
    let header = format!("Bearer {good}");
    counts_as(&watched, "token_several_headers", &[&header, &header]).await;
}

#[tokio::test]
async fn a_token_whose_key_is_not_known_is_counted_as_such() {
    let (known, unknown) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let (one, two) = (KeyPair::new(ES256).with_kid("twin"), KeyPair::new(ES256).with_kid("twin"));
    let mut issuer = Issuer::new(&[&known, &one, &two]).await;
    let watched = Watched::of(&issuer, &[]).await;
    let bearer = |pair: &KeyPair| format!("Bearer {}", pair.token(&issuer.claims(json!({}))));
    let (of_unknown, of_twin) = (bearer(&unknown), bearer(&one));

    counts_as(&watched, "token_unknown_key", &[&of_unknown]).await;
    counts_as(&watched, "token_ambiguous_key", &[&of_twin]).await;
    issuer.stop().await;
    let another = Issuer::new(&[&known]).await;
    another.reply(crate::world::JWKS_PATH, crate::world::Reply::keys(&public(&[&known])).status(500));
    let unreadable = Watched::of(&another, &[]).await;
    let of_another = format!("Bearer {}", known.token(&another.claims(json!({}))));
    counts_as(&unreadable, "token_key_set_unreadable", &[&of_another]).await;
}

#[tokio::test]
async fn a_path_that_names_another_user_is_counted() {
    let watched = Watched::with(&[]).await;

    let answer = watched.world.user("alice").get("/api/bob/tasks").await;

    let scrape = watched.scrape().await;
    assert_eq!(answer.status(), 403);
    assert_eq!(scrape.value(FAILURES, &[("reason", "other_user")]), 1.0);
    assert_eq!(scrape.sum(FAILURES, &[]), 1.0);
}

#[tokio::test]
async fn requests_beyond_the_limit_of_a_user_and_of_an_address_are_counted_apart() {
    let watched = Watched::with(&[("RATE_LIMIT", "5")]).await;
    let limited = |scrape: &super::scrape::Scrape| {
        ["user", "address"].map(|limit| scrape.value("rowkeep_rate_limited_total", &[("limit", limit)]))
    };
    assert_eq!(limited(&watched.scrape().await), [0.0, 0.0]);
    let (alice, stranger) = (watched.world.user("alice"), watched.world.bearer("nonsense"));
    let refused = async |person: &crate::world::Person| {
        let answers = join_all((0..40).map(|_| person.get("/api/tasks"))).await;
        answers.iter().filter(|answer| answer.status() == 429).count() as f64
    };

    let of_user = refused(&alice).await;
    let of_address = refused(&stranger).await;

    assert!(of_user > 0.0 && of_address > 0.0);
    let scrape = watched.scrape().await;
    assert_eq!(limited(&scrape), [of_user, of_address]);
    // A failure counts whether or not it is beyond the limit.
    assert_eq!(scrape.sum(FAILURES, &[]), 40.0);
}

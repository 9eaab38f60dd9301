//! Rate limits: for each user, and for the failed sign-ins of each client address.

use futures_util::future::join_all;
use http::Method;
use serde_json::Value;

use super::contracts::CONTRACTS;
use crate::world::{Answer, Person, World, send};

/// A server with this limit per second. A burst of twice as many is refilled in two seconds.
async fn limited(settings: &[(&str, &str)]) -> World {
    let mut all = vec![("RATE_LIMIT", "5")];
    all.extend(settings);
    World::with(&all).await
}

/// Sends more requests at once than a burst. Returns an answer that is a 429.
async fn exceeds(person: &Person, path: &str) -> Answer {
    let answers = join_all((0..40).map(|_| person.get(path))).await;
    let refused = answers.into_iter().find(|answer| answer.status() == 429);
    refused.unwrap_or_else(|| panic!("{path}: none of 40 requests is refused"))
}

/// Sends a GET with more headers.
async fn get_with(person: &Person, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = person.request(Method::GET, path, "");
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().expect("a value"));
    }
    send(person.address, request).await
}

#[tokio::test]
async fn a_user_who_exceeds_the_limit_gets_429_with_the_time_to_wait_in_every_contract() {
    let world = limited(&[]).await;
    for contract in CONTRACTS {
        let user = world.user(&format!("user of {contract:?}").chars().take(60).collect::<String>());
        let path = contract.tasks(&user);

        let answer = exceeds(&user, &path).await;

        contract.refuses(&answer, 429, &path);
        assert!(answer.detail().contains("wait 1 s"), "{answer:?}");
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.header("ratelimit"), r#""user";r=0;t=1"#);
        assert_eq!(answer.header("ratelimit-policy"), r#""user";q=5;w=1"#);
    }
}

#[tokio::test]
async fn one_user_who_exceeds_the_limit_does_not_limit_another_at_the_same_address() {
    let world = limited(&[]).await;
    exceeds(&world.user("alice"), "/api/tasks").await;

    let answer = world.user("bob").get("/api/tasks").await;

    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_user_who_waits_is_served_again() {
    let world = limited(&[]).await;
    let alice = world.user("alice");
    let refused = exceeds(&alice, "/api/tasks").await;
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");

    tokio::time::sleep(std::time::Duration::from_secs(wait)).await;

    assert_eq!(alice.get("/api/tasks").await.status(), 200);
}

#[tokio::test]
async fn the_limit_comes_after_the_token_and_before_the_user_of_the_path() {
    let world = limited(&[]).await;
    let alice = world.user("alice");
    exceeds(&alice, "/api/bob/tasks").await;

    let of_another = exceeds(&alice, "/api/bob/tasks").await;
    let unknown_route = alice.get("/api/tasks/1/nothing").await;
    let wrong_method = alice.call(Method::PUT, "/api/tasks").await;
    let bad_token = world.bearer("nonsense").get("/api/tasks").await;

    assert_eq!(of_another.status(), 429);
    assert_eq!((unknown_route.status(), wrong_method.status(), bad_token.status()), (404, 405, 401));
}

#[tokio::test]
async fn an_address_with_too_many_failed_sign_ins_gets_429_and_a_valid_token_from_there_is_served() {
    let world = limited(&[]).await;
    for stranger in [world.bearer("nonsense"), world.anonymous()] {
        let answer = exceeds(&stranger, "/api/tasks").await;

        assert_eq!(answer.header("ratelimit"), r#""address";r=0;t=1"#, "{answer:?}");
        assert!(answer.header("www-authenticate").is_empty(), "{answer:?}");
    }
    assert_eq!(world.user("alice").get("/api/tasks").await.status(), 200);
}

#[tokio::test]
async fn valid_tokens_do_not_count_as_failed_sign_ins() {
    let world = limited(&[]).await;
    let users: Vec<_> = (0..40).map(|number| world.user(&format!("user {number}"))).collect();

    let answers = join_all(users.iter().map(|user| user.get("/api/tasks"))).await;

    assert!(answers.iter().all(|answer| answer.status() == 200), "{answers:?}");
    assert_eq!(world.anonymous().get("/api/tasks").await.status(), 401);
}

#[tokio::test]
async fn only_a_429_has_the_headers_of_the_limit() {
    let world = limited(&[]).await;
    let alice = world.user("alice");

    for answer in [alice.get("/api/tasks").await, alice.get("/api/tasks/7").await] {
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("ratelimit")), "{answer:?}");
    }
}

#[tokio::test]
async fn a_page_of_a_listed_origin_can_read_a_429_and_its_headers() {
    let world = limited(&[("CORS_ORIGINS", "https://tasks.example")]).await;
    let alice = world.user("alice");
    let origin = [("origin", "https://tasks.example")];

    let answers = join_all((0..40).map(|_| get_with(&alice, "/api/tasks", &origin))).await;

    let refused = answers.iter().find(|answer| answer.status() == 429).expect("a 429");
    assert_eq!(refused.header("access-control-allow-origin"), "https://tasks.example");
    for name in ["retry-after", "ratelimit", "ratelimit-policy"] {
        let exposed = refused.header("access-control-expose-headers");
        assert!(exposed.split(", ").any(|exposed| exposed == name), "{name}: {exposed}");
    }
}

#[tokio::test]
async fn health_is_never_limited() {
    let world = limited(&[]).await;
    let anonymous = world.anonymous();

    let answers = join_all((0..40).map(|_| anonymous.get("/health"))).await;

    assert!(answers.iter().all(|answer| answer.status() == 200), "{answers:?}");
}

#[tokio::test]
async fn outside_development_the_limit_is_a_hundred_per_second_unless_it_is_turned_off() {
    let (by_default, off) = (World::with(&[("RATE_LIMIT", "")]).await, World::new().await);

    for (world, is_limited) in [(&by_default, true), (&off, false)] {
        let alice = world.user("alice");
        let mut statuses = Vec::new();
        for _ in 0..10 {
            let answers = join_all((0..60).map(|_| alice.get("/api/tasks/x"))).await;
            statuses.extend(answers.iter().map(Answer::status));
        }
        let limited = statuses.iter().filter(|status| **status == 429).count();
        assert_eq!(limited > 0, is_limited, "{limited} of {}", statuses.len());
        assert!(statuses.iter().filter(|status| **status == 404).count() >= 200);
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_own_limit() {
    let world = limited(&[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let stranger = world.bearer("nonsense");
    let from = |client: &'static str| {
        let stranger = &stranger;
        async move { get_with(stranger, "/api/tasks", &[("x-forwarded-for", client)]).await.status() }
    };

    let statuses = join_all((0..40).map(|_| from("203.0.113.7"))).await;

    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(from("203.0.113.8").await, 401);
}

#[tokio::test]
async fn a_client_cannot_choose_its_address() {
    let world = limited(&[]).await;
    let stranger = world.bearer("nonsense");

    let statuses = join_all((0..40).map(async |number| {
        let client = format!("203.0.113.{number}");
        let forwarded = format!("for={client}");
        let headers = [("x-forwarded-for", &*client), ("forwarded", &*forwarded)];
        get_with(&stranger, "/api/tasks", &headers).await.status()
    }))
    .await;

    assert!(statuses.contains(&429), "{statuses:?}");
}

#[tokio::test]
async fn the_log_has_the_address_that_a_trusted_proxy_says_and_no_other() {
    for (proxies, wanted) in [("127.0.0.1", "203.0.113.7"), ("10.0.0.0/8", "127.0.0.1")] {
        let world = limited(&[("TRUSTED_PROXIES", proxies)]).await;
        for (person, path) in [(world.anonymous(), "/api/tasks"), (world.user("bob"), "/api/alice/tasks")] {
            get_with(&person, path, &[("x-forwarded-for", "9.9.9.9, 203.0.113.7")]).await;
        }

        for status in [401, 403] {
            let refused =
                |event: &Value| event["message"] == "refused" && event["http.response.status_code"] == status;
            let event = world.server.logs(refused).await;
            assert_eq!(event["client.address"], wanted, "{event}");
            assert_eq!(event["client.port"].is_u64(), wanted == "127.0.0.1", "{event}");
        }
    }
}

//! Where a request carries its token.

use http::Method;
use serde_json::json;

use super::contracts::CONTRACTS;
use super::routes::{ROUTES, path};
use super::tokens::{authorized, bearer};
use crate::world::{Person, World, send, token};

#[tokio::test]
async fn every_route_of_a_contract_needs_a_token() {
    let world = World::shared().await;
    let anonymous = world.anonymous();

    for (template, methods) in ROUTES.iter().filter(|(template, _)| template.starts_with("/api/")) {
        for method in *methods {
            for id in ["7", "abc"] {
                let path = path(template, "alice", id);
                let answer = anonymous.call(method.parse().expect("a method"), &path).await;

                assert_eq!(answer.status(), 401, "{method} {path}");
                assert_eq!(answer.header("www-authenticate"), "Bearer", "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn a_401_has_the_error_format_of_its_contract() {
    let world = World::shared().await;

    for contract in CONTRACTS {
        for person in [world.anonymous(), bearer(&world, "nonsense")] {
            let path = contract.tasks(&person).replace("/api//", "/api/alice/");

            contract.refuses(&person.get(&path).await, 401, path);
        }
    }
}

#[tokio::test]
async fn another_scheme_is_not_a_token() {
    let world = World::shared().await;
    let token = token("alice");

    for value in [
        "Basic YWxpY2U6c2VjcmV0".to_owned(),
        format!("Token {token}"),
        format!("JWT {token}"),
        format!("Bearerx {token}"),
        format!("Bearer:{token}"),
        format!("Bearer={token}"),
        "Básic ключ".into(),
        token.clone(),
        String::new(),
    ] {
        let answer = authorized(&world, &[&value]).await;

        assert_eq!(answer.status(), 401, "{value}");
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{value}");
    }
}

#[tokio::test]
async fn the_scheme_is_bearer_in_any_case() {
    let world = World::shared().await;
    let token = token("alice");

    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let answer = authorized(&world, &[&format!("{scheme} {token}")]).await;

        assert_eq!(answer.status(), 200, "{scheme}: {answer:?}");
    }
}

#[tokio::test]
async fn two_authorization_headers_are_refused() {
    let world = World::shared().await;
    let (alice, bob) = (format!("Bearer {}", token("alice")), format!("Bearer {}", token("bob")));

    for values in [[&*alice, &*bob], [&*alice, &*alice], ["Basic YQ==", &*alice], [&*alice, ""]] {
        assert_eq!(authorized(&world, &values).await.status(), 401, "{values:?}");
    }
}

#[tokio::test]
async fn a_cookie_makes_no_difference() {
    let world = World::shared().await;
    let (alice, anonymous) = (world.user("alice"), world.anonymous());
    let with_cookie = async |person: &Person, cookie: &str| {
        let mut request = person.request(Method::GET, "/api/tasks", "");
        request.headers_mut().insert("cookie", cookie.parse().expect("a header"));
        send(person.address, request).await.without_date()
    };
    let task = alice.creates(json!({ "title": "buy milk" })).await;
    let (refused, listed) = (anonymous.get("/api/tasks").await, alice.get("/api/tasks").await);
    assert_eq!(listed.json(), json!([task]));

    for cookie in [
        format!("better-auth.session_token={}", token("alice")),
        format!("better-auth.session_data={}; token={}", token("bob"), token("bob")),
        format!("Authorization=Bearer {}", token("bob")),
        "=;;=".into(),
    ] {
        assert_eq!(with_cookie(&anonymous, &cookie).await, refused.clone().without_date(), "{cookie}");
        assert_eq!(with_cookie(&alice, &cookie).await, listed.clone().without_date(), "{cookie}");
    }
}

#[tokio::test]
async fn a_token_outside_the_authorization_header_is_ignored() {
    let world = World::shared().await;
    let anonymous = world.anonymous();
    let token = token("alice");

    let queried = anonymous.get(&format!("/api/tasks?access_token={token}&token={token}")).await;
    let mut request = anonymous.request(Method::GET, "/api/tasks", format!("access_token={token}"));
    for name in ["x-authorization", "x-access-token", "proxy-authorization", "x-user-id", "token"] {
        request.headers_mut().insert(name, format!("Bearer {token}").parse().expect("a header"));
    }
    let elsewhere = send(anonymous.address, request).await;

    assert_eq!((queried.status(), queried.header("www-authenticate")), (401, "Bearer"));
    assert_eq!((elsewhere.status(), elsewhere.header("www-authenticate")), (401, "Bearer"));
}

//! Requests and connections are counted under the templates of their routes.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::scrape::{ADMIN, Admin, Scrape, Watched};
use crate::http::contracts::CONTRACTS;
use crate::http::routes::{ROUTES, path};
use crate::operation::connections::{Limited, hold};
use crate::operation::overload::eventually;
use crate::operation::raw_client::{RawClient, head, request};
use crate::world::Person;

const REQUESTS: &str = "rowkeep_http_requests_total";
const DURATIONS: &str = "rowkeep_http_request_duration_seconds";

/// The contract that a path belongs to, as its label has it.
fn contract(template: &str) -> &'static str {
    match template {
        _ if template.starts_with("/api/tasks") => "api_tasks",
        _ if template.starts_with("/api/v1") => "api_v1_tasks",
        _ if template.starts_with("/api/{user_id}") => "user_tasks",
        _ => "server",
    }
}

fn method(name: &str) -> Method {
    Method::from_bytes(name.as_bytes()).expect("a method")
}

#[tokio::test]
async fn every_route_and_method_is_counted_with_its_contract_template_and_status() {
    let watched = Watched::with(&[]).await;
    let alice = watched.world.user("alice");
    let task = alice.creates(json!({ "title": "one" })).await["id"].to_string();

    let mut before = watched.scrape().await;
    for (template, methods) in ROUTES {
        let with_options = methods.iter().chain(&["OPTIONS", "TRACE", "BREW"]);
        for name in with_options {
            // An id that no task has, so that nothing is deleted.
            let id = if *name == "GET" { task.as_str() } else { "4711" };
            let answer = alice.call(method(name), &path(template, "alice", id)).await;
            let status = answer.status().to_string();
            let label = if matches!(*name, "TRACE" | "BREW") { "other" } else { *name };
            let labels = [
                ("contract", contract(template)),
                ("route", *template),
                ("method", label),
                ("status", status.as_str()),
            ];

            let after = watched.scrape().await;

            let grown =
                |name: &str, labels: &[(&str, &str)]| after.sum(name, labels) - before.sum(name, labels);
            assert_eq!(grown(REQUESTS, &labels), 1.0, "{labels:?}");
            assert_eq!(grown(REQUESTS, &[]), 1.0, "{labels:?}");
            assert_eq!(grown(&format!("{DURATIONS}_count"), &labels[..3]), 1.0, "{labels:?}");
            let bucket = [&labels[..3], &[("le", "+Inf")]].concat();
            assert_eq!(grown(&format!("{DURATIONS}_bucket"), &bucket), 1.0, "{labels:?}");
            assert!(grown(&format!("{DURATIONS}_sum"), &labels[..3]) > 0.0, "{labels:?}");
            before = after;
        }
    }
}

#[tokio::test]
async fn a_head_request_and_one_to_no_route_are_counted_as_such() {
    let watched = Watched::with(&[]).await;
    let alice = watched.world.user("alice");

    alice.call(Method::HEAD, "/api/tasks").await;
    alice.get("/api/v1/tasks/7/complete").await;
    alice.get("/wp-login.php").await;

    let scrape = watched.scrape().await;
    let head = [("contract", "api_tasks"), ("route", "/api/tasks"), ("method", "HEAD"), ("status", "200")];
    let nowhere = [("contract", "none"), ("route", "none"), ("method", "GET"), ("status", "404")];
    assert_eq!((scrape.value(REQUESTS, &head), scrape.value(REQUESTS, &nowhere)), (1.0, 2.0));
}

/// The first failure must be an increase, and so must the first success.
#[tokio::test]
async fn every_route_has_its_success_and_its_failures_from_the_start() {
    let watched = Watched::with(&[]).await;

    let scrape = watched.scrape().await;

    for (template, methods) in ROUTES {
        for name in *methods {
            let route = [("route", *template), ("method", *name)];
            for status in ["500", "503"] {
                assert_eq!(scrape.value(REQUESTS, &[&route[..], &[("status", status)]].concat()), 0.0);
            }
            let statuses = ["200", "201", "204"].map(|status| [&route[..], &[("status", status)]].concat());
            let begun = statuses.iter().any(|labels| scrape.has(REQUESTS, labels));
            assert!(begun, "{template} {name}");
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_its_transaction_is_counted_as_499() {
    let watched = Watched::patient(&[("DATABASE_POOL_SIZE", "2")]).await;
    let alice = watched.world.user("alice");
    let task = alice.creates(json!({ "title": "one" })).await;
    let path = format!("/api/tasks/{}", task["id"]);
    let lock = watched.world.database.superuser().await;
    lock.batch_execute("begin; select from app.tasks for update").await.expect("locks");
    let address = watched.world.server.address;
    let running = RawClient::sending(address, request("PUT", &path, "alice", r#"{"title":"two"}"#)).await;
    watched.eventually("the turn is taken", |scrape| in_use(scrape) == 1.0).await;
    let waiting = RawClient::sending(address, request("DELETE", &path, "alice", "")).await;
    watched.eventually("it waits", |scrape| scrape.value("rowkeep_pool_waiting", &[]) == 1.0).await;

    drop(waiting);

    let labels = [("route", "/api/tasks/{id}"), ("method", "DELETE"), ("status", "499")];
    watched.eventually("it is counted", |scrape| scrape.sum(REQUESTS, &labels) == 1.0).await;
    drop(running);
    lock.batch_execute("rollback").await.expect("no lock any more");
    // The outcome of the transaction that had begun is known.
    let labels = [("route", "/api/tasks/{id}"), ("method", "PUT"), ("status", "200")];
    watched.eventually("the other, too", |scrape| scrape.sum(REQUESTS, &labels) == 1.0).await;
}

fn in_use(scrape: &Scrape) -> f64 {
    scrape.value("rowkeep_pool_connections", &[("state", "in_use")])
}

#[tokio::test]
async fn requests_that_are_not_complete_are_counted_with_their_status_and_no_route() {
    let watched = Watched::with(&[("REQUEST_TIMEOUT", "1")]).await;
    let address = watched.world.server.address;
    let long = "x".repeat(33 * 1024);
    for (text, status) in [
        ("hello\r\n\r\n".to_owned(), 400),
        ("GET /live HTTP/1.1\r\nHost: x\r\n".to_owned(), 408),
        (format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), 414),
        (format!("GET / HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"), 431),
    ] {
        let mut client = RawClient::open(address).await;
        client.sends(&text).await;
        assert_eq!(client.reads().await.status, status);

        let status = status.to_string();
        let labels =
            [("contract", "none"), ("route", "none"), ("method", "other"), ("status", status.as_str())];
        watched.eventually(&status, |scrape| scrape.sum(REQUESTS, &labels) == 1.0).await;
    }
}

#[tokio::test]
async fn a_page_whose_origin_is_not_listed_is_counted() {
    let watched = Watched::with(&[("CORS_ORIGINS", "https://tasks.example")]).await;
    let anonymous = watched.world.anonymous();
    for origin in ["https://tasks.example", "https://evil.example", "null", "https://evil.example"] {
        let mut request = anonymous.request(Method::GET, "/live", "");
        request.headers_mut().insert("origin", origin.parse().expect("a header"));
        crate::world::send(anonymous.address, request).await;
    }

    let scrape = watched.scrape().await;

    assert_eq!(scrape.value("rowkeep_origins_refused_total", &[]), 3.0);
}

#[tokio::test]
async fn open_connections_are_counted_and_those_beyond_the_limit() {
    // 8 connections, 4 of them for one address; 32 files are for operators.
    let mut server = Limited::to(48 + 32, &[ADMIN]).await;
    let admin = Admin { address: server.admin_address().await };
    let half = head("POST", "/api/tasks", "alice") + "Content-Length: 40\r\n\r\n{";
    let held = hold(server.address, 4, &half).await;

    let refused = Person::with_token(server.address, None).get("/docs").await;

    let scrape = admin.scrape().await;
    assert_eq!(refused.status(), 503);
    assert_eq!(scrape.value("rowkeep_http_connections", &[]), 4.0);
    assert_eq!(scrape.value("rowkeep_http_connections_limit", &[]), 8.0);
    assert_eq!(scrape.value("rowkeep_http_connections_refused_total", &[]), 1.0);
    drop(held);
    eventually("they have ended", async || {
        admin.scrape().await.value("rowkeep_http_connections", &[]) == 0.0
    })
    .await;
}

#[tokio::test]
async fn the_time_of_a_request_is_in_the_bucket_that_it_belongs_to() {
    let watched = Watched::with(&[("REQUEST_TIMEOUT", "10")]).await;
    let address = watched.world.server.address;
    let body = r#"{"title":"one"}"#;
    let head = head("POST", "/api/tasks", "alice") + "Content-Type: application/json\r\n";
    let mut client =
        RawClient::sending(address, format!("{head}Content-Length: {}\r\n\r\n", body.len())).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    client.sends(body).await;
    assert_eq!(client.reads().await.status, 201);

    let scrape = watched.scrape().await;

    let bucket = |le: &str| {
        let labels = [("route", "/api/tasks"), ("method", "POST"), ("le", le)];
        scrape.value("rowkeep_http_request_duration_seconds_bucket", &labels)
    };
    assert_eq!((bucket("0.5"), bucket("+Inf")), (0.0, 1.0));
}

#[tokio::test]
async fn the_same_user_is_counted_under_each_contract() {
    let watched = Watched::with(&[]).await;
    let alice = watched.world.user("alice");
    for contract in CONTRACTS {
        assert_eq!(alice.get(&contract.tasks(&alice)).await.status(), 200);
    }

    let scrape = watched.scrape().await;

    for contract in ["api_tasks", "api_v1_tasks", "user_tasks"] {
        let labels = [("contract", contract), ("method", "GET"), ("status", "200")];
        assert_eq!(scrape.sum(REQUESTS, &labels), 1.0, "{contract}");
    }
}

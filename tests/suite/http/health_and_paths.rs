//! Health, unknown paths, HEAD, trailing slashes.

use std::time::Duration;

use http::Method;
use rowkeep::session::connect_once;
use serde_json::json;

use super::contracts::CONTRACTS;
use super::routes::ROUTES;
use super::tokens::bearer;
use crate::world::World;

#[tokio::test]
async fn a_server_that_can_serve_is_healthy() {
    let world = World::shared().await;

    for person in [world.anonymous(), bearer(&world, "nonsense"), world.user("alice")] {
        for path in ["/health", "/health/", "/health?verbose=1"] {
            let answer = person.get(path).await;

            assert_eq!((answer.status(), answer.json()), (200, json!({ "status": "healthy" })), "{path}");
            assert_eq!(answer.header("content-type"), "application/json", "{path}");
        }
    }
}

#[tokio::test]
async fn a_server_whose_tables_are_not_protected_is_unhealthy() {
    for damage in [
        "alter table app.tasks disable row level security",
        "drop policy fence on app.tasks; drop policy owner_only on app.tasks;
         create policy everybody on app.tasks for all to public using (true)",
        "drop schema app cascade",
        "revoke usage on schema app from rowkeep_api",
    ] {
        let world = World::new().await;
        world.database.superuser().await.batch_execute(damage).await.expect(damage);

        let answer = world.anonymous().get("/health").await;

        assert_eq!(answer.status(), 503, "{damage}: {answer:?}");
        assert_eq!(answer.json()["status"], "unhealthy", "{damage}");
        assert!(!answer.detail().is_empty(), "{damage}");
    }
}

#[tokio::test]
async fn a_server_without_its_database_is_unhealthy_until_it_is_back() {
    let world = World::with(&[("REQUEST_TIMEOUT", "2")]).await;
    let admin = crate::world::cluster().await.address("postgres").expect("an address");
    let admin = connect_once(&admin).await.expect("a connection");
    let name = &world.database.name;
    let close = format!(
        "alter database {name} allow_connections false;
         select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{name}'"
    );
    admin.batch_execute(&close).await.expect("a database out of reach");

    let away = world.anonymous().get("/health").await;
    admin.batch_execute(&format!("alter database {name} allow_connections true")).await.expect("it is back");
    // A result that is younger than a second is used again.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let back = world.anonymous().get("/health").await;

    assert_eq!((away.status(), &away.json()["status"]), (503, &json!("unhealthy")));
    assert_eq!((back.status(), back.json()), (200, json!({ "status": "healthy" })));
}

#[tokio::test]
async fn an_unknown_path_is_a_404_with_detail_only() {
    let world = World::shared().await;

    for person in [world.anonymous(), world.user("alice")] {
        for path in [
            "/api",
            "/api/",
            "/apis/tasks",
            "/tasks",
            "/API/tasks",
            "/api/Tasks",
            "/api/v1",
            "/api/v1/",
            "/api/v2/tasks/7/toggle",
            "/api/v1/users",
            "/api/v1/tasks/7/complete",
            "/api/v1/tasks/7/toggle/x",
            "/api/tasks/7/toggle",
            "/api/tasks/7/complete/x",
            "/api/tasks/tasks/7",
            "/api/alice",
            "/api/alice/task",
            "/api/alice/tasks/7/toggle",
            "/api/alice/tasks/7/complete/x",
            "/api/users/alice/tasks",
            "/healthz",
            "/health/x",
            "/api//tasks/7/8",
            "/favicon.ico",
            "/robots.txt",
            "/api/../health",
        ] {
            let answer = person.get(path).await;

            assert_eq!(answer.status(), 404, "{path}");
            assert_eq!(answer.header("content-type"), "application/json", "{path}");
            assert_eq!(answer.json(), json!({ "detail": answer.detail() }), "{path}");
        }
    }
}

#[tokio::test]
async fn a_trailing_slash_does_not_change_the_answer() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].to_string();

    for (template, methods) in ROUTES {
        let path = super::routes::path(template, "alice", &id);
        for person in [&alice, &world.anonymous()] {
            for method in ["GET", "PUT", "HEAD", "OPTIONS", "POST"] {
                if methods.contains(&"POST") && method == "POST" {
                    continue; // a second POST creates another task
                }
                let method = Method::from_bytes(method.as_bytes()).expect("a method");
                let body = r#"{"title":"buy milk"}"#;
                let without = person.send(method.clone(), &path, body).await;
                let with_slash = format!("{}/", path.trim_end_matches('/'));
                let with = person.send(method.clone(), &with_slash, body).await;

                assert_eq!(with.without_date(), without.without_date(), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn writes_work_with_a_trailing_slash() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for contract in CONTRACTS {
        let list = format!("{}/", contract.tasks(&alice));
        let created = alice.post(&list, json!({ "title": "buy milk" })).await;
        assert_eq!(created.status(), 201, "{list}");
        let task = created.json();

        for call in contract.calls {
            let path = format!("{}/", call.path(&contract, &alice, &task["id"]));
            let answer = alice.send(call.method.clone(), &path, call.body).await;
            assert!(answer.status.is_success(), "{} {path}: {answer:?}", call.method);
        }
        let listed = alice.get(&format!("{list}?status=all")).await;
        assert_eq!((listed.status(), listed.json()), (200, json!([])), "{list}");
    }
}

#[tokio::test]
async fn head_answers_like_get_without_the_body() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "buy milk" })).await["id"].to_string();

    for (template, methods) in ROUTES {
        for id in [&*id, "4711", "abc"] {
            let path = super::routes::path(template, "alice", id);
            for person in [&alice, &world.user("bob"), &world.anonymous()] {
                let head = person.call(Method::HEAD, &path).await;
                let get = person.get(&path).await;

                if !methods.contains(&"GET") {
                    assert_eq!(head.status(), 405, "{path}");
                    assert!(!head.header("allow").is_empty(), "{path}");
                }
                assert_eq!(head.status, get.status, "{path}");
                assert!(head.body.is_empty(), "{path}");
                for name in ["content-type", "allow", "www-authenticate", "vary"] {
                    assert_eq!(head.header(name), get.header(name), "{path} {name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn responses_forbid_caching_and_content_sniffing() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for path in ["/health", "/api/tasks", "/api/v1/tasks", "/api/alice/tasks", "/api/bob/tasks", "/nothing"] {
        for person in [&alice, &world.anonymous()] {
            let answer = person.get(path).await;

            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        }
    }
}

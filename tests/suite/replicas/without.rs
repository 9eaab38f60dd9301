//! Without replicas nothing is different, and with replicas that cannot be reached every answer comes from the primary.

use serde_json::json;

use crate::metrics::scrape::Watched;
use crate::operation::health::next_health;
use crate::operation::program::Program;
use crate::world::World;

/// An address at which nothing answers.
const NOWHERE: (&str, &str) = ("DATABASE_REPLICA_URL", "host='/nowhere' dbname=x user=rowkeep_login");

const POSITION: &str = "x-rowkeep-position";

/// Every operation of the contracts, with the id of a task in the place of `{id}`.
const OPERATIONS: &[(&str, &str, &str)] = &[
    ("GET", "/api/tasks", ""),
    ("POST", "/api/tasks", r#"{"title":"two"}"#),
    ("GET", "/api/tasks/{id}", ""),
    ("PUT", "/api/tasks/{id}", r#"{"title":"three"}"#),
    ("PATCH", "/api/tasks/{id}", r#"{"title":"four"}"#),
    ("PATCH", "/api/tasks/{id}/complete", ""),
    ("GET", "/api/alice/tasks", ""),
    ("POST", "/api/alice/tasks", r#"{"title":"two"}"#),
    ("GET", "/api/alice/tasks/{id}", ""),
    ("PUT", "/api/alice/tasks/{id}", r#"{"title":"three"}"#),
    ("PATCH", "/api/alice/tasks/{id}", r#"{"title":"four"}"#),
    ("PATCH", "/api/alice/tasks/{id}/complete", ""),
    ("GET", "/api/v1/tasks", ""),
    ("GET", "/api/v1/tasks?count=true&q=two", ""),
    ("POST", "/api/v1/tasks", r#"{"title":"two"}"#),
    ("GET", "/api/v1/tasks/{id}", ""),
    ("PUT", "/api/v1/tasks/{id}", r#"{"title":"three"}"#),
    ("PATCH", "/api/v1/tasks/{id}", r#"{"title":"four"}"#),
    ("PATCH", "/api/v1/tasks/{id}/toggle", ""),
    ("DELETE", "/api/v1/tasks/{id}", ""),
];

#[tokio::test]
async fn without_replicas_no_answer_has_a_position_and_one_in_a_request_is_ignored() {
    let world = World::new().await;
    let alice = world.user("alice");
    let id = alice.creates(json!({ "title": "one" })).await["id"].to_string();

    for (method, path, body) in OPERATIONS {
        let method = method.parse().expect("a method");
        let mut request = alice.request(method, &path.replace("{id}", &id), *body);
        request.headers_mut().insert(POSITION, "anything".parse().expect("a value"));
        let answer = crate::world::send(world.server.address, request).await;

        assert!(answer.status.is_success(), "{path}: {answer:?}");
        assert!(!answer.headers.contains_key(POSITION), "{path}: {answer:?}");
    }
    let document = world.anonymous().get("/openapi.json").await;
    assert!(!String::from_utf8_lossy(&document.body).contains("X-Rowkeep-Position"));
}

#[tokio::test]
async fn every_success_has_a_position_of_its_own_and_no_error_has_one() {
    let world = World::with(&[NOWHERE]).await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let id = alice.creates(json!({ "title": "one" })).await["id"].to_string();

    let mut positions = Vec::new();
    for (method, path, body) in OPERATIONS {
        let method = method.parse().expect("a method");
        let answer = alice.send(method, &path.replace("{id}", &id), *body).await;

        assert!(answer.status.is_success(), "{path}: {answer:?}");
        assert_eq!(answer.header(POSITION).len(), 55, "{path}: {answer:?}");
        positions.push(answer.header(POSITION).to_owned());
    }
    positions.sort();
    positions.dedup();
    assert_eq!(positions.len(), OPERATIONS.len(), "two positions look equal");

    let missing = bob.get("/api/tasks/999999").await;
    let others = bob.get(&format!("/api/tasks/{id}")).await;
    for answer in [
        &missing,
        &others,
        &alice.post("/api/tasks", json!({ "title": "" })).await,
        &world.anonymous().get("/api/tasks").await,
        &world.anonymous().get("/health").await,
    ] {
        assert!(!answer.headers.contains_key(POSITION), "{answer:?}");
    }
    assert_eq!(missing.without_date(), others.without_date());
}

#[tokio::test]
async fn a_replica_that_cannot_be_reached_is_left_out_and_does_no_harm() {
    let watched = Watched::with(&[NOWHERE]).await;
    let alice = watched.world.user("alice");
    let left_out = watched.world.server.logs(|event| event["message"] == "a read replica is left out").await;
    watched
        .eventually("it is left out", |scrape| {
            let labels = [("replica", "1"), ("reason", "unreachable")];
            scrape.value("rowkeep_replica_left_out_total", &labels) == 1.0
        })
        .await;

    let task = alice.creates(json!({ "title": "one" })).await;
    let list = alice.get("/api/tasks").await;
    let health = next_health(&watched.world.anonymous()).await;

    assert_eq!((list.status(), list.ids()), (200, vec![task["id"].as_i64().expect("an id")]));
    assert_eq!(
        (left_out["rowkeep.replica"].as_u64(), left_out["event.reason"].as_str()),
        (Some(1), Some("unreachable"))
    );
    assert_eq!((health.status(), health.json()["status"].clone()), (200, json!("healthy")));
    assert!(health.detail().contains("A read replica is left out"), "{health:?}");
    let scrape = watched.scrape().await;
    assert_eq!(scrape.value("rowkeep_replica_in_use", &[]), 0.0);
    assert_eq!(scrape.value("rowkeep_replica_reads_total", &[("went", "none_in_use")]), 1.0);
    assert_eq!(scrape.sum("rowkeep_replica_reads_total", &[]), 1.0);
}

#[tokio::test]
async fn the_primary_is_no_replica_of_itself() {
    let database = crate::world::Database::new().await;
    let url = database.url("rowkeep_login");
    let world = World::on(database, &[("DATABASE_REPLICA_URL", url.as_str())]).await;

    let left_out = world.server.logs(|event| event["message"] == "a read replica is left out").await;

    assert_eq!(left_out["event.reason"], "not_a_standby");
    assert_eq!(world.user("alice").get("/api/tasks").await.status(), 200);
}

#[tokio::test]
async fn pages_and_programs_can_read_the_position() {
    let world = World::with(&[NOWHERE]).await;
    let mut request = world.user("alice").request(http::Method::GET, "/api/tasks", "");
    request.headers_mut().insert("origin", "http://localhost:3000".parse().expect("a value"));
    let answer = crate::world::send(world.server.address, request).await;
    let document = world.anonymous().get("/openapi.json").await.json();

    assert!(answer.header("access-control-expose-headers").contains(POSITION), "{answer:?}");
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let responses = operation["responses"].as_object();
            for (status, response) in responses.into_iter().flatten() {
                let has_position = response["headers"]["X-Rowkeep-Position"].is_object();
                let is_success = path.starts_with("/api/") && status.starts_with('2');
                assert_eq!(has_position, is_success, "{method} {path} {status}");
            }
        }
        let parameters = operations["parameters"].to_string();
        assert_eq!(parameters.contains("parameters/Position"), path.starts_with("/api/"), "{path}");
    }
}

#[tokio::test]
async fn settings_of_replicas_that_cannot_work_stop_the_start() {
    let url = "postgres://login:hush@127.0.0.1:1/tasks";
    let read_only = format!("{url}?target_session_attrs=read-only");
    for (settings, wanted) in [
        (vec![("DATABASE_REPLICA_URL", url)], "DATABASE_URL is not: set it to the primary"),
        (
            vec![("DATABASE_URL", read_only.as_str()), ("DATABASE_REPLICA_URL", url)],
            "DATABASE_URL must lead to the primary",
        ),
        (
            vec![("DATABASE_URL", url), ("DATABASE_REPLICA_URL", "postgres://a@b/c;not an address")],
            "DATABASE_REPLICA_URL:",
        ),
        (
            vec![("DATABASE_URL", url), ("DATABASE_REPLICA_MAX_LAG_MS", "99")],
            "DATABASE_REPLICA_MAX_LAG_MS is \"99\"; it must be a whole number from 100 to 3600000",
        ),
    ] {
        let ended = Program::checking_settings().with(&settings).run().await;

        assert!(ended.err.contains(wanted) && !ended.err.contains("hush"), "{}", ended.err);
    }
}

//! The spans of each kind of request.

use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;

use super::collector::{Collector, Span};
use crate::operation::overload::eventually;
use crate::operation::raw_client::{RawClient, head};
use crate::world::{Database, Person};

/// Sends a request with this id. Returns its status.
pub async fn send(person: &Person, id: &str, method: &str, path: &str, body: &str) -> u16 {
    let head = if person.id.is_empty() {
        format!("{method} {path} HTTP/1.1\r\nHost: rowkeep.test\r\n")
    } else {
        head(method, path, &person.id)
    };
    let length = body.len();
    let json = "Content-Type: application/json\r\n";
    let text = format!(
        "{head}X-Request-Id: {id}\r\n{json}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let mut client = RawClient::sending(person.address, text).await;
    let answer = client.reads_to_the_end().await;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no status: {answer}"))
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

fn assert_attributes(span: &Span, wanted: &[(&str, &str)]) {
    for (name, value) in wanted {
        assert_eq!(span.attributes.get(*name).map(String::as_str), Some(*value), "{name} in {span:?}");
    }
}

#[tokio::test]
async fn a_request_has_a_span_with_those_of_its_turn_connection_and_statement_below_it_in_the_order_of_time()
{
    let collector = Collector::new().await;
    let world = collector.world(&[]).await;
    let alice = world.user("alice");

    assert_eq!(send(&alice, "one", "POST", "/api/tasks", r#"{"title":"one"}"#).await, 201);

    let spans = collector.spans_of("one").await;
    let [request, turn, connection, statement] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!(names(&spans), ["POST /api/tasks", "turn", "connection", "statement tasks/create"]);
    let kinds = spans.iter().map(|span| span.kind).collect::<Vec<_>>();
    assert_eq!(kinds, [SpanKind::Server, SpanKind::Internal, SpanKind::Internal, SpanKind::Client]);
    assert!(request.parent.is_empty() && !request.has_remote_parent, "{request:?}");
    for part in [turn, connection, statement] {
        assert_eq!((&part.trace, &part.parent), (&request.trace, &request.id));
        assert!(request.started <= part.started && part.started <= part.ended, "{part:?}");
        assert!(part.ended <= request.ended, "{part:?} in {request:?}");
    }
    assert!(turn.ended <= connection.ended && connection.ended <= statement.ended, "{spans:#?}");
    assert!(connection.ended <= statement.ended && turn.started <= connection.started, "{spans:#?}");
    assert!(spans.iter().all(|span| !span.is_error), "{spans:#?}");
    assert_attributes(
        request,
        &[
            ("http.request.method", "POST"),
            ("http.route", "/api/tasks"),
            ("http.response.status_code", "201"),
            ("url.path", "/api/tasks"),
            ("url.scheme", "http"),
            ("client.address", "127.0.0.1"),
        ],
    );
    let name = world.database.name.as_str();
    assert_attributes(
        statement,
        &[("db.system.name", "postgresql"), ("db.query.summary", "tasks/create"), ("db.namespace", name)],
    );
    assert!(statement.attributes.contains_key("server.address"), "{statement:?}");
}

#[tokio::test]
async fn every_kind_of_request_has_the_name_of_its_route_and_of_its_statements() {
    let collector = Collector::new().await;
    let world = collector.world(&[]).await;
    let (alice, nobody) = (world.user("alice"), world.anonymous());
    for _ in 0..6 {
        alice.creates(json!({ "title": "one" })).await;
    }
    let title = r#"{"title":"two"}"#;
    let cases = [
        (&alice, "GET", "/api/tasks", "", 200, "GET /api/tasks", "tasks/list"),
        (&alice, "GET", "/api/tasks/1", "", 200, "GET /api/tasks/{id}", "tasks/read"),
        (&alice, "HEAD", "/api/tasks/1", "", 200, "HEAD /api/tasks/{id}", "tasks/read"),
        (&alice, "PUT", "/api/tasks/1", title, 200, "PUT /api/tasks/{id}", "tasks/edit"),
        (&alice, "PATCH", "/api/tasks/1", title, 200, "PATCH /api/tasks/{id}", "tasks/edit"),
        (&alice, "DELETE", "/api/tasks/1", "", 200, "DELETE /api/tasks/{id}", "tasks/delete"),
        (&alice, "GET", "/api/v1/tasks", "", 200, "GET /api/v1/tasks", "tasks/"),
        (&alice, "PATCH", "/api/v1/tasks/2/toggle", "", 200, "PATCH /api/v1/tasks/{id}/toggle", "tasks/edit"),
        (&alice, "GET", "/api/alice/tasks", "", 200, "GET /api/{user_id}/tasks", "tasks/list"),
        (&alice, "POST", "/api/alice/tasks", title, 201, "POST /api/{user_id}/tasks", "tasks/create"),
        (&alice, "GET", "/api/bob/tasks/1", "", 403, "GET /api/{user_id}/tasks/{id}", ""),
        (&alice, "GET", "/api/tasks/4711", "", 404, "GET /api/tasks/{id}", "tasks/read"),
        (&alice, "POST", "/api/tasks", r#"{"title":""}"#, 400, "POST /api/tasks", "tasks/create"),
        (&nobody, "GET", "/api/tasks", "", 401, "GET /api/tasks", ""),
        (&nobody, "GET", "/nowhere", "", 404, "GET", ""),
        (&nobody, "OPTIONS", "/api/tasks", "", 204, "OPTIONS /api/tasks", ""),
        (&nobody, "BREW", "/api/tasks", "", 405, "HTTP /api/tasks", ""),
        (&nobody, "GET", "/live", "", 200, "GET /live", ""),
    ];
    for (number, (person, method, path, body, status, name, statement)) in cases.into_iter().enumerate() {
        let id = format!("case-{number}");
        assert_eq!(send(person, &id, method, path, body).await, status, "{method} {path}");

        let spans = collector.spans_of(&id).await;

        let [request, parts @ ..] = &spans[..] else { panic!("{spans:#?}") };
        assert_eq!(request.name, name, "{method} {path}");
        assert_attributes(request, &[("http.response.status_code", &status.to_string())]);
        assert!(!request.is_error && !request.attributes.contains_key("error.type"), "{request:?}");
        match (statement, names(parts).as_slice()) {
            ("", []) => {}
            (wanted, ["turn", "connection", found]) if !wanted.is_empty() => {
                assert!(found.starts_with(&format!("statement {wanted}")), "{found} of {method} {path}");
            }
            (_, found) => panic!("{method} {path} has {found:?}"),
        }
        assert!(parts.iter().all(|part| !part.is_error), "{parts:#?}");
    }
    let brewed = collector.span_of("case-16").await;
    assert_attributes(&brewed, &[("http.request.method", "_OTHER")]);
}

#[tokio::test]
async fn a_fault_of_the_server_is_an_error_with_its_reason_and_a_mistake_of_the_client_is_none() {
    let collector = Collector::new().await;
    let world = collector.world(&[("REQUEST_TIMEOUT", "1")]).await;
    let alice = world.user("alice");
    assert_eq!(send(&alice, "mistake", "POST", "/api/tasks", r#"{"title":""}"#).await, 400);
    let lock = world.database.superuser().await;
    lock.batch_execute("begin; lock table app.tasks in access exclusive mode").await.expect("a lock");
    assert_eq!(send(&alice, "fault", "GET", "/api/tasks", "").await, 503);

    let fault = collector.spans_of("fault").await;
    let mistake = collector.spans_of("mistake").await;

    let [request, .., statement] = &fault[..] else { panic!("{fault:#?}") };
    assert!(request.is_error && statement.is_error, "{fault:#?}");
    assert_attributes(request, &[("error.type", "503"), ("http.response.status_code", "503")]);
    let state = &statement.attributes["db.response.status_code"];
    assert!(["55P03", "57014"].contains(&state.as_str()), "{statement:?}");
    assert_attributes(statement, &[("error.type", state)]);
    assert!(mistake.iter().all(|span| !span.is_error), "{mistake:#?}");
    assert_attributes(&mistake[3], &[("db.response.status_code", "23514")]);
}

#[tokio::test]
async fn a_wait_for_a_turn_that_takes_too_long_is_the_error_of_its_span() {
    let collector = Collector::new().await;
    let world = collector.world(&[("REQUEST_TIMEOUT", "2"), ("DATABASE_POOL_SIZE", "2")]).await;
    let lock = world.database.superuser().await;
    for name in ["lock_timeout", "statement_timeout"] {
        let set = format!("alter role rowkeep_login in database {} set {name} = 0", world.database.name);
        lock.batch_execute(&set).await.expect("a setting");
    }
    lock.batch_execute("begin; lock table app.tasks in access exclusive mode").await.expect("a lock");

    let people = ["one", "two", "three", "four"].map(|name| (name, world.user(name)));
    let requests = people.iter().map(|(name, person)| send(person, name, "GET", "/api/tasks", ""));
    let statuses = futures_util::future::join_all(requests).await;

    assert_eq!(statuses, [503; 4]);
    let mut waited = 0;
    for (name, _) in people {
        let spans = collector.spans_of(name).await;
        let [request, turn, ..] = &spans[..] else { panic!("{spans:#?}") };
        assert!(request.is_error && turn.name == "turn", "{spans:#?}");
        if turn.is_error {
            assert_attributes(turn, &[("error.type", "timeout")]);
            assert_eq!(spans.len(), 2, "{spans:#?}");
            waited += 1;
        }
    }
    assert!((1..=3).contains(&waited), "{waited} of 4");
}

#[tokio::test]
async fn a_client_that_leaves_has_a_span_without_a_status() {
    let collector = Collector::new().await;
    let world = collector.world(&[("DATABASE_POOL_SIZE", "2"), ("REQUEST_TIMEOUT", "180")]).await;
    let lock = world.database.superuser().await;
    lock.batch_execute("begin; lock table app.tasks in access exclusive mode").await.expect("a lock");
    let first = RawClient::sending(world.server.address, head("GET", "/api/tasks", "alice") + "\r\n").await;
    let waits =
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    eventually("it waits", async || !lock.query(waits, &[]).await.expect("rows").is_empty()).await;
    let request = head("GET", "/api/tasks", "bob") + "X-Request-Id: left\r\n\r\n";
    let client = RawClient::sending(world.server.address, request).await;
    tokio::time::sleep(Duration::from_millis(100)).await;

    drop(client);

    // It waits for the turn of the other one, or its head was not read yet: no answer can come before the end.
    let span = collector.span_of("left").await;
    assert_eq!(span.name, "GET /api/tasks");
    assert!(!span.attributes.contains_key("http.response.status_code") && !span.is_error, "{span:?}");
    drop(first);
}

/// Each page of a long list has three spans.
#[tokio::test]
async fn a_long_list_has_a_bounded_number_of_spans_that_lie_within_that_of_the_request() {
    let collector = Collector::new().await;
    let database = Database::new().await;
    let tasks = "
        set session_replication_role = replica;
        insert into app.tasks (user_id, title, description, created_at, updated_at)
        select 'alice', 'x', repeat('x', 1000), now(), now() from generate_series(1, 8000);
        reset session_replication_role";
    database.superuser().await.batch_execute(tasks).await.expect("tasks");
    let world = collector.world_on(database, &[]).await;

    assert_eq!(send(&world.user("alice"), "long", "GET", "/api/tasks", "").await, 200);

    let spans = collector.spans_of("long").await;
    let left_out: usize = spans[0].attributes["rowkeep.left_out_spans"].parse().expect("a number");
    assert_eq!(spans.len() - 1, 100);
    assert!(left_out > 0, "{left_out}");
    for part in &spans[1..] {
        assert!(spans[0].started <= part.started && part.ended <= spans[0].ended, "{part:?}");
    }
}

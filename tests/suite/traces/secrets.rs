//! What must be in no span.

use serde_json::json;

use super::collector::Collector;
use super::requests::send;
use crate::operation::raw_client::{RawClient, head};

#[tokio::test]
async fn no_span_has_a_user_a_token_a_text_of_a_task_a_query_or_a_header() {
    let collector = Collector::new().await;
    let key = [("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret-of-collector, authorization=Basic%20eA%3D%3D")];
    let world = collector.world(&key).await;
    let user = "secret-user";
    let person = world.user(user);
    let task = person.creates(json!({ "title": "secret-title", "description": "secret-description" })).await;
    let id = task["id"].to_string();
    for (method, path, body) in [
        ("GET", "/api/tasks?q=secret-query&status=secret-status".into(), ""),
        ("GET", "/api/v1/tasks?q=secret-title&sort=title".into(), ""),
        ("GET", format!("/api/{user}/tasks/{id}"), ""),
        ("GET", "/api/secret-other/tasks".into(), ""),
        ("GET", "/api/tasks/secret-path".into(), ""),
        ("GET", "/secret-path/secret-path".into(), ""),
        ("PUT", format!("/api/tasks/{id}"), r#"{"title":"secret-title","description":"secret-description"}"#),
        ("POST", "/api/tasks".into(), r#"{"title":""}"#),
        ("secret-method", "/api/tasks".into(), ""),
        ("DELETE", format!("/api/tasks/{id}"), ""),
    ] {
        send(&person, "known", method, &path, body).await;
    }
    let strange = "GET /api/tasks HTTP/1.1\r\nHost: secret-host\r\nAuthorization: Bearer secret-token\r\n\
        Cookie: secret-cookie=1\r\nUser-Agent: secret-agent\r\nBaggage: secret=secret-baggage\r\n\
        X-Forwarded-For: secret-forwarded\r\nX-Request-Id: secret id\r\nConnection: close\r\n\r\n";
    RawClient::sending(world.server.address, strange).await.reads_to_the_end().await;
    let last = head("GET", "/live", user) + "X-Request-Id: last\r\nConnection: close\r\n\r\n";
    RawClient::sending(world.server.address, last).await.reads_to_the_end().await;

    collector.span_of("last").await;

    let text = collector.text();
    assert!(text.contains("/api/{user_id}/tasks") && text.contains("tasks/create"), "{text}");
    let token = crate::world::token(user);
    for part in token.split('.').chain(["secret"]) {
        assert!(!text.contains(part), "{part} in {text}");
    }
    let names: Vec<_> =
        collector.headers().iter().filter_map(|headers| headers.get("x-key").cloned()).collect();
    assert!(!names.is_empty() && names.iter().all(|name| name == "secret-of-collector"), "{names:?}");
    assert!(collector.headers().iter().all(|headers| headers["authorization"] == "Basic eA=="));
    let log = world.server.log().join("\n");
    assert!(!log.contains("secret-of-collector") && !log.contains("eA=="), "{log}");
}

//! `X-Request-Id`: the id of a request in its answer and in the log.

use http::{HeaderValue, Method};
use serde_json::json;

use super::tokens::bearer;
use crate::world::{Answer, World, send};

async fn get_with_id(world: &World, id: &str) -> Answer {
    let mut request = world.anonymous().request(Method::GET, "/live", "");
    request.headers_mut().insert("x-request-id", HeaderValue::from_bytes(id.as_bytes()).expect("a header"));
    send(world.server.address, request).await
}

#[tokio::test]
async fn every_answer_has_the_id_of_its_line_in_the_log() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;
    let one = format!("/api/v1/tasks/{}", task["id"]);
    let mut as_text = alice.request(Method::POST, "/api/tasks", "{}");
    as_text.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
    let mut with_bad_host = alice.request(Method::GET, "/api/tasks", "");
    with_bad_host.headers_mut().insert("host", HeaderValue::from_static("a b"));

    let answers = [
        (200, alice.get("/api/tasks").await),
        (200, alice.call(Method::HEAD, "/api/tasks").await),
        (200, alice.get("/live").await),
        (201, alice.post("/api/tasks", json!({ "title": "x" })).await),
        (204, alice.delete(&one).await),
        (204, alice.call(Method::OPTIONS, &one).await),
        (400, alice.send(Method::POST, "/api/tasks", "{").await),
        (400, send(world.server.address, with_bad_host).await),
        (401, world.anonymous().get("/api/tasks").await),
        (401, bearer(&world, "nonsense").get("/api/tasks").await),
        (403, alice.get("/api/bob/tasks").await),
        (404, alice.get(&one).await),
        (404, alice.get("/nowhere").await),
        (405, alice.delete("/api/tasks").await),
        (413, alice.send(Method::POST, "/api/tasks", "x".repeat(70_000)).await),
        (415, send(world.server.address, as_text).await),
        (422, alice.get("/api/v1/tasks?limit=0").await),
    ];

    for (status, answer) in answers {
        let id = answer.header("x-request-id");
        assert!(id.len() >= 8, "{answer:?}");
        let is_its_line =
            |event: &serde_json::Value| event["message"] == "answered" && event["http.request.id"] == id;
        assert_eq!(world.server.logs(is_its_line).await["http.response.status_code"], status, "{answer:?}");
    }
}

#[tokio::test]
async fn the_clients_own_id_is_in_the_answer_and_in_the_log() {
    let world = World::shared().await;

    for id in ["7", "0af7651916cd43dd8448eb211c80319c", "Root_1-67891233.abcdef", &"x".repeat(128)] {
        let answer = get_with_id(&world, id).await;

        assert_eq!(answer.header("x-request-id"), id);
        world.server.logs(|event| event["message"] == "answered" && event["http.request.id"] == id).await;
    }
}

#[tokio::test]
async fn an_id_that_a_log_line_should_not_repeat_is_replaced() {
    let world = World::shared().await;

    for id in ["", &"x".repeat(129), "a b", "a/b", "a:b", "a@b.example", "\"", "ü", "<script>", "a,b", "{}"]
    {
        let answer = get_with_id(&world, id).await;

        let own = answer.header("x-request-id");
        assert!(own.len() == 16 && own.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}: {own}");
        assert_ne!(own, id);
    }
}

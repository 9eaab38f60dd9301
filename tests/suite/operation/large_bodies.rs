//! Bodies that are larger than any task count against the share of their user, while they arrive and are worked on.

use futures_util::future::join_all;
use serde_json::json;

use super::raw_client::{RawClient, head, request};
use crate::world::World;

/// More bodies than the share of a user has room for. Each counts as one of 64 KiB.
const MANY: usize = 300;

/// Sends most of a body of 60 KB, and not its end.
async fn half_a_large_body(world: &World, user: &str) -> RawClient {
    let head = head("POST", "/api/tasks", user) + "Content-Length: 60000\r\n\r\n";
    RawClient::sending(world.server.address, head + "{\"title\":\"" + &"x".repeat(20_000)).await
}

#[tokio::test]
async fn a_user_who_sends_many_large_bodies_is_told_so_and_keeps_nobody_else_out() {
    let world = World::with(&[("REQUEST_TIMEOUT", "30")]).await;
    let large = json!({ "title": "one", "note": "x".repeat(20_000) });

    let clients = join_all((0..MANY).map(|_| half_a_large_body(&world, "greedy"))).await;
    let log = world
        .server
        .logs(|event| event["message"] == "answered" && event["http.response.status_code"] == 503)
        .await;
    let own = world.user("greedy").post("/api/tasks", large.clone()).await;
    let other = world.user("bob").post("/api/tasks", large).await;

    assert_eq!((own.status(), other.status()), (503, 201), "{log} {own:?}");
    assert!(own.detail().contains("Nothing was changed") && own.header("retry-after") == "1", "{own:?}");
    // A body of the size of a task is not counted.
    let largest = json!({ "title": "\u{1}".repeat(200), "description": "\u{1}".repeat(1000) });
    assert_eq!(world.user("greedy").post("/api/tasks", largest).await.status(), 201);
    drop(clients);
}

#[tokio::test]
async fn bodies_that_end_give_their_room_back() {
    let world = World::new().await;
    let large = json!({ "title": "one", "note": "x".repeat(20_000) }).to_string();
    let text = request("POST", "/api/v1/tasks", "alice", &large);

    let mut client = RawClient::open(world.server.address).await;
    for _ in 0..MANY {
        client.sends(&text).await;
        assert_eq!(client.reads().await.status, 201);
    }
}

/// So no answer with one task is refused for its size, and no change is made without its answer.
#[tokio::test]
async fn the_answer_with_the_largest_task_fits_also_where_the_share_of_its_user_is_used_up() {
    let world = World::with(&[("REQUEST_TIMEOUT", "30")]).await;
    let name = "\u{10ffff}".repeat(255);
    let user = world.user(&name);
    let largest =
        json!({ "title": "\u{1}".repeat(200), "description": "\u{1}".repeat(1000), "completed": false });
    let clients = join_all((0..MANY).map(|_| half_a_large_body(&world, &name))).await;
    world
        .server
        .logs(|event| event["message"] == "answered" && event["http.response.status_code"] == 503)
        .await;

    let created = user.post("/api/tasks", largest).await;
    let page = user.get("/api/v1/tasks?limit=1").await;

    assert_eq!((created.status(), page.status()), (201, 200), "{created:?} {page:?}");
    assert!((8000..10_000).contains(&created.body.len()), "{} bytes", created.body.len());
    drop(clients);
}

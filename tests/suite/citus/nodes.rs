//! A node that is down, or hangs, is the trouble of its own users.

use std::time::Duration;

use rowkeep::audit::audit;
use serde_json::json;
use tokio::net::TcpListener;

use super::{placed, world};
use crate::world::World;

/// A user on another node than `user`.
pub async fn user_elsewhere(world: &World, user: &str) -> String {
    let coordinator = world.database.superuser().await;
    let lost = placed(&coordinator, user).await.address();
    for number in 1..=20 {
        let other = format!("user{number}");
        if placed(&coordinator, &other).await.address() != lost {
            return other;
        }
    }
    panic!("every user is on {lost}");
}

/// Sends the coordinator of this database to another port for a node: in its own catalogue, so that other tests have it.
pub async fn replace_port(world: &World, from: i32, to: i32) {
    let coordinator = world.database.superuser().await;
    coordinator
        .execute("update pg_dist_node set nodeport = $2 where nodeport = $1", &[&from, &to])
        .await
        .expect("a node");
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_node_that_is_down_is_named_and_the_users_of_others_are_served() {
    let Some((_citus, world)) = world().await else { return };
    let coordinator = world.database.superuser().await;
    let node = placed(&coordinator, "user1").await;
    let other = user_elsewhere(&world, "user1").await;
    let nobody_listens =
        TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("a port");

    replace_port(&world, node.port, nobody_listens.port().into()).await;

    let health = world.anonymous().get("/health").await;
    assert_eq!((health.status(), &health.json()["status"]), (200, &json!("degraded")), "{health:?}");
    let line = world
        .server
        .logs(|event| event["message"].as_str().is_some_and(|text| text.starts_with("nodes of the")))
        .await;
    assert_eq!(line["error.message"], format!("{}:{}", node.host, nobody_listens.port()));
    let refused = world.user("user1").get("/api/tasks").await;
    assert_eq!(refused.status(), 503, "{refused:?}");
    assert_ne!(refused.header("retry-after"), "");
    assert_eq!(world.user("user1").post("/api/tasks", json!({ "title": "one" })).await.status(), 503);
    assert_eq!(world.user(&other).get("/api/tasks").await.ids().len(), 5);
    assert_eq!(world.user(&other).post("/api/tasks", json!({ "title": "one" })).await.status(), 201);

    // A server can start meanwhile.
    let url = world.database.url("rowkeep_login");
    let settings = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", crate::world::SECRET)];
    let second = crate::world::Server::start(&settings).await.expect("a server");
    let dora = crate::world::Person::new(second.address, &other);
    assert_eq!(dora.get("/api/tasks").await.status(), 200);

    replace_port(&world, nobody_listens.port().into(), node.port).await;
    tokio::time::sleep(Duration::from_secs(1)).await; // the last look is used again until then
    assert_eq!(world.anonymous().get("/health").await.json(), json!({ "status": "healthy" }));
    assert_eq!(world.user("user1").get("/api/tasks").await.ids().len(), 5);
}

#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_node_that_hangs_leaves_turns_to_the_users_of_others() {
    let Some((_citus, world)) = world().await else { return };
    let coordinator = world.database.superuser().await;
    let node = placed(&coordinator, "user1").await;
    let other = user_elsewhere(&world, "user1").await;
    let mut hanging = Vec::new();
    for number in 1..=20 {
        let user = format!("user{number}");
        if placed(&coordinator, &user).await.address() == node.address() {
            hanging.push(world.user(&user));
        }
    }
    // It takes connections, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("a port").port();
    // The look tells the server where the users are.
    assert_eq!(world.anonymous().get("/health").await.status(), 200);

    replace_port(&world, node.port, port.into()).await;
    let waiting: Vec<_> = hanging.iter().map(|user| user.get("/api/tasks")).collect();
    let waiting = futures_util::future::join_all(waiting);
    let served = async {
        tokio::time::sleep(Duration::from_millis(500)).await; // the requests to the silent node have their turns
        let mut statuses = Vec::new();
        for _ in 0..50 {
            statuses.push(world.user(&other).get("/api/tasks").await.status());
        }
        statuses
    };
    let (refused, served) = tokio::join!(waiting, served);

    assert!(hanging.len() >= 7, "more users than the pool has connections: {}", hanging.len());
    assert_eq!(served, [200; 50]);
    assert!(refused.iter().all(|answer| answer.status() == 503), "{refused:?}");
}

/// A server that starts while a node hangs, and an audit: both do without it.
#[tokio::test]
#[ignore = "needs a cluster of Citus: `make test-citus`"]
async fn a_node_that_hangs_delays_neither_a_start_nor_an_audit_for_long() {
    let Some((_citus, world)) = world().await else { return };
    let coordinator = world.database.superuser().await;
    let node = placed(&coordinator, "user1").await;
    let other = user_elsewhere(&world, "user1").await;
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("a port").port();
    replace_port(&world, node.port, port.into()).await;

    let report = audit(&world.database.address("rowkeep_login")).await.expect("a report");
    let url = world.database.url("rowkeep_login");
    let settings = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", crate::world::SECRET)];
    let second = crate::world::Server::start(&settings).await.expect("a server");

    assert_eq!(crate::world::Person::new(second.address, &other).get("/api/tasks").await.status(), 200);
    let text = report.to_string();
    assert!(
        text.contains(&format!(
            "NOTE     RK-342 shards      not looked at: 16 shards on {}:{port}",
            node.host
        )),
        "{text}"
    );
    assert!(text.contains("NOTE     RK-911 proof       not tried: a node does not answer"), "{text}");
    assert_eq!((report.fails(), report.isolation()), (0, "NOT PROVED"), "{text}");
}

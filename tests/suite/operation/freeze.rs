//! A process that stood still for longer than its time limits: what has arrived meanwhile is answered.

use std::time::Duration;

use futures_util::future::join_all;
use jsonwebtoken::Algorithm::EdDSA;
use serde_json::json;

use super::raw_client::{RawClient, head, request};
use crate::world::{Issuer, JWKS_PATH, KeyPair, Reply, World, public};

/// Limits that are shorter than the time that the server stands still.
// A third of the request's limit is that of the database, which a loaded machine needs.
const SHORT: [(&str, &str); 2] = [("REQUEST_TIMEOUT", "3"), ("KEEP_ALIVE_TIMEOUT", "1")];
const STANDSTILL: Duration = Duration::from_millis(3500);

/// Stops the server, and lets it go on after `meanwhile` and longer than its limits.
async fn freezes(world: &World, meanwhile: impl Future<Output = ()>) {
    world.server.signal("STOP");
    tokio::time::sleep(Duration::from_millis(100)).await; // until it really stands still
    meanwhile.await;
    tokio::time::sleep(STANDSTILL).await;
    world.server.signal("CONT");
}

/// Connections of users who have sent a request before.
async fn kept(world: &World, number: usize) -> Vec<RawClient> {
    join_all((0..number).map(async |_| {
        let text = request("GET", "/api/tasks", "alice", "");
        let mut client = RawClient::sending(world.server.address, text).await;
        assert_eq!(client.reads().await.status, 200);
        client
    }))
    .await
}

#[tokio::test]
async fn requests_that_arrive_on_kept_connections_are_answered() {
    let world = World::with(&SHORT).await;
    let mut clients = kept(&world, 60).await;
    let post = request("POST", "/api/tasks", "alice", r#"{"title":"one"}"#);

    freezes(&world, async {
        for client in &mut clients {
            client.sends(&post).await;
        }
    })
    .await;

    for client in &mut clients {
        assert_eq!(client.reads().await.status, 201);
    }
    assert_eq!(world.user("alice").get("/api/tasks").await.ids().len(), 60);
}

#[tokio::test]
async fn requests_that_arrive_on_new_connections_are_answered() {
    let world = World::with(&SHORT).await;
    let mut silent = RawClient::open(world.server.address).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let text = request("GET", "/api/tasks", "alice", "");
    let mut new = Vec::new();

    freezes(&world, async {
        silent.sends(&text).await;
        for _ in 0..12 {
            new.push(RawClient::sending(world.server.address, &text).await);
        }
    })
    .await;

    for client in new.iter_mut().chain([&mut silent]) {
        assert_eq!(client.reads().await.status, 200);
    }
}

#[tokio::test]
async fn the_rest_of_a_head_that_arrives_is_read() {
    let world = World::with(&SHORT).await;
    let text = request("GET", "/api/tasks", "alice", "");
    let mut clients = kept(&world, 12).await;
    for client in &mut clients {
        client.sends(&text[..40]).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;

    freezes(&world, async {
        for client in &mut clients {
            client.sends(&text[40..]).await;
        }
    })
    .await;

    for client in &mut clients {
        assert_eq!(client.reads().await.status, 200);
    }
}

#[tokio::test]
async fn a_body_that_arrives_is_read_and_is_not_a_408() {
    let world = World::with(&SHORT).await;
    let small = json!({ "title": "one" }).to_string();
    let large = json!({ "title": "one", "note": "x".repeat(60_000) }).to_string();
    let announced = |body: &str| (format!("Content-Length: {}\r\n\r\n", body.len()), body.to_owned());
    let chunked = |body: &str| {
        let chunks = body
            .as_bytes()
            .chunks(100)
            .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(chunk)));
        ("Transfer-Encoding: chunked\r\n\r\n".to_owned(), chunks.collect::<String>() + "0\r\n\r\n")
    };
    let bodies = [announced(&small), announced(&large), chunked(&small), chunked(&large)];
    let mut clients = Vec::new();
    for (lengths, body) in bodies.iter().cycle().take(16) {
        // A part of the body is there before.
        let (before, after) = body.split_at(if clients.len() < 8 { 0 } else { 10 });
        let text = head("POST", "/api/tasks", "alice") + lengths + before;
        clients.push((RawClient::sending(world.server.address, text).await, after.to_owned()));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;

    freezes(&world, async {
        for (client, after) in &mut clients {
            client.sends(after).await;
        }
    })
    .await;

    for (client, _) in &mut clients {
        let reply = client.reads().await;
        assert_eq!(reply.status, 201, "{reply:?}");
    }
}

#[tokio::test]
async fn a_request_behind_a_body_that_nobody_needs_is_answered() {
    let world = World::with(&SHORT).await;
    let refused = "POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n";
    let mut client = RawClient::sending(world.server.address, refused).await;
    assert_eq!(client.reads().await.status, 401);

    freezes(&world, async {
        client.sends("{}".to_owned() + &request("GET", "/api/tasks", "alice", "")).await;
    })
    .await;

    assert_eq!(client.reads().await.status, 200);
}

#[tokio::test]
async fn a_client_that_reads_its_answers_meanwhile_gets_all_of_them() {
    let world = World::with(&SHORT).await;
    let sql = "insert into app.tasks (user_id, title, description)
               select 'alice', 'long', repeat('d', 1000) from generate_series(1, 90)";
    world.database.superuser().await.batch_execute(sql).await.expect("tasks");
    // 100 kB each: more than fits into all buffers between server and client.
    let text = request("GET", "/api/tasks", "alice", "").repeat(100);
    let mut client = RawClient::sending(world.server.address, text).await;
    tokio::time::sleep(Duration::from_millis(500)).await;

    let mut read = 0;
    freezes(&world, async {
        while let Ok(reply) = tokio::time::timeout(Duration::from_millis(300), client.next_reply()).await {
            assert_eq!(reply.expect("an answer").status, 200);
            read += 1;
        }
    })
    .await;

    assert!(0 < read && read < 100, "{read}: the server was not stopped while it wrote");
    for _ in read..100 {
        assert_eq!(client.reads().await.status, 200);
    }
}

#[tokio::test]
async fn requests_that_arrive_before_a_stop_are_answered() {
    let mut world = World::with(&SHORT).await;
    let mut clients = kept(&world, 12).await;
    let text = request("GET", "/api/tasks", "alice", "");

    freezes(&world, async {
        for client in &mut clients {
            client.sends(&text).await;
        }
        world.server.signal("TERM");
    })
    .await;

    for client in &mut clients {
        assert_eq!(client.reads().await.status, 200);
    }
    assert_eq!(world.server.ended().await.code(), Some(0));
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_key_set_that_arrives_is_read_and_its_tokens_are_valid() {
    let (old, new) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let set = || Reply::keys(&public(&[&old, &new]));
    let pause = Duration::from_millis(700);
    for reply in [set().after(pause), set().body_after(pause)] {
        let issuer = Issuer::new(&[&old]).await;
        let world = World::of(&issuer, &[("REQUEST_TIMEOUT", "3")]).await;
        assert_eq!(world.signed_in(&issuer, &old).get("/api/tasks").await.status(), 200);
        issuer.reply(JWKS_PATH, reply);
        let person = world.signed_in(&issuer, &new);
        let asking: Vec<_> = (0..6)
            .map(|_| {
                let person = person.clone();
                tokio::spawn(async move { person.get("/api/tasks").await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(300)).await; // until the key set is being read

        freezes(&world, async {}).await;

        for answer in asking {
            let answer = answer.await.expect("an answer");
            assert_eq!(answer.status(), 200, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn clients_that_sent_nothing_meanwhile_are_disconnected_as_ever() {
    let world = World::with(&SHORT).await;
    let mut idle = kept(&world, 3).await;

    freezes(&world, async {}).await;

    for client in &mut idle {
        assert_eq!(client.reads_to_the_end().await, "");
    }
}

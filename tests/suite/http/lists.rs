//! Lists of all three contracts.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::contracts::{CONTRACTS, TASKS, USER_TASKS};
use crate::world::{World, token};

#[tokio::test]
async fn a_user_without_tasks_gets_an_empty_array() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for contract in CONTRACTS {
        let answer = alice.get(&contract.tasks(&alice)).await;

        assert_eq!((answer.status(), &answer.body[..]), (200, &b"[]"[..]), "{contract}");
    }
}

#[tokio::test]
async fn a_list_is_a_bare_array_newest_first() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let mut tasks = Vec::new();
    for title in ["first", "second", "third"] {
        tasks.insert(0, alice.creates(json!({ "title": title })).await);
    }
    // An update does not move a task in the list.
    let path = format!("/api/tasks/{}", tasks[1]["id"]);
    tasks[1] = alice.put(&path, json!({ "title": "changed" })).await.json();

    for contract in CONTRACTS {
        let answer = alice.get(&contract.tasks(&alice)).await;

        assert_eq!(answer.json(), json!(tasks), "{contract}");
    }
}

#[tokio::test]
async fn every_list_can_be_filtered_by_status() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let mut ids = Vec::new();
    for title in ["first", "second", "third"] {
        ids.insert(0, alice.creates(json!({ "title": title })).await["id"].as_i64().expect("an id"));
    }
    alice.patch(&format!("/api/tasks/{}/complete", ids[1]), json!({ "completed": true })).await;

    for contract in CONTRACTS {
        for (query, wanted) in [
            ("", vec![ids[0], ids[1], ids[2]]),
            ("?status=all", vec![ids[0], ids[1], ids[2]]),
            ("?status=pending", vec![ids[0], ids[2]]),
            ("?status=completed", vec![ids[1]]),
            ("?s%74atus=comple%74ed", vec![ids[1]]),
        ] {
            let answer = alice.get(&format!("{}{query}", contract.tasks(&alice))).await;

            assert_eq!(answer.status(), 200, "{contract}{query}");
            assert_eq!(answer.ids(), wanted, "{contract}{query}");
        }
    }
}

#[tokio::test]
async fn every_list_refuses_an_unknown_status() {
    let world = World::shared().await;
    let alice = world.user("alice");

    for contract in CONTRACTS {
        for status in ["done", "", "ALL", "Pending", "all%20", "true", "1", "all,pending", "%00"] {
            let answer = alice.get(&format!("{}?status={status}", contract.tasks(&alice))).await;

            contract.refuses(&answer, contract.invalid, format!("{contract}?status={status}"));
            assert_eq!(answer.detail(), "status must be all, pending or completed");
        }
    }
}

#[tokio::test]
async fn unknown_query_parameters_are_ignored() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let task = alice.creates(json!({ "title": "buy milk" })).await;

    for contract in CONTRACTS {
        for query in ["?Page=7&user_id=bob&Status=nonsense", "?", "?&&=&%zz", "?statuses=completed", "?%ff=1"]
        {
            for (path, wanted) in
                [(contract.tasks(&alice), json!([task])), (contract.task(&alice, &task["id"]), task.clone())]
            {
                let answer = alice.get(&format!("{path}{query}")).await;

                assert_eq!((answer.status(), answer.json()), (200, wanted), "{path}{query}");
            }
        }
    }
}

#[tokio::test]
async fn whole_lists_ignore_limit_and_offset() {
    let world = World::shared().await;
    let alice = world.user("alice");
    for _ in 0..3 {
        alice.creates(json!({ "title": "buy milk" })).await;
    }

    for contract in [USER_TASKS, TASKS] {
        for query in ["?limit=1", "?limit=0", "?limit=abc", "?offset=2", "?offset=-1"] {
            let answer = alice.get(&format!("{}{query}", contract.tasks(&alice))).await;

            assert_eq!(answer.status(), 200, "{contract}{query}");
            assert_eq!(answer.ids().len(), 3, "{contract}{query}");
        }
    }
}

#[tokio::test]
async fn a_long_whole_list_is_complete() {
    let world = World::shared().await;
    let alice = world.user("alice");
    let superuser = world.database.superuser().await;
    let insert =
        "insert into app.tasks (user_id, title) select 'alice', 'task' from generate_series(1, 5000)";
    superuser.batch_execute(insert).await.expect("tasks");
    // A replica is read up to this change at least. It knows nothing of the statement before.
    alice.creates(json!({ "title": "the last" })).await;

    for contract in [USER_TASKS, TASKS] {
        let ids = alice.get(&contract.tasks(&alice)).await.ids();

        assert_eq!(ids.len(), 5001, "{contract}");
        assert!(ids.is_sorted_by(|one, next| one > next), "{contract}: newest first");
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_slow_client_does_not_hold_a_database_connection() {
    let world = World::with(&[("DATABASE_POOL_SIZE", "2")]).await;
    let bob = world.user("bob");
    let superuser = world.database.superuser().await;
    let insert = "insert into app.tasks (user_id, title, description)
                  select 'alice', 'task', repeat('x', 1000) from generate_series(1, 20000)";
    superuser.batch_execute(insert).await.expect("more than any buffer holds");

    for path in ["/api/alice/tasks", "/api/tasks"] {
        let mut stream = TcpStream::connect(world.server.address).await.expect("a connection");
        let token = token("alice");
        let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        let head = format!("{head}authorization: Bearer {token}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("a request");
        let mut answer = vec![0; 12];
        stream.read_exact(&mut answer).await.expect("the beginning of an answer");

        let other = bob.get("/api/tasks").await;
        stream.read_to_end(&mut answer).await.expect("the rest of it");

        assert_eq!(other.status(), 200, "{path}: the only connection is free");
        let text = String::from_utf8(answer).expect("UTF-8");
        assert!(text.starts_with("HTTP/1.1 200"), "{path}");
        assert_eq!(text.matches("\"user_id\":\"alice\"").count(), 20_000, "{path}");
    }
}

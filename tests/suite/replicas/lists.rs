//! Pages that come from servers of different age are pages of one list.

use std::collections::BTreeSet;
use std::time::Duration;

use http::Method;
use serde_json::json;

use super::trio::{PATIENT, Trio, pauses, user_of_replica};
use crate::http::links::next;
use crate::world::{Answer, Person, send};

/// Asks without the position of the answers before, as a client that follows links and knows nothing of positions.
async fn asks(person: &Person, path: &str, position: Option<&str>) -> Answer {
    let mut request = person.request(Method::GET, path, "");
    if let Some(position) = position {
        request.headers_mut().insert("x-rowkeep-position", position.parse().expect("a value"));
    }
    send(person.address, request).await
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn following_links_gives_every_task_once_though_the_replica_is_older_than_the_first_page() {
    let trio = Trio::with(&[""], &[PATIENT]).await;
    let alice = trio.user("alice");
    for title in ["a", "c"] {
        alice.creates(json!({ "title": title })).await;
    }
    super::trio::catches_up(&trio.primary, &trio.replicas[0]).await;
    pauses(&trio.replicas[0]).await;
    let mut wanted = BTreeSet::new();
    for title in ["b", "d"] {
        wanted.insert(alice.creates(json!({ "title": title })).await["id"].as_i64().expect("an id"));
    }

    for sort in ["title", "-title", "id", "-id", "updated_at"] {
        for count in ["", "&count=true"] {
            let path = format!("/api/v1/tasks?limit=1&sort={sort}{count}");
            let mut page = asks(&trio.other_device("alice"), &path, Some("primary")).await;
            let mut found = Vec::new();
            loop {
                assert_eq!(page.status(), 200, "{page:?}");
                found.extend(page.ids());
                let Some(path) = next(&page) else { break };
                // A client of its own for each page: only the link can know.
                page =
                    asks(&Person::with_token(alice.address, Some(&a_token(found.len()))), &path, None).await;
            }
            assert_eq!(found.len(), 4, "{sort}{count}: {found:?}");
            assert!(wanted.iter().all(|id| found.contains(id)), "{sort}{count}: {found:?}");
        }
    }
}

fn a_token(number: usize) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(10_000);
    let lifetime = COUNT.fetch_add(1 + number as u64, Ordering::Relaxed);
    rowkeep::development::token::mint(&crate::world::token_rules(), "alice", lifetime).expect("a token")
}

/// A whole list is read page by page while it is sent. The pages come from one server of the list's age or newer.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_whole_list_is_complete_though_one_of_two_replicas_stands_still() {
    let trio = Trio::with(&["", ""], &[PATIENT]).await;
    let ids = [1, 2].map(|number| user_of_replica(number, 2));
    pauses(&trio.replicas[1]).await;
    for id in &ids {
        let person = trio.user(id);
        for number in 0..130 {
            person.creates(json!({ "title": format!("{number}") })).await;
        }
        assert_eq!(person.get("/api/tasks").await.ids().len(), 130, "{id}");
        assert_eq!(person.get(&format!("/api/{}/tasks", id.replace(' ', "%20"))).await.ids().len(), 130);
    }
    let [fresh, old] = ids.map(|id| trio.other_device(&id));
    super::trio::catches_up(&trio.primary, &trio.replicas[0]).await;
    assert_eq!(fresh.get("/api/tasks").await.ids().len(), 130);
    assert_eq!(old.get("/api/tasks").await.ids().len(), 0);
}

/// The first page can come from the primary and the next one from a replica: here one that does not have the tasks.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_whole_list_that_began_on_the_primary_does_not_go_on_with_an_older_state() {
    // A read goes to the primary for a position if nothing has asked it for a quarter of this.
    let trio = Trio::with(&[""], &[("DATABASE_REPLICA_MAX_LAG_MS", "24000")]).await;
    let alice = trio.other_device("alice");
    alice.get("/api/tasks").await;
    super::trio::catches_up(&trio.primary, &trio.replicas[0]).await;
    pauses(&trio.replicas[0]).await;
    let tasks = "insert into app.tasks (user_id, title) select 'alice', 'task' from generate_series(1, 130)";
    trio.primary.superuser("postgres").await.batch_execute(tasks).await.expect("tasks");
    assert_eq!(asks(&alice, "/api/tasks", None).await.ids().len(), 0, "the replica is old");
    let before = trio.reads("for_position").await;
    tokio::time::sleep(Duration::from_millis(6500)).await;

    let list = asks(&alice, "/api/tasks", None).await;

    assert_eq!(trio.reads("for_position").await, before + 1.0);
    assert_eq!(list.ids().len(), 130);
}

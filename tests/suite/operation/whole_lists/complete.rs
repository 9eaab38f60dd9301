//! A list has every task once, newest first, also while other tasks are created and deleted.

use std::collections::BTreeSet;

use tokio_postgres::Client;

use super::reader::Reader;
use super::{add_tasks, with_proxy};
use crate::world::World;

/// The ids of alice's tasks, newest first.
async fn ids(admin: &Client, condition: &str) -> Vec<i64> {
    let sql = format!("select id from app.tasks where user_id = 'alice' and {condition} order by id desc");
    admin.query(&sql, &[]).await.expect("rows").iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_list_of_a_hundred_thousand_tasks_has_each_once_newest_first() {
    let world = World::new().await;
    let admin = add_tasks(&world.database, "alice", 100_000, 0).await;
    add_tasks(&world.database, "bob", 1000, 0).await;

    for (path, condition) in [
        ("/api/alice/tasks", "true"),
        ("/api/tasks", "true"),
        ("/api/alice/tasks?status=pending", "not completed"),
        ("/api/tasks?status=completed", "completed"),
    ] {
        let list = Reader::of(world.server.address, path, "alice").await.ends().await.ids();

        assert!(list == ids(&admin, condition).await, "{path}: {} tasks", list.len());
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn lists_whose_length_is_near_a_page_boundary_are_complete() {
    // With descriptions of a kilobyte the second page is short: it ends at about the 210th task.
    for (description, lengths) in
        [(0, vec![0, 1, 2, 99, 100, 101, 102, 199, 200, 201, 500, 751]), (1000, (200..=220).collect())]
    {
        let world = World::new().await;
        let admin = world.database.superuser().await;
        let mut length = 0;
        for wanted in lengths {
            add_tasks(&world.database, "alice", wanted - length, description).await;
            length = wanted;
            let there = ids(&admin, "true").await;

            let received = Reader::of(world.server.address, "/api/tasks", "alice").await.ends().await;

            assert_eq!(received.ids(), there, "{length} tasks");
            assert!(received.head.contains("content-type: application/json\r\n"), "{}", received.head);
            let announced = received.head.contains("content-length: ");
            assert_eq!(announced, length <= 100, "{length} tasks: {}", received.head);
        }
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn tasks_that_stay_appear_once_while_others_are_created_and_deleted() {
    let world = World::new().await;
    let admin = add_tasks(&world.database, "alice", 20_000, 1000).await;
    let before = ids(&admin, "true").await;
    let mut reader = Reader::of(world.server.address, "/api/tasks", "alice").await;

    for round in 0..30 {
        reader.reads(600_000).await;
        let delete = format!("delete from app.tasks where user_id = 'alice' and hashint8(id) % 40 = {round}");
        let changed = admin.execute(&delete, &[]).await.expect("a change");
        assert!(changed > 0);
        add_tasks(&world.database, "alice", 50, 10).await;
    }
    let after = ids(&admin, "true").await;

    let list = reader.ends().await.ids();

    assert!(list.is_sorted_by(|one, next| one > next), "newest first, each once");
    let (list, before): (BTreeSet<_>, BTreeSet<_>) =
        (list.into_iter().collect(), before.into_iter().collect());
    let stayed: BTreeSet<_> = after.into_iter().filter(|id| before.contains(id)).collect();
    assert!(stayed.is_subset(&list), "missing: {:?}", stayed.difference(&list).take(5).collect::<Vec<_>>());
    assert!(list.is_subset(&before), "the list has a task that was created after its first page");
    assert!(list.len() < before.len(), "the list was read before anything was deleted: this proves nothing");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_list_whose_later_tasks_are_deleted_meanwhile_ends_with_those_that_are_left() {
    let (world, proxy) = with_proxy(1000, 0, &[]).await;
    let admin = world.database.superuser().await;
    for (path, left) in [("/api/tasks", 1), ("/api/alice/tasks", 0)] {
        add_tasks(&world.database, "alice", 1000, 0).await;
        let before = ids(&admin, "true").await;
        proxy.lets_through(1);
        let mut reader = Reader::of(world.server.address, path, "alice").await;
        reader.begins().await;

        let last = before.len() - left;
        let kept = before.get(last).copied().unwrap_or(0);
        admin.execute("delete from app.tasks where id <> $1", &[&kept]).await.expect("a change");
        proxy.lets_everything_through();

        let wanted = [&before[..100], &before[last..]].concat();
        assert_eq!(reader.ends().await.ids(), wanted, "{path}, {left} left");
    }
}

//! Large answers to clients that read slowly share one memory limit.

use std::time::Duration;

use futures_util::future::join_all;

use super::pages_queried_when_quiet;
use super::reader::Reader;
use super::slow_readers::peak_memory;
use crate::operation::overload::eventually;
use crate::world::{Database, World};

/// More memory than the server may take with its limit, and less than all of these answers, in bytes.
const BOUND: usize = 160 << 20;

/// The largest possible page. It is the only one of its list.
const PAGE: &str = "/api/v1/tasks?limit=1000&sort=id";

/// More time than a client has that reads nothing while others need the memory.
const TOO_SLOW: Duration = Duration::from_secs(6);

/// A statement that gives a user a thousand tasks of the largest size.
fn large_tasks_of(user: &str) -> String {
    format!(
        "set session_replication_role = replica;
         insert into app.tasks (user_id, title, description, created_at, updated_at)
         select '{user}', repeat(U&'\\0001', 200), repeat(U&'\\0001', 1000), now(), now() from generate_series(1, 1000);
         reset session_replication_role"
    )
}

/// A server with ten users who each have a thousand tasks of the largest size, together seven megabytes. The 100 newest
/// tasks of each, as many as the first page of a whole list has, are of the smallest size.
async fn with_largest_tasks() -> World {
    let database = Database::new().await;
    let admin = database.superuser().await;
    for user in 0..10 {
        admin.batch_execute(&large_tasks_of(&format!("user {user}"))).await.expect("tasks");
    }
    let tasks = "
        set session_replication_role = replica;
        insert into app.tasks (user_id, title, created_at, updated_at)
        select 'user ' || u, 'x', now(), now() from generate_series(0, 9) u, generate_series(1, 100);
        reset session_replication_role";
    admin.batch_execute(tasks).await.expect("tasks");
    World::on(database, &[("DATABASE_POOL_SIZE", "2"), ("REQUEST_TIMEOUT", "300")]).await
}

/// Forty clients of the first `users` users that have requested `path`, read the beginning, and do not read on.
async fn stopped_readers(world: &World, path: &str, users: usize) -> Vec<Reader> {
    many_stopped_readers(world, 40, path, users).await
}

async fn many_stopped_readers(world: &World, number: usize, path: &str, users: usize) -> Vec<Reader> {
    join_all((0..number).map(async |at| {
        let user = format!("user {}", at % users);
        let mut reader = Reader::of(world.server.address, path, &user).await;
        reader.begins().await;
        reader
    }))
    .await
}

fn status(reader: &Reader) -> u16 {
    let head = reader.received().expect("a head").head;
    head.split(' ').nth(1).expect("a status").parse().expect("a number")
}

fn served(readers: Vec<Reader>) -> (Vec<Reader>, Vec<Reader>) {
    readers.into_iter().partition(|reader| status(reader) == 200)
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn pages_that_clients_do_not_read_fill_the_memory_and_further_ones_get_503() {
    let world = with_largest_tasks().await;
    let nobody = world.user("nobody");

    let (served, refused) = served(stopped_readers(&world, PAGE, 10).await);

    assert!(served.len() >= 6, "{} of 40 are served", served.len());
    assert!(!refused.is_empty(), "all of 40 are served");
    for reader in refused {
        let received = reader.ends().await;
        assert!(
            received.head.starts_with("http/1.1 503") && received.head.contains("retry-after: 1"),
            "{}",
            received.head
        );
    }
    assert!(peak_memory(world.server.id()).is_none_or(|most| most < BOUND));
    // Whole lists in short pages still fit.
    assert_eq!(nobody.get(PAGE).await.status(), 200);
    assert_eq!(world.user("user 1").get("/api/tasks").await.ids().len(), 1100);
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn four_users_who_do_not_read_leave_room_for_a_fifth_and_are_not_cut_off() {
    let world = with_largest_tasks().await;
    let readers = many_stopped_readers(&world, 4, PAGE, 4).await;
    tokio::time::sleep(TOO_SLOW).await;

    let fifth = world.user("user 5").get(PAGE).await;

    assert_eq!((fifth.status(), fifth.ids().len()), (200, 1000));
    for reader in readers {
        assert_eq!(reader.ends().await.ids().len(), 1000);
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn clients_that_read_too_slowly_are_cut_off_visibly_when_others_need_the_room() {
    let world = with_largest_tasks().await;
    // The share of an eighth user is just large enough.
    let (mut readers, _) = served(many_stopped_readers(&world, 8, PAGE, 8).await);
    let mut steady = readers.remove(0);
    for _ in 0..TOO_SLOW.as_secs() * 4 {
        steady.reads(40_000).await;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }

    // Without a share that is large enough, as long as nobody leaves.
    let late = join_all(["late 1", "late 2"].map(async |user| {
        world.database.superuser().await.batch_execute(&large_tasks_of(user)).await.expect("tasks");
        world.user(user).get(PAGE).await
    }))
    .await;

    assert!(late.iter().all(|answer| answer.status() == 200 && answer.ids().len() == 1000), "{late:?}");
    world
        .server
        .logs(|event| event["message"] == "cut off a client that reads slowly: others need the memory")
        .await;
    assert_eq!(steady.ends().await.ids().len(), 1000, "it reads fast enough");
    let mut incomplete = 0;
    for reader in readers {
        let received = reader.ends().await;
        if received.is_complete {
            received.ids();
        } else {
            received.assert_incomplete();
            incomplete += 1;
        }
    }
    assert!(incomplete > 0, "nobody was cut off");
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn one_user_who_does_not_read_leaves_memory_to_others() {
    let world = with_largest_tasks().await;
    let readers = stopped_readers(&world, PAGE, 1).await;

    let statuses =
        [world.user("user 0").get(PAGE).await.status(), world.user("user 1").get(PAGE).await.status()];

    let (served, _) = served(readers);
    assert_eq!((served.len(), statuses), (2, [503, 200].map(|status| status.try_into().expect("a status"))));
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn clients_that_leave_give_their_memory_back() {
    let world = with_largest_tasks().await;
    for _ in 0..3 {
        let (served, _) = served(stopped_readers(&world, PAGE, 1).await);
        assert_eq!(served.len(), 2);
        drop(served);
        let user = world.user("user 0");
        eventually("the server has noticed", async || user.get(PAGE).await.status() == 200).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The first page has small tasks. A second page of as many large ones would be two hundred times as large.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn whole_lists_that_clients_do_not_read_go_on_in_shorter_pages() {
    let world = with_largest_tasks().await;
    for path in ["/api/tasks", "/api/user%200/tasks"] {
        let readers = stopped_readers(&world, path, if path == "/api/tasks" { 10 } else { 1 }).await;
        pages_queried_when_quiet(&world.server).await;

        assert!(peak_memory(world.server.id()).is_none_or(|most| most < BOUND), "{path}");
        assert!(readers.iter().all(|reader| status(reader) == 200), "{path}");
        for received in join_all(readers.into_iter().map(Reader::ends)).await {
            assert_eq!(received.ids().len(), 1100, "{path}");
        }
    }
}

/// If their pages were not counted, they would take 2.7 GB together. The bound also covers 90 KB for each connection.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn whole_lists_of_many_clients_that_do_not_read_share_the_limit_with_their_first_pages_too() {
    let world = with_largest_tasks().await;

    let readers = many_stopped_readers(&world, 450, "/api/tasks", 10).await;
    pages_queried_when_quiet(&world.server).await;

    let peak = peak_memory(world.server.id());
    assert!(peak.is_none_or(|most| most < 200 << 20), "{peak:?}");
    for reader in readers.into_iter().take(3) {
        assert_eq!(reader.ends().await.ids().len(), 1100);
    }
}

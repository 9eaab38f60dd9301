//! Large answers that clients are slow to read: how much memory they take together has a bound.

use futures_util::future::join_all;

use super::reader::Reader;
use super::slow::peak_memory;
use crate::world::{Database, World};

/// More than all of these answers may take together, and less than they would.
const BOUND: usize = 160 << 20;

/// A server of which alice has tasks as large as they can be: of nine kilobytes each, nine megabytes in all. Before them,
/// as many as that first page of a list has are as small as they can be.
async fn largest() -> World {
    let database = Database::new().await;
    let admin = database.superuser().await;
    let tasks = "
        set session_replication_role = replica;
        insert into app.tasks (user_id, title, description, created_at, updated_at)
        select 'alice', repeat(U&'\\0001', 200), repeat(U&'\\0001', 1000), now(), now() from generate_series(1, 1000);
        insert into app.tasks (user_id, title, created_at, updated_at)
        select 'alice', 'x', now(), now() from generate_series(1, 100);
        reset session_replication_role";
    admin.batch_execute(tasks).await.expect("tasks");
    World::on(database, &[("DATABASE_POOL_SIZE", "1"), ("REQUEST_TIMEOUT", "300")]).await
}

/// Forty clients that have asked for this, seen the beginning of it, and stop.
async fn stopped(world: &World, path: &str) -> Vec<Reader> {
    join_all((0..40).map(async |_| {
        let mut reader = Reader::of(world.server.address, path, "alice").await;
        reader.begins().await;
        reader
    }))
    .await
}

fn status(reader: &Reader) -> u16 {
    let head = reader.told().expect("a head").head;
    head.split(' ').nth(1).expect("a status").parse().expect("a number")
}

#[tokio::test]
async fn pages_that_nobody_reads_take_no_more_than_there_is_and_others_are_told_to_come_later() {
    let world = largest().await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let path = "/api/v1/tasks?limit=1000&sort=id";

    let readers = stopped(&world, path).await;

    let (served, refused): (Vec<_>, Vec<_>) = readers.into_iter().partition(|reader| status(reader) == 200);
    assert!((4..20).contains(&served.len()), "{} of 40 are served", served.len());
    for reader in refused {
        let told = reader.ends().await;
        assert!(
            told.head.starts_with("http/1.1 503") && told.head.contains("retry-after: 1"),
            "{}",
            told.head
        );
    }
    assert!(peak_memory(world.server.id()).is_none_or(|most| most < BOUND));
    // There is room for whatever is not large, and for lists that go in pages.
    assert_eq!(bob.get(path).await.status(), 200);
    assert_eq!(alice.get("/api/v1/tasks?limit=20&sort=id").await.status(), 200);
    assert_eq!(alice.get("/api/tasks").await.ids().len(), 1100);

    for reader in served {
        assert_eq!(reader.ends().await.ids().len(), 1000);
    }
    assert_eq!(alice.get(path).await.status(), 200);
}

/// Whoever goes away gives back what was kept for them.
#[tokio::test]
async fn clients_that_leave_large_answers_make_room() {
    let world = largest().await;
    for _ in 0..3 {
        let readers = stopped(&world, "/api/v1/tasks?limit=1000&sort=id").await;
        let served = readers.iter().filter(|reader| status(reader) == 200).count();
        assert!((4..20).contains(&served), "{served} of 40 are served");
    }
}

/// After a page of small tasks a page of as many large ones would be two hundred times as large.
#[tokio::test]
async fn whole_lists_that_nobody_reads_go_on_in_shorter_pages() {
    let world = largest().await;
    for path in ["/api/tasks", "/api/alice/tasks"] {
        let readers = stopped(&world, path).await;

        assert!(peak_memory(world.server.id()).is_none_or(|most| most < BOUND), "{path}");
        assert!(readers.iter().all(|reader| status(reader) == 200), "{path}");
        for told in join_all(readers.into_iter().map(Reader::ends)).await {
            assert_eq!(told.ids().len(), 1100, "{path}");
        }
    }
}

//! A server reads from standbys of its own primary and from nothing else.

use crate::world::{Person, World};

use super::trio::{Trio, catches_up, clusters, url};

/// The rows of an unrelated server with the same names would be the wrong answer for everybody.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_standby_of_another_primary_and_another_database_of_the_own_standby_are_never_read() {
    let (primary, mut replicas) = clusters(&[""]).await;
    let (_other_primary, mut others) = clusters(&[""]).await;
    let standby = replicas.remove(0);
    primary
        .superuser("postgres")
        .await
        .batch_execute("create database copy template postgres")
        .await
        .expect("a copy");
    catches_up(&primary, &standby).await;
    let copy = standby.url("rowkeep_login", "copy");
    let grant = "grant connect on database copy to rowkeep_login";
    primary.superuser("copy").await.batch_execute(grant).await.expect("a privilege");
    catches_up(&primary, &standby).await;
    let urls = [url(&others[0]), copy].join(";");
    let trio = Trio::of(primary, vec![standby, others.remove(0)], &urls, &[]).await;

    for number in [1, 2] {
        trio.leaves_out(number, "other_cluster").await;
    }
    assert_eq!(trio.user("alice").get("/api/tasks").await.status(), 200);
    assert_eq!(trio.reads("replica").await, 0.0);
}

/// Some logins reach the standby only, so its file of addresses is one of its own.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_addresses_of_replicas_can_be_in_a_file_with_a_line_for_each() {
    let (primary, replicas) = clusters(&["", ""]).await;
    let file = primary.home().join("replicas");
    let lines: Vec<_> = replicas.iter().map(url).collect();
    std::fs::write(&file, lines.join("\n") + "\n").expect("a file");
    let path = file.display().to_string();

    let trio = Trio::of(primary, replicas, "", &[("DATABASE_REPLICA_URL_FILE", path.as_str())]).await;

    trio.uses(1).await;
    trio.uses(2).await;
}

/// Another server of the same addresses that has no replicas must understand the cursors of one that has.
#[tokio::test]
async fn a_server_without_replicas_understands_a_cursor_with_a_position() {
    let nowhere = ("DATABASE_REPLICA_URL", "host='/nowhere' dbname=x user=rowkeep_login");
    let world = World::with(&[nowhere]).await;
    let alice = world.user("alice");
    for title in ["one", "two"] {
        alice.creates(serde_json::json!({ "title": title })).await;
    }
    let page = alice.get("/api/v1/tasks?limit=1&sort=title").await;
    let next = crate::http::links::next(&page).expect("a Link");
    let database = world.database.url("rowkeep_login");
    let settings = [("DATABASE_URL", database.as_str()), ("BETTER_AUTH_SECRET", crate::world::SECRET)];
    let other = crate::world::Server::start(&settings).await.expect("a server");

    let second = Person::new(other.address, "alice").get(&next).await;

    assert_eq!((second.status(), second.ids().len()), (200, 1), "{second:?}");
    assert_ne!(second.ids(), page.ids());
}

//! A request with replicas still takes one round trip: the position comes along.

use http::Method;
use serde_json::json;

use super::trio::{PATIENT, Trio, catches_up, clusters, url};
use crate::operation::database_proxy::{Message, Proxy};

fn sql(name: &str) -> String {
    let path = format!("{}/sql/{name}.sql", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("a file")
}

/// Bind and Execute of each statement, and a Sync at the end of each part.
fn parts(parts: &[&[&str]]) -> Vec<Message> {
    let nothing = |kind| Message { kind, sql: String::new() };
    let mut messages = Vec::new();
    for part in parts {
        for name in *part {
            messages.extend([Message { kind: 'B', sql: sql(name) }, nothing('E')]);
        }
        messages.push(nothing('S'));
    }
    messages
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_write_and_a_read_on_a_replica_bring_their_positions_in_the_same_round_trip() {
    let (primary, replicas) = clusters(&[""]).await;
    let to_primary = Proxy::to(&primary.socket_directory()).await;
    let to_replica = Proxy::to(&replicas[0].socket_directory()).await;
    let (database, urls) = (to_primary.url_of(&url(&primary)), to_replica.url_of(&url(&replicas[0])));
    let settings = [("DATABASE_URL", database.as_str()), PATIENT, ("DATABASE_POOL_SIZE", "2")];
    let trio = Trio::of(primary, replicas, &urls, &settings).await;
    trio.uses(1).await;
    let alice = trio.user("alice");

    to_primary.withhold_answers_until(3);
    let created = alice.post("/api/tasks", json!({ "title": "one" })).await;
    assert_eq!(created.status(), 201, "{created:?}");
    let write = [
        &["session/begin", "session/identify", "tasks/create"][..],
        &["session/commit"],
        &["session/wal_position"],
    ];
    assert_eq!(to_primary.messages(), parts(&write));

    // Her position is newer than what the server knows of the replica. One round trip is enough all the same.
    catches_up(&trio.primary, &trio.replicas[0]).await;
    to_primary.withhold_answers_until(0);
    to_replica.withhold_answers_until(1);
    let read = alice.get(&format!("/api/tasks/{}", created.json()["id"])).await;
    assert_eq!(read.status(), 200, "{read:?}");
    let statements = ["session/begin_read", "session/identify_on_standby", "tasks/read", "session/commit"];
    assert_eq!(to_replica.messages(), parts(&[&[&statements[..], &["session/wal_replayed"]].concat()]));
    assert_eq!(to_primary.messages(), []);

    // A search asks first if its client has seen more than is known of the replica: it is not run for nothing.
    to_replica.withhold_answers_until(1);
    let found = alice.get("/api/v1/tasks?q=one").await;
    assert_eq!(found.ids().len(), 1);
    let statements = ["session/begin_read", "session/identify_on_standby", "tasks/search", "session/commit"];
    assert_eq!(to_replica.messages(), parts(&[&[&statements[..], &["session/wal_replayed"]].concat()]));

    // A read that goes to the primary.
    to_primary.withhold_answers_until(1);
    let mut request = alice.request(Method::GET, "/api/tasks", "");
    request.headers_mut().insert("x-rowkeep-position", "primary".parse().expect("a value"));
    let listed = crate::world::send(trio.server.address, request).await;
    assert_eq!(listed.ids().len(), 1);
    let statements = ["session/begin_read", "session/identify", "tasks/list", "session/commit"];
    assert_eq!(to_primary.messages(), parts(&[&[&statements[..], &["session/wal_position"]].concat()]));
}

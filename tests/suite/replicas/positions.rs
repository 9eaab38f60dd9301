//! Positions that no server has given to this client never lead to an old answer.

use http::{HeaderValue, Method};
use rowkeep::session::WalPosition;
use serde_json::json;

use super::trio::{PATIENT, Trio, clusters, pauses, url};
use crate::http::links::next;
use crate::operation::database_proxy::Proxy;
use crate::world::{send, user_id};

const POSITION: &str = "x-rowkeep-position";

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn forged_positions_and_those_of_others_are_answered_by_the_primary() {
    let trio = Trio::with(&[""], &[PATIENT]).await;
    let (alice, bob) = (trio.user("alice"), trio.user("bob"));
    let of_bob = bob.get("/api/tasks").await.header(POSITION).to_owned();
    let first = alice.post("/api/tasks", json!({ "title": "one" })).await;
    let old = first.header(POSITION).to_owned();
    super::trio::catches_up(&trio.primary, &trio.replicas[0]).await;
    pauses(&trio.replicas[0]).await;
    let id = alice.creates(json!({ "title": "two" })).await["id"].as_i64().expect("an id");
    let page = alice.get("/api/v1/tasks?limit=1").await;
    let link = next(&page).expect("a Link");
    let cursor = link.split("cursor=").nth(1).expect("a cursor").to_owned();
    let asks = async |values: &[&str]| {
        let mut request = alice.request(Method::GET, "/api/tasks", "");
        for value in values {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
            request.headers_mut().append(POSITION, value);
        }
        send(trio.server.address, request).await
    };

    // An old position of her own is all that the old state needs.
    assert_eq!(asks(&[&old]).await.ids().len(), 1);

    // Positions of a future that never comes, as after a restore of an older backup.
    let superuser = trio.primary.superuser("postgres").await;
    let key: Vec<u8> = superuser.query_one("select app.cursor_key()", &[]).await.expect("a key").get(0);
    let cursors = rowkeep::cursor::Cursors::new(&key).expect("a key of 32 bytes");
    let future = [(1, u64::MAX), (99, 1)].map(|(timeline, lsn)| {
        let position = WalPosition { timeline, lsn };
        cursors.encrypt_wal_position(position, &user_id("alice")).expect("a position")
    });

    let mut flipped = old.clone();
    let last = flipped.pop().expect("a letter");
    flipped.push(if last == 'A' { 'E' } else { 'A' });
    let (long, with_garbage) = ("A".repeat(8000), format!("{old}, x"));
    for values in [
        &["x"][..],
        &[""],
        &["primary"],
        &["0/0"],
        &["\u{e9}"],
        &[&flipped],
        &[&of_bob],
        &[&cursor],
        &[&old, "x"],
        &[&with_garbage],
        &[&long],
        &[&future[0]],
        &[&future[1]],
        &[&old, &future[0]],
    ] {
        let seen = asks(values).await;
        assert_eq!((seen.status(), seen.ids().first()), (200, Some(&id)), "{values:?}");
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_change_that_may_have_been_made_sends_its_client_to_the_primary() {
    let (primary, replicas) = clusters(&[""]).await;
    let proxy = Proxy::to(&primary.socket_directory()).await;
    let (database, urls) = (proxy.url_of(&url(&primary)), url(&replicas[0]));
    let trio = Trio::of(primary, replicas, &urls, &[("DATABASE_URL", database.as_str()), PATIENT]).await;
    trio.uses(1).await;
    let alice = trio.user("alice");
    alice.get("/api/tasks").await;
    pauses(&trio.replicas[0]).await;

    proxy.cuts_commits(true);
    let unknown = alice.post("/api/tasks", json!({ "title": "one" })).await;
    proxy.cuts_commits(false);

    assert_eq!((unknown.status(), unknown.header(POSITION)), (503, "primary"), "{unknown:?}");
    assert_eq!(trio.other_device("alice").get("/api/tasks").await.ids().len(), 0, "the replica is old");
    assert_eq!(alice.get("/api/tasks").await.ids().len(), 1, "she looks before she repeats it");
}

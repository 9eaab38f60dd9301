//! Positions that no server has given to this client never lead to an old answer.

use std::process::Stdio;

use http::{HeaderValue, Method};
use rowkeep::session::WalPosition;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use super::trio::{PATIENT, Trio, catches_up, clusters, pauses, url};
use crate::documents::markdown::Page;
use crate::http::links::next;
use crate::operation::database_proxy::Proxy;
use crate::world::{send, token, user_id};

const POSITION: &str = "x-rowkeep-position";

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn forged_positions_and_those_of_others_are_answered_by_the_primary() {
    let trio = Trio::with(&[""], &[PATIENT]).await;
    let (alice, bob) = (trio.user("alice"), trio.user("bob"));
    let of_bob = bob.get("/api/tasks").await.header(POSITION).to_owned();
    let first = alice.post("/api/tasks", json!({ "title": "one" })).await;
    let old = first.header(POSITION).to_owned();
    catches_up(&trio.primary, &trio.replicas[0]).await;
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

/// A program of Node.js: the client of `docs/growth.md`, and then this script.
fn client(script: &str) -> Command {
    let page = Page::read("docs/growth.md").blocks();
    let call = page.iter().find(|block| block.language == "js").expect("a client");
    let installed = concat!(env!("CARGO_MANIFEST_DIR"), "/target/node/bin");
    let path = format!("{installed}:{}", std::env::var("PATH").unwrap_or_default());
    let mut client = Command::new("node");
    client
        .args(["--input-type=module", "-e", &format!("{}\n{script}", call.text)])
        .env("PATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    client
}

const MISSING: &str = "Node.js is not installed: run `make test-all`, which installs it";

/// The replica has the change whose answer arrives last, and not the other one.
#[tokio::test]
#[ignore = "needs Node.js: `make test-all`"]
async fn a_client_whose_requests_overlap_misses_none_of_its_changes() {
    let trio = Trio::with(&[""], &[PATIENT]).await;
    let mut client = client(include_str!("overlapping.mjs"))
        .env("ORIGIN", format!("http://{}", trio.server.address))
        .env("TOKEN", token("alice"))
        .spawn()
        .expect(MISSING);
    let mut lines = BufReader::new(client.stdout.take().expect("a pipe")).lines();

    assert_eq!(lines.next_line().await.expect("text").as_deref(), Some("made"));
    catches_up(&trio.primary, &trio.replicas[0]).await;
    pauses(&trio.replicas[0]).await;
    client.stdin.take().expect("a pipe").write_all(b"\n").await.expect("a line");

    assert_eq!(lines.next_line().await.expect("text").as_deref(), Some("second first"));
    assert_eq!(trio.other_device("alice").get("/api/tasks").await.ids().len(), 1, "the replica is old");
}

#[tokio::test]
#[ignore = "needs Node.js: `make test-all`"]
async fn a_client_keeps_the_positions_that_no_later_answer_covers_in_whatever_order_they_arrive() {
    let ended = client(include_str!("order_of_answers.mjs")).output().await.expect(MISSING);

    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

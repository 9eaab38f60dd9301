//! Large answers are compressed if the client accepts that.

use std::io::Read;

use http::{HeaderValue, Method};
use serde_json::json;

use super::contracts::{CONTRACTS, V1_TASKS};
use crate::operation::overload::eventually;
use crate::operation::whole_lists::Reader;
use crate::world::{Answer, Person, World, send};

async fn fill(world: &World, user: &str, tasks: usize) {
    let insert = format!(
        "insert into app.tasks (user_id, title, description)
         select '{user}', 'Δρόμος ' || n, md5(n::text) || md5((-n)::text) from generate_series(1, {tasks}) n"
    );
    world.database.superuser().await.batch_execute(&insert).await.expect("tasks");
}

async fn answer(person: &Person, method: Method, path: &str, accept_encoding: &str) -> Answer {
    let mut request = person.request(method, path, "");
    let accepted = HeaderValue::from_str(accept_encoding).expect("a header");
    request.headers_mut().insert("accept-encoding", accepted);
    request.headers_mut().insert("origin", HeaderValue::from_static("http://localhost:3000"));
    send(person.address, request).await
}

/// Every value of `Vary`.
fn vary(answer: &Answer) -> String {
    let values = answer.headers.get_all("vary").iter().map(|value| value.to_str().expect("ASCII"));
    values.collect::<Vec<_>>().join(", ")
}

fn decoded(answer: &Answer) -> Vec<u8> {
    let mut text = Vec::new();
    let read = match answer.header("content-encoding") {
        "gzip" => flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut text),
        "br" => brotli::Decompressor::new(&answer.body[..], 4096).read_to_end(&mut text),
        _ => {
            text = answer.body.to_vec();
            Ok(0)
        }
    };
    read.unwrap_or_else(|error| panic!("{error}: {} bytes", answer.body.len()));
    text
}

#[tokio::test]
async fn a_large_list_is_compressed_as_its_client_accepts() {
    let world = World::shared().await;
    let alice = world.user("alice");
    // One page of each contract, and several pages of the first two.
    for tasks in [90, 1500] {
        fill(&world, "alice", tasks).await;
        for contract in CONTRACTS {
            let path = contract.tasks(&alice) + "?limit=1000";
            let plain = answer(&alice, Method::GET, &path, "identity").await;
            for (accepted, coding) in [
                ("gzip, deflate, br", "gzip"),
                ("br", "br"),
                ("gzip", "gzip"),
                ("br;q=0.5, gzip;q=0.6", "gzip"),
                ("*", "gzip"),
            ] {
                let compressed = answer(&alice, Method::GET, &path, accepted).await;

                assert_eq!(compressed.header("content-encoding"), coding, "{contract} {accepted}");
                assert!(decoded(&compressed) == plain.body, "{contract} {accepted}");
                assert!(compressed.body.len() * 2 < plain.body.len(), "{} bytes", compressed.body.len());
                for name in ["content-type", "access-control-allow-origin", "x-content-type-options"] {
                    assert_eq!(compressed.header(name), plain.header(name), "{contract} {name}");
                }
                assert!(!compressed.headers.contains_key("content-length"), "{contract}: {compressed:?}");
                assert_eq!(vary(&compressed), "Origin, Accept-Encoding", "{contract} {accepted}");
            }
            assert_eq!(vary(&plain), "Origin, Accept-Encoding", "{contract}");
            assert_eq!(plain.header("content-encoding"), "", "{contract}");
        }
    }
}

#[tokio::test]
async fn small_answers_and_single_tasks_are_never_compressed() {
    let world = World::shared().await;
    let alice = world.user(&"\u{1f600}".repeat(255));
    // The longest task that there can be: JSON escapes these characters.
    let longest = json!({ "title": "\u{1}".repeat(199) + "x", "description": "\u{1}".repeat(1000) });
    let task = alice.creates(longest).await;
    for contract in CONTRACTS {
        for path in [
            contract.task(&alice, &task["id"]),
            contract.tasks(&alice),
            contract.task(&alice, 0),
            contract.tasks(&alice) + "?status=none",
            "/health".into(),
            "/nowhere".into(),
        ] {
            let answer = answer(&alice, Method::GET, &path, "gzip, br, *").await;

            assert_eq!(answer.header("content-encoding"), "", "{path}");
            assert_eq!(answer.header("content-length"), answer.body.len().to_string(), "{path}");
            assert_eq!(vary(&answer), "Origin", "{path}");
        }
    }
}

/// A client that refuses the plain answer as well gets it all the same: it is the only one that every client can read.
#[tokio::test]
async fn a_client_that_accepts_neither_gzip_nor_brotli_gets_the_plain_list() {
    let world = World::shared().await;
    let alice = world.user("alice");
    fill(&world, "alice", 150).await;
    for contract in CONTRACTS {
        let path = contract.tasks(&alice);
        let plain = alice.get(&path).await;
        for accepted in
            ["", "identity", "deflate, zstd", "gzip;q=0", "*;q=0", "identity;q=0", "identity;q=0, *;q=0"]
        {
            let answer = answer(&alice, Method::GET, &path, accepted).await;

            assert_eq!((answer.status(), answer.header("content-encoding")), (200, ""), "{accepted}");
            assert!(answer.body == plain.body, "{contract} {accepted}");
        }
    }
}

#[tokio::test]
async fn head_has_the_headers_of_the_compressed_answer() {
    let world = World::shared().await;
    let alice = world.user("alice");
    fill(&world, "alice", 150).await;
    for contract in CONTRACTS {
        for accepted in ["gzip", "br", "identity"] {
            let path = contract.tasks(&alice) + "?limit=150";

            let get = answer(&alice, Method::GET, &path, accepted).await;
            let head = answer(&alice, Method::HEAD, &path, accepted).await;

            assert!(head.body.is_empty());
            let wanted = if accepted == "identity" { "" } else { accepted };
            assert_eq!(head.header("content-encoding"), wanted, "{contract}");
            let headers = |answer: Answer| {
                let mut headers = answer.without_date().1;
                // A response without a body has no transfer coding.
                headers.remove("transfer-encoding");
                headers
            };
            assert_eq!(headers(head), headers(get), "{contract} {accepted}");
        }
    }
}

#[tokio::test]
async fn a_user_who_reads_many_compressed_lists_slowly_gets_further_ones_plain_and_others_do_not() {
    // A client that reads nothing for so long would be disconnected.
    let world = World::with(&[("REQUEST_TIMEOUT", "300")]).await;
    fill(&world, "alice", 20_000).await;
    fill(&world, "bob", 200).await;
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let path = V1_TASKS.tasks(&alice) + "?limit=1000";
    let is_compressed = async |person: &Person| {
        let answer = answer(person, Method::GET, &path, "br").await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        answer.header("content-encoding") == "br"
    };

    let mut readers = Vec::new();
    while is_compressed(&alice).await {
        assert!(readers.len() < 40, "every list is compressed");
        let mut reader = Reader::accepting(world.server.address, "/api/tasks", "alice", "br").await;
        reader.begins().await;
        readers.push(reader);
    }

    assert!(readers.len() > 1, "{}", readers.len());
    assert!(is_compressed(&bob).await, "bob waits for alice");
    drop(readers);
    eventually("alice's lists are compressed again", async || is_compressed(&alice).await).await;
}

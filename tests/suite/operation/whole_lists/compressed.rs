//! Whole lists that are compressed while they are sent.

use std::io::Read;

use super::reader::{Reader, Received};
use super::with_proxy;

/// What can be decoded of a body, and whether it has its end.
fn decoded(received: &Received, coding: &str) -> (String, bool) {
    let mut text = Vec::new();
    let outcome = match coding {
        "gzip" => flate2::read::GzDecoder::new(&received.body[..]).read_to_end(&mut text),
        _ => brotli::Decompressor::new(&received.body[..], 4096).read_to_end(&mut text),
    };
    (String::from_utf8(text).expect("UTF-8"), outcome.is_ok())
}

#[tokio::test]
async fn a_client_can_decode_each_page_before_the_next_one_was_read() {
    let (world, proxy) = with_proxy(1000, 10, &[]).await;
    for coding in ["gzip", "br"] {
        for path in ["/api/tasks", "/api/alice/tasks"] {
            proxy.lets_through(1);
            let mut reader = Reader::accepting(world.server.address, path, "alice", coding).await;

            let is_page =
                |received: Received| decoded(&received, coding).0.matches("\"user_id\":").count() == 100;
            while !reader.received().is_some_and(is_page) {
                assert!(reader.reads_on().await, "{coding} {path}: the list ended");
            }

            proxy.lets_everything_through();
            let received = reader.ends().await;
            let (text, has_end) = decoded(&received, coding);
            let tasks: Vec<serde_json::Value> = serde_json::from_str(&text).expect("a list");
            assert_eq!((tasks.len(), has_end, received.is_complete), (1000, true, true), "{coding} {path}");
        }
    }
}

#[tokio::test]
async fn a_compressed_list_that_fails_has_no_end() {
    let (world, proxy) = with_proxy(1000, 10, &[("REQUEST_TIMEOUT", "4")]).await;
    let admin = world.database.superuser().await;
    for coding in ["gzip", "br"] {
        proxy.lets_through(1);
        let mut reader = Reader::accepting(world.server.address, "/api/tasks", "alice", coding).await;
        reader.begins().await;

        admin.batch_execute("revoke select on app.tasks from rowkeep_api").await.expect("a failure");
        proxy.lets_everything_through();

        let received = reader.ends().await;
        assert!(received.head.contains(&format!("content-encoding: {coding}\r\n")), "{}", received.head);
        assert!(!received.is_complete, "{coding}: the body has its end");
        let (text, has_end) = decoded(&received, coding);
        assert!(!has_end && text.starts_with("[{") && !text.ends_with(']'), "{coding}: {} bytes", text.len());
        admin.batch_execute("grant select on app.tasks to rowkeep_api").await.expect("a repair");
        assert_eq!(world.user("bob").get("/api/tasks").await.status(), 200, "the next request");
    }
}

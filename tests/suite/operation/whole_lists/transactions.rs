//! The transactions of a whole list: one for each page, with other users' requests in between.

use super::reader::Reader;
use super::{long_list, stopped_readers, with_proxy};
use crate::world::Person;

fn sql(name: &str) -> String {
    let path = format!("{}/sql/{name}.sql", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("a file")
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn every_page_is_a_transaction_of_its_own_in_one_round_trip() {
    let (world, proxy) = with_proxy(3000, 10, &[]).await;
    for (parameters, query) in [("", "tasks/list"), ("?status=pending", "tasks/list_pending")] {
        proxy.withhold_answers_until(0);

        let path = format!("/api/tasks{parameters}");
        let list = Reader::of(world.server.address, &path, "alice").await.ends().await.ids();

        let messages = proxy.messages();
        let kinds: String = messages.iter().map(|message| message.kind).collect();
        let executed: Vec<_> =
            messages.iter().map(|message| &message.sql).filter(|sql| !sql.is_empty()).collect();
        let pages = kinds.len() / "BEBEBEBES".len();
        assert_eq!(kinds, "BEBEBEBES".repeat(pages), "{query}");
        let page = ["session/begin_read", "session/identify", query, "session/commit"].map(sql);
        assert_eq!(executed, page.iter().cycle().take(4 * pages).collect::<Vec<_>>(), "{query}");
        let fewest = list.len() / 1000 + 1;
        assert!((fewest..=list.len() / 400).contains(&pages), "{pages} pages of {} tasks", list.len());
    }
}

/// Three clients read as fast as they can, over one database connection.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn other_users_are_answered_while_long_lists_are_read() {
    let server = long_list(&[("DATABASE_POOL_SIZE", "2")]).await;
    let mut reading = Vec::new();
    for mut reader in stopped_readers(&server, 3).await {
        reading.push(tokio::spawn(async move { while reader.reads_on().await {} }));
    }
    let bob = Person::new(server.address, "bob");

    for _ in 0..20 {
        let answer = bob.get("/api/tasks").await;
        assert_eq!((answer.status(), &answer.body[..]), (200, &b"[]"[..]));
    }

    let ended = reading.iter().filter(|reading| reading.is_finished()).count();
    assert_eq!(ended, 0, "bob waited for the end of a list");
}

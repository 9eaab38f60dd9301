//! The memory of large answers.

use super::scrape::{Scrape, Watched};
use crate::operation::whole_lists::add_tasks;
use crate::operation::whole_lists::reader::Reader;

fn taken(scrape: &Scrape) -> f64 {
    scrape.value("rowkeep_response_memory_bytes", &[])
}

#[tokio::test]
async fn an_answer_that_its_client_has_not_read_takes_memory_until_the_client_leaves() {
    let watched = Watched::with(&[]).await;
    add_tasks(&watched.world.database, "alice", 1000, 1000).await;
    let before = watched.scrape().await;

    let mut reader = Reader::of(watched.world.server.address, "/api/v1/tasks?limit=1000", "alice").await;
    reader.begins().await;
    let held = watched.scrape().await;
    drop(reader);

    assert_eq!(before.value("rowkeep_response_memory_limit_bytes", &[]), 80.0 * 1024.0 * 1024.0);
    assert_eq!(taken(&before), 0.0);
    assert!(taken(&held) > 1e6, "{}", taken(&held));
    watched.eventually("the memory is free", |scrape| taken(scrape) == 0.0).await;
}

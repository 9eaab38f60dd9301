//! What the metrics tell of replicas.

use std::collections::BTreeSet;

use rowkeep::session::{LeftOut, Went};
use serde_json::json;

use super::trio::{PATIENT, Trio, catches_up, pauses, resumes};
use crate::operation::overload::eventually;

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn every_reason_is_there_from_the_start_and_the_lag_is_that_of_the_log() {
    let trio = Trio::with(&["", ""], &[PATIENT]).await;
    let scrape = trio.admin.scrape().await;

    let known: BTreeSet<_> = LeftOut::ALL.map(|reason| reason.word().to_owned()).into();
    assert_eq!(scrape.values_of("rowkeep_replica_left_out_total", "reason"), known);
    let known: BTreeSet<_> = Went::ALL.map(|went| went.word().to_owned()).into();
    assert_eq!(scrape.values_of("rowkeep_replica_reads_total", "went"), known);
    let both: BTreeSet<_> = ["1".to_owned(), "2".to_owned()].into();
    assert_eq!(scrape.values_of("rowkeep_replica_in_use", "replica"), both);
    assert_eq!(scrape.sum("rowkeep_replica_reads_total", &[]), 0.0);
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_replica_that_stands_still_lags_and_one_that_has_caught_up_does_not() {
    let trio = Trio::with(&[""], &[("DATABASE_REPLICA_MAX_LAG_MS", "500")]).await;
    let alice = trio.user("alice");
    let lag = async || trio.admin.scrape().await.value("rowkeep_replica_lag_bytes", &[("replica", "1")]);
    pauses(&trio.replicas[0]).await;

    eventually("it lags", async || {
        alice.creates(json!({ "title": "one" })).await;
        alice.get("/api/tasks").await;
        lag().await > 1000.0
    })
    .await;
    resumes(&trio.replicas[0]).await;
    catches_up(&trio.primary, &trio.replicas[0]).await;
    trio.uses(1).await;

    eventually("it does not", async || {
        alice.get("/api/tasks").await;
        lag().await == 0.0
    })
    .await;
}

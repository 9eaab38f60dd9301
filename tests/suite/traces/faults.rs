//! A collector that does not do its work: requests do not notice, the log says it once, and the metrics count it.

use super::collector::{Collector, Reply};
use super::requests::send;
use crate::metrics::scrape::{ADMIN, Admin};
use crate::operation::overload::eventually;
use crate::world::{Database, World};

/// A server with metrics that exports its spans here.
async fn watched(collector: &Collector, settings: &[(&str, &str)]) -> (World, Admin) {
    let own = [ADMIN, ("OTEL_EXPORTER_OTLP_TIMEOUT", "300")];
    let world = collector.world(&[&own, settings].concat()).await;
    let admin = Admin::of(&world.server).await;
    (world, admin)
}

async fn spans(admin: &Admin, outcome: &str) -> f64 {
    admin.scrape().await.value("rowkeep_spans_total", &[("outcome", outcome)])
}

/// The lines about spans at level warn.
fn warnings(world: &World) -> Vec<String> {
    let is_warning = |line: &String| line.contains("\"spans are lost\"");
    world.server.log().into_iter().filter(is_warning).collect()
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_collector_that_fails_in_any_way_costs_spans_and_one_line_and_no_request() {
    let collector = Collector::new().await;
    for (reply, cause) in [
        (Reply::Status(500), "500"),
        (Reply::Status(401), "401"),
        (Reply::Status(302), "302"),
        (Reply::NotHttp, ""),
        (Reply::Hangs, "in time"),
    ] {
        collector.replies(reply);
        let (world, admin) = watched(&collector, &[]).await;
        let alice = world.user("alice");

        for _ in 0..3 {
            let lost = spans(&admin, "failed").await;
            assert_eq!(send(&alice, "one", "GET", "/api/tasks", "").await, 200, "{reply:?}");
            eventually("spans are lost", async || spans(&admin, "failed").await > lost).await;
        }

        assert_eq!(spans(&admin, "exported").await, 0.0, "{reply:?}");
        let warnings = warnings(&world);
        assert!(warnings.len() == 1 && warnings[0].contains(cause), "{reply:?}: {warnings:?}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_counts_by_its_status() {
    let collector = Collector::new().await;
    collector.replies(Reply::Garbage);
    let (world, admin) = watched(&collector, &[]).await;

    assert_eq!(send(&world.user("alice"), "one", "GET", "/api/tasks", "").await, 200);

    eventually("spans are exported", async || spans(&admin, "exported").await == 4.0).await;
    assert_eq!(warnings(&world), [""; 0]);
}

#[tokio::test]
async fn a_collector_that_is_not_there_can_come_later() {
    let collector = Collector::new().await;
    // Nothing answers like a port that nobody listens at.
    collector.replies(Reply::NotHttp);
    let (world, admin) = watched(&collector, &[]).await;
    let alice = world.user("alice");
    assert_eq!(send(&alice, "one", "GET", "/api/tasks", "").await, 200);
    eventually("spans are lost", async || spans(&admin, "failed").await > 0.0).await;

    collector.replies(Reply::Takes);
    assert_eq!(send(&alice, "two", "GET", "/api/tasks", "").await, 200);

    collector.span_of("two").await;
    world.server.logs(|line| line["message"] == "spans are exported again").await;
}

#[tokio::test]
async fn nobody_at_the_address_of_the_collector_costs_one_line() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", unused.local_addr().expect("an address"));
    drop(unused);
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "20")];
    let world = World::on(Database::new().await, &settings).await;

    assert_eq!(send(&world.user("alice"), "one", "GET", "/api/tasks", "").await, 200);

    let line = world.server.logs(|line| line["message"] == "spans are lost").await;
    assert!(line["error.message"].as_str().expect("a text").contains("refused"), "{line}");
    assert_eq!(line["rowkeep.collector"], url.as_str(), "{line}");
}

#[tokio::test]
async fn spans_beyond_the_queue_are_dropped_and_counted_while_a_collector_hangs() {
    let collector = Collector::new().await;
    collector.replies(Reply::Hangs);
    let settings = [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "10"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "60000"),
    ];
    let (world, admin) = watched(&collector, &settings).await;
    let alice = world.user("alice");

    for _ in 0..25 {
        assert_eq!(send(&alice, "one", "GET", "/api/tasks", "").await, 200);
    }

    // 100 spans: some are at the collector, ten wait.
    let dropped = spans(&admin, "dropped").await;
    assert!((70.0..=90.0).contains(&dropped), "{dropped}");
}

//! Without a collector there are no spans, and nothing is paid for them.

use std::fs;

use serde_json::Value;

use super::collector::Collector;
use crate::operation::raw_client::{RawClient, head};
use crate::world::World;

/// The thread of the exporter. The kernel cuts its name.
const THREAD: &str = "OpenTelemetry.T";

/// The names of the threads of a server.
fn threads(world: &World) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", world.server.id())).expect("threads");
    let name = |task: std::io::Result<fs::DirEntry>| fs::read_to_string(task.ok()?.path().join("comm")).ok();
    tasks.filter_map(name).map(|name| name.trim().to_owned()).collect()
}

async fn line(world: &World, id: &str, traceparent: &str) -> Value {
    let head = head("GET", "/api/tasks", "alice");
    let text = format!("{head}X-Request-Id: {id}\r\ntraceparent: {traceparent}\r\nConnection: close\r\n\r\n");
    let answer = RawClient::sending(world.server.address, text).await.reads_to_the_end().await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    world.server.logs(|line| line["message"] == "answered" && line["http.request.id"] == id).await
}

#[tokio::test]
async fn a_server_without_traces_starts_no_thread_and_opens_no_connection() {
    let collector = Collector::new().await;
    let (url, on) = (collector.url(), collector.world(&[]).await);
    let collected = collector.connections();
    assert!(threads(&on).iter().any(|name| name == THREAD), "{:?}", threads(&on));
    for settings in [
        &[][..],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", ""), ("OTEL_BSP_SCHEDULE_DELAY", "1")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("OTEL_SDK_DISABLED", "TRUE")],
        &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url.as_str()), ("OTEL_TRACES_EXPORTER", "none")],
    ] {
        let world = World::with(settings).await;
        line(&world, "one", "").await;

        assert!(!threads(&world).iter().any(|name| name == THREAD), "{settings:?}");
        assert_eq!(threads(&world).len() + 1, threads(&on).len(), "{settings:?}");
        assert!(!world.server.log().iter().any(|line| line.contains("spans")), "{settings:?}");
    }
    assert_eq!(collector.connections(), collected);
}

#[tokio::test]
async fn the_trace_of_a_caller_is_on_the_lines_of_a_server_without_traces() {
    let world = World::with(&[("SLOW_REQUEST_MS", "1")]).await;
    let lock = world.database.superuser().await;
    lock.batch_execute("begin; lock table app.tasks in access exclusive mode").await.expect("a lock");
    let unlock = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        lock.batch_execute("rollback").await.expect("no lock any more");
    };
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traceparent = format!("00-{trace}-00f067aa0ba902b7-00");

    let (answered, ()) = tokio::join!(line(&world, "one", &traceparent), unlock);
    let slow = world.server.logs(|line| line["message"] == "slow request").await;
    let without = line(&world, "two", "00-not-valid").await;

    for line in [&answered, &slow] {
        assert_eq!(line["trace.id"], trace, "{line}");
        assert!(line.get("span.id").is_none(), "{line}");
    }
    assert!(without.get("trace.id").is_none(), "{without}");
}

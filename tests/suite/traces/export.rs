//! The export: what the collector gets, TLS, and the end of the server.

use std::io::Write;

use super::collector::{Collector, Reply};
use super::requests::send;
use crate::world::{CertificateAuthority, World};

#[tokio::test]
async fn spans_say_which_server_they_are_of() {
    let collector = Collector::new().await;
    let world = collector
        .world(&[
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "deployment.environment.name=test%20one,service.version=mine,service.name=other",
            ),
            ("OTEL_SERVICE_NAME", "tasks"),
        ])
        .await;
    let other = collector.world(&[]).await;
    send(&world.anonymous(), "one", "GET", "/live", "").await;
    send(&other.anonymous(), "two", "GET", "/live", "").await;

    let (one, two) = (collector.span_of("one").await, collector.span_of("two").await);

    for (name, value) in [
        ("service.name", "tasks"),
        ("service.version", "mine"),
        ("deployment.environment.name", "test one"),
        ("telemetry.sdk.language", "rust"),
    ] {
        assert_eq!(one.resource[name], value, "{:?}", one.resource);
    }
    assert_eq!(
        (&*two.resource["service.name"], &*two.resource["service.version"]),
        ("rowkeep", env!("CARGO_PKG_VERSION"))
    );
    assert_ne!(one.resource["service.instance.id"], two.resource["service.instance.id"]);
    assert!(collector.paths().iter().all(|path| path == "/v1/traces"), "{:?}", collector.paths());
}

#[tokio::test]
async fn the_endpoint_of_traces_is_used_as_it_is() {
    let collector = Collector::new().await;
    let url = collector.url() + "/mine";
    let world = collector
        .world(&[
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &url),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:9"),
        ])
        .await;
    send(&world.anonymous(), "one", "GET", "/live", "").await;

    collector.span_of("one").await;

    assert!(collector.paths().iter().all(|path| path == "/mine"), "{:?}", collector.paths());
}

#[tokio::test]
async fn the_headers_and_the_names_for_traces_can_come_from_a_file() {
    let collector = Collector::new().await;
    let mut file = tempfile();
    file.1.write_all(b"x-key=of-file\n").expect("a file");
    let world = collector.world(&[("OTEL_EXPORTER_OTLP_HEADERS_FILE", &file.0)]).await;
    send(&world.anonymous(), "one", "GET", "/live", "").await;

    collector.span_of("one").await;

    let _ = std::fs::remove_file(&file.0);
    assert_eq!(collector.headers()[0]["x-key"], "of-file");
}

fn tempfile() -> (String, std::fs::File) {
    let path = std::env::temp_dir().join(format!("rowkeep-otlp-headers-{}", std::process::id()));
    let file = std::fs::File::create(&path).expect("a file");
    (path.display().to_string(), file)
}

#[tokio::test]
async fn the_certificate_of_a_collector_is_verified() {
    let authority = CertificateAuthority::new();
    let collector = Collector::with_tls(authority.signs(&["localhost"])).await;
    let path = std::env::temp_dir().join(format!("rowkeep-otlp-ca-{}.pem", std::process::id()));
    std::fs::write(&path, authority.pem()).expect("a file");
    let path = path.display().to_string();

    let trusting = collector.world(&[("OTEL_EXPORTER_OTLP_CERTIFICATE", &path)]).await;
    let other = collector.world(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "1000")]).await;
    send(&trusting.anonymous(), "one", "GET", "/live", "").await;
    send(&other.anonymous(), "two", "GET", "/live", "").await;

    collector.span_of("one").await;
    let line = other.server.logs(|line| line["message"] == "spans are lost").await;
    assert!(line["error.message"].as_str().expect("a text").contains("certificate"), "{line}");
    assert_eq!(line["rowkeep.collector"], collector.url(), "{line}");
    assert!(!collector.text().contains("two"));
    let _ = std::fs::remove_file(path);
}

/// A world whose spans are not exported before its end.
async fn late(collector: &Collector, settings: &[(&str, &str)]) -> World {
    let late = [
        ("OTEL_BSP_SCHEDULE_DELAY", "600000"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "600000"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "600000"),
    ];
    collector.world(&[&late, settings].concat()).await
}

#[tokio::test]
async fn the_spans_that_wait_are_exported_when_the_server_stops() {
    let collector = Collector::new().await;
    let mut world = late(&collector, &[]).await;
    for number in 0..20 {
        send(&world.user("alice"), &format!("one-{number}"), "GET", "/api/tasks", "").await;
    }
    assert!(collector.spans().is_empty());

    world.server.signal("TERM");
    assert_eq!(world.server.ended().await.code(), Some(0));

    assert_eq!(collector.spans().len(), 80);
    assert!(!world.server.log().iter().any(|line| line.contains("stopped before all spans")));
}

#[tokio::test]
async fn a_collector_that_hangs_does_not_delay_the_end_beyond_the_limit_of_the_stop() {
    let collector = Collector::new().await;
    collector.replies(Reply::Hangs);
    let mut world = late(&collector, &[("SHUTDOWN_TIMEOUT", "1")]).await;
    send(&world.user("alice"), "one", "GET", "/api/tasks", "").await;

    world.server.signal("TERM");

    // It would hang for ten minutes.
    assert_eq!(world.server.ended().await.code(), Some(0));
    world.server.logs(|line| line["message"] == "stopped before all spans were exported").await;
}

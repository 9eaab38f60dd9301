//! The standard variables: what is wrong is refused at the start, and what is not used is not looked at.

use crate::operation::program::Program;

#[tokio::test]
async fn every_setting_that_is_wrong_is_named_at_once_and_no_secret_is_repeated() {
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://user:hush@collector.example"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hush,hush"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_SDK_DISABLED", "no"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "0"),
    ];

    let ended = Program::checking_settings().with(&settings).run().await;

    assert_eq!(ended.code, Some(1), "{}", ended.err);
    for (name, _) in settings {
        assert!(ended.err.contains(name), "{name} in {}", ended.err);
    }
    assert!(!ended.err.contains("hush"), "{}", ended.err);
    assert!(ended.err.contains("http/protobuf") && ended.err.contains("4318"), "{}", ended.err);
}

#[tokio::test]
async fn the_variables_for_traces_come_before_the_general_ones() {
    let general = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "10"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "11"),
    ];
    let special = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4317"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "hush"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0"),
    ];

    let ended = Program::checking_settings().with(&general).with(&special).run().await;

    for (name, _) in special.into_iter().chain([general[3], general[5]]) {
        assert!(ended.err.contains(name), "{name} in {}", ended.err);
    }
    assert!(
        !ended.err.contains("OTEL_EXPORTER_OTLP_PROTOCOL") && !ended.err.contains("hush"),
        "{}",
        ended.err
    );
}

#[tokio::test]
async fn a_setting_is_not_looked_at_while_traces_are_off_or_by_another_command() {
    let wrong = [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_TRACES_SAMPLER", "xray")];
    let on = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");

    let off = Program::checking_settings().with(&wrong).run().await;
    let disabled =
        Program::checking_settings().with(&wrong).with(&[on, ("OTEL_SDK_DISABLED", "true")]).run().await;
    let other = Program::new(&["openapi"]).with(&wrong).with(&[on]).run().await;

    for ended in [&off, &disabled, &other] {
        assert!(!ended.err.contains("OTEL_"), "{}", ended.err);
    }
    assert_eq!(other.code, Some(0), "{}", other.err);
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_key_for_a_collector_is_no_flag_and_is_warned_of_where_it_crosses_the_network_in_clear_text() {
    let flag = Program::new(&["serve", "--otel-exporter-otlp-headers=x-key=hush"]).run().await;
    assert_eq!(flag.code, Some(2), "{}", flag.err);
    assert!(flag.err.contains("OTEL_EXPORTER_OTLP_HEADERS") && !flag.err.contains("hush"), "{}", flag.err);

    let database = crate::world::Database::new().await;
    let url = database.url("rowkeep_login");
    for (endpoint, is_warned) in [
        ("http://192.0.2.1:4318", true),
        ("https://192.0.2.1:4318", false),
        ("http://localhost:9", false),
        ("http://127.0.0.1:9", false),
    ] {
        let settings = [
            ("ENVIRONMENT", "production"),
            ("PORT", "0"),
            ("DATABASE_URL", &url),
            ("BETTER_AUTH_SECRET", crate::world::SECRET),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hush"),
        ];
        let mut running = Program::new(&[]).with(&settings).start();
        running.says("checked that the policies restrict requests").await;
        let log = running.err();
        assert_eq!(log.contains("OTEL_EXPORTER_OTLP_HEADERS"), is_warned, "{endpoint}: {log}");
        assert!(!log.contains("hush"), "{log}");
    }
}

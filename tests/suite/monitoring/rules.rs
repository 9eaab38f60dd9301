//! What promtool says about the rules, their tests, the example configuration and the metrics.

use super::prometheus::promtool;
use crate::metrics::scrape::Watched;

#[tokio::test]
#[ignore = "needs Prometheus: `make test-all`"]
async fn the_rules_and_the_example_configuration_are_valid() {
    let rules = ["check", "rules", "--lint=all", "--lint-fatal", "deploy/prometheus/alerts.yml"];
    promtool(&rules, b"").await;

    promtool(&["check", "config", "--lint=all", "--lint-fatal", "deploy/prometheus/prometheus.yml"], b"")
        .await;
}

#[tokio::test]
#[ignore = "needs Prometheus: `make test-all`"]
async fn each_alert_fires_on_its_day_and_is_quiet_on_days_that_look_alike() {
    let days = ["deploy/prometheus/alerts_test.yml", "deploy/prometheus/alerts_day_test.yml"];
    promtool(&[&["test", "rules"], &days[..]].concat(), b"").await;
}

#[tokio::test]
#[ignore = "needs Prometheus: `make test-all`"]
async fn promtool_has_nothing_to_say_about_the_metrics() {
    let watched = Watched::with(&[]).await;
    let alice = watched.world.user("alice");
    alice.creates(serde_json::json!({ "title": "one" })).await;
    alice.get("/nowhere").await;
    let metrics = watched.scrape().await.text;
    assert!(metrics.contains("rowkeep_http_requests_total{"), "{metrics}");

    let printed = promtool(&["check", "metrics"], metrics.as_bytes()).await;

    assert_eq!(printed, "");
}

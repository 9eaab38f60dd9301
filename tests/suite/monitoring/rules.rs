//! What promtool says about the rules, their tests, the example configuration and the metrics.

use super::prometheus::promtool;
use crate::documents::markdown::{Page, root};
use crate::metrics::scrape::Watched;
use crate::operation::program::Directory;

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
async fn the_configurations_that_the_page_shows_are_valid() {
    let page = Page::read("docs/monitoring.md");
    let blocks = page.blocks().into_iter().map(|block| block.text);
    let configurations: Vec<_> = blocks.filter(|text| text.contains("scrape_configs:")).collect();
    assert_eq!(configurations.len(), 2, "{configurations:?}");

    for configuration in configurations {
        let files = Directory::named("configuration");
        let rules = root().join("deploy/prometheus/alerts.yml").display().to_string();
        files.write("prometheus.yml", &configuration.replace("/etc/prometheus/rowkeep/alerts.yml", &rules));
        let file = files.0.join("prometheus.yml").display().to_string();
        promtool(&["check", "config", "--lint=all", "--lint-fatal", &file], b"").await;
    }
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

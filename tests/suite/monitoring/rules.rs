//! What promtool says about the rules, their tests, the example configuration and the metrics.

use super::prometheus::{promtool, read, try_promtool};
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
        let configuration = configuration.replace("/etc/prometheus/rowkeep/alerts.yml", &rules);
        // Debian's Prometheus is built without Kubernetes: the rest is looked at.
        let finder = "kubernetes_sd_configs:\n      - role: pod\n        namespaces: { names: [rowkeep] }\n";
        let configuration =
            configuration.replace(finder, "static_configs:\n      - targets: [127.0.0.1:9000]\n");
        files.write("prometheus.yml", &configuration);
        let file = files.0.join("prometheus.yml").display().to_string();
        promtool(&["check", "config", "--lint=all", "--lint-fatal", &file], b"").await;
    }
}

#[tokio::test]
#[ignore = "needs Prometheus: `make test-all`"]
async fn each_alert_fires_on_its_day_and_is_quiet_on_days_that_look_alike() {
    let days = DAYS.map(|day| format!("deploy/prometheus/{day}"));
    let days: Vec<_> = days.iter().map(String::as_str).collect();
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

/// The files of tests, beside the rules.
pub const DAYS: [&str; 3] = ["alerts_test.yml", "alerts_limits_test.yml", "alerts_day_test.yml"];

/// The rules with another expression for one of them: what stands between its `expr:` and its `for:`, or the next rule.
fn with_expression(rules: &str, name: &str, expression: &str) -> String {
    let at = rules.find(&format!(": {name}\n")).expect("a rule");
    let begin = at + rules[at..].find("expr:").expect("an expression");
    let ends = ["\n        for:", "\n      - ", "\n\n"].map(|end| rules[begin..].find(end));
    let end = begin + ends.into_iter().flatten().min().expect("an end");
    format!("{}expr: {expression}{}", &rules[..begin], &rules[end..])
}

/// The days on which these alerts have something to say, or must not.
fn days_about(tests: &str, alerts: &[&str]) -> String {
    let mut parts = tests.split("\n  - name: ");
    let head = parts.next().unwrap_or_default().to_owned();
    let about = parts.filter(|day| alerts.iter().any(|alert| day.contains(alert)));
    about.fold(head, |text, day| text + "\n  - name: " + day)
}

/// A test that passes whatever the rule says proves nothing about it.
#[tokio::test]
#[ignore = "needs Prometheus: `make test-all`"]
async fn the_days_tell_each_rule_from_one_that_never_and_from_one_that_always_holds() {
    let rules = read("deploy/prometheus/alerts.yml");
    let named = rules.lines().filter_map(|line| line.trim_start().strip_prefix("- ")?.split_once(": "));
    let named: Vec<_> = named.filter(|(kind, _)| ["alert", "record"].contains(kind)).collect();
    assert!(named.len() > 15, "{named:?}");

    for (kind, name) in named {
        for expression in ["vector(0) > 1", "vector(1)"] {
            let files = Directory::named("mutant");
            files.write("alerts.yml", &with_expression(&rules, name, expression));
            // The records are the ratios of failures.
            let alerts =
                if kind == "alert" { vec![name] } else { vec!["RowkeepErrorsFast", "RowkeepErrorsSlow"] };
            let mut passes = true;
            for day in DAYS {
                files.write(day, &days_about(&read(&format!("deploy/prometheus/{day}")), &alerts));
                let file = files.0.join(day).display().to_string();
                let (succeeds, printed) = try_promtool(&["test", "rules", &file], b"").await;
                assert!(succeeds || printed.contains("FAILED"), "{printed}");
                if !succeeds {
                    passes = false;
                    break;
                }
            }
            assert!(!passes, "{name}: no day fails if its expression is {expression}");
        }
    }
}

//! What promtool says about the rules, their tests, the example configuration and the metrics.

use super::prometheus::{printed, promtool, read, try_promtool};
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
async fn each_alert_fires_on_its_day_and_is_quiet_on_days_that_look_alike() {
    let days = ["deploy/prometheus/alerts_test.yml", "deploy/prometheus/alerts_day_test.yml"];
    promtool(&[&["test", "rules"], &days[..]].concat(), b"").await;
}

/// The conditions of an expression: `a and b` has two, and without one of them the alert fires more often.
fn without_one_condition(rules: &str, alert: &str) -> Vec<String> {
    let (before, rest) = rules.split_once(&format!("- alert: {alert}\n")).expect("the alert");
    let (rule, after) = rest.split_once("\n\n").unwrap_or((rest, ""));
    let (expression, tail) = rule.split_once("        for: ").expect("a waiting time");
    let with =
        |expression: &str| format!("{before}- alert: {alert}\n{expression}        for: {tail}\n\n{after}");
    let parts: Vec<_> = expression.split("            and\n").collect();
    let less = |left_out: usize| {
        let kept: Vec<_> = parts.iter().enumerate().filter(|(at, _)| *at != left_out).collect();
        let text: String = kept.iter().map(|(_, part)| **part).collect::<Vec<_>>().join("            and\n");
        // The first part has the key.
        if text.contains("expr:") { text } else { format!("        expr: |\n{text}") }
    };
    if parts.len() < 2 { vec![] } else { (0..parts.len()).map(|at| with(&less(at))).collect() }
}

/// A test that a looser rule passes as well proves nothing of what was left out.
#[tokio::test]
#[ignore = "needs Prometheus: `make test-all`"]
async fn the_tests_of_the_alerts_notice_each_condition_that_is_left_out() {
    let rules = read("deploy/prometheus/alerts.yml");
    let mut looser = Vec::new();
    for alert in ["RowkeepErrorsFast", "RowkeepErrorsSlow", "RowkeepSaturated", "RowkeepSlow"] {
        let found = without_one_condition(&rules, alert);
        assert!(found.len() > 1, "{alert} has one condition");
        looser.extend(found.into_iter().map(|rules| (alert, rules)));
    }
    for (of_file, other) in [
        (" and rowkeep_protection_checked_timestamp_seconds > 0", ""),
        ("absent(rowkeep_build_info{job=\"rowkeep\"})", "up{job=\"rowkeep\"} == 0"),
        ("max by (job) (rowkeep_database_reachable)", "rowkeep_database_reachable"),
        ("reason!~\"lifetime|idle\"", "reason!=\"idle\""),
        ("reason!~\"lifetime|idle\"", "reason!=\"lifetime\""),
        ("> 2 * sum by (job, instance) (rowkeep_pool_size)", "> 10"),
        ("increase(rowkeep_log_lines_dropped_total[15m])", "rowkeep_log_lines_dropped_total"),
        ("increase(rowkeep_http_connections_refused_total[15m])", "rowkeep_http_connections_refused_total"),
        ("rowkeep_key_set_age_seconds > 7200", "rowkeep_key_set_age_seconds > 3000"),
        ("contract=~\".*_tasks\",status", "status"),
        ("status=~\"5..\"", "status=~\"[45]..\""),
        ("for: 2m", "for: 1m"),
        ("for: 5m", "for: 3m"),
        ("for: 10m", "for: 1m"),
    ] {
        assert!(rules.contains(of_file), "{of_file}");
        looser.push((of_file, rules.replace(of_file, other)));
    }

    let files = Directory::named("looser");
    let days = ["alerts_test.yml", "alerts_day_test.yml"].map(|name| {
        files.write(name, &read(&format!("deploy/prometheus/{name}")));
        files.0.join(name).display().to_string()
    });
    for (what, rules) in looser {
        files.write("alerts.yml", &rules);

        let output = try_promtool(&["test", "rules", &days[0], &days[1]], b"").await;

        let printed = printed(&output);
        assert!(!output.status.success(), "no test notices: {what}\n{rules}");
        assert!(printed.contains("FAILED") && printed.contains("alertname"), "{what}:\n{printed}");
    }
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

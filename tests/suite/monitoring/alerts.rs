//! The alerts in a real Prometheus, while real servers have real problems.

use rowkeep::database::Address;
use rowkeep::session::connect_once;

use super::deployment::Deployment;
use super::prometheus::{Prometheus, eventually};

async fn fires(prometheus: &Prometheus, alert: &str) {
    let fires = async || prometheus.alerts("firing").await.iter().any(|name| name == alert);
    eventually(&format!("{alert} fires"), fires).await;
}

async fn is_quiet(prometheus: &Prometheus, alert: &str) {
    let all = async || [prometheus.alerts("firing").await, prometheus.alerts("pending").await].concat();
    eventually(&format!("{alert} is quiet"), async || all().await.iter().all(|name| name != alert)).await;
}

/// Waits until a minute's rates could be computed and every rule was evaluated several times.
async fn has_seen_load(prometheus: &Prometheus) {
    let requests = "sum(increase(rowkeep_http_requests_total{contract=~\".*_tasks\"}[5m]))";
    let enough = async || prometheus.value(requests).await.is_some_and(|number| number > 200.0);
    eventually("requests are counted", enough).await;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
}

#[tokio::test]
#[ignore = "needs Prometheus: `make test-all`"]
async fn no_alert_is_about_healthy_servers_under_load_and_every_rule_can_be_evaluated() {
    let deployment = Deployment::under_load().await;
    let prometheus = &deployment.prometheus;

    has_seen_load(prometheus).await;

    // On a busy machine a scrape can take longer than its second, and answers can be slow.
    eventually("no alert waits or fires", async || {
        let all = [prometheus.alerts("firing").await, prometheus.alerts("pending").await].concat();
        all.iter().all(|name| ["RowkeepSlow", "RowkeepSaturated"].contains(&name.as_str()))
    })
    .await;
    let groups = prometheus.data("/api/v1/rules", &[]).await["groups"].clone();
    let rules = groups.as_array().expect("groups").iter().flat_map(|group| {
        group["rules"].as_array().expect("rules").iter().map(|rule| {
            (rule["name"].as_str().expect("a name").to_owned(), rule["health"].as_str().map(str::to_owned))
        })
    });
    let rules: Vec<_> = rules.collect();
    assert!(rules.len() > 15, "{rules:?}");
    assert!(rules.iter().all(|(_, health)| health.as_deref() == Some("ok")), "{rules:?}");
}

#[tokio::test]
#[ignore = "needs Prometheus: `make test-all`"]
async fn an_outage_of_the_database_wakes_somebody_and_its_end_is_seen() {
    let mut deployment = Deployment::under_load().await;
    has_seen_load(&deployment.prometheus).await;

    deployment.database.stops("QUIT").await;

    fires(&deployment.prometheus, "RowkeepDatabaseUnreachable").await;
    fires(&deployment.prometheus, "RowkeepErrorsFast").await;
    for about_something_else in ["RowkeepUnprotected", "RowkeepDown", "RowkeepServerDown"] {
        is_quiet(&deployment.prometheus, about_something_else).await;
    }
    deployment.database.starts_again().await;
    is_quiet(&deployment.prometheus, "RowkeepDatabaseUnreachable").await;
}

#[tokio::test]
#[ignore = "needs Prometheus: `make test-all`"]
async fn a_policy_that_somebody_drops_wakes_somebody() {
    let deployment = Deployment::under_load().await;
    has_seen_load(&deployment.prometheus).await;
    let address = Address::parse(&deployment.database.url()).expect("an address");
    let admin = connect_once(&address).await.expect("a connection of a superuser");

    admin.batch_execute("drop policy fence on app.tasks").await.expect("less protection");

    fires(&deployment.prometheus, "RowkeepUnprotected").await;
}

#[tokio::test]
#[ignore = "needs Prometheus: `make test-all`"]
async fn one_server_that_ends_is_a_ticket_and_all_that_end_wake_somebody() {
    let mut deployment = Deployment::under_load().await;
    has_seen_load(&deployment.prometheus).await;

    deployment.ends(1).await;
    fires(&deployment.prometheus, "RowkeepServerDown").await;
    is_quiet(&deployment.prometheus, "RowkeepDown").await;
    deployment.ends(0).await;

    fires(&deployment.prometheus, "RowkeepDown").await;
}

//! The dashboard `deploy/grafana/rowkeep.json`: its queries in a real Prometheus, and its shape.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::deployment::Deployment;
use super::prometheus::{Prometheus, Sample, eventually, read};
use crate::documents::markdown::root;
use crate::metrics::scrape::Admin;

/// A query of a panel.
#[derive(Clone, Debug)]
struct Query {
    panel: String,
    expression: String,
    /// The labels that its legend names.
    legend: Vec<String>,
}

fn dashboard() -> Value {
    serde_json::from_str(&read("deploy/grafana/rowkeep.json")).expect("JSON")
}

fn array<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Panels with queries: rows are headings.
fn panels(dashboard: &Value) -> Vec<Value> {
    array(dashboard, "panels").iter().filter(|panel| panel["type"] != "row").cloned().collect()
}

/// Puts values in the place of Grafana's variables, as it does before it asks Prometheus.
fn with_values(expression: &str) -> String {
    let mut expression = expression.to_owned();
    // Grafana takes four scrapes for the interval of a rate.
    for (variable, value) in [("$__rate_interval", "10s"), ("$job", "rowkeep"), ("$instance", ".*")] {
        expression = expression.replace(variable, value);
    }
    assert!(!expression.contains('$'), "an unknown variable: {expression}");
    expression
}

fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for panel in panels(&dashboard()) {
        let title = panel["title"].as_str().expect("a title");
        let targets = array(&panel, "targets");
        assert!(!targets.is_empty(), "{title} has no query");
        for target in targets {
            let legend = target["legendFormat"].as_str().unwrap_or_default();
            let labels = legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
            queries.push(Query {
                panel: title.into(),
                expression: with_values(target["expr"].as_str().expect("a query")),
                legend: labels.map(|label| label.trim().to_owned()).collect(),
            });
        }
    }
    queries
}

/// Asks all queries. Returns what is wrong with their answers.
async fn problems(prometheus: &Prometheus, may_be_empty: &[&str]) -> Vec<String> {
    let mut problems = Vec::new();
    for query in queries() {
        let samples = prometheus.query(&query.expression).await;
        let is_number = |sample: &&Sample| sample.value.is_finite();
        if samples.iter().filter(is_number).count() == 0 && !may_be_empty.contains(&query.panel.as_str()) {
            problems.push(format!("{}: nothing to draw: {}: {samples:?}", query.panel, query.expression));
        }
        for label in &query.legend {
            if samples.iter().any(|sample| sample.label(label).is_empty()) {
                problems.push(format!("{}: no label {label}: {samples:?}", query.panel));
            }
        }
    }
    problems
}

/// The only value of the first query of a panel.
async fn shown(prometheus: &Prometheus, panel: &str) -> f64 {
    let query = queries().into_iter().find(|query| query.panel == panel);
    let query = query.unwrap_or_else(|| panic!("no panel {panel}"));
    prometheus.value(&query.expression).await.unwrap_or(f64::NAN)
}

#[tokio::test]
#[ignore = "needs Prometheus: `make test-all`"]
async fn every_query_of_the_dashboard_has_data_under_load_and_during_an_outage() {
    let deployment = Deployment::under_load().await;
    eventually("there is no alert, and all other panels have data", async || {
        problems(&deployment.prometheus, &["Alerts"]).await.is_empty()
    })
    .await;
    let prometheus = &deployment.prometheus;
    let shows = async |panel| shown(prometheus, panel).await;
    for (panel, wanted) in [("Protected", 1.0), ("Database", 1.0), ("Servers", 2.0), ("Failed", 0.0)] {
        eventually(&format!("{panel}: {wanted}"), async || shows(panel).await == wanted).await;
    }
    eventually("requests are shown", async || shows("Requests").await > 1.0).await;
    eventually("a look is shown", async || shows("Last look").await < 10.0).await;
    eventually("their time is shown", async || (0.0001..4.0).contains(&shows("95 % within").await)).await;

    deployment.database.stops("QUIT").await;
    let prometheus = &deployment.prometheus;
    eventually("the alerts fire", async || !prometheus.alerts("firing").await.is_empty()).await;
    // Until the rates have forgotten the time before.
    tokio::time::sleep(Duration::from_secs(12)).await;

    // No statement runs, so none takes time.
    let idle = ["Time in Postgres, 95 % within", "Waits, 95 % within"];
    eventually("all other panels have data", async || problems(prometheus, &idle).await.is_empty()).await;
    let shows = async |panel| shown(prometheus, panel).await;
    eventually("the database is away", async || shows("Database").await == 0.0).await;
    eventually("the servers are there", async || shows("Servers").await == 2.0).await;
    // Also during an outage, most requests are refused before they need the database.
    eventually("requests fail", async || shows("Failed").await > 0.0).await;
    eventually("nobody could look", async || shows("Last look").await > 10.0).await;
}

/// A metric that nobody can see is of no use: Prometheus' own page shows it only to those who know its name.
#[tokio::test]
#[ignore = "needs Prometheus: `make test-all`"]
async fn every_metric_of_the_server_is_on_the_dashboard_and_every_metric_of_the_dashboard_is_of_the_server() {
    let deployment = Deployment::under_load().await;
    let scrape = Admin::of(&deployment.servers[0]).await.scrape().await;
    let served: BTreeSet<_> = scrape.types.into_keys().collect();

    let named: BTreeSet<_> = queries().iter().flat_map(|query| names(&query.expression)).collect();

    assert!(served.len() > 20, "{served:?}");
    assert_eq!(named, served);
}

/// The metrics of a server that an expression names; of a histogram its own name.
fn names(expression: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expression.split(|c| !is_part(c));
    let ours = words.filter(|word| word.starts_with("rowkeep_") || word.starts_with("process_"));
    ours.map(|word| word.trim_end_matches("_bucket").trim_end_matches("_count").to_owned()).collect()
}

#[test]
fn panels_of_the_dashboard_do_not_overlap_and_say_what_they_show() {
    let mut taken = BTreeSet::new();
    let mut titles = BTreeSet::new();
    for panel in array(&dashboard(), "panels") {
        let title = panel["title"].as_str().expect("a title").to_owned();
        let number = |name: &str| panel["gridPos"][name].as_u64().expect("a number");
        assert!(number("x") + number("w") <= 24, "{title} is too wide");
        for x in number("x")..number("x") + number("w") {
            for y in number("y")..number("y") + number("h") {
                assert!(taken.insert((x, y)), "{title} overlaps at {x}, {y}");
            }
        }
        assert!(titles.insert(title.clone()), "two panels are called {title}");
    }
    assert!(titles.len() > 20, "{titles:?}");
    let first: Vec<_> = panels(&dashboard()).iter().map(|panel| panel["title"].clone()).take(8).collect();
    assert_eq!(first[0], "Protected", "what matters most comes first");
}

/// What `other` does not have of `value`, or has otherwise.
fn missing(value: &Value, other: &Value, path: &str) -> Vec<String> {
    match (value, other) {
        (Value::Object(members), Value::Object(_)) => members
            .iter()
            .flat_map(|(name, member)| missing(member, &other[name], &format!("{path}/{name}")))
            .collect(),
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => {
            let pairs = items.iter().zip(others).enumerate();
            pairs.flat_map(|(at, (item, other))| missing(item, other, &format!("{path}/{at}"))).collect()
        }
        _ if value == other => vec![],
        _ => vec![format!("{path}: {value} became {other}")],
    }
}

/// Grafana's own library knows the members of dashboards, panels and queries, and drops every other. It also writes defaults,
/// which the file leaves out.
#[tokio::test]
#[ignore = "needs Grafana's library on Python: `make test-all`"]
async fn grafanas_library_understands_all_of_the_dashboard() {
    let python = root().join("target/grafana/bin/python");
    assert!(python.exists(), "Grafana's library is not installed: run `make prometheus`");

    let output = tokio::process::Command::new(python)
        .args(["tests/grafana/read.py", "deploy/grafana/rowkeep.json"])
        .current_dir(root())
        .output()
        .await
        .expect("Python");

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(missing(&dashboard(), &read, ""), [""; 0]);
}

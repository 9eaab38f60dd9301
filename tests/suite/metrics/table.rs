//! Every metric of a server is in the page and in the table of the program with its type, labels and help text, and the other
//! way round.

use std::collections::{BTreeMap, BTreeSet};

use jsonwebtoken::Algorithm::EdDSA;
use rowkeep::metrics::{Kind, METRICS};
use serde_json::json;

use super::scrape::{Scrape, Watched};
use crate::documents::markdown::{Page, codes, rows};
use crate::operation::program::Program;
use crate::world::{Issuer, KeyPair};

/// The type and the labels of a metric.
type Shape = (String, BTreeSet<String>);

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    }
}

fn in_program() -> BTreeMap<String, Shape> {
    let shape =
        |labels: &[&str], of| (kind(of).to_owned(), labels.iter().map(|label| (*label).to_owned()).collect());
    METRICS.iter().map(|metric| (metric.name.to_owned(), shape(metric.labels, metric.kind))).collect()
}

/// The rows of all tables of the page whose first cell is one name of a metric.
fn in_page() -> BTreeMap<String, Shape> {
    let mut found = BTreeMap::new();
    for row in rows(&Page::read("docs/metrics.md").text) {
        let [name, of, labels, ..] = row.as_slice() else { continue };
        let (Some(name), labels) = (codes(name).first().copied(), codes(labels)) else { continue };
        let labels = labels.into_iter().map(str::to_owned).collect();
        let before = found.insert(name.to_owned(), (of.trim().to_owned(), labels));
        assert!(before.is_none(), "{name} is in the page twice");
    }
    found
}

fn exposed(scrape: &Scrape) -> BTreeMap<String, Shape> {
    let labels = |name: &str, of: &str| -> BTreeSet<String> {
        let parts = ["", "_bucket", "_sum", "_count"].map(|part| format!("{name}{part}"));
        let found = scrape.series().into_iter().filter(|series| {
            if of == "histogram" { parts[1..].contains(&series.name) } else { series.name == name }
        });
        found.flat_map(|series| series.labels.into_keys()).filter(|label| label != "le").collect()
    };
    scrape.types.iter().map(|(name, of)| (name.clone(), (of.clone(), labels(name, of)))).collect()
}

#[tokio::test]
async fn the_metrics_of_a_server_are_those_of_the_page_with_their_types_and_labels() {
    let pair = KeyPair::new(EdDSA);
    let issuer = Issuer::new(&[&pair]).await;
    // Where nothing answers: the metrics of replicas are there only if one is configured.
    let replica = ("DATABASE_REPLICA_URL", "host='/nowhere' dbname=x user=rowkeep_login");
    let watched = Watched::of(&issuer, &[replica]).await;

    // Nobody has sent a request yet: every metric is there from the start.
    let scrape = watched.scrape().await;
    assert_eq!(exposed(&scrape), in_program());
    assert_eq!(exposed(&scrape), in_page());

    let person = watched.world.signed_in(&issuer, &pair);
    person.creates(json!({ "title": "one" })).await;
    person.get("/nowhere").await;
    assert_eq!(exposed(&watched.scrape().await), in_page());
}

#[tokio::test]
async fn every_metric_has_its_help_text_and_a_name_that_says_its_unit() {
    let watched = Watched::with(&[]).await;

    let scrape = watched.scrape().await;

    for (name, of) in &scrape.types {
        let known = METRICS.iter().find(|metric| metric.name == name).expect("a known metric");
        assert_eq!(scrape.helps.get(name).map(String::as_str), Some(known.help), "{name}");
        assert!(known.help.ends_with('.') && !known.help.contains("  "), "{name}: {}", known.help);
        assert_eq!(name.ends_with("_total"), of == "counter", "{name}");
        assert!(of != "histogram" || name.ends_with("_seconds"), "{name}");
    }
}

#[tokio::test]
async fn the_program_says_which_it_is_and_since_when_it_runs() {
    let watched = Watched::with(&[]).await;

    let scrape = watched.scrape().await;

    let build =
        |label| scrape.values_of("rowkeep_build_info", label).into_iter().collect::<Vec<_>>().concat();
    let printed = Program::new(&["--version"]).run().await.out;
    assert_eq!(printed, format!("rowkeep {} ({})\n", build("version"), build("commit")));
    assert_eq!(scrape.value("rowkeep_build_info", &[]), 1.0);
    let started = scrape.value("process_start_time_seconds", &[]);
    let now = jiff::Timestamp::now().as_second() as f64;
    assert!((now - 120.0..=now + 1.0).contains(&started), "{started} {now}");
}

//! Every alert has what a person needs who is woken by it, and `docs/monitoring.md` has a section about each.

use std::collections::{BTreeMap, BTreeSet};

use super::prometheus::read;
use super::rules::DAYS;
use crate::documents::markdown::{Page, rows};

const PAGE: &str = "docs/monitoring.md";

/// The lines of each alert, by its name.
fn alerts() -> BTreeMap<String, String> {
    let rules = read("deploy/prometheus/alerts.yml");
    let blocks = rules.split("      - alert: ").skip(1);
    blocks.filter_map(|block| block.split_once('\n')).map(|(name, rest)| (name.into(), rest.into())).collect()
}

/// The value of a key of an alert.
fn value<'a>(alert: &'a str, key: &str) -> Option<&'a str> {
    alert.lines().find_map(|line| line.trim_start().strip_prefix(key)?.strip_prefix(": "))
}

#[test]
fn every_alert_says_how_urgent_it_is_what_is_wrong_and_where_to_read_on() {
    let anchors: BTreeSet<_> = Page::read(PAGE).anchors().into_iter().collect();
    let alerts = alerts();
    assert!(alerts.len() > 8, "{alerts:?}");

    for (name, alert) in alerts {
        for key in ["expr", "for", "severity", "summary", "description", "runbook"] {
            assert!(value(&alert, key).is_some_and(|value| !value.is_empty()), "{name} has no {key}");
        }
        let severity = value(&alert, "severity").unwrap_or_default();
        assert!(["page", "ticket"].contains(&severity), "{name}: {severity}");
        let runbook = value(&alert, "runbook").unwrap_or_default();
        let (page, anchor) = runbook.split_once('#').expect("an anchor");
        assert_eq!((page, anchor), (PAGE, name.to_lowercase().as_str()), "{name}");
        assert!(anchors.contains(anchor), "{PAGE} has no section {anchor}");
    }
}

#[test]
fn the_table_of_the_page_has_every_alert_with_its_severity() {
    let table = rows(&Page::read(PAGE).section("Alerts"));
    let shown: BTreeMap<_, _> = table
        .iter()
        .filter_map(|row| {
            Some((row.first()?.strip_prefix('[')?.split_once(']')?.0.to_owned(), row.get(1)?.clone()))
        })
        .collect();

    let of_file: BTreeMap<_, _> = alerts()
        .into_iter()
        .map(|(name, alert)| (name, value(&alert, "severity").unwrap_or_default().to_owned()))
        .collect();

    assert_eq!(shown, of_file);
}

#[test]
fn every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_is_quiet() {
    let tests = DAYS.map(|name| read(&format!("deploy/prometheus/{name}"))).concat();
    let cases: Vec<_> = tests.split("alertname: ").skip(1).collect();
    let has = |name: &str, is_quiet: bool| {
        cases.iter().any(|case| {
            case.split([',', '\n']).next() == Some(name) && case.contains("exp_alerts: []") == is_quiet
        })
    };

    for name in alerts().keys() {
        assert!(has(name, false), "{name} fires in no test");
        assert!(has(name, true), "{name} is quiet in no test");
    }
}

/// The scripts, files and settings that the page tells an operator to use.
#[test]
fn the_page_names_the_files_that_it_is_about() {
    let page = Page::read(PAGE);
    let spans: BTreeSet<_> = page.code_spans().into_iter().collect();

    for file in
        ["deploy/prometheus/alerts.yml", "deploy/prometheus/prometheus.yml", "deploy/grafana/rowkeep.json"]
    {
        let linked = page.links().iter().any(|link| link.ends_with(file));
        assert!(linked || spans.contains(file), "{PAGE} does not name {file}");
    }
    assert!(spans.contains("ADMIN_ADDR"), "{PAGE} does not say how to switch the metrics on");
}

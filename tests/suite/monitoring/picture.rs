//! The dashboard in Chromium: the picture of docs/monitoring.md.

use std::time::Duration;

use super::deployment::Deployment;
use super::prometheus::eventually;
use crate::browser::browse;

/// Draws each panel, of servers under load whose database is away for a while.
///
/// `PICTURES=$PWD/docs/images MINUTES=15` writes the picture of the page. Without them it takes half a minute, and no picture is
/// kept.
#[tokio::test]
#[ignore = "needs Prometheus, and Chromium on Node.js: `make test-all`"]
async fn every_panel_of_the_dashboard_can_be_drawn() {
    let minutes = std::env::var("MINUTES").unwrap_or_else(|_| "0.5".into());
    let time = Duration::from_secs_f64(60.0 * minutes.parse::<f64>().expect("a number of minutes"));
    let mut deployment = Deployment::under_load().await;

    tokio::time::sleep(time.mul_f64(0.5)).await;
    deployment.database.stops("QUIT").await;
    let alerts = async || !deployment.prometheus.alerts("firing").await.is_empty();
    eventually("the alerts fire", alerts).await;
    tokio::time::sleep(time.mul_f64(0.13)).await;
    deployment.database.starts_again().await;
    tokio::time::sleep(time.mul_f64(0.3)).await;

    let address = format!("http://{}", deployment.prometheus.address);
    let picture =
        std::env::var("PICTURES").map(|folder| format!("{folder}/dashboard.png")).unwrap_or_default();
    browse("dashboard.mjs", &[("PROMETHEUS", &address), ("PICTURE", &picture), ("MINUTES", &minutes)]).await;
}

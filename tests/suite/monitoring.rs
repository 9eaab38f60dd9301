//! What watches a server: the alerts and the scrape configuration of `deploy/prometheus`, in a real Prometheus, and the queries
//! of the dashboard in `deploy/grafana`.

mod alerts;
mod dashboard;
mod deployment;
mod documents;
mod picture;
mod prometheus;
mod rules;

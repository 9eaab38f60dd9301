//! `GET /health`: whether the server can serve requests right now.

use http::StatusCode;
use serde_json::json as object;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::Instrument;
use warp::Filter;
use warp::filters::BoxedFilter;

use super::App;
use super::response::{DEFAULT_ERRORS, Response, json, ok};
use crate::refusal::Refusal;

/// The result of the last check of the database, and when it began.
///
/// Requests that arrive during a check share the next one. So all clients together use one connection at most. They need no
/// token here.
#[derive(Default)]
pub(super) struct HealthCheck(Mutex<Option<(Instant, Result<(), &'static str>)>>);

/// `GET /health`
pub(super) fn routes(app: &App) -> BoxedFilter<(Response,)> {
    let path = warp::path!("health");
    let app = app.clone();
    let health = path.and(warp::get()).map(move || app.clone()).then(health);
    let others = path.map(|| DEFAULT_ERRORS.refuse(Refusal::MethodNotAllowed("GET, HEAD, OPTIONS")));

    health.or(others).unify().boxed()
}

async fn health(app: App) -> Response {
    if app.stop_announced.is_cancelled() {
        let detail = "The server is shutting down.";
        return json(StatusCode::SERVICE_UNAVAILABLE, &object!({ "status": "unhealthy", "detail": detail }));
    }
    let has_key = app.verifier.has_key();
    let mut problems = app.verifier.problems();
    if !has_key {
        problems.insert(0, "There is no key to verify tokens with.".into());
    }

    // In its own task: a check that is dropped half-way loses its connection, and any client can disconnect.
    let check = tokio::spawn(check_database(app).in_current_span());
    let database = check.await.unwrap_or(Err("The server has a fault: its log has more."));
    problems.extend(database.err().map(str::to_owned));

    let detail = problems.join(" ");
    if database.is_err() || !has_key {
        json(StatusCode::SERVICE_UNAVAILABLE, &object!({ "status": "unhealthy", "detail": detail }))
    } else if problems.is_empty() {
        ok(&object!({ "status": "healthy" }))
    } else {
        // Users whose keys are known are still served, so a balancer must not take this server out of service.
        ok(&object!({ "status": "healthy", "detail": detail }))
    }
}

async fn check_database(app: App) -> Result<(), &'static str> {
    let arrived = Instant::now();
    let mut last = app.health.0.lock().await;
    if let Some((began, result)) = *last
        && began >= arrived
    {
        return result;
    }

    let began = Instant::now();
    let result = app.session.probe().await.map_err(|problem| {
        tracing::warn!(%problem, "unhealthy");
        "The database cannot be reached, or does not protect its tables: read the log of the server."
    });
    *last = Some((began, result));
    result
}

//! `GET /health`: whether requests can be answered right now.

use http::StatusCode;
use serde_json::json as object;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::Instrument;
use warp::Filter;
use warp::filters::BoxedFilter;

use super::App;
use super::answer::{PLAIN, Response, json, ok};
use crate::refusal::Refusal;

/// What the last look at the database found, and when it began.
///
/// Whoever asks while somebody looks shares what the next look finds, so that no number of callers, who need no
/// token, takes more than one connection.
#[derive(Default)]
pub(super) struct Health(Mutex<Option<(Instant, Result<(), &'static str>)>>);

/// `GET /health`
pub(super) fn routes(app: &App) -> BoxedFilter<(Response,)> {
    let path = warp::path!("health");
    let app = app.clone();
    let health = path.and(warp::get()).map(move || app.clone()).then(health);
    let others = path.map(|| PLAIN.refuse(Refusal::MethodNotAllowed("GET, HEAD, OPTIONS")));

    health.or(others).unify().boxed()
}

async fn health(app: App) -> Response {
    let has_key = app.verifier.has_key();
    let mut problems = app.verifier.problems();
    if !has_key {
        problems.insert(0, "There is no key to verify tokens with.".into());
    }

    // In a task of its own: a look that is broken off costs its connection, and strangers who hang up are free.
    let look = tokio::spawn(look(app).in_current_span());
    let found = look.await.unwrap_or(Err("Something went wrong on our side."));
    problems.extend(found.err().map(str::to_owned));

    let detail = problems.join(" ");
    if found.is_err() || !has_key {
        json(StatusCode::SERVICE_UNAVAILABLE, &object!({ "status": "unhealthy", "detail": detail }))
    } else if problems.is_empty() {
        ok(&object!({ "status": "healthy" }))
    } else {
        // Whoever is known already is served: that is no reason to take this server out of service.
        ok(&object!({ "status": "healthy", "detail": detail }))
    }
}

async fn look(app: App) -> Result<(), &'static str> {
    let arrived = Instant::now();
    let mut last = app.health.0.lock().await;
    if let Some((began, found)) = *last
        && began >= arrived
    {
        return found;
    }

    let began = Instant::now();
    let found = app.session.prove_restricted().await.map_err(|problem| {
        tracing::warn!(%problem, "unhealthy");
        "The database cannot be reached, or does not protect its tables: the server's log says which."
    });
    *last = Some((began, found));
    found
}

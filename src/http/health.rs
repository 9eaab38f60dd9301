//! `GET /health`: whether the server can serve requests right now. `GET /live`: whether it runs at all.

use std::time::Duration;

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
use crate::session::{ProbeError, Probed};

/// How old a result may be that is used again.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The result of the last look at the database, and when it ended.
///
/// Requests that arrive during a look share its result. So all clients together use one connection at most. They need no
/// token here.
#[derive(Default)]
pub(super) struct HealthCheck(Mutex<Option<(Instant, Outcome)>>);

type Outcome = Result<Probed, &'static str>;

const STANDBY: &str =
    "The database is a standby, which cannot change tasks: the log of the server says what to do.";
const UNREACHABLE: &str = "The database cannot be reached: the log of the server says why.";

/// `GET /health` and `GET /live`
pub(super) fn routes(app: &App) -> BoxedFilter<(Response,)> {
    let app = app.clone();
    let refuse = || DEFAULT_ERRORS.refuse(Refusal::MethodNotAllowed("GET, HEAD, OPTIONS"));

    let health_path = warp::path!("health");
    let health = health_path.and(warp::get()).map(move || app.clone()).then(health);
    let live_path = warp::path!("live");
    let live = live_path.and(warp::get()).map(|| ok(&object!({ "status": "alive" })));

    let health = health.or(health_path.map(refuse)).unify();
    let live = live.or(live_path.map(refuse)).unify();
    health.or(live).unify().boxed()
}

async fn health(app: App) -> Response {
    if app.stop_announced.is_cancelled() {
        let detail = "The server is shutting down.";
        return json(StatusCode::SERVICE_UNAVAILABLE, &object!({ "status": "unhealthy", "detail": detail }));
    }
    let has_key = app.has_key();
    let mut problems = app.verifier.problems();
    if !has_key {
        problems.insert(0, "There is no key to verify tokens with.".into());
    }

    // In its own task: a look that is dropped half-way loses its connection, and any client can disconnect.
    let look = tokio::spawn(look_at_database(app.clone()).in_current_span());
    let database = look.await.unwrap_or(Err("The server has a fault: its log has more."));
    match &database {
        Err(problem) => problems.push((*problem).into()),
        Ok(probed) => problems.extend(warnings(&app, probed)),
    }

    let detail = problems.join(" ");
    if database.is_err() || !has_key {
        json(StatusCode::SERVICE_UNAVAILABLE, &object!({ "status": "unhealthy", "detail": detail }))
    } else if problems.is_empty() {
        ok(&object!({ "status": "healthy" }))
    } else {
        // Users are still served, so a balancer must not take this server out of service.
        ok(&object!({ "status": "healthy", "detail": detail }))
    }
}

/// What the operator should know about a database that requests can use.
fn warnings(app: &App, probed: &Probed) -> Vec<String> {
    let mut warnings = Vec::new();
    if probed.is_read_only {
        warnings.push("The database is read only: lists work, changes are refused.".into());
    }
    if probed.changed_collation.is_some() {
        warnings.push("The rules for sorting text have changed: run `rowkeep audit`.".into());
    }
    if app.database().is_ok_and(|database| database.session.has_lost_prepared_statements()) {
        warnings
            .push("A connection pooler loses prepared statements: set DATABASE_STATEMENTS=unnamed.".into());
    }
    warnings
}

/// The state of the database, a moment ago at most.
async fn look_at_database(app: App) -> Outcome {
    let arrived = Instant::now();
    let Ok(database) = app.database() else {
        return Err("The database cannot be reached yet: the log of the server says why.");
    };
    let mut last = app.health.0.lock().await;
    if let Some((ended, outcome)) = &*last
        && *ended + MAX_AGE > arrived
    {
        return outcome.clone();
    }

    let outcome = match (database.session.probe().await, last.take()) {
        (Ok(probed), _) => Ok(probed),
        // Busy is not unhealthy, and does not mend what was wrong.
        (Err(ProbeError::Busy), Some((_, outcome))) if outcome != Err(UNREACHABLE) => outcome,
        (Err(ProbeError::Busy), _) => Ok(Probed::default()),
        (Err(problem), _) => {
            tracing::warn!(error.message = %problem, "unhealthy");
            Err(match problem {
                ProbeError::Unprotected(_) => {
                    "The database does not protect its tables: the log of the server says how to fix it."
                }
                ProbeError::Unusable(_) => {
                    "The database refuses the login or the queries of this server: the log of the server says why."
                }
                ProbeError::Standby => STANDBY,
                ProbeError::Busy | ProbeError::Unavailable(_) => UNREACHABLE,
            })
        }
    };
    *last = Some((Instant::now(), outcome.clone()));
    outcome
}

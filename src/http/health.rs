//! `GET /health`: whether the server can serve requests right now. `GET /live`: whether it runs at all.
//!
//! The second listener answers `/ready` and `/live` in the same way.

mod protection;

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
use protection::Protection;

/// How old a result may be that is used again.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The result of the last look at the database, and when it ended.
///
/// Requests that arrive during a look share its result. So all clients together use one connection at most. They need no
/// token here.
#[derive(Default)]
pub(super) struct HealthCheck {
    last: Mutex<Option<(Instant, Outcome)>>,
    pub(super) protection: Protection,
}

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
    let health = health.or(health_path.map(refuse)).unify();
    health.or(live_route()).unify().boxed()
}

/// `GET /live`
pub(super) fn live_route() -> BoxedFilter<(Response,)> {
    let refuse = || DEFAULT_ERRORS.refuse(Refusal::MethodNotAllowed("GET, HEAD, OPTIONS"));
    let path = warp::path!("live");
    let live = path.and(warp::get()).map(|| ok(&object!({ "status": "alive" })));
    live.or(path.map(refuse)).unify().boxed()
}

async fn health(app: App) -> Response {
    answer(look(&app).await, ["healthy", "unhealthy"])
}

/// The answer to a look, in these words for good and bad.
pub(super) fn answer(state: Health, [good, bad]: [&str; 2]) -> Response {
    let Health { is_healthy, is_degraded, detail } = state;
    let good = if is_degraded { "degraded" } else { good };
    match (is_healthy, detail.is_empty()) {
        (false, _) => json(StatusCode::SERVICE_UNAVAILABLE, &object!({ "status": bad, "detail": detail })),
        (true, true) => ok(&object!({ "status": good })),
        // Users are still served, so a balancer must not take this server out of service.
        (true, false) => ok(&object!({ "status": good, "detail": detail })),
    }
}

/// Whether the server can serve requests.
pub(super) struct Health {
    is_healthy: bool,
    /// Whether only some users are served.
    is_degraded: bool,
    /// What is wrong, or what the operator should know.
    detail: String,
}

/// Looks whether the server can serve requests right now.
pub(super) async fn look(app: &App) -> Health {
    if app.stop_announced.is_cancelled() {
        return Health {
            is_healthy: false,
            is_degraded: false,
            detail: "The server is shutting down.".into(),
        };
    }
    let has_key = app.has_key();
    let mut problems = app.verifier.problems();
    if !has_key {
        problems.insert(0, "There is no key to verify tokens with.".into());
    }

    // In its own task: a look that is dropped half-way loses its connection, and any client can disconnect.
    let look = tokio::spawn(look_at_database(app.clone()).in_current_span());
    let database = look.await.unwrap_or(Err("The server has a fault: its log has more."));
    let is_degraded = database.as_ref().is_ok_and(|probed| !probed.lost_nodes.is_empty());
    match &database {
        Err(problem) => problems.push((*problem).into()),
        Ok(probed) => problems.extend(warnings(app, probed)),
    }
    Health { is_healthy: database.is_ok() && has_key, is_degraded, detail: problems.join(" ") }
}

/// What the operator should know about a database that requests can use.
fn warnings(app: &App, probed: &Probed) -> Vec<String> {
    let mut warnings = Vec::new();
    if probed.is_read_only {
        warnings.push("The database is read only: lists work, changes are refused.".into());
    }
    if !probed.lost_nodes.is_empty() {
        // Who asks needs no token, so the addresses are in the log alone.
        warnings
            .push("A node of the database does not answer: the users whose tasks it has are refused.".into());
    }
    if probed.changed_collation.is_some() {
        warnings.push("The rules for sorting text have changed: run `rowkeep audit`.".into());
    }
    let replicas = app.database().ok().and_then(|database| database.session.replicas());
    if replicas.is_some_and(|replicas| replicas.figures().iter().any(|replica| !replica.is_in_use)) {
        warnings.push("A read replica is left out: the log of the server says why.".into());
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
    let mut last = app.health.last.lock().await;
    if let Some((ended, outcome)) = &*last
        && *ended + MAX_AGE > arrived
    {
        return outcome.clone();
    }

    if let Some(replicas) = database.session.replicas() {
        replicas.look_soon();
    }
    let probed = database.session.probe().await;
    match &probed {
        Ok(_) => app.health.protection.is(true),
        Err(ProbeError::Unprotected(_)) => app.health.protection.is(false),
        // Nothing was seen of it.
        Err(_) => {}
    }
    let outcome = match (probed, last.take()) {
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

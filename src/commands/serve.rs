//! `rowkeep serve`: opens the database, then answers requests until a stop signal comes.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Failure, add_development_secret, database, log_stop_signal, open_files, stop, stop_signal, welcome,
};
use crate::auth::Verifier;
use crate::config::Config;
use crate::cursor::Cursors;
use crate::database::Address;
use crate::development::token;
use crate::development::{CLUSTER_START_TIMEOUT, Cluster};
use crate::http::{self, Admin, App};
use crate::logging::Log;
use crate::metrics::{self, Exporter};
use crate::schema::SchemaError;
use crate::session::{Measures, ProbeError, Session};
use crate::traces::Traces;
use crate::{audit, schema, tasks, traces};

/// The longest pause before the database is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// How long connections wait at most until the database was looked at first.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// How long the first request waits at most for the audit, which goes on after that. It may wait for a node that hangs.
const AUDIT_AT_START: Duration = Duration::from_secs(3);

/// The pause before a start without keys looks for one again.
const KEY_PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn serve(config: &mut Config, log: Log, exit_timeout: &mut Duration) -> Result<(), Failure> {
    let stop_signal = stop_signal()?.shared();
    let listener = listen(config.listen, "HOST or PORT").await?;
    let listening = listener.local_addr()?;
    let admin = Operators::begin(config.admin).await?;
    let max_connections = open_files::max_connections(config.session.pool_size, admin.is_some())?;

    // After the metrics, which count spans.
    let traces = config.traces.as_ref().map(Traces::start).transpose()?.map(Arc::new);

    let secret_is_own = add_development_secret(config)?;
    let (cluster, address, app) = tokio::select! {
        prepared = prepare(config, secret_is_own, traces.clone()) => prepared?,
        () = stop_signal.clone() => {
            log_stop_signal();
            *exit_timeout = CLUSTER_START_TIMEOUT;
            return Ok(());
        }
    };
    if config.development {
        open(config, &address, &app).await?;
        let text = welcome::text(config, listening, cluster.as_ref(), &address, secret_is_own);
        tokio::spawn(print_when_ready(app.clone(), text));
    }
    tracing::info!(
        server.address = %listening.ip(),
        server.port = listening.port(),
        rowkeep.max_connections = max_connections,
        "listening"
    );
    let operators_served = CancellationToken::new();
    let operators = admin.map(|admin| tokio::spawn(admin.serve(app.clone(), log, operators_served.clone())));

    let deadline = OnceCell::new();
    let stopped = async {
        stop_signal.clone().await;
        app.announce_stop();
        log_stop_signal();
        sleep(config.shutdown_delay).await;
        let _ = deadline.set(Instant::now() + config.shutdown_timeout);
    };
    let serving = http::serve(
        listener,
        app.clone(),
        config.origins.clone(),
        max_connections,
        stopped,
        config.shutdown_timeout,
    );
    let mut serving = pin!(serving);
    let first_look = Notify::new();
    let mut opening = pin!(open_when_ready(config, &address, &app, &first_look));
    // Until then connections wait in the queue of the system. A balancer that only looks whether it can connect would get a 503 for
    // each request while the database is opened.
    let is_open = config.development
        || tokio::select! {
            opened = &mut opening => opened.map(|()| true)?,
            () = first_look.notified() => false,
            () = sleep(FIRST_LOOK.min(config.session.step_timeout)) => false,
            () = stop_signal.clone() => false,
        }
        || tokio::select! {
            opened = &mut opening => opened.map(|()| true)?,
            () = &mut serving => false,
        };
    if is_open {
        serving.await;
    }
    if let (Some(traces), Some(deadline)) = (traces, deadline.get()) {
        traces.end(deadline.saturating_duration_since(Instant::now())).await;
    }
    operators_served.cancel();
    if let Some(operators) = operators {
        let _ = operators.await;
    }
    stop(cluster).await
}

async fn listen(address: SocketAddr, settings: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        format!("cannot listen on {address}: {error}; set {settings} to another address").into()
    })
}

/// The listener for operators, and the metrics that they ask for.
struct Operators {
    listener: TcpListener,
    exporter: Exporter,
}

impl Operators {
    /// Listens at this address, if there is one, and begins to record metrics.
    async fn begin(address: Option<SocketAddr>) -> Result<Option<Self>, Failure> {
        let Some(address) = address else { return Ok(None) };
        let listener = listen(address, "ADMIN_ADDR").await?;
        let exporter = metrics::install()?;
        // Begins the series of the session. It may take long until the database is reached.
        drop(Measures::new(tasks::QUERIES));
        traces::begin_series();
        Ok(Some(Self { listener, exporter }))
    }

    async fn serve(self, app: App, log: Log, stop: CancellationToken) {
        let Self { listener, exporter } = self;
        if let Ok(address) = listener.local_addr() {
            tracing::info!(
                server.address = %address.ip(),
                server.port = address.port(),
                "listening for operators"
            );
        }
        Admin { app, exporter, log }.serve(listener, stop).await;
    }
}

/// Everything that requests need but the database. Returns its address, and the development cluster if it is there.
async fn prepare(
    config: &Config,
    secret_is_own: bool,
    traces: Option<Arc<Traces>>,
) -> Result<(Option<Cluster>, Address, App), Failure> {
    let (cluster, address) = database(config).await?;
    let verifier = Verifier::new(&config.token_rules)?;
    if config.development {
        let migrating = config.migration_database.as_ref().unwrap_or(&address);
        match schema::migrate(migrating, false).await {
            // It is served with a warning, as outside development.
            Err(SchemaError::Newer(problem)) => {
                tracing::debug!(error.message = problem, "nothing is migrated")
            }
            migrated => drop(migrated?),
        }
    }
    verifier.read_key_sets().await?;
    let mut app = App::new(verifier, config.timeouts)
        .with_rate_limit(config.rate_limit, config.trusted_proxies.clone())
        .with_envelopes(config.envelopes.clone())
        .with_replicas(!config.replication.replicas.is_empty())
        .with_traces(traces);
    if config.admin.is_some() {
        app = app.with_metrics();
    }
    if let Some(limit) = config.slow_request {
        app = app.with_slow_requests(limit);
    }
    if secret_is_own {
        let rules = config.token_rules.clone();
        app = app.with_ready_token(move |user| token::mint(&rules, user, token::default_lifetime(&rules)));
    }
    if config.development {
        app = app.with_warnings_of_unknown_parameters();
    }
    Ok((cluster, address, app))
}

/// Prints how to try the server once it can verify tokens. Until then `/health` is 503, and every token is refused.
async fn print_when_ready(app: App, text: String) {
    if !app.has_key() {
        tracing::warn!("not ready: no token can be verified until the key set can be read; trying again");
    }
    while !app.has_key() {
        sleep(KEY_PAUSE).await;
    }
    welcome::print(text);
}

/// Opens the database for requests as soon as it can be reached, and notifies `first_look` if it cannot be at first. Requests that
/// need it are refused meanwhile.
///
/// # Errors
/// A problem that waiting does not mend, such as a wrong password or a missing migration.
async fn open_when_ready(
    config: &Config,
    address: &Address,
    app: &App,
    first_look: &Notify,
) -> Result<(), Failure> {
    let mut pause = Duration::from_millis(250);
    loop {
        match open(config, address, app).await {
            Err(failure) if is_temporary(&failure) => {
                tracing::warn!(error.message = %failure, "the database cannot be used yet, trying again");
                first_look.notify_one();
            }
            opened => return opened,
        }
        sleep(pause).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

async fn open(config: &Config, address: &Address, app: &App) -> Result<(), Failure> {
    match open_session(config, address).await {
        Ok((session, cursors)) => app.open(session, cursors),
        Err(error) if is_temporary(&error) => return Err(error),
        Err(error) => return Err(audit::lost_objects(address).await.map_or(error, Into::into)),
    }
    tracing::info!(rowkeep.database = %address, "checked that the policies restrict requests");
    Ok(())
}

/// Whether waiting can mend it.
fn is_temporary(failure: &Failure) -> bool {
    matches!(
        failure.downcast_ref(),
        Some(ProbeError::Unavailable(_) | ProbeError::Standby | ProbeError::Busy)
    ) || matches!(failure.downcast_ref(), Some(SchemaError::Unavailable(_)))
}

async fn open_session(config: &Config, address: &Address) -> Result<(Session, Cursors), Failure> {
    let serving = schema::ready_to_serve(address).await?;
    let audit = tokio::spawn(warn_of_drift(address.clone()));
    let _ = timeout(AUDIT_AT_START, audit).await;
    let messages = serving.constraint_messages;
    let session =
        Session::open_with_replicas(address, &config.replication, &config.session, tasks::QUERIES, messages)
            .await?;
    Ok((session, serving.cursors))
}

/// Logs each fact that `rowkeep audit` would fail, without the proof. The server starts all the same: the session checks
/// what requests depend on when it opens.
async fn warn_of_drift(address: Address) {
    match audit::failures(&address).await {
        Ok(failures) => {
            for fact in failures {
                tracing::warn!(rowkeep.finding = fact, "`rowkeep audit` fails");
            }
        }
        Err(error) => tracing::warn!(error.message = %error, "the database cannot be audited"),
    }
}

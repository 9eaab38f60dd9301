//! `rowkeep serve`: opens the database, then answers requests until a stop signal comes.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use tokio::net::TcpListener;

use super::{Failure, add_development_secret, database, open_files, stop, stop_signal, welcome};
use crate::auth::Verifier;
use crate::config::Config;
use crate::cursor::Cursors;
use crate::database::Address;
use crate::development::{CLUSTER_START_TIMEOUT, Cluster};
use crate::http::{self, App};
use crate::session::Session;
use crate::{audit, schema, tasks};

pub(super) async fn serve(config: &mut Config, exit_timeout: &mut Duration) -> Result<(), Failure> {
    let mut stop_signal = pin!(stop_signal()?);
    let listener = listen(config.listen).await?;
    let listening = listener.local_addr()?;
    let max_connections = open_files::max_connections(config.session.pool_size)?;

    let secret_is_own = add_development_secret(config)?;
    let (cluster, app) = tokio::select! {
        prepared = prepare(config) => prepared?,
        () = &mut stop_signal => {
            *exit_timeout = CLUSTER_START_TIMEOUT;
            return Ok(());
        }
    };
    tracing::info!(address = %listening, max_connections, "listening");
    if config.development {
        welcome::print(config, listening, cluster.as_ref(), secret_is_own);
    }
    let origins = config.origins.clone();
    http::serve(listener, app, origins, max_connections, stop_signal, config.shutdown_timeout).await;
    tracing::info!("stopped");
    stop(cluster).await
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        format!("cannot listen on {address}: {error}; set HOST or PORT to another address").into()
    })
}

/// Opens everything that requests need. Returns the development cluster as well if it is their database.
async fn prepare(config: &Config) -> Result<(Option<Cluster>, App), Failure> {
    let (cluster, address) = database(config).await?;
    if config.development {
        let migrating = config.migration_database.as_ref().unwrap_or(&address);
        schema::migrate(migrating, false).await?;
    }

    let (session, cursors) = match open_session(config, &address).await {
        Ok(opened) => opened,
        Err(error) => return Err(audit::lost_objects(&address).await.map_or(error, Into::into)),
    };
    tracing::info!(database = %address, "checked that the policies restrict requests");
    let verifier = Verifier::new(&config.token_rules)?;
    verifier.read_key_sets().await?;
    let app = App::new(verifier, session, cursors, config.request_timeout)
        .with_rate_limit(config.rate_limit, config.trusted_proxies.clone());
    Ok((cluster, app))
}

async fn open_session(config: &Config, address: &Address) -> Result<(Session, Cursors), Failure> {
    let serving = schema::ready_to_serve(address).await?;
    warn_of_drift(address).await;
    let session =
        Session::open(address, &config.session, tasks::QUERIES, serving.constraint_messages).await?;
    Ok((session, serving.cursors))
}

/// Logs each fact that `rowkeep audit` would fail, without the proof. The server starts all the same: the session checks
/// what requests depend on when it opens.
async fn warn_of_drift(address: &Address) {
    match audit::examine(address).await {
        Ok(report) => {
            for fact in report.failing() {
                tracing::warn!(fact, "`rowkeep audit` fails");
            }
        }
        Err(error) => tracing::warn!(%error, "the database cannot be audited"),
    }
}

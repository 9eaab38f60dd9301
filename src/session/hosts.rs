//! Opens a connection to the first host of an address that accepts it. Each host gets a part of the time, so that one that is
//! silent does not keep the next from being tried.

use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::Instant;
use tokio_postgres::Client;

use super::pipeline::Pipeline;
use super::transport::{self, Transport};
use crate::database::{Address, ConnectError, Endpoint};
use crate::time_limit::within;

/// Opens a connection with a stream of ours below the driver.
///
/// # Errors
/// A failure that waiting does not mend, if a host has one; otherwise that of the last host. It comes within `limit`.
pub(super) async fn connect(
    address: &Address,
    pipeline: &Pipeline,
    limit: Duration,
) -> Result<Client, ConnectError> {
    first_of(address, pipeline, address.hosts().all.clone(), false, Instant::now() + limit).await
}

/// Tries one after the other. The last one gets twice the time of each other one.
async fn first_of(
    address: &Address,
    pipeline: &Pipeline,
    endpoints: Vec<Endpoint>,
    has_others: bool,
    deadline: Instant,
) -> Result<Client, ConnectError> {
    let mut failure: Option<ConnectError> = None;
    let mut left = endpoints.len() as u32;
    let has_others = has_others || left > 1;
    for endpoint in address.hosts().in_order(endpoints) {
        let now = Instant::now();
        let rest = deadline.saturating_duration_since(now);
        let share = if left == 1 { rest } else { rest / (left + 1) };
        let share = share.min(address.config().get_connect_timeout().copied().unwrap_or(share));
        left -= 1;

        // A name is looked up, and its IP addresses are tried in the same way.
        let attempt = Box::pin(connect_to(address, pipeline, &endpoint, has_others, now + share));
        let error = match within(share, attempt).await.unwrap_or(Err(ConnectError::TimedOut)) {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        if error.is_silence() && address.hosts().note_silence(&endpoint) {
            tracing::warn!(rowkeep.database_host = %endpoint, "a host of the database does not answer in its time");
        }
        tracing::debug!(
            rowkeep.database_host = %endpoint,
            error.message = %error,
            "a host of the database refuses the connection"
        );
        if failure.as_ref().is_none_or(ConnectError::is_temporary) {
            failure = Some(error);
        }
    }
    Err(failure.unwrap_or(ConnectError::TimedOut))
}

async fn connect_to(
    address: &Address,
    pipeline: &Pipeline,
    endpoint: &Endpoint,
    has_others: bool,
    deadline: Instant,
) -> Result<Client, ConnectError> {
    if let Some(path) = endpoint.socket() {
        let one_of_several = has_others.then(|| endpoint.clone());
        return transport::connect_socket(&path, address.config(), pipeline.clone(), one_of_several).await;
    }
    let mut endpoints = vec![endpoint.clone()];
    if endpoint.ip.is_none() {
        let found =
            lookup_host((endpoint.host.as_str(), endpoint.port)).await.map_err(ConnectError::Socket)?;
        endpoints = found.map(|found| Endpoint { ip: Some(found.ip()), ..endpoint.clone() }).collect();
    }
    let [endpoint] = &endpoints[..] else {
        return first_of(address, pipeline, endpoints, has_others, deadline).await;
    };
    let config = address.config_for(endpoint);
    let one_of_several = has_others.then(|| endpoint.clone());
    let (transport, config) = Transport::new(&config, address.tls(), pipeline.clone(), one_of_several);
    let (client, connection) = config.connect(transport).await?;
    tokio::spawn(connection);
    Ok(client)
}

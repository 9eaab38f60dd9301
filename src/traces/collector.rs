//! Sends spans to a collector, over HTTP.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::redirect::Policy;
use tokio::runtime::Handle;

use super::Settings;
use crate::error_chain::chain;
use crate::outgoing;
use crate::time_limit::within;

/// The longest answer of a collector that is read, in bytes. It says how many spans it has refused.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The HTTP client of the exporter. Its requests run in the runtime of the server: the thread of the exporter has none.
#[derive(Clone, Debug)]
pub(super) struct Collector {
    client: reqwest::Client,
    timeout: Duration,
    runtime: Handle,
    /// Why the last request had no answer. The exporter itself says only that there was an error.
    problem: Arc<Mutex<Option<String>>>,
}

impl Collector {
    /// # Errors
    /// When the client cannot be built.
    pub(super) fn new(settings: &Settings) -> Result<Self, String> {
        let roots = match &settings.roots {
            Some(roots) => roots.read()?,
            None => outgoing::roots(),
        };
        let client = outgoing::client(&[&settings.endpoint], roots)
            .redirect(Policy::none())
            .build()
            .map_err(|error| chain(&error))?;
        Ok(Self { client, timeout: settings.timeout, runtime: Handle::current(), problem: Arc::default() })
    }

    /// Why the last request had no answer; none if it had one.
    pub(super) fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

type Sent = Result<http::Response<Bytes>, String>;

impl HttpClient for Collector {
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: http::Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<http::Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        let (client, timeout) = (self.client.clone(), self.timeout);
        let work = async move { within(timeout, send(client, request)).await };
        let sent = self.runtime.spawn(work);
        Box::pin(async move {
            let sent = sent.await.map_err(|_| "the server stops".to_owned());
            let sent = sent.and_then(|sent| sent.unwrap_or(Err("it does not answer in time".into())));
            let problem = sent.as_ref().err().cloned();
            *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
            sent.map_err(Into::into)
        })
    }
}

async fn send(client: reqwest::Client, request: http::Request<Bytes>) -> Sent {
    // Its text must not repeat the URL, in which somebody may have put a key.
    let problem = |error: reqwest::Error| chain(&error.without_url());
    let request = reqwest::Request::try_from(request).map_err(problem)?;
    let mut response = client.execute(request).await.map_err(problem)?;
    let mut answer = http::Response::new(Bytes::new());
    *answer.status_mut() = response.status();
    std::mem::swap(answer.headers_mut(), response.headers_mut());
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(problem)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            // The status says enough.
            return Ok(answer);
        }
        body.extend_from_slice(&chunk);
    }
    *answer.body_mut() = body.freeze();
    Ok(answer)
}

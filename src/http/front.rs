//! What happens to every request on its way in and to every answer on its way out.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::FutureExt;
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use tracing::Instrument;
use warp::filters::BoxedFilter;

use super::answer::{PLAIN, Response, empty};
use super::cors::{self, Origins};
use super::request::Peer;
use crate::refusal::Refusal;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The routes, and what stands before them.
pub(super) struct Front {
    routes: BoxedFilter<(Response,)>,
    origins: Origins,
    /// Tells the requests of different starts apart.
    seed: u64,
    count: AtomicU64,
}

impl Front {
    pub(super) fn new(routes: BoxedFilter<(Response,)>, origins: Origins) -> Self {
        let mut seed = [0; 8];
        // Without randomness the ids of two starts may be the same, and that is all.
        let _ = aws_lc_rs::rand::fill(&mut seed);
        Self { routes, origins, seed: u64::from_ne_bytes(seed), count: AtomicU64::new(0) }
    }

    /// Answers one request, whatever happens.
    pub(super) async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response {
        let started = Instant::now();
        let id = format!("{:016x}", self.seed.wrapping_add(self.count.fetch_add(1, Ordering::Relaxed)));
        let method = request.method().clone();
        let path = without_user(request.uri().path());

        let span = tracing::info_span!("request", id);
        let mut response = self.respond(request, peer).instrument(span).await;

        let status = response.status();
        if status.is_server_error()
            && let Ok(id) = HeaderValue::from_str(&id)
        {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        let micros = started.elapsed().as_micros() as u64;
        tracing::info!(id, %method, path, status = status.as_u16(), micros, "answered");
        response
    }

    async fn respond(&self, mut request: Request<Incoming>, peer: SocketAddr) -> Response {
        let origin = self.origins.listed(request.headers());
        let preflight = Origins::is_preflight(request.method(), request.headers());
        let options = request.method() == Method::OPTIONS;
        request.extensions_mut().insert(Peer(peer));
        if request.method() == Method::HEAD {
            // hyper remembers that it was HEAD, and sends no body.
            *request.method_mut() = Method::GET;
        }

        let mut response = if preflight && origin.is_some() {
            empty(StatusCode::NO_CONTENT)
        } else {
            self.route(request).await
        };
        if options && response.status() == StatusCode::METHOD_NOT_ALLOWED {
            // Every path knows OPTIONS: what it answers is the Allow header.
            let allow = response.headers_mut().remove(http::header::ALLOW);
            response = empty(StatusCode::NO_CONTENT);
            response.headers_mut().extend(allow.map(|allow| (http::header::ALLOW, allow)));
        }

        let headers = response.headers_mut();
        if preflight && origin.is_some() {
            cors::permit(headers);
        }
        cors::answer(headers, origin);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    async fn route(&self, request: Request<Incoming>) -> Response {
        let routes = TowerToHyperService::new(warp::service(self.routes.clone()));
        match AssertUnwindSafe(async move { routes.call(request).await }).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => PLAIN.refuse(Refusal::Broken("a handler panicked".into())),
        }
    }
}

/// The path for the log: a user's id can be an e-mail address, and is nobody's business who reads logs.
fn without_user(path: &str) -> String {
    const OURS: [&str; 7] = ["", "api", "v1", "tasks", "complete", "toggle", "health"];
    let mut before = "";
    let segments = path.split('/').enumerate().map(|(at, segment)| {
        let a_task = before == "tasks" && segment.bytes().all(|byte| byte.is_ascii_digit());
        before = segment;
        match segment {
            "" | "v1" | "tasks" => segment,
            _ if at == 2 && path.starts_with("/api/") => "{user_id}",
            _ if a_task || OURS.contains(&segment) => segment,
            _ => "*",
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::without_user;

    #[test]
    fn a_logged_path_names_no_user() {
        assert_eq!(without_user("/api/a%40b.example/tasks/7"), "/api/{user_id}/tasks/7");
        assert_eq!(without_user("/api/a%40b.example"), "/api/{user_id}");
        assert_eq!(without_user("/api/v1/tasks/7"), "/api/v1/tasks/7");
        assert_eq!(without_user("/api/tasks/7"), "/api/tasks/7");
        assert_eq!(without_user("/health/"), "/health/");
        assert_eq!(without_user("/api/7/tasks/7/complete"), "/api/{user_id}/tasks/7/complete");
        assert_eq!(without_user("/api//4711/tasks/7"), "/api//*/tasks/7");
        assert_eq!(without_user("/api/users/a%40b.example/tasks"), "/api/{user_id}/*/tasks");
    }
}

//! A fuzz target: no bytes of a client cause an answer that blames the server, or one that is about another user.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::LazyLock;

use http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Request, StatusCode};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jsonwebtoken::{EncodingKey, Header};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::TaskTracker;

use crate::auth::{SourceKeys, TokenRules, TokenSource};
use crate::time_limit::within;

pub(crate) use super::client_address::fuzz::forwarded;
pub(crate) use super::compression::fuzz::accept_encoding;
use super::keep_alive::{KeepAlive, Stop};
pub(crate) use super::members::fuzz::json_body;
use super::middleware::{Audience, Middleware, Watchers};
pub(crate) use super::request::fuzz::path_segment;
use super::server::MAX_HEAD_BYTES;
pub(crate) use super::v1_tasks::fuzz::page_request;
use super::*;

const SECRET: &str = "a secret of the target, which is long enough";

/// The only user with a token. The id needs to be encoded in a path.
const USER: &str = "a/lice";

static MIDDLEWARE: LazyLock<Arc<Middleware>> = LazyLock::new(|| {
    let source = TokenSource {
        setting: "BETTER_AUTH_SECRET",
        keys: SourceKeys::Secrets(vec![SecretString::from(SECRET)]),
        issuers: vec![],
        audiences: vec![],
    };
    let rules = TokenRules {
        sources: vec![source],
        user_claim: "sub".into(),
        max_lifetime: u64::from(u32::MAX),
        not_before: None,
    };
    let second = Duration::from_secs(1);
    let timeouts = Timeouts { request: second, keep_alive: second };
    let app = App::new(Verifier::new(&rules).expect("rules"), timeouts).with_warnings_of_unknown_parameters();
    let audience = Audience::Clients(Watchers {
        metrics: None,
        slow_requests: None,
        traces: None,
        has_positions: false,
        trusted_proxies: Arc::default(),
    });
    Arc::new(Middleware::new(routes(&app), Origins::loopback(), TaskTracker::new(), audience))
});

static TOKEN: LazyLock<String> = LazyLock::new(|| {
    let claims = json!({ "sub": USER, "exp": jsonwebtoken::get_current_timestamp() + 1_000_000 });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::default(), &claims, &key).expect("a token")
});

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
}

/// A request as the service saw it, and what was answered.
struct Exchanged {
    path: String,
    has_token: bool,
    response: http::Response<Vec<u8>>,
}

/// The input is what a client sends on a connection. `{token}` in it is a good token. There is no database: a request that
/// needs it is a 503.
pub fn request(input: &[u8]) -> bool {
    let sent = with_token(input);
    let exchanged = RUNTIME.with(|runtime| {
        runtime
            .block_on(within(Duration::from_secs(10), exchange(&sent)))
            .expect("the server does not answer")
    });

    for exchanged in &exchanged {
        check(exchanged);
    }
    exchanged.iter().any(|exchanged| {
        matches!(exchanged.response.status(), StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE)
    })
}

fn with_token(input: &[u8]) -> Vec<u8> {
    const PLACE: &[u8] = b"{token}";
    let mut rest = input;
    let mut result = Vec::new();
    while let Some(at) = rest.windows(PLACE.len()).position(|part| part == PLACE) {
        let (before, after) = rest.split_at(at);
        result.extend_from_slice(before);
        result.extend_from_slice(TOKEN.as_bytes());
        rest = after.get(PLACE.len()..).unwrap_or_default();
    }
    result.extend_from_slice(rest);
    result
}

/// Sends these bytes over a connection, and returns every request that was read, with its answer.
async fn exchange(sent: &[u8]) -> Vec<Exchanged> {
    let (client, server) = duplex(64 * 1024);
    let stop = Stop {
        announced: CancellationToken::new(),
        begun: CancellationToken::new(),
        ends: CancellationToken::new(),
    };
    let second = Duration::from_secs(1);
    let keep_alive = Arc::new(KeepAlive::new(MIDDLEWARE.clone(), second, second, stop));
    let peer = SocketAddr::from(([127, 0, 0, 1], 4711));
    let exchanged = RefCell::new(Vec::new());
    let service = service_fn(|request: Request<Incoming>| {
        let path = request.uri().path().to_owned();
        let has_token = request
            .headers()
            .get(AUTHORIZATION)
            .is_some_and(|value| value.as_bytes().windows(TOKEN.len()).any(|part| part == TOKEN.as_bytes()));
        let responding = keep_alive.clone().respond(request, peer);
        let exchanged = &exchanged;
        async move {
            let (head, mut body) = responding.await.into_parts();
            let mut bytes = Vec::new();
            while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
                bytes.extend_from_slice(&frame.into_data().unwrap_or_default());
            }
            let mut answer = http::Response::new(String::new());
            *answer.status_mut() = head.status;
            let response = http::Response::from_parts(head, bytes);
            exchanged.borrow_mut().push(Exchanged { path, has_token, response });
            Ok::<_, Infallible>(answer)
        }
    });

    let connection = http1::Builder::new()
        .header_read_timeout(None)
        // The input ends with the last byte of the client, and its requests are answered all the same.
        .half_close(true)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(server), service);
    let (mut reading, mut writing) = tokio::io::split(client);
    let write = async {
        // The server may have closed the connection by now.
        let _ = writing.write_all(sent).await;
        let _ = writing.shutdown().await;
    };
    let mut read = Vec::new();
    let (_, (), _) = tokio::join!(connection, write, reading.read_to_end(&mut read));
    exchanged.into_inner()
}

/// What holds for every answer.
fn check(Exchanged { path, has_token, response }: &Exchanged) {
    let (status, headers) = (response.status(), response.headers());
    let body = String::from_utf8_lossy(response.body());
    let has = |name: &str| headers.contains_key(name);

    assert!(status.as_u16() < 500 || status == StatusCode::SERVICE_UNAVAILABLE, "{path}: {status} {body}");
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let is_health = path.trim_end_matches('/') == "/health";
        assert!(*has_token || is_health, "{path}: the database was asked for a stranger");
        assert!(
            is_health || headers.contains_key(RETRY_AFTER) && body.contains("Nothing was changed"),
            "{body}"
        );
    }
    assert_eq!(status == StatusCode::UNAUTHORIZED, headers.contains_key(WWW_AUTHENTICATE), "{path}");
    assert!(status != StatusCode::METHOD_NOT_ALLOWED || headers.contains_key(ALLOW), "{path}");
    assert!(
        has("x-request-id") && has("x-content-type-options") && headers.contains_key(CACHE_CONTROL),
        "{path}"
    );
    let ids = headers.get_all("x-request-id");
    let is_in_id = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    assert!(
        ids.iter().count() == 1 && ids.iter().all(|id| id.as_bytes().iter().all(is_in_id)),
        "{headers:?}"
    );
    assert!(!body.contains(TOKEN.as_str()), "{path}: the answer repeats the token");

    if status.is_client_error() || status.is_server_error() {
        let error: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{path}: {body:?}"));
        let detail = error.get("detail").and_then(Value::as_str).unwrap_or_default();
        let repeated = ["error", "message"].iter().filter_map(|name| error.get(*name));
        assert!(repeated.into_iter().all(|text| text == detail), "{path}: {body}");
        assert!(!detail.is_empty() || path.starts_with("/health"), "{path}: {body}");
        assert!(!detail.contains(USER), "{path}: {body}");
    }
    check_user(path, status);
}

/// A path that names another user is refused before anything else of the request is looked at.
fn check_user(path: &str, status: StatusCode) {
    let Some(path_rest) = path.strip_prefix("/api/") else { return };
    let segments: Vec<_> = path_rest.strip_suffix('/').unwrap_or(path_rest).split('/').collect();
    let (user, is_route) = match *segments {
        [user, "tasks"] => (user, true),
        [user, "tasks", id] | [user, "tasks", id, "complete"] => (user, !id.is_empty()),
        _ => return,
    };
    // Who the caller is comes after the head and the method, and before everything else.
    let is_earlier = matches!(status.as_u16(), 204 | 400 | 401 | 405);
    let user = Some(user).filter(|user| !user.is_empty()).map(super::request::fuzz::decoded);
    let Some(user) = user.filter(|user| !matches!(user.as_deref(), Some("v1" | "tasks"))) else { return };
    if is_route && !is_earlier {
        assert_eq!(status == StatusCode::FORBIDDEN, user.as_deref() != Some(USER), "{path}: {status}");
    }
}

//! A user of the API, and the HTTP client that sends their requests.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// A request, which is sent exactly as it is.
pub type Request = http::Request<Full<Bytes>>;

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The `detail` of an error.
    pub fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap_or_else(|| panic!("no detail: {self:?}")).to_owned()
    }

    /// A header's value; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII")).unwrap_or_default()
    }

    /// Status, headers and body without `Date`, `X-Request-Id` and a position, to compare two answers. Positions are encrypted,
    /// and all of one length.
    pub fn without_date(mut self) -> (StatusCode, HeaderMap, Bytes) {
        self.headers.remove(DATE);
        let position = self.headers.remove("x-rowkeep-position");
        assert!(
            position.is_none_or(|position| position.len() == 55),
            "the length of a position tells something"
        );
        self.headers.remove("x-request-id");
        (self.status, self.headers, self.body)
    }

    /// The ids of the tasks in a list, in its order.
    pub fn ids(&self) -> Vec<i64> {
        let json = self.json();
        let list = json.as_array().unwrap_or_else(|| panic!("no list: {self:?}"));
        list.iter().map(|task| task["id"].as_i64().expect("an id")).collect()
    }
}

/// Sends a request over a connection of its own.
pub async fn send<B>(address: SocketAddr, request: http::Request<B>) -> Answer
where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    try_send(address, request).await.expect("an answer")
}

/// The same, or the error if there is no complete answer.
pub async fn try_send<B>(address: SocketAddr, request: http::Request<B>) -> Result<Answer, hyper::Error>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    exchange(&mut open(address).await?, address, request).await
}

/// A client's connection, which is kept for its next request. It is opened again when the server has closed it.
pub struct Connection {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, sender: None }
    }

    pub async fn send(&mut self, request: Request) -> Answer {
        let mut kept = self.sender.take();
        if let Some(sender) = &mut kept
            && sender.ready().await.is_err()
        {
            kept = None;
        }
        let mut sender = match kept {
            Some(sender) => sender,
            None => open(self.address).await.expect("a connection"),
        };
        let answer = exchange(&mut sender, self.address, request).await.expect("an answer");
        self.sender = Some(sender);
        answer
    }
}

/// It is closed when the sender is dropped.
async fn open<B>(address: SocketAddr) -> Result<SendRequest<B>, hyper::Error>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn exchange<B>(
    sender: &mut SendRequest<B>,
    address: SocketAddr,
    mut request: http::Request<B>,
) -> Result<Answer, hyper::Error>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    request.headers_mut().entry(HOST).or_insert_with(|| address.to_string().parse().expect("a host"));
    let seen = positions::before(address, &mut request);
    let (head, body) = sender.send_request(request).await?.into_parts();
    positions::after(seen, &head.headers);
    let body = body.collect().await?.to_bytes();
    Ok(Answer { status: head.status, headers: head.headers, body })
}

/// What each user has seen of the database of each server, as the front end of `docs/growth.md` keeps it.
mod positions {
    use std::collections::HashMap;
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{LazyLock, Mutex};

    use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};

    const POSITION: &str = "x-rowkeep-position";

    type Key = (SocketAddr, HeaderValue);

    /// A position, and the number of its answer: `primary` can be there twice.
    type Position = (u64, HeaderValue);

    /// What was sent with a request.
    pub struct Sent {
        key: Key,
        positions: Vec<Position>,
    }

    static SEEN: LazyLock<Mutex<HashMap<Key, Vec<Position>>>> = LazyLock::new(Mutex::default);
    static NUMBER: AtomicU64 = AtomicU64::new(0);

    /// Adds the positions that the user has, if the request has none. With more than eight the server reads from the primary.
    pub fn before<B>(address: SocketAddr, request: &mut http::Request<B>) -> Option<Sent> {
        let key = (address, request.headers().get(AUTHORIZATION)?.clone());
        if request.headers().contains_key(POSITION) {
            return Some(Sent { key, positions: Vec::new() });
        }
        let positions = SEEN.lock().expect("no poison").get(&key).cloned().unwrap_or_default();
        if positions.len() > 8 {
            request.headers_mut().insert(POSITION, HeaderValue::from_static("primary"));
        } else {
            for (_, position) in &positions {
                request.headers_mut().append(POSITION, position.clone());
            }
        }
        Some(Sent { key, positions })
    }

    /// The position of an answer covers those that were sent. Positions of answers that came meanwhile stay.
    pub fn after(sent: Option<Sent>, headers: &HeaderMap) {
        let (Some(Sent { key, positions }), Some(position)) = (sent, headers.get(POSITION)) else { return };
        let mut seen = SEEN.lock().expect("no poison");
        let kept = seen.entry(key).or_default();
        kept.retain(|other| !positions.contains(other));
        kept.push((NUMBER.fetch_add(1, Ordering::Relaxed), position.clone()));
    }
}

/// A user of the API, with a token or without one.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: String,
    pub address: SocketAddr,
    token: Option<String>,
}

impl Person {
    pub fn new(address: SocketAddr, id: &str) -> Self {
        Self { id: id.into(), address, token: Some(super::token(id)) }
    }

    pub fn with_token(address: SocketAddr, token: Option<&str>) -> Self {
        Self { id: String::new(), address, token: token.map(str::to_owned) }
    }

    /// A request with this person's token, to be changed before it is sent.
    pub fn request(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Request {
        let mut request = http::Request::new(Full::new(body.into()));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("a path");
        if let Some(token) = &self.token {
            let value = format!("Bearer {token}").parse().expect("a header");
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        request
    }

    /// Sends a request without a body.
    pub async fn call(&self, method: Method, path: &str) -> Answer {
        send(self.address, self.request(method, path, "")).await
    }

    /// Sends a body unchanged, with `Content-Type: application/json`.
    pub async fn send(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
        let mut request = self.request(method, path, body);
        request.headers_mut().insert(CONTENT_TYPE, "application/json".parse().expect("a type"));
        send(self.address, request).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, body.to_string()).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, body.to_string()).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, body.to_string()).await
    }

    /// Creates a task; fails the test if that does not work.
    pub async fn creates(&self, body: Value) -> Value {
        let answer = self.post("/api/tasks", body).await;
        assert_eq!(answer.status(), 201, "{answer:?}");
        answer.json()
    }

    /// Reads a task; fails the test if it does not exist for this user.
    pub async fn reads(&self, id: &Value) -> Value {
        let answer = self.get(&format!("/api/tasks/{id}")).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        answer.json()
    }
}

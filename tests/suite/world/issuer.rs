//! An issuer of tokens, like Better Auth: key pairs, and a server that publishes their public halves.

mod keys;

pub use keys::KeyPair;

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

/// Where Better Auth publishes its keys.
pub const JWKS_PATH: &str = "/api/auth/jwks";

/// The answer of the issuer at one path.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// How long it waits before it answers. With [`NEVER`] it does not answer.
    pub pause: Duration,
    /// How long it waits between head and body.
    pub pause_before_body: Duration,
}

/// Longer than any test.
pub const NEVER: Duration = Duration::from_secs(86_400);

impl Reply {
    /// 200 with this body, as JSON.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: body.into(),
            pause: Duration::ZERO,
            pause_before_body: Duration::ZERO,
        }
        .header("content-type", "application/json")
    }

    /// A key set, as Better Auth publishes it.
    pub fn keys(keys: &[Value]) -> Self {
        Self::new(json!({ "keys": keys }).to_string())
    }

    /// The same with another status.
    pub fn status(mut self, status: u16) -> Self {
        self.status = StatusCode::from_u16(status).expect("a status");
        self
    }

    /// The same with a header, which replaces one of the same name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a header's name");
        self.headers.insert(name, HeaderValue::from_str(value).expect("a header's value"));
        self
    }

    /// The same, later.
    pub fn after(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// The same, with a body that comes later than the head.
    pub fn body_after(mut self, pause: Duration) -> Self {
        self.pause_before_body = pause;
        self
    }
}

/// A server on its own port. It ends with the test.
pub struct Issuer {
    pub address: SocketAddr,
    script: Arc<Mutex<Script>>,
    work: Work,
}

#[derive(Default)]
struct Script {
    replies: Vec<(String, Reply)>,
    requests: Vec<String>,
}

/// A port that is bound and not listened on refuses connections, and no other program can take it.
enum Work {
    Serving(JoinHandle<()>),
    Stopped(Option<TcpSocket>),
}

impl Issuer {
    /// An issuer that publishes the public halves of `pairs` at the path of Better Auth.
    pub async fn new(pairs: &[&KeyPair]) -> Self {
        let socket = try_bound((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        let address = socket.local_addr().expect("an address");
        let work = Work::Stopped(Some(socket));
        let mut issuer = Self { address, script: Arc::default(), work };
        issuer.publish(&public(pairs));
        issuer.start();
        issuer
    }

    /// Its origin, for `BETTER_AUTH_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The claims that Better Auth writes for alice, valid for a quarter of an hour, with some of them changed. Null removes
    /// a claim.
    pub fn claims(&self, changes: Value) -> Value {
        let now = jiff::Timestamp::now().as_second();
        let mut claims = json!({
            "iat": now, "name": "Alice", "email": "alice@example.org", "emailVerified": false, "image": null,
            "id": "alice", "sub": "alice", "exp": now + 900, "iss": self.url(), "aud": self.url(),
        });
        for (name, value) in changes.as_object().expect("an object") {
            match value {
                Value::Null => claims.as_object_mut().expect("an object").remove(name),
                value => claims.as_object_mut().expect("an object").insert(name.clone(), value.clone()),
            };
        }
        claims
    }

    /// Publishes these keys from now on, and no others.
    pub fn publish(&self, keys: &[Value]) {
        self.reply(JWKS_PATH, Reply::keys(keys));
    }

    /// Gives this answer at this path from now on. At other paths it answers 404.
    pub fn reply(&self, path: &str, reply: Reply) {
        let mut script = self.script.lock().expect("no poison");
        script.replies.retain(|(known, _)| known != path);
        script.replies.push((path.to_owned(), reply));
    }

    /// How many requests have arrived, at any path.
    pub fn fetches(&self) -> usize {
        self.requested_paths().len()
    }

    /// The paths of the requests in order, each with its query.
    pub fn requested_paths(&self) -> Vec<String> {
        self.script.lock().expect("no poison").requests.clone()
    }

    /// Closes the open connections and refuses new ones.
    pub async fn stop(&mut self) {
        if let Work::Serving(serving) = &mut self.work {
            serving.abort();
            let _ = serving.await;
            self.work = Work::Stopped(Some(self.keep_port().await));
        }
    }

    /// Binds the port again. A client of another test can have it for a moment.
    async fn keep_port(&self) -> TcpSocket {
        for _ in 0..200 {
            match try_bound(self.address) {
                Err(error) if error.kind() == ErrorKind::AddrInUse => sleep(Duration::from_millis(20)).await,
                socket => return socket.expect("a port"),
            }
        }
        panic!("the port stays in use");
    }

    /// Starts again on the same port.
    pub fn start(&mut self) {
        if let Work::Stopped(socket) = &mut self.work {
            let socket = socket.take().expect("a bound socket");
            let listener = socket.listen(64).expect("a port that was kept free");
            self.work = Work::Serving(tokio::spawn(serve(listener, self.script.clone())));
        }
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        if let Work::Serving(serving) = &self.work {
            serving.abort();
        }
    }
}

/// The published public halves.
pub fn public(pairs: &[&KeyPair]) -> Vec<Value> {
    pairs.iter().map(|pair| pair.jwk()).collect()
}

fn try_bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections that were closed a short time ago must not block the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn serve(listener: TcpListener, script: Arc<Mutex<Script>>) {
    // When this future is dropped, every connection is dropped with it.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let script = script.clone();
        connections.spawn(async move {
            let answer = service_fn(|request| answer(request, script.clone()));
            let connection = hyper::server::conn::http1::Builder::new();
            let _ = connection.serve_connection(TokioIo::new(stream), answer).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

type Response = http::Response<BoxBody<Bytes, Infallible>>;

async fn answer(
    request: http::Request<Incoming>,
    script: Arc<Mutex<Script>>,
) -> Result<Response, Infallible> {
    let reply = {
        let mut script = script.lock().expect("no poison");
        let path = request.uri().path_and_query().map(|path| path.to_string());
        script.requests.push(path.unwrap_or_default());
        let mut replies = script.replies.iter();
        replies.find(|(path, _)| path == request.uri().path()).map(|(_, reply)| reply.clone())
    };
    let reply = reply.unwrap_or(Reply::new("{}").status(404));
    tokio::time::sleep(reply.pause).await;

    let Reply { body, pause_before_body, .. } = reply;
    let body = if pause_before_body.is_zero() {
        Full::new(body).boxed()
    } else {
        let later = stream::once(async move {
            tokio::time::sleep(pause_before_body).await;
            Ok(Frame::data(body))
        });
        BodyExt::boxed(StreamBody::new(Box::pin(later)))
    };
    let mut response = http::Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    Ok(response)
}

mod tests {
    use jsonwebtoken::Algorithm;
    use jsonwebtoken::jwk::Jwk;
    use jsonwebtoken::{DecodingKey, Validation};

    use super::*;
    use crate::world::Person;

    /// The tests of tokens rely on this: the library verifies the tokens of a pair, too.
    #[test]
    fn a_token_of_a_pair_is_verified_by_its_public_half() {
        for algorithm in
            [Algorithm::EdDSA, Algorithm::ES256, Algorithm::ES384, Algorithm::RS256, Algorithm::PS256]
        {
            let pair = KeyPair::new(algorithm).with_kid("a kid");

            let token = pair.token(&json!({ "sub": "alice" }));

            let key: Jwk = serde_json::from_value(pair.jwk()).expect("a key");
            assert_eq!(key.common.key_id.as_deref(), Some("a kid"), "{algorithm:?}");
            let mut validation = Validation::new(algorithm);
            validation.set_required_spec_claims::<&str>(&[]);
            validation.validate_exp = false;
            let key = DecodingKey::from_jwk(&key).expect("a key");
            let claims = jsonwebtoken::decode::<Value>(&token, &key, &validation).map(|token| token.claims);
            assert_eq!(claims, Ok(json!({ "sub": "alice" })), "{algorithm:?}");
        }
    }

    #[tokio::test]
    async fn an_issuer_publishes_stops_and_starts_again() {
        let pair = KeyPair::new(Algorithm::EdDSA);
        let mut issuer = Issuer::new(&[&pair]).await;
        let reader = Person::with_token(issuer.address, None);

        assert_eq!(reader.get(JWKS_PATH).await.json(), json!({ "keys": [pair.jwk()] }));
        issuer.publish(&[]);
        assert_eq!(reader.get(JWKS_PATH).await.json(), json!({ "keys": [] }));
        let gone = Reply::new("gone").status(410).header("cache-control", "max-age=5");
        issuer.reply("/elsewhere", gone.body_after(Duration::from_millis(1)));
        let elsewhere = reader.get("/elsewhere?x=1").await;
        assert_eq!((elsewhere.status(), elsewhere.header("cache-control")), (410, "max-age=5"));
        assert_eq!(&elsewhere.body[..], b"gone");

        issuer.stop().await;
        assert!(tokio::net::TcpStream::connect(issuer.address).await.is_err());
        issuer.start();
        issuer.reply(JWKS_PATH, Reply::keys(&[]).after(NEVER));
        let waiting = tokio::time::timeout(Duration::from_millis(50), reader.get(JWKS_PATH));
        assert!(waiting.await.is_err());
        assert_eq!(reader.get("/nowhere").await.status(), 404);
        assert_eq!(
            issuer.requested_paths(),
            [JWKS_PATH, JWKS_PATH, "/elsewhere?x=1", JWKS_PATH, "/nowhere"].map(str::to_owned)
        );
        assert_eq!(issuer.fetches(), 5);
    }
}

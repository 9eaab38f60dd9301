//! A collector of spans: takes OTLP over HTTP on a port of its own, and keeps what it gets.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1 as otlp;
use prost::Message;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::operation::overload::eventually;
use crate::world::{Database, Signed, World};

/// What it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    Takes,
    Status(u16),
    /// 200, and bytes that are no answer of a collector.
    Garbage,
    /// Bytes that are not HTTP at all, and the end of the connection.
    NotHttp,
    /// Nothing, for as long as the test runs.
    Hangs,
}

/// A span as it arrived.
#[derive(Clone, Debug)]
pub struct Span {
    pub name: String,
    pub trace: String,
    pub id: String,
    /// Empty: it begins its trace.
    pub parent: String,
    pub state: String,
    pub kind: otlp::span::SpanKind,
    pub started: u64,
    pub ended: u64,
    pub attributes: BTreeMap<String, String>,
    pub is_error: bool,
    /// What its server says about itself.
    pub resource: BTreeMap<String, String>,
    pub has_remote_parent: bool,
}

#[derive(Default)]
struct Seen {
    spans: Vec<Span>,
    /// The bodies, to look for texts that must not be there.
    bytes: Vec<u8>,
    headers: Vec<HeaderMap>,
    paths: Vec<String>,
}

/// It ends with the test.
pub struct Collector {
    pub address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Mutex<Seen>>,
    reply: Arc<Mutex<Reply>>,
    connections: Arc<AtomicUsize>,
    work: JoinHandle<()>,
}

impl Collector {
    pub async fn new() -> Self {
        Self::start(None).await
    }

    /// One behind TLS.
    pub async fn with_tls(signed: Signed) -> Self {
        let key = PrivateKeyDer::try_from(signed.key.serialize_der()).expect("a key");
        let config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("versions")
                .with_no_client_auth()
                .with_single_cert(vec![signed.certificate.der().clone()], key)
                .expect("a certificate");
        Self::start(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (seen, connections) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicUsize>::default());
        let reply = Arc::new(Mutex::new(Reply::Takes));
        let (keeps, counts, replies) = (seen.clone(), connections.clone(), reply.clone());
        let work = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                counts.fetch_add(1, Ordering::SeqCst);
                let (keeps, replies, tls) = (keeps.clone(), replies.clone(), tls.clone());
                open.spawn(async move {
                    match tls {
                        None => serve(stream, keeps, replies).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, keeps, replies).await
                            }
                        }
                    }
                });
            }
        });
        Self { address, scheme, seen, reply, connections, work }
    }

    pub fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.address.port())
    }

    pub fn replies(&self, reply: Reply) {
        *self.reply.lock().expect("no poison") = reply;
    }

    /// A server that exports its spans here, soon.
    pub async fn world(&self, settings: &[(&str, &str)]) -> World {
        self.world_on(Database::new().await, settings).await
    }

    pub async fn world_on(&self, database: Database, settings: &[(&str, &str)]) -> World {
        let url = self.url();
        let own = [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "20")];
        World::on(database, &[&own, settings].concat()).await
    }

    /// How often somebody has connected.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn spans(&self) -> Vec<Span> {
        self.seen.lock().expect("no poison").spans.clone()
    }

    pub fn headers(&self) -> Vec<HeaderMap> {
        self.seen.lock().expect("no poison").headers.clone()
    }

    pub fn paths(&self) -> Vec<String> {
        self.seen.lock().expect("no poison").paths.clone()
    }

    /// Everything that it was sent.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().expect("no poison").bytes).into_owned()
    }

    /// The spans of the request with this id, the request's first and the others by their start, once it is there.
    pub async fn spans_of(&self, request: &str) -> Vec<Span> {
        let root = |spans: &[Span]| {
            let id = |span: &Span| {
                span.attributes.get("http.response.header.x-request-id") == Some(&request.into())
            };
            spans.iter().find(|span| id(span)).cloned()
        };
        eventually("the request is traced", async || root(&self.spans()).is_some()).await;
        let spans = self.spans();
        let root = root(&spans).expect("a span");
        let mut parts: Vec<_> = spans.into_iter().filter(|span| span.parent == root.id).collect();
        parts.sort_by_key(|span| (span.started, span.ended));
        [vec![root], parts].concat()
    }

    /// The span of that request.
    pub async fn span_of(&self, request: &str) -> Span {
        self.spans_of(request).await.swap_remove(0)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.work.abort();
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    seen: Arc<Mutex<Seen>>,
    reply: Arc<Mutex<Reply>>,
) {
    if *reply.lock().expect("no poison") == Reply::NotHttp {
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"\x00\xffthis is not HTTP\r\n\r\n").await;
        return;
    }
    let answer = service_fn(|request| answer(request, seen.clone(), reply.clone()));
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

async fn answer(
    request: http::Request<Incoming>,
    seen: Arc<Mutex<Seen>>,
    reply: Arc<Mutex<Reply>>,
) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(http::Response::default()) };
    let body = body.to_bytes();
    let reply = *reply.lock().expect("no poison");
    {
        let mut seen = seen.lock().expect("no poison");
        seen.bytes.extend_from_slice(&body);
        seen.paths.push(head.uri.path().to_owned());
        seen.headers.push(head.headers);
        if reply == Reply::Takes {
            seen.spans.extend(spans(&body));
        }
    }
    let answer = match reply {
        Reply::Takes => http::Response::new(Full::default()),
        Reply::Garbage | Reply::NotHttp => http::Response::new(Full::from(vec![0xff; 200_000])),
        Reply::Status(status) => {
            let answer = http::Response::builder().status(status).header("location", "http://localhost:9/");
            answer.body(Full::from("no")).expect("an answer")
        }
        Reply::Hangs => std::future::pending().await,
    };
    Ok(answer)
}

fn spans(body: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(body).expect("spans");
    let mut spans = Vec::new();
    for of_resource in request.resource_spans {
        let resource = attributes(of_resource.resource.unwrap_or_default().attributes);
        for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let kind = span.kind();
            spans.push(Span {
                kind,
                trace: hexadecimal(&span.trace_id),
                id: hexadecimal(&span.span_id),
                parent: hexadecimal(&span.parent_span_id),
                name: span.name,
                state: span.trace_state,
                started: span.start_time_unix_nano,
                ended: span.end_time_unix_nano,
                attributes: attributes(span.attributes),
                is_error: span.status.is_some_and(|status| status.code() == otlp::status::StatusCode::Error),
                resource: resource.clone(),
                has_remote_parent: span.flags & 0x200 != 0,
            });
        }
    }
    spans
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(list: Vec<KeyValue>) -> BTreeMap<String, String> {
    list.into_iter().map(|pair| (pair.key, text(pair.value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        Some(Value::ArrayValue(list)) => {
            list.values.into_iter().map(|value| text(Some(value))).collect::<Vec<_>>().join(",")
        }
        other => panic!("{other:?}"),
    }
}

//! The spans of one request: its own, and one for each of its parts.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::{SdkTracer, Span};

use super::TraceIds;

/// How many parts of a request have spans. A long list has three for each of its pages; they would crowd out the spans of
/// others.
const MAX_PARTS: u32 = 100;

/// The methods that the conventions of OpenTelemetry know.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];

/// A request that is traced, and whose spans are exported. Its span ends when this is told so, or is dropped.
#[derive(Debug)]
pub struct RequestTrace {
    tracer: SdkTracer,
    span: Mutex<Span>,
    ids: TraceIds,
    /// The parent of the parts.
    context: Context,
    /// The same moment on both clocks: spans have the time of day, and yet the order of a clock that nobody sets.
    began: (Instant, SystemTime),
    parts: AtomicU32,
}

/// What a span says about a request. No user, no token, and nothing of a body.
pub struct About<'a> {
    pub id: &'a str,
    pub method: &'a str,
    pub route: Option<&'static str>,
    /// As in the log, without the user.
    pub path: &'a str,
    pub client: IpAddr,
}

/// A part of a request that has ended.
pub struct Part {
    pub name: Cow<'static, str>,
    pub kind: SpanKind,
    pub started: Instant,
    pub attributes: Vec<KeyValue>,
    /// Why it has failed, for machines.
    pub error: Option<Cow<'static, str>>,
}

impl RequestTrace {
    /// Begins the span of a request. None if it is not to be exported.
    pub(super) fn begin(
        tracer: &SdkTracer,
        parent: &Context,
        started: Instant,
        about: &About<'_>,
    ) -> Option<Self> {
        let now = SystemTime::now();
        let began = (started, now.checked_sub(started.elapsed()).unwrap_or(now));
        // The sampler needs no more. Most requests may end here.
        let builder = tracer.span_builder("request").with_kind(SpanKind::Server).with_start_time(began.1);
        let mut span = tracer.build_with_context(builder, parent);
        if !span.is_recording() {
            return None;
        }
        let known = METHODS.contains(&about.method);
        let word = if known { about.method } else { "HTTP" };
        span.update_name(about.route.map_or_else(|| word.to_owned(), |route| format!("{word} {route}")));
        let method = if known { about.method.to_owned() } else { "_OTHER".to_owned() };
        let id = Value::Array(Array::String(vec![StringValue::from(about.id.to_owned())]));
        span.set_attributes([
            KeyValue::new("http.request.method", method),
            KeyValue::new("url.path", about.path.to_owned()),
            KeyValue::new("url.scheme", "http"),
            KeyValue::new("client.address", about.client.to_string()),
            KeyValue::new("http.response.header.x-request-id", id),
        ]);
        span.set_attributes(about.route.map(|route| KeyValue::new("http.route", route)));

        let own = span.span_context().clone();
        let ids = TraceIds { trace: Some(own.trace_id()), span: Some(own.span_id()) };
        let context = Context::new().with_remote_span_context(own);
        let (tracer, span, parts) = (tracer.clone(), Mutex::new(span), AtomicU32::new(0));
        Some(Self { tracer, span, ids, context, began, parts })
    }

    pub fn ids(&self) -> TraceIds {
        self.ids
    }

    /// Adds the span of a part that ends now.
    pub fn part(&self, part: Part) {
        if self.parts.fetch_add(1, Relaxed) >= MAX_PARTS {
            return;
        }
        let Part { name, kind, started, mut attributes, error } = part;
        let status = if error.is_some() { Status::error("") } else { Status::Unset };
        attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
        let builder = self.tracer.span_builder(name).with_kind(kind).with_attributes(attributes);
        let builder = builder.with_start_time(self.time_of_day(started));
        let mut span = self.tracer.build_with_context(builder, &self.context);
        span.set_status(status);
        span.end_with_timestamp(self.time_of_day(Instant::now()));
    }

    /// Ends the span of the request. Without a status its client has left.
    pub fn end(&self, status: Option<u16>) {
        let mut span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
        span.set_attributes(
            status.map(|status| KeyValue::new("http.response.status_code", i64::from(status))),
        );
        // A refusal is a fault of the client, not of this server.
        if let Some(status @ 500..) = status {
            span.set_status(Status::error(""));
            span.set_attribute(KeyValue::new("error.type", status.to_string()));
        }
        let left_out = self.parts.load(Relaxed).saturating_sub(MAX_PARTS);
        if left_out > 0 {
            span.set_attribute(KeyValue::new("rowkeep.left_out_spans", i64::from(left_out)));
        }
        span.end_with_timestamp(self.time_of_day(Instant::now()));
    }

    fn time_of_day(&self, moment: Instant) -> SystemTime {
        let (instant, time_of_day) = self.began;
        time_of_day + moment.saturating_duration_since(instant)
    }
}

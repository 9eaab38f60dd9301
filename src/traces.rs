//! Traces: a span for each request and for each of its parts, exported to a collector (OTLP).
//!
//! Off, which is the default, nothing of OpenTelemetry is made: no thread, no connection, no id. Only the trace of a valid
//! `traceparent` is read, for the log.
//!
//! The spans are made by hand, at four places and with the times that are measured there anyway. A request waits for nothing of
//! this: a span that has ended goes to a queue with a bound, or is dropped and counted.

mod collector;
mod export;
mod parent;
mod request;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use http::HeaderMap;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceId, TracerProvider};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};
use url::Url;

use crate::instance;
use crate::tls::Roots;
use collector::Collector;
use export::{Exporter, Queue, Spans};
pub use parent::parent;
pub use request::{About, Part, RequestTrace};

/// Where spans go, and which.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The URL that takes spans.
    pub endpoint: Url,
    /// Headers of each request to the collector, such as a key. They are marked as secret.
    pub headers: HeaderMap,
    /// How long the collector may take to answer.
    pub timeout: Duration,
    /// The root certificates of the collector; none: the public ones and those of this machine.
    pub roots: Option<Roots>,
    /// What is said about this server. `service.name` is there.
    pub resource: Vec<(String, String)>,
    pub sampler: Sampler,
    /// How often spans are exported that wait.
    pub delay: Duration,
    /// How many spans wait at most, and how many are exported at once.
    pub queue: usize,
    pub batch: usize,
}

/// What the log says about the trace of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceIds {
    /// The trace, if its caller or this server exports it.
    pub trace: Option<TraceId>,
    /// The span of the request, if it is exported.
    pub span: Option<SpanId>,
}

/// Begins the traces of requests, and exports them.
pub struct Traces {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
}

impl Traces {
    /// Starts the thread that exports. Metrics must have been installed before, if there are any. Needs the runtime.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn start(settings: &Settings) -> Result<Self, String> {
        let collector = Collector::new(settings)?;
        let text = |value: &http::HeaderValue| value.to_str().map(str::to_owned);
        let headers = settings.headers.iter();
        let headers: HashMap<_, _> =
            headers.filter_map(|(name, value)| Some((name.to_string(), text(value).ok()?))).collect();
        let otlp = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(collector.clone())
            .with_endpoint(settings.endpoint.as_str())
            .with_headers(headers)
            .with_timeout(settings.timeout)
            .with_protocol(Protocol::HttpBinary)
            .build()
            .map_err(|error| format!("the exporter of spans: {error}"))?;
        let spans = Spans::new(settings.queue);
        let place = settings.endpoint.origin().ascii_serialization();
        tracing::info!(rowkeep.collector = place, "spans are exported");
        let exporter = Exporter { otlp, collector, place, spans: spans.clone(), told: Default::default() };
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(settings.queue)
            .with_max_export_batch_size(settings.batch)
            .with_scheduled_delay(settings.delay);
        let batches = BatchSpanProcessor::builder(exporter).with_batch_config(batches.build()).build();
        let provider = SdkTracerProvider::builder()
            .with_sampler(settings.sampler.clone())
            .with_resource(resource(&settings.resource))
            .with_span_processor(Queue { batches, spans })
            .build();
        let scope = InstrumentationScope::builder("rowkeep").with_version(env!("CARGO_PKG_VERSION")).build();
        Ok(Self { tracer: provider.tracer_with_scope(scope), provider })
    }

    /// Begins the span of a request. None if it is not to be exported.
    pub fn begin(
        &self,
        parent: Option<&SpanContext>,
        started: Instant,
        about: &About<'_>,
    ) -> Option<RequestTrace> {
        let context = Context::new();
        let context = match parent {
            Some(parent) => context.with_remote_span_context(parent.clone()),
            None => context,
        };
        RequestTrace::begin(&self.tracer, &context, started, about)
    }

    /// Exports what waits, for as long as the collector takes it within `limit`.
    pub async fn end(&self, limit: Duration) {
        let provider = self.provider.clone();
        // It waits for the thread that exports.
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(limit)).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::warn!("stopped before all spans were exported");
        }
    }
}

/// Begins the series that count spans, for those who scrape a server without traces.
pub fn begin_series() {
    drop(Spans::new(0));
}

/// What is said about this server. The later one of two attributes with the same name counts.
fn resource(settings: &[(String, String)]) -> Resource {
    let own = [
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        // As in `application_name`, so that a trace leads to the connections of its server.
        KeyValue::new("service.instance.id", instance::name()),
    ];
    let configured = settings.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes(own)
        .with_attributes(configured)
        .build()
}

//! Spans on their way to the collector: counted, and never waited for.
//!
//! A full queue drops spans. The SDK counts them for itself alone, so the queue is measured here, before it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::metrics::{Counter, counter};
use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor};

use super::collector::Collector;

/// How often the log says that spans are lost.
const LINE_INTERVAL: Duration = Duration::from_secs(60);

/// What becomes of spans.
#[derive(Debug)]
pub(super) struct Spans {
    /// How many spans wait at most.
    limit: usize,
    waiting: AtomicUsize,
    /// How many were not exported, since the start.
    lost: AtomicU64,
    exported: Counter,
    dropped: Counter,
    failed: Counter,
}

impl Spans {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        let outcome = |outcome: &'static str| counter!("rowkeep_spans_total", "outcome" => outcome);
        Arc::new(Self {
            limit,
            waiting: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
            exported: outcome("exported"),
            dropped: outcome("dropped"),
            failed: outcome("failed"),
        })
    }

    /// Whether one more may wait.
    fn admit(&self) -> bool {
        let is_admitted = self.waiting.fetch_add(1, Relaxed) < self.limit;
        if !is_admitted {
            self.waiting.fetch_sub(1, Relaxed);
            self.lost.fetch_add(1, Relaxed);
            self.dropped.increment(1);
        }
        is_admitted
    }
}

/// The queue of the SDK, and what becomes of spans before it.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) batches: BatchSpanProcessor,
    pub(super) spans: Arc<Spans>,
}

impl SpanProcessor for Queue {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.batches.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.spans.admit() {
            self.batches.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// The exporter of the SDK, and what the log says about it.
#[derive(Debug)]
pub(super) struct Exporter {
    pub(super) otlp: opentelemetry_otlp::SpanExporter,
    pub(super) collector: Collector,
    /// Where the collector is, for the log.
    pub(super) place: String,
    pub(super) spans: Arc<Spans>,
    pub(super) told: Mutex<Told>,
}

/// What the log says already.
#[derive(Debug, Default)]
pub(super) struct Told {
    lost: u64,
    when: Option<Instant>,
    is_failing: bool,
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let number = batch.len();
        self.spans.waiting.fetch_sub(number, Relaxed);
        let exported = self.otlp.export(batch).await;
        if exported.is_ok() {
            self.spans.exported.increment(number as u64);
        } else {
            self.spans.failed.increment(number as u64);
            self.spans.lost.fetch_add(number as u64, Relaxed);
        }
        self.tell(&exported);
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.otlp.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.otlp.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.otlp.set_resource(resource);
    }
}

impl Exporter {
    /// Logs that spans are lost, once a minute while they are, and that the collector takes them again.
    fn tell(&self, exported: &OTelSdkResult) {
        let lost = self.spans.lost.load(Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told.when.is_none_or(|when| when.elapsed() >= LINE_INTERVAL);
        if lost > told.lost && is_due {
            let cause = |error: &_| self.collector.problem().unwrap_or_else(|| format!("{error}"));
            let problem = exported.as_ref().err().map(cause);
            tracing::warn!(
                rowkeep.collector = self.place,
                rowkeep.lost_spans = lost,
                error.message = problem.as_deref().unwrap_or("more spans came than the queue holds"),
                "spans are lost"
            );
            *told = Told { lost, when: Some(Instant::now()), is_failing: exported.is_err() };
        } else if exported.is_ok() && std::mem::take(&mut told.is_failing) {
            tracing::info!(rowkeep.collector = self.place, "spans are exported again");
        }
    }
}

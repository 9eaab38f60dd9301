//! What the server counts and measures, for Prometheus.
//!
//! Nothing is recorded before [`install`]. Until then each handle of the crate `metrics` is empty, and to use it costs one
//! comparison. So `install` comes before every module that keeps handles.
//!
//! Handles are kept where something is counted for each request. All else is read when Prometheus asks: the modules know
//! their own figures.

mod table;
mod times;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

pub use table::{Kind, METRICS, Metric};
pub use times::RequestTimes;

use crate::version;

/// The upper bounds of the buckets of every histogram, in seconds. A statement takes a tenth of a millisecond to seconds, and
/// no request waits longer than `REQUEST_TIMEOUT`.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// How often measured times move into the buckets. Until then each takes 16 bytes.
pub const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);

/// The recorded metrics, in the text format of Prometheus.
#[derive(Clone)]
pub struct Exporter(PrometheusHandle);

/// Starts to record. Can be called once.
///
/// # Errors
/// When something records already.
pub fn install() -> Result<Exporter, String> {
    let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).map_err(|error| error.to_string())?;
    let handle = builder.install_recorder().map_err(|error| error.to_string())?;
    for Metric { name, kind, help, .. } in METRICS {
        match kind {
            Kind::Counter => describe_counter!(*name, *help),
            Kind::Gauge => describe_gauge!(*name, *help),
            Kind::Histogram => describe_histogram!(*name, Unit::Seconds, *help),
        }
    }
    gauge!("process_start_time_seconds").set(unix_seconds(SystemTime::now()));
    gauge!("rowkeep_build_info", "version" => env!("CARGO_PKG_VERSION"), "commit" => version::COMMIT)
        .set(1.0);
    Ok(Exporter(handle))
}

impl Exporter {
    /// Every series with its value.
    pub fn text(&self) -> String {
        self.0.render()
    }

    /// Moves measured times into their buckets, again and again. Without it they would pile up if nobody asks for metrics.
    pub async fn keep_up(self) {
        loop {
            tokio::time::sleep(UPKEEP_INTERVAL).await;
            self.0.run_upkeep();
        }
    }
}

/// A moment as Prometheus has it.
pub fn unix_seconds(moment: SystemTime) -> f64 {
    moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

//! The settings of traces: standard variables of OpenTelemetry. A value that is wrong is refused, as for every other setting.
//!
//! The SDK would read most of them itself. But it ignores what it does not understand, and does not see `.env`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry_sdk::trace::Sampler;
use percent_encoding::percent_decode_str;
use url::Url;

use super::parse::{Problems, or_default};
use crate::tls::Roots;
use crate::traces;

/// The defaults of OpenTelemetry, in milliseconds and spans.
const TIMEOUT: u64 = 10_000;
const SAMPLER: &str = "parentbased_always_on";
const SCHEDULE_DELAY: u64 = 5000;
const MAX_QUEUE_SIZE: u64 = 2048;
const MAX_EXPORT_BATCH_SIZE: u64 = 512;
const EXPORT_TIMEOUT: u64 = 30_000;

/// The protocol that is supported.
const PROTOCOL: &str = "http/protobuf";

/// What the base of an endpoint is followed by (OTLP exporter specification, "Endpoint URLs for OTLP/HTTP").
const TRACES_PATH: &str = "v1/traces";

/// The settings before they are parsed.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Traces (standard variables of OpenTelemetry)")]
pub(super) struct TraceSettings {
    /// URL of a collector that takes spans (OTLP over HTTP): http://localhost:4318; nothing is traced without it [default:
    /// none]
    #[arg(long, env, global = true, value_name = "URL")]
    #[arg(default_value = "", hide_default_value = true)]
    otel_exporter_otlp_endpoint: String,
    /// The same with the path, in the place of OTEL_EXPORTER_OTLP_ENDPOINT: http://localhost:4318/v1/traces [default: none]
    #[arg(long, env, global = true, value_name = "URL")]
    #[arg(default_value = "", hide_default_value = true)]
    otel_exporter_otlp_traces_endpoint: String,
    /// Headers for the collector, such as a key: name=value,name=value, with %20 and the like for special characters
    #[arg(long, env, global = true, hide = true, value_name = "LIST")]
    #[arg(default_value = "", hide_default_value = true)]
    pub(super) otel_exporter_otlp_headers: String,
    /// File with OTEL_EXPORTER_OTLP_HEADERS [default: none]
    #[arg(long, env, global = true, value_name = "PATH")]
    #[arg(default_value = "", hide_default_value = true)]
    pub(super) otel_exporter_otlp_headers_file: String,
    /// The same, in the place of OTEL_EXPORTER_OTLP_HEADERS
    #[arg(long, env, global = true, hide = true, value_name = "LIST")]
    #[arg(default_value = "", hide_default_value = true)]
    otel_exporter_otlp_traces_headers: String,
    /// http/protobuf, the only protocol that is supported
    #[arg(long, env, global = true, value_name = "NAME", default_value = PROTOCOL)]
    otel_exporter_otlp_protocol: String,
    /// The same, in the place of OTEL_EXPORTER_OTLP_PROTOCOL [default: none]
    #[arg(long, env, global = true, value_name = "NAME")]
    #[arg(default_value = "", hide_default_value = true)]
    otel_exporter_otlp_traces_protocol: String,
    /// none, the only compression that is supported
    #[arg(long, env, global = true, value_name = "NAME", default_value = "none")]
    otel_exporter_otlp_compression: String,
    /// The same, in the place of OTEL_EXPORTER_OTLP_COMPRESSION [default: none]
    #[arg(long, env, global = true, value_name = "NAME")]
    #[arg(default_value = "", hide_default_value = true)]
    otel_exporter_otlp_traces_compression: String,
    /// Milliseconds that the collector may take to answer
    #[arg(long, env, global = true, value_name = "MILLISECONDS", default_value_t = TIMEOUT.to_string())]
    otel_exporter_otlp_timeout: String,
    /// The same, in the place of OTEL_EXPORTER_OTLP_TIMEOUT [default: none]
    #[arg(long, env, global = true, value_name = "MILLISECONDS")]
    #[arg(default_value = "", hide_default_value = true)]
    otel_exporter_otlp_traces_timeout: String,
    /// File with the root certificates (PEM) that the collector must have [default: the public ones and those of this machine]
    #[arg(long, env, global = true, value_name = "PATH")]
    #[arg(default_value = "", hide_default_value = true)]
    otel_exporter_otlp_certificate: String,
    /// The same, in the place of OTEL_EXPORTER_OTLP_CERTIFICATE [default: none]
    #[arg(long, env, global = true, value_name = "PATH")]
    #[arg(default_value = "", hide_default_value = true)]
    otel_exporter_otlp_traces_certificate: String,
    /// Name of this server in traces [default: rowkeep]
    #[arg(long, env, global = true, value_name = "NAME")]
    #[arg(default_value = "", hide_default_value = true)]
    otel_service_name: String,
    /// What else traces say about this server: name=value,name=value, with %20 and the like for special characters [default:
    /// none]
    #[arg(long, env, global = true, value_name = "LIST")]
    #[arg(default_value = "", hide_default_value = true)]
    otel_resource_attributes: String,
    /// Which requests are traced: always_on, always_off, traceidratio, or one of them with parentbased_ before it, which does
    /// as the caller says where the caller has a trace
    #[arg(long, env, global = true, value_name = "NAME", default_value = SAMPLER)]
    otel_traces_sampler: String,
    /// The part of the requests that traceidratio traces, from 0 to 1 [default: 1]
    #[arg(long, env, global = true, value_name = "RATIO")]
    #[arg(default_value = "", hide_default_value = true)]
    otel_traces_sampler_arg: String,
    /// otlp, or none to trace nothing
    #[arg(long, env, global = true, value_name = "NAME", default_value = "otlp")]
    otel_traces_exporter: String,
    /// true: trace nothing
    #[arg(long, env, global = true, value_name = "BOOL", default_value = "false")]
    otel_sdk_disabled: String,
    /// Milliseconds between two exports
    #[arg(long, env, global = true, value_name = "MILLISECONDS", default_value_t = SCHEDULE_DELAY.to_string())]
    otel_bsp_schedule_delay: String,
    /// Largest number of spans that wait for their export; more are dropped, and counted
    #[arg(long, env, global = true, value_name = "N", default_value_t = MAX_QUEUE_SIZE.to_string())]
    otel_bsp_max_queue_size: String,
    /// Largest number of spans in one export
    #[arg(long, env, global = true, value_name = "N", default_value_t = MAX_EXPORT_BATCH_SIZE.to_string())]
    otel_bsp_max_export_batch_size: String,
    /// Milliseconds that one export may take; the shorter one of this and OTEL_EXPORTER_OTLP_TIMEOUT counts
    #[arg(long, env, global = true, value_name = "MILLISECONDS", default_value_t = EXPORT_TIMEOUT.to_string())]
    otel_bsp_export_timeout: String,
}

/// Lists of names and values, percent-decoded.
type Pairs = Vec<(String, String)>;

impl TraceSettings {
    /// None if nothing is traced: then the other settings are not looked at, which can be meant for other programs.
    pub(super) fn parse(&self, problems: &mut Problems) -> Option<traces::Settings> {
        let is_off = problems.boolean("OTEL_SDK_DISABLED", &self.otel_sdk_disabled);
        let is_exported = match or_default(&self.otel_traces_exporter, "otlp") {
            "otlp" => true,
            "none" => false,
            other => {
                problems.add(format!("OTEL_TRACES_EXPORTER is {other:?}; it must be otlp or none"));
                true
            }
        };
        let (name, text) = first([
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &self.otel_exporter_otlp_traces_endpoint),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &self.otel_exporter_otlp_endpoint),
        ]);
        if is_off || !is_exported || text.is_empty() {
            return None;
        }
        let endpoint = endpoint(text, name == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let endpoint = endpoint.map_err(|problem| problems.add(format!("{name} {problem}"))).ok();
        self.require_supported(problems);

        let (name, text) = first([
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", &self.otel_exporter_otlp_traces_headers),
            ("OTEL_EXPORTER_OTLP_HEADERS", &self.otel_exporter_otlp_headers),
        ]);
        let headers = problems.value(name, headers(text));
        let (name, text) = first([
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", &self.otel_exporter_otlp_traces_timeout),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", &self.otel_exporter_otlp_timeout),
        ]);
        let timeout = problems.number(name, text, TIMEOUT, 1..=600_000);
        let export_timeout = problems.number(
            "OTEL_BSP_EXPORT_TIMEOUT",
            &self.otel_bsp_export_timeout,
            EXPORT_TIMEOUT,
            1..=600_000,
        );
        let delay = problems.number(
            "OTEL_BSP_SCHEDULE_DELAY",
            &self.otel_bsp_schedule_delay,
            SCHEDULE_DELAY,
            1..=600_000,
        );
        let queue = problems.number(
            "OTEL_BSP_MAX_QUEUE_SIZE",
            &self.otel_bsp_max_queue_size,
            MAX_QUEUE_SIZE,
            1..=100_000,
        );
        let batch = problems.number(
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
            &self.otel_bsp_max_export_batch_size,
            MAX_EXPORT_BATCH_SIZE.min(queue),
            1..=queue,
        );
        Some(traces::Settings {
            roots: self.roots(problems),
            resource: self.resource(problems),
            sampler: self.sampler(problems),
            endpoint: endpoint?,
            headers,
            timeout: Duration::from_millis(timeout.min(export_timeout)),
            delay: Duration::from_millis(delay),
            queue: queue as usize,
            batch: batch as usize,
        })
    }

    fn require_supported(&self, problems: &mut Problems) {
        let (name, text) = first([
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", &self.otel_exporter_otlp_traces_protocol),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", &self.otel_exporter_otlp_protocol),
        ]);
        let protocol = or_default(text, PROTOCOL);
        if protocol != PROTOCOL {
            problems.add(format!(
                "{name} is {protocol:?}; only {PROTOCOL} is supported: collectors take it at port 4318, and gRPC at port 4317"
            ));
        }
        let (name, text) = first([
            ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", &self.otel_exporter_otlp_traces_compression),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", &self.otel_exporter_otlp_compression),
        ]);
        let compression = or_default(text, "none");
        if compression != "none" {
            problems.add(format!("{name} is {compression:?}; only none is supported"));
        }
    }

    fn roots(&self, problems: &mut Problems) -> Option<Roots> {
        let (name, path) = first([
            ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", &self.otel_exporter_otlp_traces_certificate),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", &self.otel_exporter_otlp_certificate),
        ]);
        if path.is_empty() {
            return None;
        }
        let roots = Roots::File(PathBuf::from(path));
        if let Err(problem) = roots.read() {
            problems.add(format!("{name}: {problem}"));
        }
        Some(roots)
    }

    /// The name of the service comes last, so that it counts.
    fn resource(&self, problems: &mut Problems) -> Pairs {
        let mut pairs: Pairs =
            problems.value("OTEL_RESOURCE_ATTRIBUTES", pairs(&self.otel_resource_attributes));
        let has_name = pairs.iter().any(|(name, _)| name == "service.name");
        match self.otel_service_name.trim() {
            "" if has_name => {}
            name => pairs.push(("service.name".into(), or_default(name, "rowkeep").into())),
        }
        pairs
    }

    fn sampler(&self, problems: &mut Problems) -> Sampler {
        let name = or_default(&self.otel_traces_sampler, SAMPLER);
        let of_parent = name.strip_prefix("parentbased_");
        let sampler = match of_parent.unwrap_or(name) {
            "always_on" => Sampler::AlwaysOn,
            "always_off" => Sampler::AlwaysOff,
            "traceidratio" => Sampler::TraceIdRatioBased(self.ratio(problems)),
            _ => {
                problems.add(format!(
                    "OTEL_TRACES_SAMPLER is {name:?}; it must be always_on, always_off or traceidratio, or one of them with \
                     parentbased_ before it"
                ));
                Sampler::AlwaysOff
            }
        };
        if of_parent.is_some() { Sampler::ParentBased(Box::new(sampler)) } else { sampler }
    }

    fn ratio(&self, problems: &mut Problems) -> f64 {
        let text = or_default(&self.otel_traces_sampler_arg, "1");
        match text.parse() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
            _ => {
                problems.add(format!("OTEL_TRACES_SAMPLER_ARG is {text:?}; it must be a number from 0 to 1"));
                1.0
            }
        }
    }
}

/// The first setting that has a value, or else the last one.
fn first<'a>(settings: [(&'static str, &'a String); 2]) -> (&'static str, &'a str) {
    let [special, general] = settings.map(|(name, text)| (name, text.trim()));
    if special.1.is_empty() { general } else { special }
}

/// # Errors
/// The rest of a sentence. It does not repeat the URL, in which somebody may have put a key.
fn endpoint(text: &str, is_complete: bool) -> Result<Url, &'static str> {
    let advice = "is not a URL such as http://localhost:4318";
    let mut url = Url::parse(text).map_err(|_| advice)?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(advice);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "has a user or a password: put it into OTEL_EXPORTER_OTLP_HEADERS, as Authorization=Basic%20…",
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a ? or a #: put a key into OTEL_EXPORTER_OTLP_HEADERS");
    }
    if !is_complete {
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{TRACES_PATH}"));
    }
    Ok(url)
}

/// # Errors
/// Which entry is wrong. The text repeats none.
fn headers(text: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (number, (name, value)) in (1..).zip(pairs(text)?) {
        let problem = || format!("entry {number} is not a header as HTTP has them");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| problem())?;
        let mut value = HeaderValue::try_from(value).map_err(|_| problem())?;
        value.to_str().map_err(|_| problem())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// # Errors
/// Which entry is wrong. The text repeats none.
fn pairs(text: &str) -> Result<Pairs, String> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let pair = |(number, entry): (u32, &str)| {
        let decoded = |text: &str| Some(percent_decode_str(text.trim()).decode_utf8().ok()?.into_owned());
        let pair = entry.split_once('=').and_then(|(name, value)| Some((decoded(name)?, decoded(value)?)));
        pair.filter(|(name, _)| !name.is_empty()).ok_or_else(|| format!("entry {number} is not name=value"))
    };
    (1..).zip(entries).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_traces_follows_a_base_and_no_complete_url() {
        for (text, is_complete, wanted) in [
            ("http://localhost:4318", false, "http://localhost:4318/v1/traces"),
            ("http://localhost:4318/", false, "http://localhost:4318/v1/traces"),
            ("https://a.example/otlp", false, "https://a.example/otlp/v1/traces"),
            ("https://a.example/otlp/", false, "https://a.example/otlp/v1/traces"),
            ("http://localhost:4318", true, "http://localhost:4318/"),
            ("https://a.example/v1/traces", true, "https://a.example/v1/traces"),
        ] {
            assert_eq!(endpoint(text, is_complete).expect(text).as_str(), wanted);
        }
    }

    #[test]
    fn a_url_that_is_none_or_can_hold_a_key_is_refused_without_being_repeated() {
        for text in [
            "localhost:4318",
            "hush",
            "grpc://hush:4317",
            "unix:///hush",
            "http://",
            "https://user:hush@a.example",
            "https://hush@a.example",
            "https://a.example/?key=hush",
            "https://a.example/#hush",
        ] {
            let problem = endpoint(text, false).expect_err(text);
            assert!(!problem.contains("hush"), "{problem}");
        }
    }

    #[test]
    fn a_list_is_decoded_and_its_wrong_entry_is_named_by_number() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        for (text, wanted) in [
            ("", vec![]),
            ("a=b", vec![pair("a", "b")]),
            (" a = b , c=d=e ,", vec![pair("a", "b"), pair("c", "d=e")]),
            ("authorization=Basic%20eA%3D%3D", vec![pair("authorization", "Basic eA==")]),
            ("a=", vec![pair("a", "")]),
        ] {
            assert_eq!(pairs(text), Ok(wanted), "{text}");
        }
        for (text, number) in [("hush", 1), ("a=b,hush", 2), ("=hush", 1), ("a=%ffhush", 1)] {
            assert_eq!(pairs(text), Err(format!("entry {number} is not name=value")), "{text}");
        }
    }

    #[test]
    fn a_header_is_marked_as_secret_and_one_that_http_does_not_have_is_refused() {
        let found = headers("x-key=hush").expect("headers");

        assert_eq!(found.get("x-key").and_then(|value| value.to_str().ok()), Some("hush"));
        assert!(!format!("{found:?}").contains("hush"));
        for text in ["a b=c", "a=%0d%0ahush", "a=%00", "a=é"] {
            assert!(headers(text).is_err_and(|problem| !problem.contains("hush")), "{text}");
        }
    }
}

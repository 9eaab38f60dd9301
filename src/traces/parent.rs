//! The trace that a caller continues: `traceparent` and `tracestate` (W3C Trace Context, level 2).
//!
//! Not the propagator of the SDK: it also accepts ids that are too short, signs before them, and the first one of several
//! headers.

use http::HeaderName;
use http::header::HeaderMap;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The length of a `traceparent` of version 00. One of a later version can go on after it.
const LENGTH: usize = 55;

/// The longest `tracestate` that is kept, in bytes. The standard asks for no more, and every span of a request has it.
const MAX_STATE_BYTES: usize = 512;

/// The caller's span; none if there is no `traceparent`, or one that is not valid. Then the request begins a trace.
pub fn parent(headers: &HeaderMap) -> Option<SpanContext> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (trace, span, flags) = parse(value.to_str().ok()?)?;
    Some(SpanContext::new(trace, span, flags, true, state(headers)))
}

fn parse(text: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let (known, rest) = text.split_at_checked(LENGTH)?;
    let mut fields = known.split('-');
    let mut hexadecimal = |digits: usize| {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        fields.next().filter(|field| field.len() == digits && field.bytes().all(is_digit))
    };
    let version = hexadecimal(2)?;
    let (trace, span, flags) = (hexadecimal(32)?, hexadecimal(16)?, hexadecimal(2)?);
    let is_complete = match version {
        "00" => rest.is_empty(),
        "ff" => false,
        _ => rest.is_empty() || rest.starts_with('-'),
    };
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    (is_complete && trace != TraceId::INVALID && span != SpanId::INVALID).then_some((trace, span, flags))
}

/// What tracing systems before this one have noted. Without effect on the ids: a state that is not valid is left out.
fn state(headers: &HeaderMap) -> TraceState {
    let values: Option<Vec<_>> =
        headers.get_all(TRACESTATE).iter().map(|value| value.to_str().ok()).collect();
    let text = values.unwrap_or_default().join(",");
    if text.len() > MAX_STATE_BYTES {
        return TraceState::NONE;
    }
    text.parse().unwrap_or(TraceState::NONE)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn headers(values: &[(&'static str, &str)]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).expect("a value");
        let mut headers = HeaderMap::new();
        for (name, text) in values {
            headers.append(*name, value(text));
        }
        headers
    }

    fn of(text: &str) -> Option<SpanContext> {
        parent(&headers(&[("traceparent", text)]))
    }

    #[test]
    fn a_traceparent_names_the_trace_the_span_and_whether_it_is_sampled() {
        for (flags, is_sampled) in [("00", false), ("01", true), ("02", false), ("03", true), ("ff", true)] {
            let parent = of(&format!("00-{TRACE}-{SPAN}-{flags}")).expect(flags);

            assert_eq!(parent.trace_id().to_string(), TRACE);
            assert_eq!(parent.span_id().to_string(), SPAN);
            assert_eq!((parent.is_sampled(), parent.is_remote()), (is_sampled, true), "{flags}");
        }
    }

    #[test]
    fn a_later_version_can_go_on_after_a_dash() {
        for valid in ["01", "cc", "fe"] {
            for rest in ["", "-", "-what-ever"] {
                assert!(of(&format!("{valid}-{TRACE}-{SPAN}-01{rest}")).is_some(), "{valid} {rest}");
            }
            assert!(of(&format!("{valid}-{TRACE}-{SPAN}-01.x")).is_none(), "{valid}");
        }
    }

    #[test]
    fn a_traceparent_that_is_not_valid_counts_as_none() {
        let good = format!("00-{TRACE}-{SPAN}-01");
        for bad in [
            String::new(),
            "00".into(),
            format!("{good}-"),
            format!("{good}-00"),
            format!("{good}0"),
            format!("0{good}"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("0G-{TRACE}-{SPAN}-01"),
            format!("+0-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{}-01", SPAN.to_uppercase()),
            format!("CC-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-0A"),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{}-{SPAN}-01-", &TRACE[1..]),
            format!("00-+{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-1-"),
            format!("00-{TRACE}-{SPAN}-+1"),
            format!("00_{TRACE}_{SPAN}_01"),
            format!("00-{TRACE}{SPAN}--01"),
            format!("00-{}é{SPAN}-01", &TRACE[2..]),
            format!("{good},{good}"),
            "x".repeat(30_000),
        ] {
            assert_eq!(of(&bad), None, "{bad}");
        }
        let twice = [("traceparent", good.as_str()), ("traceparent", good.as_str())];
        assert_eq!(parent(&headers(&twice)), None);
        assert_eq!(parent(&HeaderMap::new()), None);
    }

    #[test]
    fn the_state_is_kept_from_all_its_headers_or_left_out_and_never_changes_the_ids() {
        let traceparent = format!("00-{TRACE}-{SPAN}-01");
        let long = format!("a={}", "x".repeat(250));
        for (values, kept) in [
            (&["congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"][..], "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
            (&["congo=1", "rojo=2"], "congo=1,rojo=2"),
            (&[""], ""),
            (&["no equals sign"], ""),
            (&["UPPER=1"], ""),
            (&["é=1"], ""),
            (&[&long, &long, &long], ""),
        ] {
            let states = values.iter().map(|value| ("tracestate", *value));
            let values: Vec<_> = [("traceparent", traceparent.as_str())].into_iter().chain(states).collect();

            let parent = parent(&headers(&values)).expect("a parent");

            assert_eq!(parent.trace_state().header(), kept, "{values:?}");
            assert_eq!(parent.trace_id().to_string(), TRACE);
        }
    }
}

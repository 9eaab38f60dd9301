//! The trace of a caller: `traceparent` and `tracestate`, and who decides what is exported.

use serde_json::Value;

use super::collector::Collector;
use crate::operation::raw_client::{RawClient, head};
use crate::world::World;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// Sends a request with these lines in its head. Returns the line of the log about its answer.
async fn line(world: &World, id: &str, lines: &[String]) -> Value {
    let head = head("GET", "/api/tasks", "alice");
    let text = format!("{head}X-Request-Id: {id}\r\n{}Connection: close\r\n\r\n", lines.concat());
    let answer = RawClient::sending(world.server.address, text).await.reads_to_the_end().await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    world.server.logs(|line| line["message"] == "answered" && line["http.request.id"] == id).await
}

fn traceparent(flags: &str) -> String {
    format!("traceparent: 00-{TRACE}-{SPAN}-{flags}\r\n")
}

#[tokio::test]
async fn a_sampled_trace_is_continued_with_its_state_and_is_on_every_line_of_the_request() {
    let collector = Collector::new().await;
    let world = collector.world(&[]).await;
    let state = ["tracestate: congo=1\r\n".to_owned(), "Tracestate: rojo=2,a=3\r\n".to_owned()];

    let line = line(&world, "one", &[&[traceparent("01")][..], &state].concat()).await;

    let spans = collector.spans_of("one").await;
    let request = &spans[0];
    assert_eq!(
        (request.trace.as_str(), request.parent.as_str(), request.state.as_str()),
        (TRACE, SPAN, "congo=1,rojo=2,a=3")
    );
    assert!(request.has_remote_parent && !spans[1].has_remote_parent, "{spans:#?}");
    assert!(spans.len() == 4 && spans.iter().all(|span| span.trace == TRACE), "{spans:#?}");
    assert_eq!((&line["trace.id"], &line["span.id"]), (&TRACE.into(), &request.id.as_str().into()), "{line}");
    let query = |line: &Value| line["message"] == "query" && line["http.request.id"] == "one";
    let query = world.server.logs(query).await;
    assert_eq!((&query["trace.id"], &query["span.id"]), (&line["trace.id"], &line["span.id"]), "{query}");
}

#[tokio::test]
async fn a_request_without_a_trace_begins_one_whose_id_is_on_its_line() {
    let collector = Collector::new().await;
    let world = collector.world(&[]).await;

    let (one, two) = (line(&world, "one", &[]).await, line(&world, "two", &[]).await);

    for (id, line) in [("one", &one), ("two", &two)] {
        let span = collector.span_of(id).await;
        assert_eq!(span.parent, "");
        assert_eq!((&line["trace.id"], &line["span.id"]), (&span.trace.into(), &span.id.into()), "{line}");
    }
    assert_ne!(one["trace.id"], two["trace.id"]);
}

#[tokio::test]
async fn a_trace_that_its_caller_does_not_sample_is_not_exported_and_is_on_the_line_all_the_same() {
    let collector = Collector::new().await;
    let world = collector.world(&[]).await;

    let left_out = line(&world, "out", &[traceparent("00")]).await;
    line(&world, "next", &[]).await;

    collector.spans_of("next").await;
    assert_eq!(left_out["trace.id"], TRACE, "{left_out}");
    assert!(left_out.get("span.id").is_none(), "{left_out}");
    assert!(collector.spans().iter().all(|span| span.trace != TRACE));
}

#[tokio::test]
async fn a_traceparent_that_is_not_valid_begins_a_new_trace_and_is_no_error() {
    let collector = Collector::new().await;
    let world = collector.world(&[]).await;
    let good = traceparent("01");
    let cases = [
        good.to_uppercase().replace("TRACEPARENT", "traceparent"),
        good.replace(TRACE, &"0".repeat(32)),
        good.replace(SPAN, &"0".repeat(16)),
        good.replace(" 00-", " ff-"),
        good.replace(TRACE, &TRACE[1..]),
        good.replace("-01", "-01-more"),
        good.repeat(2),
        "traceparent: \r\n".into(),
        format!("traceparent: {}\r\n", "x".repeat(10_000)),
        "traceparent: 00-é\r\n".into(),
        format!("tracestate: a=1\r\ntraceparent: {SPAN}\r\n"),
    ];
    for (number, header) in cases.into_iter().enumerate() {
        let id = format!("case-{number}");
        let line = line(&world, &id, std::slice::from_ref(&header)).await;

        let span = collector.span_of(&id).await;

        assert_eq!((span.parent.as_str(), span.state.as_str()), ("", ""), "{header}");
        assert!(span.trace != TRACE && line["trace.id"] == span.trace.as_str(), "{header}: {line}");
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_sampler_decides_whether_the_caller_does() {
    let collector = Collector::new().await;
    for (sampler, argument, unsampled, sampled, new) in [
        ("always_on", "", true, true, true),
        ("always_off", "", false, false, false),
        ("traceidratio", "0", false, false, false),
        ("traceidratio", "1", true, true, true),
        ("parentbased_always_off", "", false, true, false),
        ("parentbased_traceidratio", "0.0", false, true, false),
        ("parentbased_always_on", "0", false, true, true),
    ] {
        let settings = [("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", argument)];
        let world = collector.world(&settings).await;
        let lines = [
            line(&world, "unsampled", &[traceparent("00")]).await,
            line(&world, "sampled", &[traceparent("01")]).await,
            line(&world, "new", &[]).await,
        ];

        let exported = lines.each_ref().map(|line| line.get("span.id").is_some());

        assert_eq!(exported, [unsampled, sampled, new], "{sampler} {argument}");
        assert_eq!(lines[2].get("trace.id").is_some(), new, "{sampler} {argument}");
    }
}

//! The stream between a driver and a server that the tests play.

use std::time::Duration;

use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Messages by their types. `Z`, `t`, `s`, `!` and `S` are as on the wire, the others have 300 bytes of content.
fn messages(kinds: &str) -> Vec<u8> {
    let message = |kind| match kind {
        'Z' => b"Z\0\0\0\x05I".to_vec(),
        't' => READY_IN_TRANSACTION.clone(),
        's' => SKIPPED.clone(),
        '!' => NOT_COMPLETED.clone(),
        'S' => b"S\0\0\0\x04".to_vec(),
        kind => super::message(kind as u8, &[0; 300]),
    };
    kinds.chars().flat_map(message).collect()
}

/// A stream that moves at most `portion` bytes at a time, after the startup message and its answer.
async fn started(portion: usize) -> (PipelineStream<DuplexStream>, DuplexStream, Pipeline) {
    let (here, mut there) = duplex(portion);
    let pipeline = Pipeline::default();
    let mut stream = PipelineStream::new(here, pipeline.clone());
    exchange(&mut stream, &mut there, b"\0\0\0\x08SSSS", b"\0\0\0\x08SSSS").await;
    answers(&mut stream, &mut there, "RSSKZ", "RSSKZ").await;
    (stream, there, pipeline)
}

/// The driver writes `written`, and `arrives` must reach the server.
async fn exchange(
    stream: &mut PipelineStream<DuplexStream>,
    there: &mut DuplexStream,
    written: &[u8],
    arrives: &[u8],
) {
    let mut arrived = vec![0; arrives.len()];
    let write = async {
        stream.write_all(written).await.expect("written");
        stream.flush().await.expect("written");
    };
    let exchange = async { tokio::join!(there.read_exact(&mut arrived), write) };
    let (read, ()) = timeout(TIMEOUT, exchange).await.expect("enough bytes in time");
    read.expect("enough bytes in time");
    assert_eq!(arrived, arrives);
}

async fn writes(
    stream: &mut PipelineStream<DuplexStream>,
    there: &mut DuplexStream,
    kinds: &str,
    arrives: &str,
) {
    exchange(stream, there, &messages(kinds), &messages(arrives)).await;
}

/// Postgres answers `kinds`, and the driver must read `reads`.
async fn answers(
    stream: &mut PipelineStream<DuplexStream>,
    there: &mut DuplexStream,
    kinds: &str,
    reads: &str,
) {
    let (answer, wanted) = (messages(kinds), messages(reads));
    let mut read = vec![0; wanted.len()];
    let exchange = async { tokio::join!(there.write_all(&answer), stream.read_exact(&mut read)) };
    let (wrote, done) = timeout(TIMEOUT, exchange).await.expect("enough bytes in time");
    wrote.expect("written");
    done.expect("enough bytes in time");
    assert_eq!(String::from_utf8_lossy(&read), String::from_utf8_lossy(&wanted), "{kinds}");
    assert!(stream.incoming.is_empty() && stream.unparsed.is_empty() && stream.awaited.is_empty(), "{kinds}");
}

const PORTIONS: [usize; 8] = [1, 2, 4, 5, 6, 7, 1000, 100_000];

#[tokio::test]
async fn statements_of_a_pipeline_share_one_sync_and_each_becomes_ready() {
    for portion in PORTIONS {
        let (mut stream, mut there, pipeline) = started(portion).await;
        for _ in 0..3 {
            pipeline.omit_syncs(3);
            writes(&mut stream, &mut there, "BESBESBESBES", "BEBEBEBES").await;
            answers(&mut stream, &mut there, "2C2C2DDDC2CZ", "2Ct2Ct2DDDCt2CZ").await;
        }
        writes(&mut stream, &mut there, "BESPDSQ", "BESPDSQ").await;
        answers(&mut stream, &mut there, "2CZ1TZTDCCZ", "2CZ1TZTDCCZ").await;
    }
}

#[tokio::test]
async fn a_statement_that_was_skipped_after_a_failed_one_is_an_error() {
    for portion in PORTIONS {
        for (answer, read) in [
            ("EZ", "EtststsZ"),
            ("2CEZ", "2CtEtstsZ"),
            ("2C2CEZ", "2Ct2CtEtsZ"),
            ("2C2C2DDEZ", "2Ct2Ct2DDEtsZ"),
            ("2C2C2DDCEZ", "2Ct2Ct2DDCtEZ"),
            ("N2CSS2CA2DDCN2CZ", "N2CtSS2CtA2DDCtN2CZ"),
        ] {
            let (mut stream, mut there, pipeline) = started(portion).await;
            pipeline.omit_syncs(3);
            writes(&mut stream, &mut there, "BESBESBESBES", "BEBEBEBES").await;
            answers(&mut stream, &mut there, answer, read).await;
        }
    }
}

#[tokio::test]
async fn statements_after_a_kept_sync_are_not_skipped() {
    for portion in PORTIONS {
        for (answer, read) in [
            ("2C2C2CZ2CZ", "2Ct2Ct2CZ2CZ"),
            ("2C2CEZ2CZ", "2Ct2CtEZ2CZ"),
            ("2CEZ2CZ", "2CtEtsZ2CZ"),
            ("EZ2CZ", "EtstsZ2CZ"),
            ("EZEZ", "EtstsZEZ"),
        ] {
            let (mut stream, mut there, pipeline) = started(portion).await;
            pipeline.omit_syncs(2);
            writes(&mut stream, &mut there, "BESBESBESBES", "BEBEBESBES").await;
            answers(&mut stream, &mut there, answer, read).await;
        }
    }
}

/// The driver would take the ReadyForQuery for the end of a statement that has completed.
#[tokio::test]
async fn a_statement_that_is_ready_and_not_completed_is_an_error() {
    for (answer, read) in [("2C2C2C2Z", "2Ct2Ct2Ct2!Z"), ("2C2C2Z", "2Ct2Ct2!tsZ"), ("Z", "!tststsZ")] {
        let (mut stream, mut there, pipeline) = started(1000).await;
        pipeline.omit_syncs(3);
        writes(&mut stream, &mut there, "BESBESBESBES", "BEBEBEBES").await;
        answers(&mut stream, &mut there, answer, read).await;
    }
}

#[tokio::test]
async fn a_message_that_is_shorter_than_its_length_ends_the_stream() {
    let (mut stream, mut there, _) = started(1000).await;
    writes(&mut stream, &mut there, "BES", "BES").await;
    there.write_all(b"C\0\0\0\x03Z\0\0\0\x05I").await.expect("written");

    let error = timeout(TIMEOUT, stream.read_u8()).await.expect("an end in time").expect_err("an error");

    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

#[tokio::test]
async fn a_partial_message_from_the_driver_is_an_error() {
    let (mut stream, _there, _) = started(1000).await;

    for half in [&b"B"[..], b"B\0\0\0", b"B\0\0\0\x09xy"] {
        assert_eq!(stream.write_all(half).await.expect_err("half").kind(), io::ErrorKind::InvalidData);
    }
}

/// A message of the driver with a statement name, and what must arrive.
fn named(kind: u8, before: &[u8], name: &[u8], after: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let whole = |name: &[u8]| super::message(kind, &[before, name, after].concat());
    (whole(name), whole(&[&STATEMENT_PREFIX[..], name].concat()))
}

#[tokio::test]
async fn named_statements_get_the_prefix_of_this_process_and_unnamed_ones_do_not() {
    let (mut stream, mut there, _) = started(1000).await;

    for (written, arrives) in [
        named(b'P', b"", b"s12", b"\0select 1\0\0\0"),
        named(b'B', b"\0", b"s12", b"\0\0\0\0\0\0\0"),
        named(b'B', b"portal\0", b"s12", b"\0\0\0\0\0\0\0"),
        named(b'D', b"S", b"s12", b"\0"),
        named(b'C', b"S", b"s12", b"\0"),
    ] {
        exchange(&mut stream, &mut there, &written, &arrives).await;
    }
    for unnamed in [&b"\0select 1\0\0\0"[..], b"\0s12 is no name here\0\0\0"] {
        let written = super::message(b'P', unnamed);
        exchange(&mut stream, &mut there, &written, &written).await;
    }
    let portal = super::message(b'D', b"Ps12\0");
    exchange(&mut stream, &mut there, &portal, &portal).await;
}

/// How a statement of the model ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Completes,
    Fails,
    /// Completes after notices and parameters.
    CompletesNoisily,
}

/// A small generator of pseudo-random numbers (Marsaglia, "Xorshift RNGs", 2003), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// What Postgres answers to the statements between two Syncs, and what the driver must read: by a model that knows only the
/// manual's rule that after an error everything up to the Sync is skipped.
fn model(segment: &[(End, bool)]) -> (String, String) {
    let (mut answer, mut read) = (String::new(), String::new());
    let failed = segment.iter().position(|(end, _)| *end == End::Fails);
    for (end, keeps_sync) in &segment[..failed.map_or(segment.len(), |at| at + 1)] {
        let own = match end {
            End::Completes => "2DC",
            End::CompletesNoisily => "N2DSDCS",
            End::Fails => "2E",
        };
        answer.push_str(own);
        read.push_str(&if *keeps_sync { own.to_owned() } else { own.replacen('C', "Ct", 1) });
    }
    // Each omitted Sync from the failed statement on is one more answer that the driver waits for.
    let skipped = segment[failed.unwrap_or(segment.len())..].iter();
    read.push_str(&"ts".repeat(skipped.filter(|(_, keeps_sync)| !keeps_sync).count()));
    answer.push('Z');
    read.push('Z');
    (answer, read)
}

#[tokio::test]
async fn any_interleaving_cut_anywhere_gives_each_statement_its_own_answer() {
    for seed in 1..=60_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let portion = 1 + random.below(40);
        let (mut stream, mut there, pipeline) = started(portion).await;
        for _ in 0..6 {
            // A transaction: some statements without a Sync, then one with it.
            let omitted = random.below(5);
            let mut segment: Vec<_> = (0..=omitted).map(|at| (End::Completes, at == omitted)).collect();
            for (end, _) in &mut segment {
                *end = [End::Completes, End::Completes, End::CompletesNoisily, End::Fails][random.below(4)];
            }
            pipeline.omit_syncs(omitted);
            let written = "BES".repeat(omitted + 1);
            let arrives = format!("{}S", "BE".repeat(omitted + 1));
            let (answer, read) = model(&segment);

            writes(&mut stream, &mut there, &written, &arrives).await;
            assert!(!pipeline.is_at_rest(), "an answer is due");
            answers(&mut stream, &mut there, &answer, &read).await;
            assert!(pipeline.is_at_rest(), "seed {seed}: {segment:?}");
        }
    }
}

/// A stream that ends within an answer must never have said that a statement is done which is not.
#[tokio::test]
async fn a_truncated_answer_ends_the_stream_and_completes_nothing() {
    let (whole, completed) = (messages("2C2C2DCZ"), messages("2Ct2Ct2DCtZ"));
    // A prime number: the cuts are at every place within a message.
    for cut in (0..whole.len()).step_by(13) {
        let (mut stream, mut there, pipeline) = started(100_000).await;
        pipeline.omit_syncs(3);
        writes(&mut stream, &mut there, "BESBESBESBES", "BEBEBEBES").await;

        there.write_all(&whole[..cut]).await.expect("written");
        drop(there);
        let mut read = Vec::new();
        timeout(TIMEOUT, stream.read_to_end(&mut read)).await.expect("an end in time").expect("an end");

        assert!(completed.starts_with(&read), "cut at {cut}");
        assert!(!pipeline.is_at_rest(), "cut at {cut}");
    }
}

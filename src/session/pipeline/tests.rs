//! The stream between a driver and a server that the tests play.

use std::time::Duration;

use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Messages by their types. `Z`, `t`, `s` and `S` are as on the wire, the others have 300 bytes of content.
fn messages(kinds: &str) -> Vec<u8> {
    let message = |kind| match kind {
        'Z' => b"Z\0\0\0\x05I".to_vec(),
        't' => READY_IN_TRANSACTION.clone(),
        's' => SKIPPED.clone(),
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
        answers(&mut stream, &mut there, "2CZ1tTZTDCCZ", "2CZ1tTZTDCCZ").await;
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

#[tokio::test]
async fn a_partial_message_from_the_driver_is_an_error() {
    let (mut stream, _there, _) = started(1000).await;

    for half in [&b"B"[..], b"B\0\0\0", b"B\0\0\0\x09xy"] {
        assert_eq!(stream.write_all(half).await.expect_err("half").kind(), io::ErrorKind::InvalidData);
    }
}

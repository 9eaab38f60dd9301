//! A fuzz target: whatever a server sends, the driver reads that and no more, and no statement is done that was not.
//!
//! The first line of an input has three numbers: how many bytes move at a time, how many statements the driver sends, and how
//! many of their Syncs are dropped. The rest is what the server sends, from the answer to the startup message on.

use tokio::io::{AsyncWriteExt, duplex};
use tokio::runtime::Builder;

use super::*;

pub fn pipeline(input: &[u8]) -> bool {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return false };
    let (first, sent) = input.split_at(end);
    let sent = sent.get(1..).unwrap_or_default();
    let Ok(first) = std::str::from_utf8(first) else { return false };
    let mut numbers = first.split(' ').filter_map(|number| number.parse::<usize>().ok());
    let mut number = |most: usize| numbers.next().unwrap_or(1).clamp(1, most);
    let (portion, statements) = (number(64 * 1024), number(8));
    let omitted = number(8).min(statements - 1);

    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let (read, left, pipeline) = runtime.block_on(exchange(portion, statements, omitted, sent));

    let wanted = wanted(sent, statements, omitted);
    match &read {
        Ok(read) => {
            assert_eq!(Some(read), wanted.as_ref(), "portions of {portion}: not what the server sent")
        }
        Err(kind) => {
            assert_eq!((*kind, &wanted), (io::ErrorKind::InvalidData, &None), "portions of {portion}")
        }
    }
    let Ok(read) = read else { return false };
    assert!(left < HEADER + 4, "{left} bytes are kept that the driver could read");
    let (received, given) = (kinds(sent), kinds(&read));
    let count = |kinds: &[u8], wanted: u8| kinds.iter().filter(|kind| **kind == wanted).count();
    for kind in [COMMAND_COMPLETE, EMPTY_QUERY_RESPONSE, b'D', b'T'] {
        assert_eq!(count(&received, kind), count(&given, kind), "another number of {kind:?}");
    }
    // After the login each statement has completed or failed when it is ready.
    let segments = given.split(|kind| *kind == READY_FOR_QUERY).skip(1).take(statements);
    let ready = count(&given, READY_FOR_QUERY).saturating_sub(1);
    for segment in segments.take(ready) {
        let is_answer = |kind: &u8| matches!(*kind, COMMAND_COMPLETE | EMPTY_QUERY_RESPONSE | ERROR_RESPONSE);
        assert!(segment.iter().any(is_answer), "ready without an answer: {given:?}");
    }
    let added = count(&given, READY_FOR_QUERY) - count(&received, READY_FOR_QUERY);
    assert!(added <= omitted, "{added} are ready of {omitted}");
    let answered = count(&received, READY_FOR_QUERY) > statements - omitted;
    assert!(answered || !pipeline.is_at_rest(), "at rest before the last answer");
    answered
}

/// What the driver reads, and how many bytes of the server it cannot read yet.
async fn exchange(
    portion: usize,
    statements: usize,
    omitted: usize,
    sent: &[u8],
) -> (Result<Vec<u8>, io::ErrorKind>, usize, Pipeline) {
    let (here, mut there) = duplex(portion.max(512));
    let pipeline = Pipeline::default();
    let mut stream = PipelineStream::new(here, pipeline.clone());
    stream.write_all(b"\0\0\0\x08SSSS").await.expect("written");
    pipeline.omit_syncs(omitted);
    for _ in 0..statements {
        let messages = [message(BIND, b"\0\0\0\0\0\0\0\0"), message(b'E', b"\0\0\0\0\0"), message(SYNC, b"")];
        stream.write_all(&messages.concat()).await.expect("written");
    }

    let write = async {
        for part in sent.chunks(portion) {
            there.write_all(part).await.expect("written");
            // The stream sees each portion by itself.
            tokio::task::yield_now().await;
        }
        drop(there);
    };
    let mut read = Vec::new();
    let read_all = async {
        loop {
            let mut part = vec![0; portion];
            match stream.read(&mut part).await {
                Ok(0) => return Ok(()),
                Ok(length) => read.extend_from_slice(part.get(..length).unwrap_or_default()),
                Err(error) => return Err(error.kind()),
            }
        }
    };
    // A stream that has refused a message reads no more.
    let ended = tokio::select! {
        biased;
        ended = read_all => ended,
        () = async { write.await; std::future::pending().await } => Ok(()),
    };
    (ended.map(|()| read), stream.unparsed.len(), pipeline)
}

/// What the driver must read, computed from all bytes at once; `None` if a message is shorter than its own length.
fn wanted(mut bytes: &[u8], statements: usize, omitted: usize) -> Option<Vec<u8>> {
    // The login, the statements without a Sync, and those with one. All but the login are executed.
    let (mut is_login, mut by_stream, mut by_server) = (true, omitted, statements - omitted);
    let mut is_answered = false;
    let mut wanted = Vec::new();
    while let Some((kind, length)) = header(bytes) {
        if length < HEADER {
            return None;
        }
        if kind == BACKEND_KEY_DATA && bytes.len() < HEADER + 4 {
            break;
        }
        let is_executed = !is_login && by_stream + by_server > 0;
        let waits_for_stream = !is_login && by_stream > 0;
        match kind {
            ERROR_RESPONSE => is_answered |= is_login || is_executed,
            READY_FOR_QUERY => {
                if is_executed && !is_answered {
                    wanted.extend_from_slice(&NOT_COMPLETED);
                }
                if waits_for_stream {
                    let skipped = [&**READY_IN_TRANSACTION, &**SKIPPED].concat();
                    wanted.extend(skipped.repeat(by_stream));
                    by_stream = 0;
                }
                if is_login {
                    is_login = false
                } else {
                    by_server = by_server.saturating_sub(1)
                }
                is_answered = false;
            }
            _ => {}
        }
        let (message, rest) = bytes.split_at(length.min(bytes.len()));
        wanted.extend_from_slice(message);
        bytes = rest;
        if message.len() < length {
            break;
        }
        if matches!(kind, COMMAND_COMPLETE | EMPTY_QUERY_RESPONSE) {
            is_answered = !waits_for_stream && (is_login || is_executed);
            if waits_for_stream {
                wanted.extend_from_slice(&READY_IN_TRANSACTION);
                by_stream -= 1;
            }
        }
    }
    Some(wanted)
}

/// The types of the messages, up to the first that is not complete.
fn kinds(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let Some((kind, rest)) = header(bytes).and_then(|(kind, length)| Some((kind, bytes.get(length..)?)))
    {
        kinds.push(kind);
        bytes = rest;
    }
    kinds
}

//! Compresses large answers (gzip, brotli), if the client accepts that.
//!
//! The layer of tower-http does not suit: it compresses a whole page of a list at once, while other requests wait for the
//! thread, and nothing bounds how many answers it compresses at the same time.

mod accept_encoding;
mod encoder;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue, VARY};
use hyper::body::Body;
use tokio::sync::Semaphore;
use tokio_util::sync::PollSemaphore;
use warp::Reply;

use super::response::{Owner, Response};
use super::response_memory::{MemoryLimit, Reservation};
#[cfg(any(test, fuzzing))]
pub(super) use accept_encoding::fuzz;
pub(super) use accept_encoding::preferred_coding;
pub(super) use encoder::Coding;
use encoder::Encoder;

/// The smallest answer that is compressed, in bytes. A single task is always smaller.
const SMALLEST: u64 = 16 * 1024;

/// How much is compressed without a pause, in bytes. It takes less than a millisecond.
const PIECE: usize = 16 * 1024;

/// How much memory all encoders may take, and the part of what is free that those of one user may take: four or five answers.
/// Further ones are not compressed. With four times as many of one user, the requests of others took twice as long.
const ROOM: usize = 32 * 1024 * 1024;
const PART: usize = 16;

/// Compresses the answers of a server.
#[derive(Clone)]
pub(super) struct Compression {
    memory: MemoryLimit,
    /// A piece is compressed with a permit. Half of the threads at most do that, and the others serve requests.
    permits: Arc<Semaphore>,
}

impl Compression {
    pub(super) fn new() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { memory: MemoryLimit::new(ROOM, PART), permits: Arc::new(Semaphore::new((threads / 2).max(1))) }
    }

    /// The response, compressed if it is large and the request accepts that. If too many answers are being compressed, it
    /// stays as it is: every client can read that, whatever it says.
    pub(super) fn apply(&self, coding: Option<Coding>, mut response: Response) -> Response {
        if !is_compressible(&response) {
            return response;
        }
        response.headers_mut().append(VARY, HeaderValue::from_static("Accept-Encoding"));
        let Some(coding) = coding else { return response };
        let owner = response.extensions().get().map(|Owner(user)| user);
        let Some(memory) = self.memory.reserve(owner, coding.memory(), None) else { return response };

        let (mut head, body) = response.into_parts();
        head.headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        head.headers.remove(CONTENT_LENGTH);
        if let Some(tag) = head.headers.get(ETAG).and_then(weak) {
            head.headers.insert(ETAG, tag);
        }
        let mut compressed = Compressed {
            body,
            uncompressed: Bytes::new(),
            encoder: Some(Encoder::new(coding)),
            permits: PollSemaphore::new(self.permits.clone()),
            has_paused: false,
            _memory: memory,
        };
        let pieces = stream::poll_fn(move |context| compressed.poll_piece(context));
        let (_, body) = warp::reply::stream(pieces).into_response().into_parts();
        Response::from_parts(head, body)
    }
}

/// Whether the response is large, or of unknown length as a whole list, and text.
fn is_compressible(response: &Response) -> bool {
    let content_type =
        response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_text = content_type.starts_with("text/")
        || ["json", "javascript", "xml"].iter().any(|kind| content_type.ends_with(kind));
    let is_large = response.body().size_hint().exact().is_none_or(|length| length >= SMALLEST);
    is_text && is_large && !response.headers().contains_key(CONTENT_ENCODING)
}

/// The tag of another form of the same content: a strong one says that every byte is the same.
fn weak(tag: &HeaderValue) -> Option<HeaderValue> {
    let is_strong = tag.as_bytes().starts_with(b"\"");
    is_strong.then(|| HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok()).flatten()
}

/// A body that is compressed as the client takes it.
struct Compressed<B> {
    body: B,
    /// The rest of the chunk that is being compressed.
    uncompressed: Bytes,
    /// None after the end of the body, or after its error.
    encoder: Option<Encoder>,
    permits: PollSemaphore,
    has_paused: bool,
    /// Ends with the encoder.
    _memory: Reservation,
}

type Piece = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

impl<B> Compressed<B>
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync + 'static> + Unpin,
{
    /// The next compressed bytes. Each chunk of the body is flushed, so that the client can read all of it. An error of the body ends
    /// the compressed one without its end.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Piece>> {
        while self.encoder.is_some() {
            if self.uncompressed.is_empty() {
                match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                    Some(Ok(frame)) => {
                        self.uncompressed = frame.into_data().unwrap_or_default();
                        continue;
                    }
                    Some(Err(error)) => {
                        self.encoder = None;
                        return Poll::Ready(Some(Err(error.into())));
                    }
                    None => {
                        let end = self.encoder.take().map(Encoder::finish).transpose();
                        return Poll::Ready(end.map_err(Into::into).transpose());
                    }
                }
            }
            ready!(self.poll_pause(context));
            let permit = ready!(self.permits.poll_acquire(context));
            self.has_paused = false;
            let compressed = self.compress_piece()?;
            drop(permit);
            if !compressed.is_empty() {
                return Poll::Ready(Some(Ok(compressed)));
            }
        }
        Poll::Ready(None)
    }

    /// Lets other tasks run before each piece.
    fn poll_pause(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.has_paused {
            self.has_paused = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn compress_piece(&mut self) -> io::Result<Bytes> {
        let Some(encoder) = &mut self.encoder else { return Ok(Bytes::new()) };
        let piece = self.uncompressed.split_to(PIECE.min(self.uncompressed.len()));
        encoder.compress(&piece, self.uncompressed.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use http::header::HeaderName;

    use super::*;

    fn compressed(length: usize, headers: &[(HeaderName, &'static str)]) -> Response {
        let mut response = Response::new("x".repeat(length).into());
        for (name, value) in headers {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        Compression::new().apply(Some(Coding::Gzip), response)
    }

    #[test]
    fn every_large_text_is_compressed_and_nothing_else() {
        let length = SMALLEST as usize;
        for (content_type, length, wanted) in [
            ("application/json", length, true),
            ("application/json", length - 1, false),
            ("text/html; charset=utf-8", length, true),
            ("text/javascript", length, true),
            ("Application/JavaScript", length, true),
            ("application/vnd.oai.openapi+json;version=3.1", length, true),
            ("image/svg+xml", length, true),
            ("font/woff2", length, false),
            ("image/png", length, false),
            ("", length, false),
        ] {
            let headers = compressed(length, &[(CONTENT_TYPE, content_type)]).headers().clone();

            assert_eq!(headers.contains_key(CONTENT_ENCODING), wanted, "{content_type} {length}");
            assert_eq!(headers.contains_key(VARY), wanted, "{content_type} {length}");
        }
        let twice = compressed(length, &[(CONTENT_TYPE, "text/css"), (CONTENT_ENCODING, "br")]);
        assert_eq!(twice.headers()[CONTENT_ENCODING], "br");
    }

    #[test]
    fn a_compressed_answer_has_a_weak_tag() {
        for (tag, wanted) in [("\"one\"", "W/\"one\""), ("W/\"one\"", "W/\"one\"")] {
            let response = compressed(20_000, &[(CONTENT_TYPE, "text/css"), (ETAG, tag)]);

            assert_eq!(response.headers()[ETAG], wanted);
        }
        let small = compressed(100, &[(CONTENT_TYPE, "text/css"), (ETAG, "\"one\"")]);
        assert_eq!(small.headers()[ETAG], "\"one\"");
    }
}

//! The body of a request, which is read only after its caller is known.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, TRANSFER_ENCODING};
use warp::Filter;
use warp::filters::BoxedFilter;

use super::App;
use super::members::Members;
use super::response_memory::{Reservation, ResponseMemory, UNCOUNTED_BYTES};
use crate::refusal::Refusal;
use crate::session::Caller;
use crate::time_limit::within;

/// The largest body, in bytes. The largest task takes 8 KB as JSON, or 15 KB if every character is escaped.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;

/// A body that was not read yet, so that a request without a valid token costs nothing.
pub struct Body {
    content_type: Option<String>,
    is_encoded: bool,
    content_length: usize,
    chunks: BoxStream<'static, Result<Bytes, warp::Error>>,
    read_timeout: Duration,
    memory: ResponseMemory,
    /// Counts a body that is larger than any task, as long as its request lasts.
    counted: Option<Reservation>,
}

/// Extracts the [`Body`] without reading it. Matches every request.
///
/// Boxed, because the types of all routes contain this one: without the box the crate takes 40 % longer to compile.
pub fn body(app: &App) -> BoxedFilter<(Body,)> {
    let (read_timeout, memory) = (app.timeouts.request, app.response_memory.clone());
    let chunks = warp::body::stream()
        .map(|body| stream_of_bytes(body).boxed())
        .or_else(|_| ready(Ok::<_, Infallible>((stream::empty().boxed(),))));

    warp::header::headers_cloned()
        .and(chunks)
        .map(move |headers: HeaderMap, chunks| Body {
            content_type: headers
                .get(CONTENT_TYPE)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            is_encoded: is_encoded(&headers),
            content_length: headers
                .get(CONTENT_LENGTH)
                .and_then(|length| length.to_str().ok()?.parse().ok())
                .unwrap_or(0),
            chunks,
            read_timeout,
            memory: memory.clone(),
            counted: None,
        })
        .boxed()
}

/// Whether the transfer codings of a body are none, or `chunked` alone. hyper decodes that one, and ignores all that stand
/// before it (RFC 9112, section 6.1).
pub(super) fn transfer_encoding_is_known(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    }
}

fn stream_of_bytes<B: Buf>(
    body: impl futures_util::Stream<Item = Result<B, warp::Error>>,
) -> impl futures_util::Stream<Item = Result<Bytes, warp::Error>> {
    body.map(|chunk| chunk.map(|mut chunk| chunk.copy_to_bytes(chunk.remaining())))
}

impl Body {
    /// Reads the body of a request of `caller`, which must be a JSON object.
    ///
    /// # Errors
    /// In this order: [`Refusal::NotJson`], [`Refusal::Encoded`], [`Refusal::TooLarge`] (or [`Refusal::TooSlow`], or
    /// [`Refusal::NoMemory`] for a body that is larger than any task), and the errors of [`Members::parse`].
    pub async fn members(&mut self, caller: &Caller) -> Result<Members, Refusal> {
        let limit = self.read_timeout;
        let read = timed(caller, within(limit, self.read_members(BytesMut::new(), caller))).await;
        read.unwrap_or(Err(Refusal::TooSlow))
    }

    /// Reads the body, or returns `None` if it is empty: `Content-Type` does not matter then.
    ///
    /// # Errors
    /// As [`Body::members`].
    pub async fn members_if_any(&mut self, caller: &Caller) -> Result<Option<Members>, Refusal> {
        let limit = self.read_timeout;
        let read = async {
            let mut bytes = BytesMut::new();
            while bytes.is_empty() && self.content_length <= MAX_BODY_BYTES {
                match self.chunk().await? {
                    Some(chunk) => bytes.extend_from_slice(&chunk),
                    None => return Ok(None),
                }
            }
            self.read_members(bytes, caller).await.map(Some)
        };
        timed(caller, within(limit, read)).await.unwrap_or(Err(Refusal::TooSlow))
    }

    /// Reads the members of a body of which `bytes` were read already.
    async fn read_members(&mut self, mut bytes: BytesMut, caller: &Caller) -> Result<Members, Refusal> {
        if self.content_type.as_ref().is_some_and(|text| !is_json(text)) {
            return Err(Refusal::NotJson);
        }
        if self.is_encoded {
            return Err(Refusal::Encoded);
        }
        if self.content_length > MAX_BODY_BYTES {
            return Err(Refusal::TooLarge);
        }
        while let Some(chunk) = self.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_BODY_BYTES {
                return Err(Refusal::TooLarge);
            }
            if bytes.len() > UNCOUNTED_BYTES && self.counted.is_none() {
                self.counted = Some(self.memory.reserve_body(MAX_BODY_BYTES, caller.user())?);
            }
        }
        Members::parse(&bytes)
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, Refusal> {
        let chunk = self.chunks.next().await.transpose();
        chunk.map_err(|_| Refusal::Malformed("it ended too early".into()))
    }
}

/// Adds the time of a read to the times of the caller's request.
async fn timed<T>(caller: &Caller, read: impl Future<Output = T>) -> T {
    let _measured = caller.times().map(|times| times.body.measure());
    read.await
}

/// Whether a body is compressed. `identity` means that it is not.
fn is_encoded(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(CONTENT_ENCODING).iter();
    let is_identity = |coding: &[u8]| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity");
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .any(|coding| !is_identity(coding.trim_ascii()))
}

/// Whether a media type is JSON, or has the suffix `+json` (RFC 6839, section 3.1). Parameters and case do not matter.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let token =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');

    essence
        .strip_prefix("application/")
        .is_some_and(|subtype| subtype == "json" || subtype.strip_suffix("+json").is_some_and(token))
}

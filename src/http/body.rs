//! A request's body, read when its caller is known, and what is in it.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use serde_json::{Map, Value};
use tokio::time::timeout;
use warp::Filter;
use warp::filters::BoxedFilter;

use super::{App, json};
use crate::refusal::Refusal;
use crate::tasks::{Draft, Edit, Replacement};

/// No task needs more, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// A body that nobody has read yet: a stranger's costs nothing.
pub struct Body {
    content_type: Option<String>,
    announced: usize,
    chunks: BoxStream<'static, Result<Bytes, warp::Error>>,
    patience: Duration,
}

/// Extracts the [`Body`], unread; matches every request.
/// Boxed, because the types of all routes contain this one: without the box the crate takes 40 % longer to compile.
pub fn body(app: &App) -> BoxedFilter<(Body,)> {
    let patience = app.request_timeout;
    let chunks = warp::body::stream()
        .map(|body| stream_of_bytes(body).boxed())
        .or_else(|_| ready(Ok::<_, Infallible>((stream::empty().boxed(),))));

    warp::header::headers_cloned()
        .and(chunks)
        .map(move |headers: HeaderMap, chunks| Body {
            content_type: headers
                .get(CONTENT_TYPE)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            announced: headers
                .get(CONTENT_LENGTH)
                .and_then(|length| length.to_str().ok()?.parse().ok())
                .unwrap_or(0),
            chunks,
            patience,
        })
        .boxed()
}

fn stream_of_bytes<B: Buf>(
    body: impl futures_util::Stream<Item = Result<B, warp::Error>>,
) -> impl futures_util::Stream<Item = Result<Bytes, warp::Error>> {
    body.map(|chunk| chunk.map(|mut chunk| chunk.copy_to_bytes(chunk.remaining())))
}

impl Body {
    /// The members of the JSON object that the body is.
    ///
    /// # Errors
    /// In this order: [`Refusal::NotJson`], [`Refusal::TooLarge`] (or [`Refusal::TooSlow`]),
    /// [`Refusal::Malformed`], [`Refusal::Invalid`] when it is JSON but no object.
    pub async fn members(mut self) -> Result<Members, Refusal> {
        self.refuse_other_type()?;
        let bytes = self.read(BytesMut::new()).await?;
        Members::parse(&bytes)
    }

    /// As [`Body::members`], and none where there is no body: then its type does not matter either.
    ///
    /// # Errors
    /// As [`Body::members`].
    pub async fn members_if_any(mut self) -> Result<Members, Refusal> {
        let mut bytes = BytesMut::new();
        while bytes.is_empty() && self.announced <= LARGEST_BODY {
            match self.chunk().await? {
                Some(chunk) => bytes.extend_from_slice(&chunk),
                None => return Ok(Members::default()),
            }
        }

        self.refuse_other_type()?;
        let bytes = self.read(bytes).await?;
        Members::parse(&bytes)
    }

    fn refuse_other_type(&self) -> Result<(), Refusal> {
        match &self.content_type {
            Some(text) if !is_json(text) => Err(Refusal::NotJson),
            _ => Ok(()),
        }
    }

    async fn read(&mut self, mut bytes: BytesMut) -> Result<Bytes, Refusal> {
        if self.announced > LARGEST_BODY {
            return Err(Refusal::TooLarge);
        }
        let patience = self.patience;
        let everything = async {
            while let Some(chunk) = self.chunk().await? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() > LARGEST_BODY {
                    return Err(Refusal::TooLarge);
                }
            }
            Ok(())
        };
        timeout(patience, everything).await.unwrap_or(Err(Refusal::TooSlow))?;
        Ok(bytes.freeze())
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, Refusal> {
        match timeout(self.patience, self.chunks.next()).await {
            Ok(None) => Ok(None),
            Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
            Ok(Some(Err(_))) => Err(Refusal::Malformed("it broke off".into())),
            Err(_) => Err(Refusal::TooSlow),
        }
    }
}

/// Whether a media type is JSON's, or one that is written in JSON (RFC 6839, section 3.1). Parameters and case do not
/// matter.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let token =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');

    essence
        .strip_prefix("application/")
        .is_some_and(|subtype| subtype == "json" || subtype.strip_suffix("+json").is_some_and(token))
}

/// The members of a body's JSON object, of which any may be missing, of another type, or unknown.
///
/// Of duplicate members the last counts, as in the servers that this one replaces.
#[derive(Default)]
pub struct Members(Map<String, Value>);

impl Members {
    fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.is_empty() {
            return Err(Refusal::Malformed("it is empty".into()));
        }
        match json::parse(bytes) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(_) => Err(Refusal::invalid("the body must be a JSON object")),
            Err(error) => {
                Err(Refusal::Malformed(format!("look at line {}, column {}", error.line(), error.column())))
            }
        }
    }

    /// `title`, which is required, and `description`, for a task to be.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] when one of them has another shape.
    pub fn draft(mut self) -> Result<Draft, Refusal> {
        let title = self.title()?;
        let description = match self.description()? {
            Edit::Keep | Edit::Clear => None,
            Edit::Set(text) => Some(text),
        };
        Ok(Draft { title, description })
    }

    /// `title`, which is required, and those of `description` and `completed` that are to change.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] when one of them has another shape.
    pub fn replacement(mut self) -> Result<Replacement, Refusal> {
        let title = self.title()?;
        let description = self.description()?;
        let completed = self.completed()?;
        Ok(Replacement { title, description, completed })
    }

    fn title(&mut self) -> Result<String, Refusal> {
        match self.0.remove("title") {
            None => Err(Refusal::invalid("title is required")),
            Some(Value::String(title)) => Ok(title),
            Some(_) => Err(Refusal::invalid("title must be a text")),
        }
    }

    /// Absent, null and a text are three different things.
    fn description(&mut self) -> Result<Edit<String>, Refusal> {
        match self.0.remove("description") {
            None => Ok(Edit::Keep),
            Some(Value::Null) => Ok(Edit::Clear),
            Some(Value::String(text)) => Ok(Edit::Set(text)),
            Some(_) => Err(Refusal::invalid("description must be a text or null")),
        }
    }

    /// The member `completed`, if it is there.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] when it is no boolean; null is none.
    pub fn completed(&mut self) -> Result<Option<bool>, Refusal> {
        match self.0.remove("completed") {
            None => Ok(None),
            Some(Value::Bool(completed)) => Ok(Some(completed)),
            Some(_) => Err(Refusal::invalid("completed must be true or false")),
        }
    }

    /// The member `completed`, where it is required.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] when it is missing or no boolean.
    pub fn required_completed(&mut self) -> Result<bool, Refusal> {
        self.completed()?.ok_or(Refusal::invalid("completed is required"))
    }
}

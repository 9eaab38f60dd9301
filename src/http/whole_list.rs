//! A list of any length as one JSON array: sent page by page, as fast as the client reads.

use std::io;
use std::task::{Poll, ready};

use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_TYPE, HeaderValue};
use tokio::sync::mpsc;
use tracing::Instrument;
use warp::Reply;

use super::answer::{Response, ok_text, to_json, with};
use super::room::held;
use crate::refusal::Refusal;
use crate::tasks::Pages;

/// Answers all of `pages`.
///
/// The first page is there before the status goes out. Each of the others is asked for when the one before it is on its
/// way, and none while the client has yet to read one: a slow client holds one page that is being sent and the next, and
/// no connection to the database. What fails half-way breaks the connection, so that nobody takes a part for the whole.
///
/// # Errors
/// Those of the first page.
pub async fn whole_list(mut pages: Pages) -> Result<Response, Refusal> {
    let first = next(&mut pages, b'[').await?;
    if !first.goes_on {
        return Ok(ok_text(first.json));
    }

    let (client, mut receiver) = mpsc::channel(1);
    // There is a place for one.
    let _ = client.try_send(first);
    let rest = async move {
        match send(pages, &client).await {
            Ok(()) => {}
            Err(Refusal::Busy(cause)) => tracing::warn!(%cause, "a list broke off"),
            Err(refusal) => tracing::error!(cause = ?refusal, "a list broke off"),
        }
    };
    tokio::spawn(rest.in_current_span());

    // The end of the list, and not of whoever sends it, is the end of the body: there is none after a failure or a panic.
    let mut goes_on = true;
    let chunks = stream::poll_fn(move |context| match ready!(receiver.poll_recv(context)) {
        Some(chunk) => {
            goes_on = chunk.goes_on;
            Poll::Ready(Some(Ok(chunk.json)))
        }
        None if goes_on => {
            goes_on = false;
            Poll::Ready(Some(Err(io::Error::other("the list broke off"))))
        }
        None => Poll::Ready(None),
    });
    let response = warp::reply::stream(chunks).into_response();
    Ok(with(response, CONTENT_TYPE, HeaderValue::from_static("application/json")))
}

/// A part of the list, and whether it is not the last.
struct Chunk {
    json: Bytes,
    goes_on: bool,
}

/// Sends the pages that are left, each as soon as the one before it has been taken; stops when nobody takes it.
async fn send(mut pages: Pages, client: &mpsc::Sender<Chunk>) -> Result<(), Refusal> {
    loop {
        let Ok(place) = client.reserve().await else { return Ok(()) };
        let chunk = next(&mut pages, b',').await?;
        let goes_on = chunk.goes_on;
        place.send(chunk);
        if !goes_on {
            return Ok(());
        }
    }
}

/// The part of the array that the next page is: what stands before its first task, the tasks, and the end of the array
/// behind the last of all. A page that is too large for the room that is left is asked for again, and shorter.
async fn next(pages: &mut Pages, before: u8) -> Result<Chunk, Refusal> {
    loop {
        let page = pages.next().await?;
        let tasks = page.tasks()?;
        let mut json = to_json(&tasks);
        pages.adapt(tasks.len(), json.len());

        // The page's brackets make room for what stands there in the whole list.
        if let Some(bracket) = json.first_mut() {
            *bracket = before;
        }
        if page.goes_on {
            json.pop();
        }
        if tasks.is_empty() && before == b',' {
            // What was left has been deleted in the meantime.
            json.remove(0);
        }
        match held(json, pages.user()) {
            Ok(json) => return Ok(Chunk { json, goes_on: page.goes_on }),
            Err(json) if !pages.step_back(tasks.len()) => {
                return Ok(Chunk { json: json.into(), goes_on: page.goes_on });
            }
            Err(_) => {}
        }
    }
}
